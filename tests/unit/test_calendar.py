"""Publishers' calendars: what is due when, what is late, and the days that libraries know better than we do."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse import calendar, sources, versions
from warehouse.contract import Cadence, Due
from warehouse.errors import ConfigurationError

NEW_YORK = ZoneInfo("America/New_York")
INSTANTS = st.integers(0, 46 * 366 * 24 * 60).map(lambda n: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(minutes=n))


def cadence(every="business_day", *, timezone="America/New_York", stale_after_days=5, **due) -> Cadence:
    given_due = Due(every=every, not_due="Nothing is published on such a day.", **due)
    return Cadence(cron="0 17 * * *", stale_after_days=stale_after_days, due=given_due, timezone=timezone)


def standing(rule: Cadence, newest: date | None, now: datetime) -> tuple[str, str]:
    return calendar.state_of(rule, newest, now, first_landed=True)


def at(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    """Return an instant given by a wall clock."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def due_day(rule: Cadence, period_end: str) -> date:
    """Return the local day on which a period is due: the period that becomes the last one that was due."""
    now = at(f"{period_end} 00:00") - timedelta(days=1)
    for _ in range(400):
        found = calendar.next_due(rule, now)
        if found.period_end == date.fromisoformat(period_end):
            return found.due_at.astimezone(ZoneInfo(rule.timezone)).date()
        now = found.due_at
    raise AssertionError(period_end)


H41 = cadence("week", weekday=2, lag_business_days=1, at="16:30")
NFCI = cadence("week", weekday=4, lag_business_days=3, at="08:30")


# ---------------------------------------------------------------------------------------------------------- days


@pytest.mark.parametrize(
    ("day", "closed"),
    [
        ("2025-04-18", {"sifma_us", "xnys", "target"}),  # Good Friday
        ("2026-04-03", {"xnys", "target"}),  # Good Friday with a jobs report: bonds trade till noon
        ("2026-04-06", {"target"}),  # Easter Monday
        ("2026-05-01", {"target"}),
        ("2026-10-12", {"us_federal", "sifma_us"}),  # Columbus Day
        ("2026-11-11", {"us_federal", "sifma_us"}),  # Veterans Day
        ("2026-11-26", {"us_federal", "sifma_us", "xnys"}),  # Thanksgiving
        ("2026-12-25", {"us_federal", "sifma_us", "xnys", "target"}),
        ("2026-12-26", {"us_federal", "sifma_us", "xnys", "target"}),  # a Saturday
        ("2025-12-26", {"target"}),
        ("2026-07-03", {"us_federal", "sifma_us", "xnys"}),  # Independence Day is on a Saturday
        ("2021-12-31", {"us_federal"}),  # New Year's Day is on a Saturday
        ("2025-01-09", {"xnys"}),  # a day of mourning
        ("2001-12-31", {"target"}),  # the euro cash changeover
        ("1999-05-03", set()),
        ("2026-11-24", set()),
    ],
)
def test_each_calendar_keeps_its_own_holidays(day, closed):
    names = ("always", "us_federal", "sifma_us", "xnys", "target")
    assert {name for name in names if not calendar.is_open(name, date.fromisoformat(day))} == closed


@pytest.mark.parametrize(
    ("name", "day", "expected"),
    [
        ("us_federal", "2026-11-26", "Thanksgiving Day"),
        ("sifma_us", "2026-11-26", "Thanksgiving Day"),
        ("sifma_us", "2025-04-18", "Good Friday"),
        ("sifma_us", "2019-04-19", "Good Friday"),
        ("xnys", "2026-06-19", "Juneteenth National Independence Day"),
        ("xnys", "2025-01-09", "a special closing"),
        ("target", "2026-04-06", "Easter Monday"),
        ("us_federal", "2026-11-28", "no business day"),
        ("us_federal", "2026-11-27", None),
        ("always", "2026-11-28", None),
    ],
)
def test_a_closed_day_is_called_by_its_name(name, day, expected):
    assert calendar.closed_because(name, date.fromisoformat(day)) == expected


# ----------------------------------------------------------------------------------------------------- deadlines


