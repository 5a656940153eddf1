"""What the dbt project declares of a release's tables, metrics and claims, read without dbt."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from warehouse import yaml_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_DOC = re.compile(r"{{\s*doc\('(\w+)'\)\s*}}")
_BLOCK = re.compile(r"{%\s*docs (\w+)\s*%}(.*?){%\s*enddocs\s*%}", re.DOTALL)
_SUBJECT = re.compile(r"_(\w+?)_metrics")
_REF = re.compile(r"""ref\(\s*['"](\w+)['"]\s*(?:,\s*v(?:ersion)?\s*=\s*(\d+)\s*)?\)""")
CURATED = ("marts", "metrics")
"""Schemas whose tables are promised to readers: folders of dbt's models."""
EXPOSURES = "_exposures.yml"
"""The file of dbt's models that names who reads the curated tables outside dbt."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """A column of a published table."""

    name: str
    type: str
    unit: str
    description: str


@dataclass(frozen=True, kw_only=True)
class Published:
    """A table of a release, or a macro that is read like one."""

    name: str
    subject: str
    description: str
    key: tuple[str, ...]
    """What a row is one of; empty where no test holds one."""
    has_versions: bool
    """Whether a key has a row for each state of knowledge."""
    columns: tuple[Field, ...]
    model: str = ""
    """`<schema>.<name>` of the dbt model: of its latest version that is also `name`."""
    version: int = 1
    """Version of the contract: dbt's, and 1 of a model without `versions:`."""
    is_preview: bool = False
    """Whether the version is newer than the latest: to be tried, and not promised yet."""
    owner: str = ""
    """Who answers for it: dbt's group of the model or of its folder."""
    deprecation_date: date | None = None
    """Day from which on it may be gone."""
    use_instead: str = ""
    """What to read instead of a deprecated table."""
    consumers: tuple[str, ...] = ()
    """Who reads it outside dbt: labels of dbt's exposures."""

    @property
    def status(self) -> str:
        """`active`, `deprecated` or `preview`."""
        return "deprecated" if self.deprecation_date else "preview" if self.is_preview else "active"

    @property
    def contract(self) -> dict[str, Any]:
        """What a release says of it beside its columns: version, owner, status, key, consumers; dates as text."""
        return {
            "model": self.model,
            "version": self.version,
            "owner": self.owner,
            "status": self.status,
            "deprecation_date": self.deprecation_date and self.deprecation_date.isoformat(),
            "use_instead": self.use_instead,
            "key": [*self.key, *(["known_at"] if self.has_versions else [])],
            "consumers": list(self.consumers),
        }


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A metric as it is declared."""

    name: str
    subject: str
    label: str
    description: str
    meta: Mapping[str, Any]


def doc_blocks(texts: Iterator[str] | list[str]) -> dict[str, str]:
    """Return dbt's doc blocks by name."""
    return {name: " ".join(text.split()) for each in texts for name, text in _BLOCK.findall(each)}


def tables(dbt_project: Path, schema: str, blocks: Mapping[str, str]) -> list[Published]:
    """Return the tables of a schema as their YAML has them; `blocks` are what `doc()` may name.

    A model with `versions:` is a table a version (dbt_project/macros/generate_alias_name.sql names them).
    """
    owners, readers, found = _owners(dbt_project), _readers(dbt_project), []
    for path, document in _documents(dbt_project / "models" / schema):
        folders = path.parent.relative_to(dbt_project / "models").parts
        for model in document.get("models", []):
            owner = _config(model, "group") or next(
                (owners[folders[:n]] for n in range(len(folders), -1, -1) if folders[:n] in owners), ""
            )
            found += [
                Published(
                    name=f"{schema}.{name}",
                    model=f"{schema}.{model['name']}",
                    subject=folders[-1] if len(folders) > 1 else "",
                    description=_said(version.get("description") or model["description"], blocks),
                    columns=_columns(_columns_of_version(model, version), blocks),
                    owner=owner,
                    consumers=tuple(readers.get((model["name"], number), ()))
                    + (tuple(readers.get((model["name"], None), ())) if number == latest else ()),
                    **_lifecycle(schema, model, version, number, latest),
                )
                for name, number, version, latest in _versions(model)
            ]
    return sorted(found, key=lambda each: (each.subject, each.name))


def blocks(dbt_project: Path) -> dict[str, str]:
    """Return the project's doc blocks by name."""
    return doc_blocks([path.read_text() for path in sorted(dbt_project.rglob("*.md")) if "target" not in path.parts])


def published(dbt_project: Path) -> dict[str, Published]:
    """Return every mart and metric table as it is declared, by `<schema>.<name>`."""
    said = blocks(dbt_project)
    return {each.name: each for schema in CURATED for each in tables(dbt_project, schema, said)}


def macros(dbt_project: Path, blocks: Mapping[str, str]) -> list[Published]:
    """Return the table macros that stand in a release beside the tables."""
    return [
        Published(
            name=each["name"],
            subject="",
            description=_said(each["description"], blocks),
            key=tuple(each.get("key", [])),
            has_versions=False,
            columns=_columns(each.get("columns", []), blocks),
        )
        for _, document in _documents(dbt_project / "macros")
        for macro in document.get("macros", [])
        for each in macro.get("config", {}).get("meta", {}).get("released", [])
    ]


def metrics(dbt_project: Path) -> list[Measured]:
    """Return every metric that has a declaration of its own; parts of ratios have none."""
    found = []
    for path, document in _documents(dbt_project / "models" / "metrics"):
        named = _SUBJECT.fullmatch(path.stem)
        for metric in document.get("metrics", []):
            meta = metric.get("config", {}).get("meta")
            if meta:
                found.append(
                    Measured(
                        name=metric["name"],
                        subject=named.group(1) if named else "published",
                        label=metric["label"],
                        description=" ".join(metric["description"].split()),
                        meta=meta,
                    )
                )
    return sorted(found, key=lambda each: (each.subject, each.name))


def seed(dbt_project: Path, name: str) -> list[dict[str, str]]:
    """Return the rows of a seed."""
    with (dbt_project / "seeds" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _documents(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(folder.rglob("*.yml")):
        yield path, yaml_files.read(path) or {}


def _owners(dbt_project: Path) -> dict[tuple[str, ...], str]:
    """Return the group that dbt_project.yml gives to the models of each folder."""
    path = dbt_project / "dbt_project.yml"
    project = yaml_files.read(path) if path.is_file() else {}
    found: dict[tuple[str, ...], str] = {}

    def walk(settings: Mapping[str, Any], folders: tuple[str, ...]) -> None:
        for name, value in settings.items():
            if name == "+group":
                found[folders] = value
            elif isinstance(value, dict) and not name.startswith("+"):
                walk(value, (*folders, name))

    walk(project.get("models", {}).get(project.get("name"), {}), ())
    return found


def _readers(dbt_project: Path) -> dict[tuple[str, int | None], list[str]]:
    """Return labels of exposures by the model and version that they read; None is the latest one."""
    path = dbt_project / "models" / EXPOSURES
    document = yaml_files.read(path) if path.is_file() else {}
    found: dict[tuple[str, int | None], list[str]] = {}
    for exposure in document.get("exposures", []):
        for each in exposure.get("depends_on", []):
            named = _REF.fullmatch(each)
            if named:
                version = int(named.group(2)) if named.group(2) else None
                found.setdefault((named.group(1), version), []).append(exposure["label"])
    return found


def _versions(model: Mapping[str, Any]) -> Iterator[tuple[str, int, Mapping[str, Any], int]]:
    """Yield each version of a model: the name of its table, its number, what it declares, the latest one's number."""
    versions = model.get("versions") or [{"v": 1}]
    latest = int(model.get("latest_version") or max(each["v"] for each in versions))
    for each in versions:
        number = int(each["v"])
        yield (model["name"] if number == latest else f"{model['name']}_v{number}"), number, each, latest


def _lifecycle(
    schema: str, model: Mapping[str, Any], version: Mapping[str, Any], number: int, latest: int
) -> dict[str, Any]:
    """Return of a version what it holds rows apart by, and how long it is there."""
    tests = version.get("data_tests")  # as dbt does: tests of a version stand for those of its model
    key, has_versions = _key(model.get("data_tests", []) if tests is None else tests)
    # dbt gives the versions of a model no date that stands on the model.
    removal = (version if "versions" in model else model).get("deprecation_date")
    meta = {**_config(model, "meta", {}), **_config(version, "meta", {})}
    return {
        "key": key,
        "has_versions": has_versions,
        "version": number,
        "is_preview": number > latest,
        "deprecation_date": date.fromisoformat(str(removal)[:10]) if removal else None,
        "use_instead": meta.get("use_instead", f"{schema}.{model['name']}" if number < latest else ""),
    }


def _columns_of_version(model: Mapping[str, Any], version: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the columns of a version, as dbt does: the model's that it includes, then its own."""
    given = version.get("columns", [])
    chosen = next((each for each in given if "include" in each), {"include": "all"})
    of_model = [
        each
        for each in model.get("columns", [])
        if (
            chosen["include"] in {"all", "*"}
            if isinstance(chosen["include"], str)
            else each["name"] in chosen["include"]
        )
        and each["name"] not in chosen.get("exclude", [])
    ]
    return of_model + [each for each in given if "include" not in each]


def _config(declared: Mapping[str, Any], name: str, default: Any = None) -> Any:  # noqa: ANN401  (parsed YAML)
    """Return what is configured of a model or version, in its `config:` or beside it."""
    return declared.get("config", {}).get(name, declared.get(name, default))


def _key(tests: list[Any]) -> tuple[tuple[str, ...], bool]:
    for test in tests:
        for name, given in test.items() if isinstance(test, dict) else ():
            arguments = (given or {}).get("arguments", {})
            if name == "versions_do_not_overlap":
                return tuple(arguments["key"]), True
            if name == "unique_together":
                return tuple(arguments["columns"]), False
    return (), False


def _columns(declared: Sequence[dict[str, Any]], blocks: Mapping[str, str]) -> tuple[Field, ...]:
    return tuple(
        Field(
            name=each["name"],
            type=each["data_type"],
            unit=str(each.get("config", {}).get("meta", {}).get("unit", "none")).replace("none", ""),
            # dbt renders no doc() inside a configuration, so that one names its block.
            description=blocks[each["doc"]] if "doc" in each else _said(each["description"], blocks),
        )
        for each in declared
    )


def _said(text: str, blocks: Mapping[str, str]) -> str:
    return " ".join(_DOC.sub(lambda found: blocks[found.group(1)], text).split())
