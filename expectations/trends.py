"""What a fetch must go on with: each series' calendar, its unit, its level, its steps and its own identity.

What is compared is one column of one series, by number of its period, with what `raw` held of it before; a series
that lands for the first time has no past to be judged by, and passes. Nothing here names a table: all follows
from the contract.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expectations.checks import no_rows
from expectations.history import measured, series_name

if TYPE_CHECKING:
    from expectations.checks import NoRows
    from warehouse.contract import Table

WINDOW = 400
"""Periods that say what a series is like; of `raw` as many before a fetch's first are looked at, and no others."""
DAYS = {"day": 1, "business_day": 2, "week": 7, "month": 31, "quarter": 92, "half_year": 184, "year": 366}
"""Days that a period spans at most."""
PAST, FEWEST, MANY = 20, 5, 100
"""Periods that a past must have to be one at all, that say something together, and whose range is a range."""
UNIVERSE = 0.6
"""A new partition with fewer of the series than this share of what its periods had before lacks some."""
FIGURES = 3
"""So many figures that always move do not all stay by chance."""
STEADY = 5.0
"""A series whose largest figure is less than so many times its smallest, and of one sign, is steady."""
SLIP = 50.0
ON_CALENDAR = 0.8
"""A series with so much of its calendar's periods between its first and last follows it."""
HOLES = {"day": 5, "business_day": 5}
"""Periods in a row that make a hole; one of a week and of longer periods."""
TIME_ZERO = "date '1800-01-06'"
"""A Monday before all that is landed, so that whole-number division needs no care for signs."""


def follows_a_calendar(table: Table) -> bool:
    """Whether a table has periods that come one after the other."""
    return table.cadence.due.every != "irregular"


def _has_series(table: Table) -> bool:
    return follows_a_calendar(table) and bool(measured(table)) and set(table.series) < set(table.grain)


def going_on(table: Table, raw: str) -> tuple[NoRows, ...]:
    """Return what is expected of every fetch, given the series that `raw` holds; they read `shared`."""
    always = (
        *((_no_gap(table, raw), _no_gap(table, raw, is_first=True)) if follows_a_calendar(table) else ()),
        *((_newest_kept(table),) if table.is_snapshot else ()),
    )
    if not _has_series(table):
        return always
    return (
        *always,
        *((_no_gap(table, raw, by_series=True), _universe_kept(table, raw)) if table.series else ()),
        _news_keeps_its_unit(),
        _news_within_the_past(),
        _news_is_no_repetition(),
        _news_not_frozen(),
        _not_shifted(),
        _not_copied(),
        _not_flattened(),
    )


def period_number(table: Table) -> str:
    """SQL of the number of a row's period on its table's calendar, weekdays counted for business days."""
    due = table.cadence.due
    end = f"({table.about[1]})::date"
    days = f"({end} - {TIME_ZERO})"
    return {
        "day": days,
        "business_day": f"(5 * ({days} // 7) + least({days} % 7, 4))",
        "week": f"(({days} + {6 - (due.weekday or 0)}) // 7)",
        "month": f"(year({end}) * 12 + month({end}))",
        "quarter": f"(year({end}) * 4 + quarter({end}))",
        "half_year": f"(year({end}) * 2 + month({end}) // 7)",
        "year": f"year({end})",
    }[due.every]


# ------------------------------------------------------------------------------------------------------- calendar


def _there(table: Table) -> str:
    """SQL that a row has a figure at all."""
    return " or ".join(f"{c.name} is not null" for c in measured(table)) or "true"


