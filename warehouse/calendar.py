"""When each publisher is due, by the days on which it works: what has to be here, what is late, what is not expected.

The days are other people's: pandas has the US federal holidays, pandas-market-calendars those of the bond market
(SIFMA), exchange-calendars the sessions of the New York Stock Exchange. No library has TARGET, whose closing days the
ECB fixed in 2000; they are written down here. Days on which an executive order alone closed the government are in none
of them: what was late for such a reason belongs in the seed `release_schedules`.
"""

from __future__ import annotations

import csv
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from warehouse.errors import ConfigurationError
from warehouse.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import duckdb

    from warehouse.contract import Cadence, Calendar, Due

State = Literal["fresh", "due", "late", "not due", "never landed"]

SEED_COLUMNS = ["schedule", "period_end", "release_date", "source_url", "note"]
BUSINESS_DAYS_AHEAD = 10
"""Largest n of the macro `after_business_days`."""

_DAY = timedelta(days=1)
_SATURDAY = 5
_MONTHS = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}
_FEDERAL = (date(1900, 1, 1), date(2099, 12, 31))
"""Wide enough for the oldest series. Before the Monday holidays of 1971 the rules of today are an approximation."""
_MARKETS = (date(1990, 1, 1), date(2060, 12, 31))
"""Markets' days are asked for about now alone; beyond, every weekday counts as open."""


# ---------------------------------------------------------------------------------------------------------- days


def is_open(calendar: Calendar, day: date) -> bool:
    """Whether the calendar has that day."""
    return calendar == "always" or (day.weekday() < _SATURDAY and day not in _holidays(calendar))


def closed_days(calendar: Calendar) -> list[date]:
    """Return the weekdays from 1950 to 2060 on which a calendar is closed, in order."""
    return sorted(day for day in _holidays(calendar) if 1950 <= day.year <= 2060)  # noqa: PLR2004


def closed_because(calendar: Calendar, day: date) -> str | None:
    """Return the holiday's name, or of a weekend that it is no business day; None for a day that is open."""
    if is_open(calendar, day):
        return None
    return "no business day" if day.weekday() >= _SATURDAY else _holidays(calendar)[day]


@cache
def _holidays(calendar: Calendar) -> Mapping[date, str]:
    """Return the weekdays on which a calendar is closed, by name."""
    if calendar == "us_federal":
        return _federal_holidays()
    if calendar == "sifma_us":
        return _sifma_holidays()
    if calendar == "xnys":
        return _xnys_holidays()
    return _target_holidays() if calendar == "target" else {}


@cache
def _federal_holidays() -> Mapping[date, str]:
    from pandas.tseries.holiday import USFederalHolidayCalendar

    return _named(USFederalHolidayCalendar().holidays(*_FEDERAL, return_name=True))


def _named(holidays: Any) -> dict[date, str]:  # noqa: ANN401  (a Series that pandas' stubs call an index)
    return {day.date(): str(name) for day, name in holidays.items()}


@cache
def _easters() -> tuple[frozenset[date], frozenset[date]]:
    """Return the Good Fridays and the Easter Mondays."""
    from pandas.tseries.holiday import EasterMonday, GoodFriday

    return (
        frozenset(day.date() for day in GoodFriday.dates(*_MARKETS)),
        frozenset(day.date() for day in EasterMonday.dates(*_MARKETS)),
    )


def _clearly_named(holidays: Mapping[date, str]) -> dict[date, str]:
    """Give a market's holidays the names that people know; libraries call some after their own rules."""
    federal, (good_fridays, _) = _federal_holidays(), _easters()
    return {day: federal.get(day) or ("Good Friday" if day in good_fridays else name) for day, name in holidays.items()}


def _sifma_holidays() -> dict[date, str]:
    """Return the days on which SIFMA recommends to close; on a Good Friday with a jobs report it is open till noon."""
    import pandas_market_calendars  # type: ignore[import-untyped]

    market = pandas_market_calendars.get_calendar("SIFMA_US")
    regular = _named(market.regular_holidays.holidays(*_MARKETS, return_name=True))
    return _clearly_named({day.date(): "a special closing" for day in market.adhoc_holidays} | regular)


