"""What the dbt project declares of a release's tables, metrics and claims, read without dbt."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_DOC = re.compile(r"{{\s*doc\('(\w+)'\)\s*}}")
_BLOCK = re.compile(r"{%\s*docs (\w+)\s*%}(.*?){%\s*enddocs\s*%}", re.DOTALL)
_SUBJECT = re.compile(r"_(\w+?)_metrics")


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
    """Return the tables of a schema as their YAML has them; `blocks` are what `doc()` may name."""
    found = []
    for path, document in _documents(dbt_project / "models" / schema):
        subject = path.parent.name if path.parent.name != schema else ""
        for model in document.get("models", []):
            key, has_versions = _key(model.get("data_tests", []))
            found.append(
                Published(
                    name=f"{schema}.{model['name']}",
                    subject=subject,
                    description=_said(model["description"], blocks),
                    key=key,
                    has_versions=has_versions,
                    columns=_columns(model.get("columns", []), blocks),
                )
            )
    return sorted(found, key=lambda each: (each.subject, each.name))


def published(dbt_project: Path) -> dict[str, Published]:
    """Return every mart and metric table as it is declared, by `<schema>.<name>`."""
    texts = [path.read_text() for path in sorted(dbt_project.rglob("*.md")) if "target" not in path.parts]
    blocks = doc_blocks(texts)
    return {each.name: each for schema in ("marts", "metrics") for each in tables(dbt_project, schema, blocks)}


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
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is six times as fast; wheels have it
    for path in sorted(folder.rglob("*.yml")):
        yield path, yaml.load(path.read_text(), Loader=loader) or {}  # noqa: S506  (safe ones both)


def _key(tests: list[Any]) -> tuple[tuple[str, ...], bool]:
    for test in tests:
        for name, given in test.items() if isinstance(test, dict) else ():
            arguments = (given or {}).get("arguments", {})
            if name == "versions_do_not_overlap":
                return tuple(arguments["key"]), True
            if name == "unique_together":
                return tuple(arguments["columns"]), False
    return (), False


def _columns(declared: list[dict[str, Any]], blocks: Mapping[str, str]) -> tuple[Field, ...]:
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
