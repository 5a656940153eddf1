"""What readers of curated tables were promised, what is declared today, and whether the one breaks the other.

The promise is the released contract, one file that `drypowder contracts release` writes when the project is released.
dbt compares contracts too (`state:modified.contract`), with a manifest of a build that somebody has to keep; it looks
at names and types without their precision, and at neither units nor keys. So it is done here, from the declarations.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from warehouse import declarations, yaml_files
from warehouse.archive import write_atomically
from warehouse.errors import ConfigurationError, GateClosed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from warehouse.declarations import Field, Published

RELEASED = "docs/contracts/released.yml"
"""The released contract, under the project's root."""
NOTICE = timedelta(days=90)
"""How long a table is there at least after it was said that it will go."""
_NOTE = "# Written by `drypowder contracts release`. Do not edit: it is what readers were promised.\n"
_ADD_A_VERSION = (
    "Give the model `versions:` with a new one that has the change, keep this one with a `deprecation_date` "
    "(CONTRIBUTING.md, Change a curated table); or take the change back."
)


@dataclass(frozen=True, kw_only=True)
class Column:
    """What is promised of a column. `said` is a digest of its description."""

    type: str
    unit: str
    said: str


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What is promised of one version of a table: `key` tells its rows apart, with `known_at` where it has versions."""

    table: str
    key: tuple[str, ...]
    has_versions: bool
    deprecation_date: date | None
    columns: Mapping[str, Column]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that is not as it was promised, or that a reader has to know: what, whether it breaks, what to do."""

    table: str
    what: str
    breaks: bool = False
    remedy: str = ""

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{'BREAKS' if self.breaks else 'allows'} {self.table}: {self.what}." + (
            f" {self.remedy}" if self.remedy else ""
        )


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Today's declarations beside the released contract."""

    release: str
    """Version of the project whose contract it is."""
    differences: tuple[Difference, ...]
    """From what was promised."""
    deprecations: tuple[Difference, ...]
    """Tables that are to go; one whose day has come breaks."""

    @property
    def broken(self) -> tuple[Difference, ...]:
        """What has to be mended."""
        return tuple(each for each in (*self.differences, *self.deprecations) if each.breaks)


def contracts(declared: Iterable[Published]) -> dict[str, Contract]:
    """Return what is promised of each version, by `<schema>.<model>.v<version>`; nothing of previews."""
    return {
        _id(each): Contract(
            table=each.name,
            key=each.key,
            has_versions=each.has_versions,
            deprecation_date=each.deprecation_date,
            columns={column.name: _column(column) for column in each.columns},
        )
        for each in sorted(declared, key=_id)
        if not each.is_preview
    }


def check(project: Path, today: date) -> Verdict:
    """Compare what is declared with what was released.

    Raises:
        ConfigurationError: the released contract is missing, or was edited.
    """
    release, released = read(project)
    declared = list(declarations.published(project / "dbt_project").values())
    return Verdict(
        release=release,
        differences=tuple(differences(released, contracts(declared), today)),
        deprecations=tuple(deprecations(declared, today)),
    )


def release(project: Path, today: date) -> Verdict | None:
    """Write today's declarations as the released contract, and return how they differ from the last one, if any.

    Raises:
        GateClosed: something breaks what was promised.
    """
    found = check(project, today) if (project / RELEASED).is_file() else None
    if found and found.broken:
        raise GateClosed(
            f"{len(found.broken)} change(s) break the contract of release {found.release}",
            expected="additions and new versions",
            got="\n  ".join(["", *map(str, found.broken)]),
        )
    declared = declarations.published(project / "dbt_project").values()
    path = project / RELEASED
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, _rendered(version("drypowder"), contracts(declared)).encode())
    return found