def test_a_time_of_day_is_new_yorks_in_winter_and_in_summer():
    daily = cadence(at="16:00")
    before, after = at("2026-03-06 16:00"), at("2026-03-09 16:00")  # the clocks go forward on the 8th
    assert (before.hour, after.hour) == (21, 20)
    assert calendar.last_due(daily, before).due_at == before
    assert calendar.next_due(daily, before).due_at == after
    assert calendar.next_due(daily, at("2026-10-30 16:00")).due_at.hour == 21  # and back on 1 November


def test_hours_that_do_not_exist_or_come_twice_are_instants_all_the_same():
    night = cadence("day", calendar="always", at="02:30")
    assert calendar.last_due(night, datetime(2026, 3, 8, 12, tzinfo=UTC)).due_at == datetime(
        2026, 3, 8, 7, 30, tzinfo=UTC
    )
    night = cadence("day", calendar="always", at="01:30")
    assert calendar.last_due(night, datetime(2026, 11, 1, 12, tzinfo=UTC)).due_at == datetime(
        2026, 11, 1, 5, 30, tzinfo=UTC
    )


def test_grace_is_counted_in_hours_across_a_change_of_clocks():
    found = calendar.last_due(cadence("day", calendar="always", at="16:00"), at("2026-03-07 16:00"))
    assert found.late_at == at("2026-03-08 17:00")


def test_a_day_of_the_market_that_never_closes_is_due_after_it_ended():
    daily = cadence("day", calendar="always", lag_days=1, at="00:10", timezone="UTC")
    found = calendar.last_due(daily, datetime(2026, 7, 26, 0, 10, tzinfo=UTC))
    assert (found.period_end, found.due_at) == (date(2026, 7, 25), datetime(2026, 7, 26, 0, 10, tzinfo=UTC))


@pytest.mark.parametrize(
    ("rule", "period_end", "expected"),
    [
        (cadence(lag_business_days=1), "2026-09-04", "2026-09-08"),  # Labor Day on the Monday
        (cadence(lag_business_days=2), "2026-09-04", "2026-09-09"),
        (cadence(lag_days=1), "2026-09-04", "2026-09-08"),  # a Saturday, moved on to the first business day
        (cadence(lag_business_days=1), "2026-10-09", "2026-10-13"),  # Columbus Day: offices and bonds are closed
        (cadence(lag_business_days=1, calendar="sifma_us"), "2026-10-09", "2026-10-13"),
        (cadence(lag_business_days=1, calendar="xnys"), "2026-10-09", "2026-10-12"),  # and stocks are not
        (cadence(lag_business_days=1), "2025-04-17", "2025-04-18"),  # Good Friday is no federal holiday
        (cadence(lag_business_days=1, calendar="sifma_us"), "2025-04-17", "2025-04-21"),
        (cadence(lag_business_days=1, calendar="xnys"), "2025-04-17", "2025-04-21"),
        (cadence(lag_business_days=1, calendar="target"), "2025-04-17", "2025-04-22"),  # nor is Easter Monday open
        (cadence(lag_business_days=1), "2026-12-31", "2027-01-04"),
        (cadence(lag_business_days=1), "2021-12-30", "2022-01-03"),  # New Year's Day was kept on the Friday
        (H41, "2026-11-18", "2026-11-19"),
        (H41, "2026-11-25", "2026-11-27"),  # Thursday is Thanksgiving
        (H41, "2024-12-25", "2024-12-26"),  # the Wednesday itself is a holiday
        (NFCI, "2026-11-13", "2026-11-18"),
        (NFCI, "2026-11-06", "2026-11-12"),  # Veterans Day on the Wednesday
        (NFCI, "2026-01-16", "2026-01-22"),  # a holiday on the Monday
        (NFCI, "2026-11-20", "2026-11-25"),  # a holiday on the Thursday is too late to matter
        (cadence("month"), "2026-10-31", "2026-11-02"),  # a Saturday
        (cadence("month", calendar="always"), "2026-10-31", "2026-10-31"),
        (cadence("month", lag_business_days=4), "2026-10-31", "2026-11-05"),
        (cadence("month", lag_days=10, lag_business_days=1), "2026-10-31", "2026-11-12"),  # over Veterans Day
        (cadence("quarter", lag_days=70, at="12:00"), "2026-09-30", "2026-12-09"),
        (cadence("half_year", lag_days=40), "2026-06-30", "2026-08-10"),
        (cadence("year", lag_days=50), "2026-12-31", "2027-02-19"),
    ],
)
def test_a_period_is_due_on_the_day_that_its_rule_says(rule, period_end, expected):
    assert due_day(rule, period_end) == date.fromisoformat(expected)


