"""What we expect of data at the two borders we do not control: what came in, and what goes out.

One module a source holds its plausibility by hand; everything else about an incoming table follows from its contract,
in `suite()`: its shape here, what it does to its past in history.py, how its series go on in trends.py. What two
publishers say of one figure is in cross.py. Adding a source adds no line here. Importing this package costs seconds.
"""
# ruff: noqa: TID253 - it is imported once a run, inside one task

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

import great_expectations.expectations as gxe

from expectations import history, trends
from expectations.checks import NoRows, no_rows
from expectations.cross import agreements
from warehouse.errors import ConfigurationError
from warehouse.sources import tables
from warehouse.validation import NEVER, Suite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from great_expectations.expectations.expectation import Expectation

    from warehouse.contract import Source, Table

STAMPS = ("_partition", "_origin", "_source_url", "_source_sha256", "_fetch_id", "fetched_at")
"""What the loader adds to every incoming row."""


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """A finding of what a contract implies that a person looked at and found true: from then on it is only said.

    A publisher that changes its base or skips a month for good would be held back for ever otherwise. It is of what was
    fetched on one day (UTC) and no other, so that the same thing stops when it happens again, also in a replay.
    """

    check: str
    fetched_on: date
    because: str
    """Dated, as the reason of every bound."""
    partition: str = ""
    """The only one that it is for; empty for all."""


def suite(
    table: Table,
    source: Source,
    *checks: Expectation,
    may_be_empty: str = NEVER,
    waivers: tuple[Waiver, ...] = (),
) -> Suite:
    """Return what the contract implies for `incoming.<source>__<table>`, then the given checks.

    Raises:
        ConfigurationError: a waiver is for no check that the contract implies of a table's past or its series.
    """
    name = f"{source.code}__{table.name}"
    required = [c.name for c in table.columns if c.required]
    return Suite(
        name=f"incoming.{name}",
        table=f"incoming.{name}",
        expectations=(
            *(_not_null(column) for column in (*required, *STAMPS)),
            gxe.ExpectColumnValuesToBeInSet(
                column="_origin",
                value_set=["live", "recorded", "reconstructed", "documented"],
                severity="critical",
                description="The origin of every row is one of four words.",
            ),
            _one_row_per_key_and_fetch(table),
            _periods_in_order(table),
            *_let_through((*history.against_its_past(table), *trends.going_on(table, f"raw.{name}")), waivers),
            *agreements(source.code, table.name),
            *checks,
        ),
        may_be_empty=may_be_empty,
        shared={**history.shared(table, f"raw.{name}"), **trends.shared(table, f"raw.{name}")},
        calendars=frozenset({table.cadence.due.calendar}),
    )


def incoming_suites() -> dict[tuple[str, str], Suite]:
    """Return the suite of every landed table, by source code and table name.

    A table that its source's module leaves out is judged by its contract alone; a convention test allows none.

    Raises:
        ConfigurationError: a module has two suites for a table, or one for a table that is not its source's.
    """
    found: dict[tuple[str, str], Suite] = {}
    for source in {source.code: source for source, _ in tables()}.values():
        written = {one.table: one for one in _written(source.code)}
        for table in source.tables:
            name = f"incoming.{source.code}__{table.name}"
            found[source.code, table.name] = written.pop(name) if name in written else suite(table, source)
        if written:
            raise ConfigurationError(
                f"expectations/{source.code}.py judges tables that its source does not have",
                expected=[table.name for table in source.tables],
                got=sorted(written),
            )
    return found


def _written(code: str) -> list[Suite]:
    if find_spec(f"{__name__}.{code}") is None:
        return []
    suites: list[Suite] = import_module(f"{__name__}.{code}").SUITES
    if len({one.table for one in suites}) < len(suites):
        raise ConfigurationError(f"expectations/{code}.py has two suites for a table")
    return suites


def _let_through(derived: tuple[NoRows, ...], waivers: tuple[Waiver, ...]) -> Iterator[NoRows]:
    names = [check.meta["name"] for check in derived]
    for waiver in waivers:
        if waiver.check not in names:
            raise ConfigurationError("A waiver is for no derived check of its table", expected=names, got=waiver.check)
    for check in derived:
        one = check
        for waiver in waivers:
            if waiver.check == check.meta["name"]:
                of_partition = f" and _partition = '{waiver.partition}'" if waiver.partition else ""
                fetches = (
                    "(select _fetch_id from {batch} "
                    f"where (fetched_at at time zone 'UTC')::date = '{waiver.fetched_on}'{of_partition})"
                )
                yield no_rows(
                    waiver.check,
                    f"{check.description} What was fetched on {waiver.fetched_on} is let through.",
                    f"select * from ({one.unexpected_rows_query}) where _fetch_id in {fetches}",
                    severity="warning",
                    because=waiver.because,
                )
                rest = f"select * from ({one.unexpected_rows_query}) where _fetch_id not in {fetches}"
                one = one.copy(update={"unexpected_rows_query": rest})
        yield one


def _not_null(column: str) -> Expectation:
    return gxe.ExpectColumnValuesToNotBeNull(
        column=column, severity="critical", description=f"Every row has its {column}."
    )


def _one_row_per_key_and_fetch(table: Table) -> Expectation:
    # Not ExpectCompoundColumnsToBeUnique: it leaves out rows in which a key column is null (an instant's
    # period_start), and so would let their duplicates pass. GROUP BY takes nulls for equal.
    key = ", ".join((*table.grain, "_fetch_id"))
    return no_rows(
        "one_row_per_key",
        f"A fetch brings a key ({', '.join(table.grain)}) at most once.",
        f"select {key}, count(*) as row_count from {{batch}} group by {key} having count(*) > 1",
        severity="critical",
    )


def _periods_in_order(table: Table) -> Expectation:
    start, end = table.about
    key = ", ".join(table.grain)
    return no_rows(
        "periods_in_order",
        "No period starts after it ends.",
        f"select {key} from {{batch}} where ({start})::timestamptz > ({end})::timestamptz",
        severity="critical",
    )