def _no_gap(table: Table, raw: str, *, by_series: bool = False, is_first: bool = False) -> NoRows:
    due = table.cadence.due
    hole = HOLES.get(due.every, 1)
    series = series_name(table) if by_series else "'all'"
    closed = (
        "(select count(*) from closed_days where calendar_name = "
        f"'{due.calendar}' and closed_day > period_before and closed_day < period_end)"
    )
    missing = f"number - number_before - 1 - {closed}" if due.every == "business_day" else "number - number_before - 1"
    return no_rows(
        "no_gap_in_a_series" if by_series else "no_gap_in_a_first_fetch" if is_first else "no_gap_in_the_calendar",
        f"No {'series' if by_series else 'fetch'} that follows its publisher's calendar "
        f"{'lacks' if is_first else 'newly lacks'} {hole} {due.every.replace('_', ' ')}"
        f"{'s in a row' if hole > 1 else ''} between its first and its last.",
        f"""
        with numbered as (
            select
                _fetch_id,
                {"series_name" if by_series else series} as series_name,
                number,
                max(period_end) as period_end
            from calendar_periods group by all
        ),
        neighbours as (
            select
                *,
                lag(number) over in_order as number_before,
                lag(period_end) over in_order as period_before,
                count(*) over (partition by _fetch_id, series_name) as number_count,
                max(number) over (partition by _fetch_id, series_name)
                    - min(number) over (partition by _fetch_id, series_name) + 1 as span
            from numbered
            window in_order as (partition by _fetch_id, series_name order by number)
        ),
        gaps as (
            select _fetch_id, series_name, period_before, period_end, number_before, number, {missing} as missing_count
            from neighbours
            where number - number_before > {hole} and number_count >= 10 and number_count > {ON_CALENDAR} * span
        ),
        known as (
            select distinct {series} as series_name, {period_number(table)} as number
            from (
                select * from {raw} where exists (select 1 from gaps)
                qualify row_number() over (
                    partition by {", ".join(table.grain)} order by ingested_at desc, _fetch_id desc
                ) = 1
            )
            where ({_there(table)}) and not _is_deleted
        ),
        said as (
            -- both ends were here before, and nothing between them: a gap that was let through once
            select gaps.* from gaps
            where exists (select 1 from known where known.series_name = gaps.series_name and known.number = gaps.number)
                and exists (
                    select 1 from known
                    where known.series_name = gaps.series_name and known.number = gaps.number_before
                )
                and not exists (
                    select 1 from known
                    where known.series_name = gaps.series_name
                        and known.number > gaps.number_before and known.number < gaps.number
                )
        )
        select _fetch_id, series_name, period_before, period_end, missing_count from gaps
        where missing_count >= {hole}
            and not exists (
                select 1 from said
                where said._fetch_id = gaps._fetch_id
                    and said.series_name = gaps.series_name and said.number = gaps.number
            )
            and ({by_series} or {is_first} <> exists (
                select 1 from known
                where known.series_name = gaps.series_name and known.number <= gaps.number_before
            ))
        """,
        severity="warning" if by_series or is_first else "critical",
        because="2026-11-29: markets closed for four business days in September 2001, never longer; one series may "
        "be suspended for years, as the 30-year bond was in 2002, and is only said; so is what a past lacked already "
        "when it first landed.",
    )


def _universe_kept(table: Table, raw: str) -> NoRows:
    past = 8 * DAYS[table.cadence.due.every]
    count = f"count(distinct {series_name(table)}) as series_count"
    return no_rows(
        "universe_kept",
        f"No period of a partition that is new has fewer than {UNIVERSE:.0%} of the series that others had lately.",
        f"""
        with fetches as (
            select _partition, _fetch_id, min(({table.about[1]})::date) as starts_on
            from {{batch}} where _partition not in (select _partition from {raw}) group by all
        ),
        usual as (
            select starts_on, median(series_count) as usual_count
            from (
                select starts_on, {period_number(table)} as number, _partition, {count}
                from {raw} as before inner join (select distinct starts_on from fetches)
                    on ({table.about[1]})::date between starts_on - {past} and starts_on - 1
                where not _is_deleted
                group by all
            )
            group by all
        ),
        here as (
            select _fetch_id, {period_number(table)} as number, {count} from {{batch}} group by all
        )
        select _partition, _fetch_id, median(series_count) as series_count, usual_count
        from here inner join fetches using (_fetch_id) inner join usual using (starts_on)
        group by all
        having median(series_count) < {UNIVERSE} * usual_count
        """,
        severity="critical",
        because="2026-11-29: securities and contracts come and go by a few; nearly half at once is a file cut short.",
    )