@pytest.mark.parametrize(
    ("every", "ends"),
    [
        ("quarter", ["2026-03-31", "2026-06-30", "2026-09-30", "2026-12-31"]),
        ("half_year", ["2026-06-30", "2026-12-31", "2027-06-30"]),
        ("year", ["2026-12-31", "2027-12-31"]),
        ("month", ["2026-01-31", "2026-02-28", "2026-03-31"]),
    ],
)
def test_periods_end_with_their_last_month(every, ends):
    rule, now, found = cadence(every), at("2026-01-15 12:00"), []
    for _ in ends:
        coming = calendar.next_due(rule, now)
        found.append(str(coming.period_end))
        now = coming.due_at
    assert found == ends


def test_the_last_and_the_next_meet_at_the_instant_itself():
    instant = at("2026-11-27 16:30")
    moment = timedelta(microseconds=1)
    assert calendar.next_due(H41, instant - moment).due_at == instant
    assert calendar.last_due(H41, instant - moment).period_end == date(2026, 11, 18)
    assert calendar.last_due(H41, instant).period_end == date(2026, 11, 25)
    assert calendar.next_due(H41, instant).period_end == date(2026, 12, 2)


def test_what_comes_when_it_comes_is_never_due():
    irregular = cadence("irregular")
    assert calendar.last_due(irregular, at("2026-11-24 12:00")) is None
    assert calendar.next_due(irregular, at("2026-11-24 12:00")) is None


def test_every_registered_table_is_due_at_any_instant():
    tables = sources.tables()
    assert tables

    @settings(max_examples=60, deadline=None)
    @given(now=INSTANTS)
    def holds(now):
        for source, table in tables:
            rule, name = table.cadence, f"{source.code}.{table.name}"
            last, coming = calendar.last_due(rule, now), calendar.next_due(rule, now)
            assert (last is None) == (coming is None) == (rule.due.every == "irregular"), name
            if last:
                assert last.due_at <= now < coming.due_at, name
                assert last.period_end < coming.period_end, name
                assert last.late_at >= last.due_at, name
            for newest in (None, now.date(), now.date() - timedelta(days=40)):
                for landed in (True, False):
                    _, reason = calendar.state_of(rule, newest, now, landed)
                    assert reason.endswith("."), name
            assert not calendar.is_publishing_day(rule, now) or calendar.not_due_today(rule, now) is None, name

    holds()


DUES = st.builds(
    lambda every, weekday, **due: Due(
        every=every, weekday=weekday if every == "week" else None, not_due="Nothing.", **due
    ),
    every=st.sampled_from(["day", "business_day", "week", "month", "quarter", "half_year", "year"]),
    weekday=st.integers(0, 6),
    calendar=st.sampled_from(["always", "us_federal", "sifma_us", "xnys", "target"]),
    lag_days=st.integers(0, 150),
    lag_business_days=st.integers(0, 12),
    at=st.sampled_from(["00:00", "02:30", "16:00", "23:59"]),
    grace_hours=st.sampled_from([0.0, 24.0, 24.0 * 30]),
    schedule=st.sampled_from([None, "tic"]),
)


@settings(max_examples=300, deadline=None)
@given(due=DUES, zone=st.sampled_from(["America/New_York", "UTC", "Asia/Tokyo"]), now=INSTANTS)
def test_any_rule_gives_a_last_and_a_next_period(due, zone, now):
    rule = Cadence(cron="0 0 * * *", stale_after_days=1, due=due, timezone=zone)
    last, coming = calendar.last_due(rule, now), calendar.next_due(rule, now)
    assert last.due_at <= now < coming.due_at
    assert last.period_end < coming.period_end
    assert standing(rule, last.period_end, now)[0] == "fresh"
    assert standing(rule, last.period_end - timedelta(days=1200), now)[0] in {"due", "late"}