def read(project: Path) -> tuple[str, dict[str, Contract]]:
    """Return the version of the project that the released contract is of, and what it promises.

    Raises:
        ConfigurationError: it is missing, or is not as it was written.
    """
    path = project / RELEASED
    remedy = "Take it back from version control; `drypowder contracts release` alone writes it."
    if not path.is_file():
        raise ConfigurationError("There is no released contract", expected=RELEASED, got="none", remedy=remedy)
    document = yaml_files.read(path)
    found = {
        name: Contract(
            table=each["table"],
            key=tuple(each["key"]),
            has_versions=each["has_versions"],
            deprecation_date=each["deprecation_date"],
            columns={column: Column(**told) for column, told in each["columns"].items()},
        )
        for name, each in document["contracts"].items()
    }
    if path.read_text() != _rendered(document["release"], found):
        raise ConfigurationError(
            f"{RELEASED} was edited", expected="what its digest is of", got="something else", remedy=remedy
        )
    return document["release"], found


def differences(released: Mapping[str, Contract], now: Mapping[str, Contract], today: date) -> Iterator[Difference]:
    """Yield how what is declared now differs from what was released; additions do not break, all else does."""
    for name, before in released.items():
        if name in now:
            yield from _changed(before, now[name], today)
        else:
            yield _gone(name, before, now, today)
    for name, each in now.items():
        if name not in released:
            yield Difference(table=each.table, what=f"{name} is new")
            # A version that was never promised may end soon, but whoever reads by the model's name got it meanwhile.
            if each.deprecation_date and each.deprecation_date < today + NOTICE:
                yield _too_soon(each, today)


def deprecations(declared: Iterable[Published], today: date) -> Iterator[Difference]:
    """Yield the tables that are to go: until its day a table only says so, from then on it breaks."""
    for each in declared:
        if each.deprecation_date is None:
            continue
        if not each.use_instead:
            yield Difference(
                table=each.name,
                what="is deprecated and does not say what to use instead",
                breaks=True,
                remedy="Say it in the model's `config: {meta: {use_instead: marts.fct_other}}`.",
            )
        readers = f"; read by {', '.join(each.consumers)}" if each.consumers else ""
        if each.deprecation_date > today:
            yield Difference(
                table=each.name, what=f"goes on {each.deprecation_date}: use {each.use_instead} instead{readers}"
            )
        else:
            yield Difference(
                table=each.name,
                what=f"was to go on {each.deprecation_date}, which has come{readers}",
                breaks=True,
                remedy="Remove the version (or model) with its SQL, or give it a later `deprecation_date`.",
            )


def still_owed(
    published: Mapping[str, Mapping[str, Any]], declared: Mapping[str, Published], today: date
) -> dict[str, int]:
    """Return the rows that the next release has to account for, by the table where each version stands now.

    `published` are the tables of a release's manifest. One whose announced last day has come may be gone.
    """
    places = {(each.model, each.version): name for name, each in declared.items()}
    found = {}
    for name, entry in published.items():
        contract = entry.get("contract") or {"model": name, "version": 1, "deprecation_date": None}
        place = places.get((contract["model"], contract["version"]))
        removal = contract["deprecation_date"]
        if place or not removal or date.fromisoformat(removal) > today:
            found[place or name] = entry["rows"]
    return found


def _id(each: Published) -> str:
    return f"{each.model}.v{each.version}"


def _column(field: Field) -> Column:
    import duckdb

    return Column(
        # DuckDB's own word for a type, so that another spelling of it is no change.
        type=str(duckdb.sqltype(field.type)).lower(),
        unit=field.unit,
        said=hashlib.sha256(field.description.encode()).hexdigest()[:8],
    )


def _rendered(of: str, promised: Mapping[str, Contract]) -> str:
    """Return the file's text: one line a column, and a digest, so that an edit shows."""
    import yaml

    body = yaml.safe_dump(
        {name: {**asdict(each), "key": list(each.key)} for name, each in promised.items()},
        sort_keys=False,
        default_flow_style=None,
        width=1000,
    )
    indented = "".join(f"  {line}\n" for line in body.splitlines())
    digest = hashlib.sha256((of + body).encode()).hexdigest()
    return f"{_NOTE}release: {of}\nsha256: {digest}\ncontracts:\n{indented}"