def _newest_kept(table: Table) -> NoRows:
    # What is dated after its own fetch is a slip of the pen, and may be taken back.
    return no_rows(
        "newest_period_kept",
        "No fetch ends before its partition did.",
        f"""
        with ends as (
            select
                _partition,
                _fetch_id,
                max(({table.about[1]})::date) as ends_on,
                (max(fetched_at) at time zone 'UTC')::date as fetched_on
            from {{batch}} group by all
        ),
        known as (
            select _fetch_id, max(history_compared.about_end) as ended_on
            from history_compared inner join ends using (_fetch_id)
            where history_compared.about_end <= ends.fetched_on + 1 group by all
        )
        select _partition, _fetch_id, ends_on, ended_on
        from ends inner join known using (_fetch_id)
        where ends_on < ended_on
        """,
        severity="critical",
        because="2026-11-29: a publisher's cache that serves an older file loses its newest period; a period that is "
        "really withdrawn waits until the next one is there.",
    )


# --------------------------------------------------------------------------------------------------- beside its past


def _units(table: Table, relation: str, more: str) -> str:
    # Averages first, and then a row for each column: of minutes there are many, of days few.
    columns = [c.name for c in measured(table)]
    averages = ", ".join(f"avg({c}::double) filter (isfinite({c}::double)) as {c}" for c in columns)
    pairs = ", ".join(f"struct_pack(column_name := '{c}', value := {c})" for c in columns)
    return f"""
        select {more}series_name, number, one.column_name, one.value
        from (
            select {more}series_name, number, unnest([{pairs}]) as one
            from (
                select {more}{series_name(table)} as series_name, {period_number(table)} as number, {averages}
                from {relation}
                group by all
            )
        )
        where one.value is not null
    """


def shared(table: Table, raw: str) -> dict[str, str]:
    """Return the tables that these checks read, each as a SELECT; of a table without series only the first, or none.

    calendar_periods    a row a period of a series for which a fetch has a figure
    trend_arrived       a row a figure that arrived: fetch, series, column, number of the period
    trend_past          the same of what `raw` held, as far back as is looked
    trend_was           what each series' column was like
    trend_both          figures of periods that were known before, beside what was known
    trend_news          figures of periods after the last one known, beside what their series was like
    """
    if not follows_a_calendar(table):
        return {}
    periods = f"""
        select
            _fetch_id,
            {series_name(table)} as series_name,
            {period_number(table)} as number,
            max(({table.about[1]})::date) as period_end
        from {{batch}} where {_there(table)} group by all
    """
    if not _has_series(table):
        return {"calendar_periods": periods}
    key = ", ".join(table.grain)
    series = ", ".join(table.series)
    same = " and ".join(f"past.{k} is not distinct from arriving.{k}" for k in table.series)
    of_series = f"semi join (select distinct {series} from {{batch}}) as arriving on {same}" if series else ""
    past = f"""
        with reach as (
            select series_name as reach_series, min(number) - {WINDOW} as reach_from, max(number) as reach_to
            from trend_arrived group by all
        ),
        near as (
            -- series as they stand first: to number periods and to name series costs more
            select * from {raw} as past {of_series}
        ),
        live as (
            select past.* from near as past inner join reach
                on {series_name(table, "past")} = reach_series
                and {period_number(table)} between reach_from and reach_to
            qualify row_number() over (partition by {key} order by ingested_at desc, _fetch_id desc) = 1
        )
        {_units(table, "live where not _is_deleted", "")}
    """
    was = f"""
        with steps as (
            select *, value - lag(value) over (partition by series_name, column_name order by number) as step
            from trend_past
            qualify number > max(number) over (partition by series_name, column_name) - {WINDOW}
        )
        select
            series_name, column_name, count(*) as past_count, max(number) as last_number,
            min(value) as lowest, max(value) as highest, min(abs(value)) as least, max(abs(value)) as most,
            arg_max(value, number) as last_value, count(distinct value) as distinct_count,
            avg((step <> 0)::integer) as moving_share, quantile_cont(abs(step), 0.99) as large_step
        from steps group by all having count(*) >= {PAST}
    """
    both = """
        select trend_arrived.*, trend_past.value as past_value
        from trend_arrived inner join trend_past using (series_name, column_name, number)
    """
    news = """
        select trend_arrived.*, trend_was.* exclude (series_name, column_name)
        from trend_arrived inner join trend_was using (series_name, column_name)
        where trend_arrived.number > trend_was.last_number
    """
    return {
        "calendar_periods": periods,
        "trend_arrived": _units(table, "{batch}", "_fetch_id, "),
        "trend_past": past,
        "trend_was": was,
        "trend_both": both,
        "trend_news": news,
    }


