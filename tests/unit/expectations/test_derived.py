"""What follows from a contract alone, shown on the toy table."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from expectations import Waiver, incoming_suites, suite
from tests.unit.toy import toy_source
from warehouse import sources
from warehouse.contract import Column
from warehouse.errors import ConfigurationError
from warehouse.validation import judge

SOURCE = toy_source("https://toy.example")
RATES = SOURCE.tables[0]
DAYS = "select date '2026-01-01' + i::integer as day, 1 + i / 100 as rate_pct from range(100) as r(i)"
LATER = {"_fetch_id": "'20260726T000000000000Z-ba9876543210'", "fetched_at": "timestamptz '2026-07-26 00:00:00+00'"}


@pytest.fixture
def toy_file(warehouse_file):
    warehouse_file.create([(SOURCE, RATES)])
    return warehouse_file


def failed(warehouse_file, one=None):
    (verdict,) = judge(warehouse_file.path, [one or suite(RATES, SOURCE)])
    return {f.expectation if f.column is None else f.column: f for f in verdict.findings if not f.success}


def test_a_first_batch_as_the_contract_promises_passes(toy_file):
    toy_file.fill("toy__rates", DAYS)
    assert failed(toy_file) == {}


def test_an_empty_batch_is_refused(toy_file):
    assert set(failed(toy_file)) == {"not_empty"}


@pytest.mark.parametrize(
    "column", ["day", "_partition", "_origin", "_source_url", "_source_sha256", "_fetch_id", "fetched_at"]
)
def test_a_required_column_or_stamp_that_is_null_fails(toy_file, column):
    toy_file.fill("toy__rates", DAYS)
    toy_file.run(f"update incoming.toy__rates set {column} = null where day = '2026-01-05'")
    assert failed(toy_file)[column].unexpected_count == 1


def test_an_optional_column_may_be_null(toy_file):
    toy_file.fill("toy__rates", DAYS)
    toy_file.run("update incoming.toy__rates set rate_pct = null")
    assert failed(toy_file) == {}


def test_an_unknown_origin_fails(toy_file):
    toy_file.fill("toy__rates", DAYS, _origin="'guessed'")
    assert set(failed(toy_file)) == {"_origin"}


def test_a_key_that_a_fetch_brings_twice_fails(toy_file):
    toy_file.fill("toy__rates", DAYS)
    toy_file.fill("toy__rates", "select date '2026-01-07' as day, 9 as rate_pct")
    assert "day=2026-01-07" in failed(toy_file)["one_row_per_key"].detail


def test_a_key_that_two_pending_fetches_bring_is_no_duplicate(toy_file):
    toy_file.fill("toy__rates", DAYS)
    toy_file.fill("toy__rates", DAYS, **LATER)
    assert failed(toy_file) == {}


def test_a_duplicate_whose_key_holds_a_null_fails_too(warehouse_file):
    started = Column(name="started", type="DATE", description="Null for an instant.")
    columns = (*RATES.columns, started)
    instants = type(RATES)(
        **{**vars(RATES), "columns": columns, "grain": ("day", "started"), "about": ("started", "day")}
    )
    warehouse_file.create([(SOURCE, instants)])
    warehouse_file.fill(
        "toy__rates", f"select *, null::date as started from ({DAYS} union all by name {DAYS} limit 101)"
    )
    assert set(failed(warehouse_file, suite(instants, SOURCE))) == {"one_row_per_key"}


def test_a_period_that_ends_before_it_starts_fails(warehouse_file):
    backwards = type(RATES)(**{**vars(RATES), "about": ("day + 1", "day")})
    warehouse_file.create([(SOURCE, backwards)])
    warehouse_file.fill("toy__rates", DAYS)
    assert set(failed(warehouse_file, suite(backwards, SOURCE))) == {"periods_in_order"}


@pytest.mark.parametrize(("lost", "stops"), [(0, False), (4, False), (5, True), (60, True)])
def test_a_history_that_lost_more_than_one_in_a_hundred_stops(toy_file, lost, stops):
    toy_file.fill("toy__rates", DAYS)
    toy_file.promote("toy__rates")
    toy_file.run(f"delete from incoming.toy__rates where day > '2026-01-01' and day < date '2026-01-02' + {lost}")
    found = failed(toy_file)
    assert set(found) - {"no_gap_in_the_calendar"} == ({"history_not_shrunken"} if stops else set())
    if stops:
        assert found["history_not_shrunken"].severity == "critical"
        assert f"known_count=100, lacking_count={lost}" in found["history_not_shrunken"].detail


@pytest.mark.parametrize(("lost", "said"), [(0, False), (4, False), (5, True), (60, True)])
def test_a_past_that_the_publisher_cut_off_is_said_and_does_not_stop(toy_file, lost, said):
    toy_file.fill("toy__rates", DAYS)
    toy_file.promote("toy__rates")
    toy_file.run(f"delete from incoming.toy__rates where day < date '2026-01-01' + {lost}")
    found = failed(toy_file)
    assert set(found) == ({"history_not_truncated"} if said else set())
    assert all(finding.severity == "warning" for finding in found.values())


def test_a_shrunken_fetch_stops_even_when_a_whole_one_follows(toy_file):
    toy_file.fill("toy__rates", DAYS)
    toy_file.promote("toy__rates")
    toy_file.run("delete from incoming.toy__rates where day > '2026-02-01'")
    toy_file.fill("toy__rates", DAYS, **LATER)
    assert failed(toy_file)["history_not_shrunken"].unexpected_count == 1


def test_another_partition_does_not_count_as_lost(toy_file):
    toy_file.fill("toy__rates", DAYS)
    toy_file.promote("toy__rates", _partition="'another'")
    toy_file.run("delete from incoming.toy__rates where day > '2026-02-01'")
    assert failed(toy_file) == {}


def test_what_was_withdrawn_before_does_not_count_as_lost(toy_file):
    toy_file.fill("toy__rates", DAYS)
    toy_file.promote("toy__rates")
    toy_file.run(
        """
        insert into raw.toy__rates by name
        select * replace (true as _is_deleted, ingested_at + interval 1 hour as ingested_at) from raw.toy__rates
        where day > '2026-02-01'
        """,
        "delete from incoming.toy__rates where day > '2026-02-01'",
    )
    assert failed(toy_file) == {}


@pytest.mark.parametrize(("restated", "said"), [(20, False), (21, True)])
def test_a_fetch_that_changes_more_than_a_fifth_of_the_past_is_said_and_does_not_stop(toy_file, restated, said):
    toy_file.fill("toy__rates", DAYS)
    toy_file.promote("toy__rates")
    toy_file.run(
        f"update incoming.toy__rates set rate_pct = rate_pct + 0.01 * (1 + day(day) % 5) where day < date '2026-01-01' + {restated}"
    )
    found = failed(toy_file)
    assert set(found) == ({"history_not_restated"} if said else set())
    assert all(f.severity == "warning" for f in found.values())


def test_new_keys_are_neither_lost_nor_restated(toy_file):
    toy_file.fill("toy__rates", DAYS)
    toy_file.promote("toy__rates")
    toy_file.fill("toy__rates", "select day + 1000 as day, rate_pct from (" + DAYS + ")")
    assert failed(toy_file) == {}


def test_a_source_without_a_module_of_its_own_is_judged_by_its_contract(monkeypatch):
    monkeypatch.setattr(sources, "sources", lambda: {"toy": SOURCE})
    assert set(incoming_suites()) == {("toy", "rates")}


# --------------------------------------------------------------------------------------- a past that has a shape

WALK = """
    select date '2020-01-01' + i::integer as day, round(50 + 10 * sin(i / 9) + hash(i) % 100 / 50, 2) as rate_pct
    from range(400) as r(i)