@settings(max_examples=100, deadline=None)
@given(
    due=DUES | st.just(Due(every="irregular", not_due="It comes when it comes.")), now=INSTANTS, age=st.integers(0, 900)
)
def test_what_is_late_is_late_since_an_instant_that_has_passed_and_nothing_else_is(due, now, age):
    rule = Cadence(cron="0 0 * * *", stale_after_days=30, due=due, timezone="America/New_York")
    newest = now.date() - timedelta(days=age)
    since = calendar.late_since(rule, newest, now)
    assert (standing(rule, newest, now)[0] == "late") == (since is not None)
    assert since is None or since <= now


# ----------------------------------------------------------------------------------------- published schedules

TIC = cadence("month", lag_days=50, at="16:00", schedule="tic")


@pytest.fixture
def seeded(monkeypatch, tmp_path):
    """Write a seed of one's own and use it."""

    def write(*lines: str):
        path = tmp_path / "schedules.csv"
        path.write_text("\n".join([",".join(calendar.SEED_COLUMNS), *lines]) + "\n")
        monkeypatch.setattr(calendar, "seed", lambda: path)
        return path

    return write


def test_the_publishers_calendar_goes_before_the_rule():
    assert due_day(TIC, "2026-09-30") == date(2026, 11, 18)  # by the rule the 19th
    assert due_day(TIC, "2026-05-31") == date(2026, 7, 14)
    assert due_day(TIC, "2026-11-30") == date(2027, 1, 19)  # the calendar ends before; the 19th is a Tuesday


def test_the_seed_lists_the_releases_of_2026():
    listed = calendar.schedules()["tic"]
    months = [
        "11-30",
        "12-31",
        "01-31",
        "02-28",
        "03-31",
        "04-30",
        "05-31",
        "06-30",
        "07-31",
        "08-31",
        "09-30",
        "10-31",
    ]
    days = ["01-15", "02-18", "03-18", "04-15", "05-18", "06-18", "07-14", "08-17", "09-16", "10-16", "11-18", "12-15"]
    years = [2025] * 2 + [2026] * 10
    assert listed == {
        date.fromisoformat(f"{year}-{end}"): date.fromisoformat(f"2026-{day}")
        for year, end, day in zip(years, months, days, strict=True)
    }


def test_every_line_of_the_seed_has_its_source():
    lines = calendar.seed().read_text().splitlines()
    assert len(lines) > 12
    for line in lines[1:]:
        _, end, release, url, note = line.split(",", 4)
        assert url.startswith("https://"), line
        assert note, line
        assert timedelta(0) < date.fromisoformat(release) - date.fromisoformat(end) < timedelta(days=200), line


def test_a_schedule_that_a_table_follows_lists_ends_of_its_periods():
    followed = [t.cadence for _, t in sources.tables() if t.cadence.due.schedule]
    for rule in [TIC, *followed]:
        listed = calendar.schedules()[rule.due.schedule]
        instants = [at(f"{release} {rule.due.at}", ZoneInfo(rule.timezone)) for release in listed.values()]
        met = [end for end, instant in zip(listed, instants, strict=True) if is_met(rule, end, instant)]
        assert met  # a table of years may follow the schedule of months
        assert rule is not TIC or met == list(listed)


def is_met(rule: Cadence, end: date, instant: datetime) -> bool:
    found = calendar.last_due(rule, instant)
    return (found.period_end, found.due_at) == (end, instant)


def test_a_schedule_that_a_known_at_rule_names_is_there():
    for source, table in sources.tables():
        for name in re.findall(r"scheduled_release\(\s*'([^']*)'", table.known_at.sql + table.known_at.pit_quality):
            assert name in calendar.schedules(), f"{source.code}.{table.name}"


def test_a_release_that_slips_behind_the_next_one_keeps_the_order_of_periods(seeded):
    seeded("tic,2025-08-31,2025-11-20,https://e.org,a shutdown", "tic,2025-09-30,2025-11-18,https://e.org,on time")
    before = at("2025-11-17 12:00")
    assert calendar.last_due(TIC, before).period_end == date(2025, 7, 31)
    assert calendar.next_due(TIC, before).period_end == date(2025, 9, 30)
    assert calendar.last_due(TIC, at("2025-11-19 12:00")).period_end == date(2025, 9, 30)
    assert calendar.next_due(TIC, at("2025-11-19 12:00")).period_end == date(2025, 10, 31)