def _xnys_holidays() -> dict[date, str]:
    import exchange_calendars  # type: ignore[import-untyped]

    first, last = _MARKETS
    exchange = exchange_calendars.get_calendar("XNYS", start=str(first), end=str(last))
    sessions = {session.date() for session in exchange.sessions}
    names = _named(exchange.regular_holidays.holidays(first, last, return_name=True))
    days = (first + n * _DAY for n in range((last - first).days + 1))
    closed = {day: names.get(day, "a special closing") for day in days if day.weekday() < _SATURDAY}
    return _clearly_named({day: name for day, name in closed.items() if day not in sessions})


def _target_holidays() -> dict[date, str]:
    """Return TARGET's closing days: six a year since 2000, two before, and the last day of 1999 and of 2001."""
    closed = {date(1999, 12, 31): "the change to the year 2000", date(2001, 12, 31): "the euro cash changeover"}
    for year in range(_MARKETS[0].year, _MARKETS[1].year + 1):
        closed |= {date(year, 1, 1): "New Year's Day", date(year, 12, 25): "Christmas Day"}
        closed |= {date(year, 5, 1): "Labour Day", date(year, 12, 26): "26 December"}
    good_fridays, easter_mondays = _easters()
    closed |= dict.fromkeys(good_fridays, "Good Friday") | dict.fromkeys(easter_mondays, "Easter Monday")
    return {
        day: name
        for day, name in closed.items()
        if day.year >= 2000 or (day.month, day.day) in {(1, 1), (12, 25), (12, 31)}  # noqa: PLR2004
    }


# ----------------------------------------------------------------------------------------- published schedules


def seed() -> Path:
    """Return the file of published schedules: the one of the project that the environment names.

    Deadlines and known_at rules are asked for without settings, so a project given to `Settings` alone does not count.
    """
    return Settings.from_environment().dbt_project / "seeds" / "release_schedules.csv"


def schedules() -> Mapping[str, Mapping[date, date | None]]:
    """Return the day of release by schedule and end of period; None of a period that its publisher skips."""
    return read_schedules(seed())