"""


@pytest.fixture
def walked(toy_file):
    """The file after a fetch of 400 days that wander between 40 and 62, and with the same days incoming."""
    toy_file.fill("toy__rates", WALK)
    toy_file.promote("toy__rates")
    return toy_file


def changed(walked, assignment, where="true"):
    walked.run(f"update incoming.toy__rates set {assignment} where {where}")
    return failed(walked)


def added(walked, rates, first=400):
    """Return what is found when these rates are said of the days that follow."""
    values = ", ".join(f"({first + n}, {rate})" for n, rate in enumerate(rates))
    walked.fill(
        "toy__rates",
        f"select date '2020-01-01' + i as day, rate::double as rate_pct from (values {values}) as t(i, rate)",
    )
    return failed(walked)


def severities(found):
    return {name: finding.severity for name, finding in found.items()}


def test_the_same_days_again_pass(walked):
    assert failed(walked) == {}


def test_a_figure_in_twenty_that_went_empty_stops(walked):
    assert changed(walked, "rate_pct = null", "day < date '2020-01-21'") == {}
    assert (
        severities(changed(walked, "rate_pct = null", "day < date '2020-01-22'"))["history_keeps_its_values"]
        == "critical"
    )


@pytest.mark.parametrize("factor", ["1000", "0.001", "100", "10", "-1"])
def test_a_unit_that_slipped_stops_even_of_five_figures(walked, factor):
    found = changed(walked, f"rate_pct = rate_pct * {factor}", "day < date '2020-01-06'")
    assert severities(found)["history_keeps_its_unit"] == "critical"
    assert "changed_count=5" in found["history_keeps_its_unit"].detail


def test_a_unit_that_slipped_is_seen_among_figures_that_are_drawn_anew(walked):
    """All of the past moves by thousandths, and its last thirty days by a hundred as well."""
    factor = "(1 + (day(day) % 7 - 3) / 1000) * case when day > date '2021-01-03' then 100 else 1 end"
    found = changed(walked, f"rate_pct = rate_pct * {factor}")
    assert severities(found)["history_keeps_its_unit"] == "critical"


def test_figures_that_moved_much_each_by_itself_are_no_other_unit(walked):
    found = changed(walked, "rate_pct = rate_pct * (3 + day(day) % 20)", "day > date '2021-01-03'")
    assert "history_keeps_its_unit" not in found


def test_a_year_of_many_that_is_shifted_stops(walked):
    walked.run(
        "update incoming.toy__rates set rate_pct = raw.rate_pct from raw.toy__rates as raw "
        "where incoming.toy__rates.day = raw.day + 1 and raw.day > date '2020-12-24'",
    )
    assert severities(failed(walked))["periods_not_shifted"] == "critical"


def test_a_figure_that_always_moves_and_stands_still_stops(walked):
    assert severities(added(walked, [51.5] * 5)) == {"news_is_not_frozen": "critical"}
    assert added(walked, [51.6], first=405) == {}


def test_a_steady_series_that_ends_at_nothing_is_no_slip(walked):
    assert "news_keeps_its_unit" not in added(walked, [0])


def test_four_figures_that_slipped_may_be_corrections(walked):
    assert "history_keeps_its_unit" not in changed(walked, "rate_pct = rate_pct * 1000", "day < date '2020-01-05'")


@pytest.mark.parametrize(("factor", "stops"), [("1.004", False), ("1.1", True), ("0.86", True)])
def test_one_factor_for_many_figures_stops(walked, factor, stops):
    found = changed(walked, f"rate_pct = rate_pct * {factor}", "day < date '2020-02-10'")
    assert ("history_not_rescaled" in found) is stops


def test_how_much_of_the_past_moved_and_by_how_much_is_said(walked):
    found = changed(walked, "rate_pct = rate_pct * (1 + (day(day) % 7 - 3) / 1000)", "day < date '2020-05-01'")
    assert severities(found) == {"history_not_restated": "warning"}
    said = found["history_not_restated"].detail
    assert "changed_share=0.258" in said
    assert "first_changed=2020-01-01, last_changed=2020-04-30" in said
    assert "median_move_ratio=0.00" in said
    assert "largest_move_ratio=0.003" in said


@pytest.mark.parametrize(("years", "said"), [(4, False), (6, True)])
def test_most_of_a_long_stretch_is_said_however_long_the_series(toy_file, years, said):
    toy_file.fill(
        "toy__rates",
        "select date '1960-01-01' + i::integer as day, 50 + hash(i) % 1000 / 100 as rate_pct from range(22000) as r(i)",
    )
    toy_file.promote("toy__rates")
    toy_file.run(
        "update incoming.toy__rates set rate_pct = rate_pct + 0.01 * (1 + day(day) % 5) "
        f"where year(day) between 1970 and {1970 + years - 1}"
    )
    assert set(failed(toy_file)) == ({"history_not_restated"} if said else set())


@pytest.mark.parametrize(("days", "stops"), [(4, False), (5, True)])
@pytest.mark.parametrize("is_first", [False, True])
def test_a_hole_in_the_calendar_stops_and_is_said_of_what_lands_for_the_first_time(toy_file, days, stops, is_first):
    if not is_first:
        toy_file.fill("toy__rates", f"select * from ({WALK}) where day < '2020-02-20'")
        toy_file.promote("toy__rates")
        toy_file.run("delete from incoming.toy__rates")
    toy_file.fill(
        "toy__rates", f"select * from ({WALK}) where day not between '2020-03-01' and date '2020-02-29' + {days}"
    )
    expected = {"no_gap_in_a_first_fetch": "warning"} if is_first else {"no_gap_in_the_calendar": "critical"}
    assert severities(failed(toy_file)) == (expected if stops else {})


def test_a_hole_that_was_let_through_once_is_not_said_again(toy_file):
    toy_file.fill("toy__rates", f"select * from ({WALK}) where day not between '2020-03-01' and '2020-03-20'")
    toy_file.promote("toy__rates")
    assert failed(toy_file) == {}
    toy_file.run("delete from raw.toy__rates where day = '2020-03-21'")
    assert set(failed(toy_file)) == {"no_gap_in_the_calendar"}


def test_a_hole_that_was_withdrawn_and_let_through_is_not_said_again(toy_file):
    toy_file.fill("toy__rates", WALK)
    toy_file.promote("toy__rates")
    toy_file.run(
        "insert into raw.toy__rates by name select * replace (true as _is_deleted, ingested_at + interval 1 day as "
        "ingested_at) from raw.toy__rates where day between '2020-03-01' and '2020-03-20'",
        "delete from incoming.toy__rates where day between '2020-03-01' and '2020-03-20'",
    )
    assert failed(toy_file) == {}


def test_days_on_which_the_publisher_is_closed_are_no_hole(warehouse_file):
    due = replace(RATES.cadence.due, every="business_day", calendar="us_federal")
    table = replace(RATES, cadence=replace(RATES.cadence, due=due))
    warehouse_file.create([(SOURCE, table)])
    weekdays = f"select * from ({WALK}) where isodow(day) < 6 and day not between '2020-12-2{{}}' and '2020-12-31'"
    warehouse_file.fill("toy__rates", weekdays.format(5))
    assert failed(warehouse_file, suite(table, SOURCE)) == {}  # Christmas, then four business days
    warehouse_file.run("delete from incoming.toy__rates where day = '2020-12-24'")
    assert set(failed(warehouse_file, suite(table, SOURCE))) == {"no_gap_in_a_first_fetch"}


def test_an_older_file_stops(walked):
    walked.run("delete from incoming.toy__rates where day = (select max(day) from incoming.toy__rates)")
    assert severities(failed(walked)) == {"newest_period_kept": "critical"}


@pytest.mark.parametrize(
    ("rates", "finding"),
    [
        ([51.3], None),
        ([51300], "news_keeps_its_unit"),
        ([0.51], "news_keeps_its_unit"),
        ([-51.3], "news_keeps_its_unit"),
        ([-51.3, 51.2, 51.1, 51.4], None),
    ],
)
def test_what_is_new_in_another_unit_stops(walked, rates, finding):
    found = added(walked, rates)
    assert {n for n, f in found.items() if f.severity == "critical"} == ({finding} if finding else set())


@pytest.mark.parametrize(("rates", "said"), [([150], True), ([90], False), ([45, 61, 45, 61, 45, 61], True)])
def test_what_is_new_far_from_the_past_or_in_larger_steps_is_said(walked, rates, said):
    assert severities(added(walked, rates)) == ({"news_within_the_past": "warning"} if said else {})


@pytest.mark.parametrize("by", [-1, 1])
def test_a_file_shifted_by_one_period_stops(walked, by):
    walked.run(f"update incoming.toy__rates set day = day + {by}")
    assert severities(failed(walked))["periods_not_shifted"] == "critical"


def test_a_constant_stops(walked):
    assert severities(changed(walked, "rate_pct = 51"))["series_not_flattened"] == "critical"


def test_figures_drawn_as_a_line_stop(walked):
    found = changed(
        walked, "rate_pct = 50 + 0.1 * (day - date '2020-06-01')", "day between '2020-06-01' and '2020-06-16'"
    )
    assert severities(found)["series_not_flattened"] == "critical"


def test_rounded_figures_that_come_back_after_others_are_no_line(toy_file):
    toy_file.fill(
        "toy__rates",
        "select date '2020-01-01' + i::integer as day, 50 + hash(i) % 10 + hash(-i) % 7 / 100 as rate_pct "
        "from range(400) as r(i)",
    )
    toy_file.promote("toy__rates")
    assert severities(changed(toy_file, "rate_pct = round(rate_pct)")) == {"history_not_restated": "warning"}


# ------------------------------------------------------------------------------------------------- several figures

COLUMNS = ("a", "b", "c", "d", "e")
WIDE = replace(
    RATES,
    columns=(
        RATES.columns[0],
        *(Column(name=n, type="DOUBLE", unit="percent", description="A rate.") for n in COLUMNS),
    ),
)
FIVE = "select date '2020-01-01' + i::integer as day, " + ", ".join(
    f"50 + hash(i * 10 + {n}) % 1000 / 100 as {name}" for n, name in enumerate(COLUMNS)
)


@pytest.fixture
def five(warehouse_file):
    """The file after a fetch of five rates, and with the same days incoming."""
    warehouse_file.create([(SOURCE, WIDE)])
    warehouse_file.fill("toy__rates", f"{FIVE} from range(100) as r(i)")
    warehouse_file.promote("toy__rates")
    return warehouse_file


def test_a_new_day_that_repeats_the_last_one_in_every_figure_stops(five):
    last = f"select day + 1 as day, * exclude (day) from ({FIVE} from range(99, 100) as r(i))"
    five.fill("toy__rates", last)
    found = failed(five, suite(WIDE, SOURCE))
    assert severities(found) == {"news_is_no_repetition": "critical"}
    five.run("update incoming.toy__rates set e = e + 0.01 where day = (select max(day) from incoming.toy__rates)")
    assert failed(five, suite(WIDE, SOURCE)) == {}


@pytest.mark.parametrize("assignment", ["b = a", "a = b, b = a"])
def test_a_figure_that_says_what_another_said_stops(five, assignment):
    five.run(f"update incoming.toy__rates set {assignment}")
    assert severities(failed(five, suite(WIDE, SOURCE)))["series_not_copied"] == "critical"


def test_figures_that_always_were_alike_are_no_copies(warehouse_file):
    warehouse_file.create([(SOURCE, WIDE)])
    warehouse_file.fill("toy__rates", f"select * replace (a as b) from ({FIVE} from range(100) as r(i))")
    warehouse_file.promote("toy__rates")
    assert failed(warehouse_file, suite(WIDE, SOURCE)) == {}


# ----------------------------------------------------------------------------------------------------- many series

MANY = replace(
    RATES,
    grain=("tenor", "day"),
    columns=(*RATES.columns, Column(name="tenor", type="VARCHAR", required=True, description="Which one.")),
)


@pytest.mark.parametrize(("kept", "stops"), [(10, False), (6, False), (5, True)])
def test_a_new_partition_with_half_of_the_series_stops(warehouse_file, kept, stops):
    warehouse_file.create([(SOURCE, MANY)])
    for month in (1, 2, 3, 4):
        said = (
            f"select date '2020-0{month}-01' + i::integer as day, 50 + hash(i, t) % 1000 / 100 as rate_pct, "
            f"t::varchar as tenor from range(28) as r(i), range({kept if month == 4 else 10}) as s(t)"
        )
        warehouse_file.run("delete from incoming.toy__rates")
        warehouse_file.fill("toy__rates", said, _partition=f"'2020-0{month}'")
        if month < 4:
            assert "universe_kept" not in failed(warehouse_file, suite(MANY, SOURCE))
            warehouse_file.promote("toy__rates")
    assert ("universe_kept" in failed(warehouse_file, suite(MANY, SOURCE))) is stops


# --------------------------------------------------------------------------------------------------------- let through


def test_a_price_that_is_rebased_as_a_rule_is_no_slip(walked):
    rates = replace(RATES, columns=tuple(replace(c, is_rebased=c.name == "rate_pct") for c in RATES.columns))
    walked.run("update incoming.toy__rates set rate_pct = rate_pct / 10")
    assert set(failed(walked, suite(rates, SOURCE))) == {"history_not_restated"}


def test_a_rebased_series_is_said_after_someone_let_it_through_and_stops_again_the_next_time(walked):
    fetched = date(2026, 7, 25)
    walked.run(f"update incoming.toy__rates set rate_pct = rate_pct * 1.5, fetched_at = '{fetched} 23:59:00+00'")
    for day, severity in ((fetched, "warning"), (fetched + timedelta(days=1), "critical")):
        waiver = Waiver(check="history_not_rescaled", fetched_on=day, because="2026-11-29: the index has another base.")
        found = failed(walked, suite(RATES, SOURCE, waivers=(waiver,)))
        assert found["history_not_rescaled"].severity == severity
    elsewhere = replace(waiver, fetched_on=fetched, partition="another")
    assert failed(walked, suite(RATES, SOURCE, waivers=(elsewhere,)))["history_not_rescaled"].severity == "critical"
    assert failed(walked, suite(RATES, SOURCE, waivers=(elsewhere, replace(elsewhere, partition="all")))).keys() == {
        "history_not_rescaled",
        "history_not_restated",
    }


def test_a_waiver_for_what_is_not_asked_is_refused():
    waiver = Waiver(check="history_not_shrunk", fetched_on=date(2026, 7, 25), because="2026-11-29: a slip.")
    with pytest.raises(ConfigurationError, match="history_not_shrunken"):
        suite(RATES, SOURCE, waivers=(waiver,))