def test_a_period_that_its_publisher_skips_is_never_due_and_the_status_says_so(seeded):
    seeded("tic,2025-09-30,,https://e.org,a shutdown", "tic,2025-10-31,2025-12-18,https://e.org,announced")
    now = at("2025-12-01 12:00")  # by the rule September was due on 19 November
    assert calendar.last_due(TIC, now).period_end == date(2025, 8, 31)
    assert calendar.next_due(TIC, now).period_end == date(2025, 10, 31)
    state, reason = calendar.state_of(TIC, date(2025, 8, 31), now, first_landed=True)
    assert state == "fresh"
    assert (
        "The period to 2025-09-30 is skipped by its publisher. The next, to 2025-10-31, is due Thu 2025-12-18" in reason
    )
    assert calendar.late_since(TIC, date(2025, 8, 31), now) is None
    assert (
        calendar.late_since(TIC, date(2025, 8, 31), at("2026-02-01 12:00"))
        == calendar.last_due(TIC, at("2025-12-19 12:00")).late_at
    )


def test_a_table_is_late_since_its_oldest_missing_period_was(seeded):
    seeded()
    rule = cadence("business_day", at="16:00", grace_hours=24)
    assert calendar.late_since(rule, date(2025, 12, 3), at("2025-12-04 15:59")) is None
    assert calendar.late_since(rule, date(2025, 12, 3), at("2025-12-05 16:00")) == at("2025-12-05 16:00")
    assert calendar.late_since(rule, date(2025, 12, 3), at("2025-12-11 12:00")) == at("2025-12-05 16:00")
    assert calendar.late_since(rule, date(2025, 11, 26), at("2025-11-28 12:00")) is None  # the 27th is Thanksgiving


def test_a_period_can_be_announced_before_it_ends(seeded):
    seeded("estimates,2026-12-31,2026-11-02,https://e.org,announced")
    rule = cadence("quarter", at="15:00", schedule="estimates")
    assert calendar.next_due(rule, at("2026-11-02 14:59")).period_end == date(2026, 12, 31)
    assert calendar.last_due(rule, at("2026-11-02 15:00")).period_end == date(2026, 12, 31)
    assert calendar.next_due(rule, at("2026-11-02 15:00")).period_end == date(2027, 3, 31)


def test_a_schedule_that_there_is_not_is_named():
    with pytest.raises(ConfigurationError, match="one of bea_gdp, bis_gli, imf_cofer, tic; got 'tick'"):
        calendar.last_due(cadence("month", schedule="tick"), at("2026-11-24 12:00"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("tic,2026-01-31,soon,https://e.org,x", "line 2, cannot be read"),
        ("tic,2026-01-31", "line 2, cannot be read"),
        ("tic,2026-01-31,2026-03-18,https://e.org", "line 2, does not fit the header"),
        ("tic,2026-01-31,2026-03-18,https://e.org,one,two", "line 2, does not fit the header"),
        ("tic,2026-01-31,2026-03-18,u,n\ntic,2026-01-31,2026-03-19,u,n", "line 3, lists tic 2026-01-31 again"),
    ],
)
def test_a_broken_seed_is_refused_by_line(seeded, line, message):
    seeded(line)
    with pytest.raises(ConfigurationError, match=message):
        calendar.schedules()


def test_a_seed_of_another_shape_or_none_is_refused(seeded, tmp_path):
    seeded("").write_text("schedule,period_end\n")
    with pytest.raises(ConfigurationError, match="another header"):
        calendar.schedules()
    with pytest.raises(ConfigurationError, match="WAREHOUSE_PROJECT"):
        calendar.read_schedules(tmp_path / "none.csv")


# -------------------------------------------------------------------------------------------------------- states


@pytest.mark.parametrize(
    ("now", "newest", "state"),
    [
        ("2026-11-27 16:29", "2026-11-18", "fresh"),  # Friday's release is not out yet
        ("2026-11-27 16:30", "2026-11-18", "due"),
        ("2026-11-27 16:30", "2026-11-25", "fresh"),
        ("2026-11-28 16:29", "2026-11-18", "due"),
        ("2026-11-28 16:30", "2026-11-18", "late"),
        ("2026-11-28 16:30", None, "late"),
        ("2026-11-28 16:30", "2026-12-02", "fresh"),
    ],
)
def test_a_period_is_due_until_its_grace_is_over_and_then_late(now, newest, state):
    found, reason = standing(H41, newest and date.fromisoformat(newest), at(now))
    assert found == state
    assert reason.endswith(".")


