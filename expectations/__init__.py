"""What we expect of data at the two borders we do not control: what came in, and what goes out.

One module a source holds its plausibility by hand; everything else about an incoming table follows from its
contract, in `suite()`. Adding a source adds no line here. Importing this package costs seconds.
"""
# ruff: noqa: TID253 - it is imported once a run, inside one task

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

import great_expectations.expectations as gxe

from warehouse.errors import ConfigurationError
from warehouse.sources import tables
from warehouse.validation import NEVER, Suite
from warehouse.versions import ASIDE, may_be_aside

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

    from warehouse.contract import Source, Table

STAMPS = ("_partition", "_origin", "_source_url", "_source_sha256", "_fetch_id", "fetched_at")
"""What the loader adds to every incoming row."""

SHRUNKEN_SHARE = 0.01
RESTATED_SHARE = 0.20
FEWEST_ROWS = 5
"""Below so many rows neither share says anything: an auction of early January is a fifth of its year."""


def no_rows(
    name: str, sentence: str, query: str, *, severity: str, because: str | None = None
) -> gxe.UnexpectedRowsExpectation:
    """Expect that `query` finds nothing. `{batch}` in it stands for the table; other braces are doubled."""
    return gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=query,
        description=sentence,
        severity=severity,
        notes=because,
        meta={"name": name},
    )


def suite(table: Table, source: Source, *checks: Expectation, may_be_empty: str = NEVER) -> Suite:
    """Return what the contract implies for `incoming.<source>__<table>`, then the given checks."""
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
            *(_history(table, f"raw.{name}") if table.is_snapshot else ()),
            _history_not_restated(table, f"raw.{name}"),
            *checks,
        ),
        may_be_empty=may_be_empty,
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


def _known(table: Table, raw: str) -> str:
    """Return the CTEs that set every fetch beside the live rows that its partition had before."""
    key = ", ".join(table.grain)
    columns = ", ".join(c.name for c in table.columns)
    series = ", ".join(table.series)
    same_series = "".join(f" and live.{k} is not distinct from starts.{k}" for k in table.series)
    aside = raw.replace("raw.", "incoming.", 1) + ASIDE
    return f"""
        with arrived as (select * from {{batch}}),
        fetches as (select distinct _partition, _fetch_id from arrived),
        starts as (
            select _fetch_id, {series + ", " if series else ""}min(({table.about[0]})::date) as starts_on
            from arrived group by all
        ),
        aside as (select * from {aside}),
        latest as (
            select {columns}, _partition, _is_deleted
            from {raw}
            where hash({key}) in (
                select hash({key}) from arrived
                union all
                select hash({key}) from {raw} where _partition in (select _partition from fetches)
            )
            qualify row_number() over (partition by {key} order by ingested_at desc, _fetch_id desc) = 1
        ),
        live as (
            select latest.*, fetches._fetch_id
            from latest inner join fetches on latest._partition = fetches._partition
            where not latest._is_deleted
        ),
        known as (
            select live.*, coalesce(({table.about[1]})::date < starts.starts_on, false) as is_before
            from live left join starts on live._fetch_id = starts._fetch_id{same_series}
            where not exists (
                -- what came and could not be read is not lacking
                select 1 from aside where aside._fetch_id = live._fetch_id and ({may_be_aside(table, "live")})
            )
        ),
        compared as (
            select
                known._partition,
                known._fetch_id,
                known.is_before,
                arrived._fetch_id is not null as is_present,
                arrived._fetch_id is not null and ({_differs(table)}) as is_changed
            from known left join arrived on known._fetch_id = arrived._fetch_id and {_same_key(table)}
        ),
        counted as (
            select
                _partition,
                _fetch_id,
                count(*) as known_count,
                count(*) filter (where not is_present and not is_before) as lacking_count,
                count(*) filter (where not is_present and is_before) as cut_count,
                count(*) filter (where is_changed) as changed_count
            from compared
            group by _partition, _fetch_id
        )
    """


def _same_key(table: Table) -> str:
    return " and ".join(f"known.{c} is not distinct from arrived.{c}" for c in table.grain)


def _differs(table: Table) -> str:
    # What the publisher moves about makes no version, so it is no restatement either.
    content = [c.name for c in table.columns if c.name not in table.grain and c.is_versioned]
    return " or ".join(f"known.{c} is distinct from arrived.{c}" for c in content) or "false"


def _history(table: Table, raw: str) -> tuple[Expectation, ...]:
    return _history_not_shrunken(table, raw), _history_not_truncated(table, raw)


def _history_not_truncated(table: Table, raw: str) -> Expectation:
    return no_rows(
        "history_not_truncated",
        "No fetch starts later than its partition did before.",
        f"""{_known(table, raw)}
        select _partition, _fetch_id, known_count, cut_count from counted where cut_count >= {FEWEST_ROWS}
        """,
        severity="warning",
        because="2026-11-24: a publisher may cut its past (ICE's series did in April 2026); ours stays whole.",
    )


def _history_not_shrunken(table: Table, raw: str) -> Expectation:
    return no_rows(
        "history_not_shrunken",
        f"No fetch lacks more than {SHRUNKEN_SHARE:.0%} of the keys that its partition had before.",
        f"""{_known(table, raw)}
        select _partition, _fetch_id, known_count, lacking_count from counted
        where lacking_count >= {FEWEST_ROWS} and lacking_count > {SHRUNKEN_SHARE} * known_count
        """,
        severity="critical",
        because="2026-11-22: publishers withdraw single records; one in a hundred is a truncated file.",
    )


def _history_not_restated(table: Table, raw: str) -> Expectation:
    return no_rows(
        "history_not_restated",
        f"No fetch changes more than {RESTATED_SHARE:.0%} of what its partition said before.",
        f"""{_known(table, raw)}
        select _partition, _fetch_id, known_count, changed_count from counted
        where changed_count >= {FEWEST_ROWS} and changed_count > {RESTATED_SHARE} * known_count
        """,
        severity="warning",
        because="2026-11-22: a TIC survey revises one year of 26; a fifth of all is a new method or unit.",
    )