def _news_keeps_its_unit() -> NoRows:
    return no_rows(
        "news_keeps_its_unit",
        f"What is new of a steady series is not {SLIP:.0f} times larger or smaller than all of its past, nor of the "
        "opposite sign.",
        f"""
        select
            _fetch_id, series_name, column_name, count(*) as new_count, median(value) as new_value, any_value(lowest) as
            past_lowest, any_value(highest) as past_highest
        from trend_news
        where lowest * highest > 0 and most < {STEADY} * least
        group by all
        having abs(new_value) > {SLIP} * any_value(most)
            -- a facility that is closed is no slip of its unit
            or (new_value <> 0 and abs(new_value) < any_value(least) / {SLIP})
            or new_value * any_value(lowest) < 0
        """,
        severity="critical",
        because="2026-11-29: what stayed within a factor of five for months does not move by fifty in a day; "
        "thousands for millions, or percent for a fraction, do. What is not steady, as swap lines, is only said.",
    )


def _news_within_the_past() -> NoRows:
    return no_rows(
        "news_within_the_past",
        "What is new of a series lies within two ranges of its past, and moves by steps of the size that it had.",
        f"""
        with stepping as (
            select *, value - lag(value, 1, last_value) over (
                partition by _fetch_id, series_name, column_name order by number
            ) as step
            from trend_news where past_count >= {MANY}
        )
        select
            _fetch_id, series_name, column_name, count(*) as new_count, median(value) as new_value,
            median(abs(step)) as new_step, any_value(lowest) as past_lowest, any_value(highest) as past_highest,
            any_value(large_step) as past_large_step
        from stepping
        group by all
        having new_value not between past_lowest - 2 * (past_highest - past_lowest)
                and past_highest + 2 * (past_highest - past_lowest)
            or (new_count >= {FEWEST} and new_step > 3 * past_large_step)
        """,
        severity="warning",
        because="2026-11-29: three times the range of 400 periods is a new regime, which is news, or a wrong figure.",
    )


def _news_is_no_repetition() -> NoRows:
    return no_rows(
        "news_is_no_repetition",
        f"The newest period does not repeat the one before in all of {FIGURES} and more figures that always move.",
        f"""
        with newest as (
            select * from trend_news
            where moving_share >= 0.95
            qualify number = max(number) over (partition by _fetch_id)
        ),
        before as (
            select _fetch_id, series_name, column_name, number, value from trend_arrived
            union
            select fetches._fetch_id, series_name, column_name, number, value
            from trend_past, (select distinct _fetch_id from trend_arrived) as fetches
        ),
        repeated as (
            select newest._fetch_id, newest.number, newest.value = arg_max(before.value, before.number) as is_equal
            from newest inner join before
                on newest._fetch_id = before._fetch_id and newest.series_name = before.series_name
                and newest.column_name = before.column_name and before.number < newest.number
            group by newest._fetch_id, newest.series_name, newest.column_name, newest.number, newest.value
        )
        select _fetch_id, number, count(*) as figure_count
        from repeated group by all
        having count(*) >= {FIGURES} and bool_and(is_equal)
        """,
        severity="critical",
        because="2026-11-29: of a file that is served again under a new date every figure is that of the day before.",
    )