def test_the_reason_names_the_period_and_the_instants_of_the_tables_own_clock():
    assert standing(H41, date(2026, 11, 18), at("2026-11-28 17:00")) == (
        "late",
        (
            "The period to 2026-11-25 was due Fri 2026-11-27 16:30 New York and late from Sat 2026-11-28 16:30 New York. "
            "The newest here is of 2026-11-18. The next, to 2026-12-02, is due Thu 2026-12-03 16:30 New York."
        ),
    )
    assert standing(H41, date(2026, 11, 25), at("2026-11-28 17:00")) == (
        "fresh",
        (
            "The period to 2026-11-25 was due Fri 2026-11-27 16:30 New York and is here. "
            "The next, to 2026-12-02, is due Thu 2026-12-03 16:30 New York."
        ),
    )
    state, reason = standing(
        cadence("day", calendar="always", lag_days=1, at="00:10", timezone="UTC"),
        date(2026, 7, 23),
        datetime(2026, 7, 25, 1, tzinfo=UTC),
    )
    assert state == "due"
    assert "due Sat 2026-07-25 00:10 UTC and is late from Sun 2026-07-26 00:10 UTC" in reason


def test_long_grace_hides_no_period_that_is_older():
    daily = cadence(at="16:00", grace_hours=72)
    assert standing(daily, date(2026, 11, 18), at("2026-11-20 17:00"))[0] == "due"
    assert standing(daily, date(2026, 11, 10), at("2026-11-20 17:00"))[0] == "late"


def test_the_last_trading_day_stands_for_a_month_that_ends_on_a_weekend():
    monthly = cadence("month", lag_days=10)
    now = at("2026-11-20 12:00")
    assert standing(monthly, date(2026, 10, 30), now)[0] == "fresh"
    assert standing(monthly, date(2026, 9, 30), now)[0] == "late"
    daily = cadence(calendar="always", at="16:00")
    assert standing(daily, date(2026, 11, 18), now)[0] == "due"


def test_what_never_landed_says_when_it_was_due():
    state, reason = calendar.state_of(H41, None, at("2026-11-24 12:00"), first_landed=False)
    assert state == "never landed"
    assert "The period to 2026-11-18 was due Thu 2026-11-19 16:30 New York." in reason


def test_what_has_no_calendar_is_judged_by_its_age():
    filings = cadence("irregular", stale_after_days=120)
    now = at("2026-11-24 12:00")
    assert standing(filings, date(2026, 9, 30), now) == (
        "not due",
        "Nothing is published on such a day.",
    )
    state, reason = standing(filings, date(2026, 6, 30), now)
    assert state == "late"
    assert reason.startswith("The newest here is of 2026-06-30, 147 days ago; it counts as late after 120.")
    assert standing(filings, None, now)[0] == "not due"
    assert calendar.state_of(filings, None, now, first_landed=False)[0] == "never landed"


# ------------------------------------------------------------------------------------------------ days of asking


def test_a_publisher_is_left_alone_on_its_holidays():
    daily = cadence(calendar="sifma_us")
    assert calendar.is_publishing_day(daily, at("2026-11-25 12:00"))
    assert not calendar.is_publishing_day(daily, at("2026-11-26 12:00"))
    assert (
        calendar.not_due_today(daily, at("2026-11-26 12:00"))
        == "Thursday 2026-11-26 is Thanksgiving Day. Nothing is published on such a day."
    )
    assert calendar.not_due_today(daily, at("2026-11-28 12:00")).startswith("Saturday 2026-11-28 is no business day.")
    assert calendar.is_publishing_day(cadence("day", calendar="always"), at("2026-11-26 12:00"))


def test_the_day_is_the_publishers_own():
    evening = datetime(2026, 11, 28, 2, tzinfo=UTC)  # Friday evening in New York, Saturday in UTC
    assert calendar.is_publishing_day(cadence(), evening)
    assert not calendar.is_publishing_day(cadence(timezone="UTC"), evening)