@cache
def read_schedules(path: Path) -> Mapping[str, Mapping[date, date | None]]:
    """Read a file of published schedules.

    Raises:
        ConfigurationError: it is not there, a line cannot be read, or lists a period that came before.
    """
    if not path.is_file():
        raise ConfigurationError(
            "The published schedules are missing",
            expected=path,
            got="no such file",
            remedy="Set WAREHOUSE_PROJECT to the checkout, or restore the file.",
        )
    found: dict[str, dict[date, date | None]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.DictReader(file, strict=True)
        if lines.fieldnames != SEED_COLUMNS:
            raise ConfigurationError(f"{path} has another header", expected=SEED_COLUMNS, got=lines.fieldnames)
        for line in lines:
            try:
                end = date.fromisoformat(line["period_end"])
                release = None if line["release_date"] == "" else date.fromisoformat(line["release_date"])
            except (TypeError, ValueError) as error:
                raise ConfigurationError(
                    f"{path}, line {lines.line_num}, cannot be read", expected="two ISO dates", got=str(error)
                ) from error
            if None in line or None in line.values():
                raise ConfigurationError(
                    f"{path}, line {lines.line_num}, does not fit the header", expected=SEED_COLUMNS, got=line
                )
            listed = found.setdefault(line["schedule"], {})
            if end in listed:
                raise ConfigurationError(
                    f"{path}, line {lines.line_num}, lists {line['schedule']} {end} again",
                    expected="one release a period",
                    got=f"{listed[end]} and {release}",
                )
            listed[end] = release
    return found


def _listed(due: Due) -> Mapping[date, date]:
    """Return the releases that the seed lists for a rule."""
    return {end: day for end, day in _schedule(due).items() if day is not None}


def _skipped(due: Due) -> frozenset[date]:
    """Return the ends of the periods of a rule that its publisher does not release, as the seed says."""
    return frozenset(end for end, day in _schedule(due).items() if day is None)


def _schedule(due: Due) -> Mapping[date, date | None]:
    if due.schedule is None:
        return {}
    found = schedules()
    if due.schedule not in found:
        raise ConfigurationError(
            "A table follows a schedule that there is not",
            expected=f"one of {', '.join(sorted(found))}",
            got=repr(due.schedule),
            remedy="Add its dates to dbt_project/seeds/release_schedules.csv.",
        )
    return found[due.schedule]


# ----------------------------------------------------------------------------------------------------- deadlines


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """A period, when it is due at its publisher, and when it is late. Instants are UTC."""

    period_end: date
    due_at: datetime
    late_at: datetime


def last_due(cadence: Cadence, now: datetime) -> Deadline | None:
    """Return the newest period that was due by `now`; None for what comes when it comes."""
    return None if cadence.due.every == "irregular" else _last_due(cadence, now)


def next_due(cadence: Cadence, now: datetime) -> Deadline | None:
    """Return the period that is due next, after `now`; None for what comes when it comes."""
    return None if cadence.due.every == "irregular" else _next_due(cadence, now)


def _last_due(cadence: Cadence, now: datetime) -> Deadline:
    today = now.astimezone(ZoneInfo(cadence.timezone)).date()
    # Some publishers announce a period before it ends; only a schedule can say so.
    early = [end for end in _listed(cadence.due) if end > today and _ends_a_period(cadence.due, end)]
    for end in [*sorted(early, reverse=True), *_first_few(_ends_until(cadence.due, today), cadence, now)]:
        found = _deadline(cadence, end)
        if found.due_at <= now:
            return found
    raise ConfigurationError("No period was ever due", expected="one before this instant", got=now)


def _first_few(ends: Iterator[date], cadence: Cadence, now: datetime) -> Iterator[date]:
    """Yield ends of periods that are released, newest first, down to the first that was due by `now`."""
    for end in ends:
        if end in _skipped(cadence.due):
            continue
        yield end
        if _deadline(cadence, end).due_at <= now:
            return


def _next_due(cadence: Cadence, now: datetime) -> Deadline:
    listed = _listed(cadence.due)
    coming = []
    for end in _ends_after(cadence.due, _last_due(cadence, now).period_end):
        if end in _skipped(cadence.due):
            continue
        coming.append(_deadline(cadence, end))
        if end not in listed:
            break  # the rule keeps the order of periods, a schedule need not
    return min(coming, key=lambda each: each.due_at)


def _deadline(cadence: Cadence, period_end: date) -> Deadline:
    due = cadence.due
    day = _listed(due).get(period_end)
    if day is None:
        day = period_end + due.lag_days * _DAY
        for _ in range(due.lag_business_days):
            day = _open_day(due.calendar, day + _DAY)
        if due.lag_business_days == 0:
            day = _open_day(due.calendar, day)
    local = datetime.combine(day, time.fromisoformat(due.at), ZoneInfo(cadence.timezone))
    due_at = local.astimezone(UTC)
    return Deadline(period_end=period_end, due_at=due_at, late_at=due_at + timedelta(hours=due.grace_hours))


def _open_day(calendar: Calendar, day: date) -> date:
    """Return the day itself if the calendar has it, else the next one that it has."""
    while not is_open(calendar, day):
        day += _DAY
    return day


def _ends_until(due: Due, day: date) -> Iterator[date]:
    """Yield the ends of periods up to a day, newest first."""
    if due.every in _MONTHS:
        for number in count(_month_number(due, day), -_MONTHS[due.every]):
            if (end := _month_end(number)) <= day:
                yield end
    elif due.every == "week":
        last = day - ((day.weekday() - (due.weekday or 0)) % 7) * _DAY
        yield from (last - 7 * n * _DAY for n in count())
    else:
        yield from (each for n in count() if is_open(due.calendar, each := day - n * _DAY))


def _ends_after(due: Due, day: date) -> Iterator[date]:
    """Yield the ends of periods after a day, oldest first."""
    if due.every in _MONTHS:
        for number in count(_month_number(due, day), _MONTHS[due.every]):
            if (end := _month_end(number)) > day:
                yield end
    elif due.every == "week":
        first = day + (((due.weekday or 0) - day.weekday() - 1) % 7 + 1) * _DAY
        yield from (first + 7 * n * _DAY for n in count())
    else:
        yield from (each for n in count(1) if is_open(due.calendar, each := day + n * _DAY))


def _ends_a_period(due: Due, day: date) -> bool:
    return next(_ends_until(due, day)) == day


def _month_number(due: Due, day: date) -> int:
    """Return the month, counted from year 0, in which the period of a day ends."""
    length = _MONTHS[due.every]
    month = day.year * 12 + day.month - 1
    return month - month % length + length - 1


def _month_end(number: int) -> date:
    year, month = number // 12, number % 12 + 1
    return date(year, month, monthrange(year, month)[1])


# -------------------------------------------------------------------------------------------------------- states


def state_of(
    cadence: Cadence,
    newest_period_end: date | None,
    now: datetime,
    first_landed: bool,  # noqa: FBT001
) -> tuple[State, str]:
    """Return how a table stands and why, in sentences.

    `first_landed` is whether anything of it ever landed; `newest_period_end` is of what is known by now, or None. Of a
    week and of longer periods one day in the last seven is enough: the last trading day of a month need not be its end.
    """
    due = cadence.due
    if due.every == "irregular":
        return _irregular_state(cadence, newest_period_end, now, first_landed)
    last, coming = _last_due(cadence, now), _next_due(cadence, now)
    skipped = sorted(end for end in _skipped(due) if last.period_end < end < coming.period_end)
    left_out = "".join(f"The period to {end} is skipped by its publisher. " for end in skipped)
    upcoming = f"{left_out}The next, to {coming.period_end}, is due {_when(cadence, coming.due_at)}."
    was_due = f"The period to {last.period_end} was due {_when(cadence, last.due_at)}"
    if not first_landed:
        return "never landed", f"Nothing of it has landed. {was_due}. {upcoming}"
    if _covers(due, newest_period_end, last.period_end):
        return "fresh", f"{was_due} and is here. {upcoming}"
    here = f"The newest here is of {newest_period_end}." if newest_period_end else "No row of it is known yet."
    overdue = _last_due(cadence, now - timedelta(hours=due.grace_hours))
    if _covers(due, newest_period_end, overdue.period_end):
        return "due", f"{was_due} and is late from {_when(cadence, last.late_at)}. {here} {upcoming}"
    was_late = f"The period to {overdue.period_end} was due {_when(cadence, overdue.due_at)}"
    return "late", f"{was_late} and late from {_when(cadence, overdue.late_at)}. {here} {upcoming}"


def late_since(cadence: Cadence, newest_period_end: date | None, now: datetime) -> datetime | None:
    """Return when the oldest period that is late by `now` became late, or None when none is.

    Without a newest period that is the last one that was due: how long nothing has come, nobody knows.
    """
    due = cadence.due
    if due.every == "irregular":
        if newest_period_end is None:
            return None
        stale = newest_period_end + (cadence.stale_after_days + 1) * _DAY
        since = datetime.combine(stale, time(), ZoneInfo(cadence.timezone)).astimezone(UTC)
        return since if since <= now else None
    overdue = _last_due(cadence, now - timedelta(hours=due.grace_hours))
    if _covers(due, newest_period_end, overdue.period_end):
        return None
    if newest_period_end is None:
        return overdue.late_at
    missing = next(
        end
        for end in _ends_after(due, newest_period_end)
        if end not in _skipped(due) and not _covers(due, newest_period_end, end)
    )
    return min(_deadline(cadence, missing).late_at, overdue.late_at)


def _irregular_state(
    cadence: Cadence,
    newest: date | None,
    now: datetime,
    first_landed: bool,  # noqa: FBT001
) -> tuple[State, str]:
    """Judge by age what has no calendar."""
    if not first_landed:
        return "never landed", f"Nothing of it has landed. {cadence.due.not_due}"
    if newest is None:
        return "not due", f"No row of it is known yet. {cadence.due.not_due}"
    age = (now.astimezone(ZoneInfo(cadence.timezone)).date() - newest).days
    if age > cadence.stale_after_days:
        allowed = f"it counts as late after {cadence.stale_after_days}"
        return "late", f"The newest here is of {newest}, {age} days ago; {allowed}. {cadence.due.not_due}"
    return "not due", cadence.due.not_due


def _covers(due: Due, newest: date | None, period_end: date) -> bool:
    slack = 0 if due.every in {"day", "business_day"} else 6
    return newest is not None and newest >= period_end - slack * _DAY


def _when(cadence: Cadence, instant: datetime) -> str:
    city = cadence.timezone.rpartition("/")[2].replace("_", " ")
    return f"{instant.astimezone(ZoneInfo(cadence.timezone)):%a %Y-%m-%d %H:%M} {city}"


def is_publishing_day(cadence: Cadence, now: datetime) -> bool:
    """Whether the publisher publishes at all on the local date: a release day where its schedule reaches, else a day
    of its calendar.
    """  # noqa: D205
    return _no_publishing(cadence, now) is None


def not_due_today(
    cadence: Cadence,
    now: datetime,
    *,
    newest_period_end: date | None = None,
    asked_at: datetime | None = None,
) -> str | None:
    """Return why there is nothing to ask for on the local date, or None when there may be.

    Where the newest period here is given and one is due or late, or the last answer given came before a period was due,
    the publisher is asked on any day: after an outage on a Friday nobody waits for Monday or for the next release.
    Without the newest period, it is also asked in the grace of an announced release.
    """
    reason = _no_publishing(cadence, now)
    if reason is None:
        return None
    last = last_due(cadence, now)
    if last and _may_be_outstanding(cadence, last, now, newest_period_end, asked_at):
        return None
    return f"{reason} {cadence.due.not_due}"


def _may_be_outstanding(
    cadence: Cadence, last: Deadline, now: datetime, newest: date | None, asked_at: datetime | None
) -> bool:
    if asked_at is not None and asked_at < last.due_at:
        return True
    if newest is not None:
        return state_of(cadence, newest, now, first_landed=True)[0] in {"due", "late"}
    # An announced release may slip by hours or days, and the next release day is far away.
    return last.period_end in _listed(cadence.due) and now < last.late_at


def _no_publishing(cadence: Cadence, now: datetime) -> str | None:
    due = cadence.due
    today = now.astimezone(ZoneInfo(cadence.timezone)).date()
    releases = sorted(_listed(due).values())
    if releases and releases[0] <= today <= releases[-1]:
        if today in releases:
            return None
        following = next(day for day in releases if day > today)
        return f"{today:%A} {today} is no release day; the next is {following:%A} {following}."
    closed = closed_because(due.calendar, today)
    return closed and f"{today:%A} {today} is {closed}."


# ------------------------------------------------------------------------------------------- known_at, in SQL


def give_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a connection the temporary tables that the macros of known_at rules read.

    Their columns have names that no landed table has: inside a macro a caller's column of the same name would lose.
    """
    import pyarrow as pa

    listed = [
        (name, end, day) for name, releases in schedules().items() for end, day in releases.items() if day is not None
    ]
    names, ends, days = zip(*listed, strict=True) if listed else ((), (), ())
    release_calendar = pa.table(
        {
            "listed_schedule": pa.array(names, pa.string()),
            "listed_period_end": pa.array(ends, pa.date32()),
            "listed_release_date": pa.array(days, pa.date32()),
        }
    )
    for name, table in (("business_calendar", _business_days()), ("release_calendar", release_calendar)):
        connection.register("given", table)
        connection.execute(f"create or replace temp table {name} as select * from given")
        connection.unregister("given")


@cache
def _business_days() -> Any:  # noqa: ANN401  (an Arrow table)
    """Return every day and its next US federal business days."""
    import numpy as np
    import pyarrow as pa

    first, last = _FEDERAL
    days = np.arange(str(first), str(last + _DAY), dtype="datetime64[D]")
    ahead = np.arange(1, BUSINESS_DAYS_AHEAD + 1)
    following = np.busday_offset(
        days[:, None], ahead, roll="backward", holidays=np.array(list(_federal_holidays()), dtype="datetime64[D]")
    )
    lists = pa.ListArray.from_arrays(
        pa.array(np.arange(0, following.size + 1, BUSINESS_DAYS_AHEAD), pa.int32()), pa.array(following.ravel())
    )
    return pa.table({"listed_day": pa.array(days), "listed_next_business_days": lists})