def _gone(name: str, before: Contract, now: Mapping[str, Contract], today: date) -> Difference:
    if before.deprecation_date and before.deprecation_date <= today:
        return Difference(table=before.table, what=f"{name} is gone, as announced for {before.deprecation_date}")
    promised = (
        f"it was promised until {before.deprecation_date}" if before.deprecation_date else "nobody was told before"
    )
    is_versioned = any(each.rpartition(".v")[0] == name.rpartition(".v")[0] for each in now)
    return Difference(
        table=before.table,
        what=f"{name} is gone; {promised}",
        breaks=True,
        remedy="Keep that version in the model's `versions:`, with a `deprecation_date`, until that day."
        if is_versioned
        else "Bring it back with a `deprecation_date` and `config: {meta: {use_instead: ...}}`, and remove it after "
        "that day. A table is renamed by a new one beside it.",
    )


def _changed(before: Contract, now: Contract, today: date) -> Iterator[Difference]:
    """Yield the differences of one version."""
    yield from _moved(before, now, today)
    table = now.table
    added = {name: each for name, each in now.columns.items() if name not in before.columns}
    for name, was in before.columns.items():
        column = now.columns.get(name)
        if column is None:
            alike = next((new for new, each in added.items() if each == was), None)
            what = f"column {name} is gone" + (f", perhaps renamed to {alike}" if alike else "")
            yield Difference(table=table, what=what, breaks=True, remedy=_ADD_A_VERSION)
            continue
        for of, old, new in (("type", was.type, column.type), ("unit", was.unit, column.unit)):
            if old != new:
                what = f"the {of} of {name} was {old or 'none'} and is {new or 'none'}"
                yield Difference(table=table, what=what, breaks=True, remedy=_ADD_A_VERSION)
        if was.said != column.said:
            yield Difference(
                table=table,
                what=f"column {name} is described in other words",
                remedy="If it now means something else, that needs a new version.",
            )
    for name in added:
        yield Difference(table=table, what=f"column {name} is new")
    if [each for each in now.columns if each in before.columns] != [
        each for each in before.columns if each in now.columns
    ]:
        yield Difference(table=table, what="columns stand in another order", remedy="Readers name them.")
    yield from _rows(before, now)


def _rows(before: Contract, now: Contract) -> Iterator[Difference]:
    """Yield what is different in what a row is one of."""

    def words(each: Contract) -> str:
        return f"({', '.join(each.key)})" + (" and state of knowledge" if each.has_versions else "")

    if (set(before.key), before.has_versions) == (set(now.key), now.has_versions):
        return
    if not before.key:
        yield Difference(table=now.table, what=f"a test now holds that a row is one {words(now)}")
        return
    yield Difference(
        table=now.table,
        what=f"a row was one {words(before)} and is " + (f"one {words(now)}" if now.key else "held by no test"),
        breaks=True,
        remedy=_ADD_A_VERSION,
    )


def _moved(before: Contract, now: Contract, today: date) -> Iterator[Difference]:
    """Yield what is different in where a version stands and until when."""
    if before.table != now.table:
        what = f"what was {before.table} is {now.table}; who names no version reads another one"
        is_dated = now.deprecation_date is not None
        yield Difference(
            table=before.table,
            what=f"{what}, and the old one goes on {now.deprecation_date}" if is_dated else what,
            breaks=not is_dated,
            remedy=""
            if is_dated
            else "Give the old version a `deprecation_date`, so that its readers know until when.",
        )
    old, new = before.deprecation_date, now.deprecation_date
    if old == new:
        return
    if new is None:
        yield Difference(table=now.table, what=f"was to go on {old} and stays")
    elif old and new < old:
        yield Difference(
            table=now.table,
            what=f"was promised until {old} and is to go on {new}",
            breaks=True,
            remedy=f"Leave `deprecation_date: {old}`, or make it later.",
        )
    elif not old and new < today + NOTICE:
        yield _too_soon(now, today)
    else:
        yield Difference(table=now.table, what=f"is to go on {new}" + (f", later than {old}" if old else ""))


def _too_soon(now: Contract, today: date) -> Difference:
    return Difference(
        table=now.table,
        what=f"is to go on {now.deprecation_date}, in less than {NOTICE.days} days",
        breaks=True,
        remedy=f"Give its readers until {today + NOTICE} at least.",
    )