def test_a_published_schedule_leaves_its_release_days_alone():
    assert calendar.is_publishing_day(TIC, at("2026-11-18 16:30"))
    assert not calendar.is_publishing_day(TIC, at("2026-11-20 16:30"))
    assert calendar.not_due_today(TIC, at("2026-11-20 16:30")).startswith(
        "Friday 2026-11-20 is no release day; the next is Tuesday 2026-12-15."
    )
    assert calendar.is_publishing_day(TIC, at("2027-01-19 16:30"))  # beyond what the schedule lists every business day


def test_an_announced_release_that_slips_is_asked_for_until_its_grace_is_over():
    slow = cadence("month", lag_days=50, at="16:00", schedule="tic", grace_hours=72)
    assert calendar.not_due_today(slow, at("2026-11-21 15:59")) is None
    assert calendar.not_due_today(slow, at("2026-11-21 15:59"), newest_period_end=date(2026, 9, 30))  # it is here
    assert calendar.not_due_today(slow, at("2026-11-21 16:00"))
    assert calendar.not_due_today(slow, at("2026-11-21 16:00"), newest_period_end=date(2026, 8, 31)) is None


def test_what_is_outstanding_is_asked_for_on_any_day():
    saturday = at("2026-11-28 17:00")
    asked = {"before": at("2026-11-27 16:00"), "after": at("2026-11-27 16:45")}
    assert calendar.not_due_today(H41, saturday, asked_at=asked["before"]) is None
    assert calendar.not_due_today(H41, saturday, asked_at=asked["after"])
    assert calendar.not_due_today(H41, saturday, newest_period_end=date(2026, 11, 18)) is None
    assert calendar.not_due_today(H41, saturday, newest_period_end=date(2026, 11, 25))
    filings = cadence("irregular", stale_after_days=1)
    assert calendar.not_due_today(filings, saturday, newest_period_end=date(2026, 1, 1), asked_at=asked["before"])


# ------------------------------------------------------------------------------------------- known_at, in SQL


@pytest.fixture
def ask():
    with duckdb.connect() as connection:
        versions.give_macros(connection)
        yield lambda sql: connection.execute(sql).fetchall()


def test_business_days_of_sql_are_those_of_the_deadlines(ask):
    found = ask(
        "select d::date, list_transform(range(1, 11), lambda n: n), "
        + ", ".join(f"after_business_days(d::date, {n})" for n in range(1, 11))
        + " from range(date '2019-12-20', date '2029-01-10', interval 1 day) as days(d)"
    )
    assert len(found) > 3000
    for day, _, *following in found:
        expected, each = [], day
        while len(expected) < 10:
            each += timedelta(days=1)
            if calendar.is_open("us_federal", each):
                expected.append(each)
        assert following == expected, day


def test_business_days_reach_from_1900_to_2099_and_count_to_ten(ask):
    assert ask("select after_business_days(date '1926-07-02', 1), after_business_days(date '2099-12-30', 1)") == [
        (date(1926, 7, 6), date(2099, 12, 31))  # the 4th, a Sunday, was kept on the Monday
    ]
    assert ask("select after_business_days(date '1850-01-01', 1)") == [(None,)]
    for n in (0, 11):
        with pytest.raises(duckdb.Error, match=f"from 1 to 10 days, not {n}"):
            ask(f"select after_business_days(date '2026-01-01', {n})")


def test_a_scheduled_release_is_null_where_none_is_listed(ask):
    assert ask(
        "select scheduled_release('tic', date '2026-09-30'), scheduled_release('tic', date '2030-09-30'), "
        "coalesce(scheduled_release('tic', date '2024-09-30'), date '2024-09-30' + 50), scheduled_release('tic', null)"
    ) == [(date(2026, 11, 18), None, date(2024, 11, 19), None)]
    with pytest.raises(duckdb.Error, match="has no schedule tick"):
        ask("select scheduled_release('tick', date '2026-09-30')")


def test_a_callers_columns_are_not_mistaken_for_those_of_the_calendars(ask):
    names = (
        "schedule",
        "period_end",
        "release_date",
        "calendar_date",
        "on_date",
        "n",
        "for_schedule",
        "for_period_end",
    )
    columns = ", ".join(f"date '2026-09-30' as {name}" for name in names)
    for name in names:
        assert ask(
            f"select scheduled_release('tic', {name}), after_business_days({name}, 1) from (select {columns})"
        ) == [(date(2026, 11, 18), date(2026, 10, 1))]