def _news_not_frozen() -> NoRows:
    return no_rows(
        "news_is_not_frozen",
        f"What is new of a figure that always moves is not one and the same over {FEWEST} periods.",
        f"""
        select _fetch_id, series_name, column_name, count(*) as new_count, any_value(value) as new_value
        from trend_news
        where moving_share >= 0.95
        group by all
        having count(*) >= {FEWEST} and count(distinct value) = 1
        """,
        severity="critical",
        because="2026-11-29: a feed that is carried forward when its source is silent; one in twenty, five times.",
    )


def _not_shifted() -> NoRows:
    return no_rows(
        "periods_not_shifted",
        f"No series that changes in {PAST} periods says in most of them what it said of the next or of the one before.",
        f"""
        with neighbours as (
            select
                *,
                lag(value) over in_order as value_before,
                lead(value) over in_order as value_after
            from trend_past
            window in_order as (partition by series_name, column_name order by number)
        ),
        changed as (
            select
                _fetch_id, series_name, column_name, count(*) as changed_count,
                avg((arrived.value = value_before)::integer) as as_before_share,
                avg((arrived.value = value_after)::integer) as as_after_share
            from trend_arrived as arrived
            inner join neighbours using (series_name, column_name, number)
            inner join trend_was using (series_name, column_name)
            where distinct_count >= {PAST} / 2 and moving_share >= 0.5 and arrived.value <> neighbours.value
            group by all
        )
        select * from changed
        where changed_count >= {PAST} and greatest(as_before_share, as_after_share) >= 0.8
        """,
        severity="critical",
        because="2026-11-29: a day counted in another time zone, or dated by its release, moves every figure by one.",
    )


def _not_copied() -> NoRows:
    return no_rows(
        "series_not_copied",
        f"No series that changes in {PAST} periods says in them what another one said.",
        f"""
        with restated as (
            select *, count(*) over (partition by _fetch_id, series_name, column_name) as restated_count
            from trend_both where value <> past_value
        )
        select
            new._fetch_id, new.series_name, new.column_name, other.series_name as as_series,
            other.column_name as as_column, count(*) as period_count
        from restated as new
        inner join trend_past as other
            on new.number = other.number
            and (new.series_name <> other.series_name or new.column_name <> other.column_name)
        where restated_count >= {PAST} and new.value = other.value
        group by all
        having count(*) >= greatest({PAST}, 0.95 * any_value(restated_count))
            and count(distinct new.value) >= {PAST} / 2
        """,
        severity="critical",
        because="2026-11-29: a column pasted over another, or a request answered with another series.",
    )


def _not_flattened() -> NoRows:
    return no_rows(
        "series_not_flattened",
        "No series that moved is restated as a constant or as straight lines.",
        f"""
        with bends as (
            select
                *,
                abs(value - 2 * lag(value) over in_order + lag(value, 2) over in_order) <= 1e-9 * abs(value)
                    as is_straight,
                abs(past_value - 2 * lag(past_value) over in_order + lag(past_value, 2) over in_order)
                    <= 1e-9 * abs(past_value) as was_straight
            from trend_both
            window in_order as (partition by _fetch_id, series_name, column_name order by number)
        ),
        lines as (
            -- five figures in a line
            select
                *, bool_and(is_straight) over three as is_line, bool_and(was_straight) over three as was_line
            from bends
            window three as (
                partition by _fetch_id, series_name, column_name
                order by number rows between 2 preceding and current row
            )
        )
        select
            _fetch_id, series_name, column_name, count(*) as period_count, count(distinct value) as distinct_count,
            count(*) filter (is_straight) as straight_count, count(*) filter (was_straight) as past_straight_count
        from lines
        group by all
        having count(*) >= {PAST} and count(distinct past_value) >= {PAST} / 2
            and straight_count - past_straight_count >= 10
            and count(*) filter (is_straight and value <> past_value) >= 5
            -- rounded figures are straight here and there: a line is long, or most of what is restated
            and (count(*) filter (is_line) - count(*) filter (was_line) >= 10
                or count(*) filter (is_straight and value <> past_value) >= 0.5 * count(*) filter (value <> past_value))
        """,
        severity="critical",
        because="2026-11-29: what is filled in between two figures was not measured; ten in a straight line, where "
        "there were none, are a program's.",
    )
