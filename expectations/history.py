"""What a fetch must not do to the past of its partition: lack it, lose its values, restate it unsaid, change its unit.

All of it follows from the contract: the key, the series, the period, and which columns are measured in a unit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expectations.checks import no_rows
from warehouse.versions import ASIDE, TRUNCATED_ROWS, may_be_aside

if TYPE_CHECKING:
    from expectations.checks import NoRows
    from warehouse.contract import Column, Table

SHRUNKEN_SHARE = 0.01
RESTATED_SHARE = 0.20
STRETCH_YEARS = 5
STRETCH_SHARE = 0.50
LOST_SHARE = 0.05
UNIT_TOLERANCE = 0.004
"""In powers of ten: a revision of one percent either way, beside a factor of ten or more, is still the factor."""
RESCALED = 0.005
MANY_ROWS = 20
FEWEST_ROWS = 5
"""Below so many rows no share says anything: an auction of early January is a fifth of its year."""


def measured(table: Table) -> list[Column]:
    """Return the columns that hold figures: numbers in a unit that are neither key nor moved about unversioned."""
    return [
        c for c in table.columns if c.is_number and c.unit != "none" and c.is_versioned and c.name not in table.grain
    ]


def series_name(table: Table, relation: str = "") -> str:
    """SQL of the series that a row is of, as text."""
    prefix = f"{relation}." if relation else ""
    parts = ", ".join(f"coalesce({prefix}{k}::varchar, '')" for k in table.series)
    return f"concat_ws(' / ', {parts})" if parts else "'all'"


def against_its_past(table: Table) -> tuple[NoRows, ...]:
    """Return what is expected of every fetch, given what `raw` holds of its partition; they read `shared`."""
    return (
        *((_not_shrunken(), _not_truncated()) if table.is_snapshot else ()),
        _values_not_lost(),
        _not_restated(),
        *((_keeps_its_unit(), _not_rescaled()) if measured(table) else ()),
    )


def shared(table: Table, raw: str) -> dict[str, str]:
    """Return the tables that these checks read, each as a SELECT: every fetch beside what its partition had before.

    history_compared    a row a live key of before: is it there, did it change, was a figure lost
    history_counted     the same, counted by fetch
    history_factors     a row a figure that changed, with its factor
    """
    key = ", ".join(table.grain)
    columns = ", ".join(c.name for c in table.columns)
    series = ", ".join(table.series)
    same_series = "".join(f" and live.{k} is not distinct from starts.{k}" for k in table.series)
    aside = raw.replace("raw.", "incoming.", 1) + ASIDE
    compared = f"""
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
            select latest.*, ({table.about[1]})::date as about_end, fetches._fetch_id
            from latest inner join fetches on latest._partition = fetches._partition
            where not latest._is_deleted
        ),
        known as (
            -- cut off is what is kept when the fetch goes to raw: see versions.py
            select
                *,
                is_earlier and count(*) filter (is_earlier) over (
                    partition by {", ".join(("_fetch_id", *table.series))}
                ) >= {TRUNCATED_ROWS} as is_before
            from (
                select live.*, coalesce(about_end < starts.starts_on, false) as is_earlier
                from live left join starts on live._fetch_id = starts._fetch_id{same_series}
                where not exists (
                    -- what came and could not be read is not lacking
                    select 1 from aside where aside._fetch_id = live._fetch_id and ({may_be_aside(table, "live")})
                )
            )
        )
        select
            known._partition,
            known._fetch_id,
            known.about_end,
            {series_name(table, "known")} as series_name,
            known.is_before,
            arrived._fetch_id is not null as is_present,
            arrived._fetch_id is not null and ({_differs(table)}) as is_changed,
            arrived._fetch_id is not null and ({_loses(table)}) as is_lost,
            case when is_changed then {_moves(table)} end as moves
        from known left join arrived on known._fetch_id = arrived._fetch_id and {_same_key(table)}
    """
    counted = """
        select
            _partition,
            _fetch_id,
            count(*) as known_count,
            count(*) filter (where not is_present and not is_before) as lacking_count,
            count(*) filter (where not is_present and is_before) as cut_count,
            count(*) filter (where is_changed) as changed_count,
            count(*) filter (where is_lost) as lost_count,
            min(about_end) filter (where is_changed) as first_changed,
            max(about_end) filter (where is_changed) as last_changed
        from history_compared
        group by _partition, _fetch_id
    """
    factors = """
        select *, new_value / old_value as factor
        from (
            select _partition, _fetch_id, series_name, unnest(moves, recursive := true)
            from history_compared where is_changed
        )
        where old_value <> 0 and new_value <> old_value
    """
    return {"history_compared": compared, "history_counted": counted, "history_factors": factors}


def _same_key(table: Table) -> str:
    return " and ".join(f"known.{c} is not distinct from arrived.{c}" for c in table.grain)


def _differs(table: Table) -> str:
    # What the publisher moves about makes no version, so it is no restatement either.
    content = [c.name for c in table.columns if c.name not in table.grain and c.is_versioned]
    return " or ".join(f"known.{c} is distinct from arrived.{c}" for c in content) or "false"


def _loses(table: Table) -> str:
    lost = [f"(known.{c.name} is not null and arrived.{c.name} is null)" for c in measured(table)]
    return " or ".join(lost) or "false"


def _moves(table: Table) -> str:
    pairs = [
        f"struct_pack(column_name := '{c.name}', old_value := known.{c.name}::double, "
        f"new_value := arrived.{c.name}::double)"
        for c in measured(table)
        if not c.is_rebased
    ]
    if not pairs:
        return "[struct_pack(column_name := null::varchar, old_value := null::double, new_value := null::double)]"
    return f"[{', '.join(pairs)}]"


def _not_truncated() -> NoRows:
    return no_rows(
        "history_not_truncated",
        "No fetch starts later than its partition did before.",
        f"""
        select _partition, _fetch_id, known_count, cut_count from history_counted where cut_count >= {FEWEST_ROWS}
        """,
        severity="warning",
        because="2026-11-24: a publisher may cut its past (ICE's series did in April 2026); ours stays whole.",
    )


def _not_shrunken() -> NoRows:
    return no_rows(
        "history_not_shrunken",
        f"No fetch lacks more than {SHRUNKEN_SHARE:.0%} of the keys that its partition had before.",
        f"""
        select _partition, _fetch_id, known_count, lacking_count from history_counted
        where lacking_count >= {FEWEST_ROWS} and lacking_count > {SHRUNKEN_SHARE} * known_count
        """,
        severity="critical",
        because="2026-11-22: publishers withdraw single records; one in a hundred is a truncated file.",
    )


def _values_not_lost() -> NoRows:
    return no_rows(
        "history_keeps_its_values",
        f"No fetch leaves empty, in more than {LOST_SHARE:.0%} of its partition's rows, a figure that was there.",
        f"""
        select _partition, _fetch_id, known_count, lost_count from history_counted
        where lost_count >= {FEWEST_ROWS} and lost_count > {LOST_SHARE} * known_count
        """,
        severity="critical",
        because="2026-11-29: publishers blank single figures; one row in twenty is a column that was lost.",
    )


def _not_restated() -> NoRows:
    return no_rows(
        "history_not_restated",
        f"No fetch changes more than {RESTATED_SHARE:.0%} of what its partition said before, nor half of a stretch of "
        f"{STRETCH_YEARS} years.",
        f"""
        with stretched as (
            select counted._fetch_id, count(*) as stretch_count
            from history_counted as counted inner join history_compared as compared
                on counted._fetch_id = compared._fetch_id and about_end between first_changed and last_changed
            group by all
        ),
        sizes as (
            select _fetch_id, median(abs(factor - 1)) as median_move, max(abs(factor - 1)) as largest_move
            from history_factors group by all
        )
        select
            _partition,
            _fetch_id,
            known_count,
            changed_count,
            round(changed_count / known_count, 3) as changed_share,
            first_changed,
            last_changed,
            round(median_move, 6) as median_move_ratio,
            round(largest_move, 6) as largest_move_ratio
        from history_counted left join stretched using (_fetch_id) left join sizes using (_fetch_id)
        where changed_count >= {FEWEST_ROWS} and (
            changed_count > {RESTATED_SHARE} * known_count
            or (
                last_changed >= first_changed + interval {STRETCH_YEARS} year
                and changed_count > {STRETCH_SHARE} * stretch_count
            )
        )
        """,
        severity="warning",
        because="2026-11-22: a TIC survey revises one year of 26; a fifth of all is a new method or unit. 2026-11-29: "
        "so is most of a decade, however long the series; NFCI is drawn anew every week, by thousandths.",
    )


def _keeps_its_unit() -> NoRows:
    return no_rows(
        "history_keeps_its_unit",
        "No fetch moves a series, or most of what it changes of a column, by a factor of ten or a power of it, or to "
        "its opposite.",
        f"""
        with changed as (
            select _partition, _fetch_id, column_name, series_name, count(*) as changed_count, median(factor) as factor
            from history_factors group by all having count(*) >= {FEWEST_ROWS}
            union all
            select _partition, _fetch_id, column_name, 'all' as series_name, count(*), median(factor)
            from history_factors group by all having count(*) >= {FEWEST_ROWS}
            union all
            -- of a series that is drawn anew by thousandths, those alone that moved by much, if all did by the same
            select _partition, _fetch_id, column_name, series_name, count(*), median(factor)
            from history_factors
            where factor > 0 and not factor between 0.5 and 2
            group by all
            having count(*) >= {MANY_ROWS}
                and quantile_cont(log10(factor), 0.9) - quantile_cont(log10(factor), 0.1) < {UNIT_TOLERANCE}
        )
        select distinct _partition, _fetch_id, column_name, series_name, changed_count, factor
        from changed
        where factor <> 0
            and (factor < 0 or round(log10(abs(factor))) <> 0)
            and abs(log10(abs(factor)) - round(log10(abs(factor)))) < {UNIT_TOLERANCE}
        """,
        severity="critical",
        because="2026-11-29: no revision is a round power of ten, five times over; thousands for millions, percent "
        "for a fraction and a sign are.",
    )


def _not_rescaled() -> NoRows:
    return no_rows(
        "history_not_rescaled",
        f"No fetch moves {MANY_ROWS} figures of a series and more by one and the same factor, {RESCALED:.1%} or more.",
        f"""
        select
            _partition, _fetch_id, column_name, series_name, count(*) as changed_count, median(factor) as factor
        from history_factors
        group by all
        having count(*) >= {MANY_ROWS}
            and abs(median(factor) - 1) >= {RESCALED}
            and quantile_cont(factor, 0.9) - quantile_cont(factor, 0.1) < 0.002 * abs(median(factor))
        """,
        severity="critical",
        because="2026-11-29: estimates are revised each by itself; one factor for all is another currency, another "
        "base, a split or a unit, and a base that did change is for a person to see.",
    )
