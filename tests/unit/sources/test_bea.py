"""No real file was ever seen: the fixture is made from what others read of it. Its output is ALFRED's recorded copy,
its investment is made up."""

import json
import re
import tracemalloc
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sources.conftest import response_of
from warehouse.errors import ContractViolation
from warehouse.sources import bea
from warehouse.versions import give_macros

GOOD = "bea/nipa_quarterly.csv"


def land(land_bodies, body) -> list[dict]:
    rows, quarantined = land_bodies("bea", "gdp", {bea.URL: body})
    assert quarantined == []
    return rows


def test_our_series_alone_are_landed_without_separators_of_thousands(land_bodies, fixture):
    rows = land(land_bodies, fixture(GOOD))
    assert {r["series_code"] for r in rows} == {"A191RC", "A006RC", "A007RC"}
    assert {r["period"]: r["value_usd_mn"] for r in rows if r["series_code"] == "A191RC"} == {
        "1947Q1": Decimal(243_164),
        "2024Q1": Decimal(28_624_069),
        "2024Q2": Decimal(29_016_714),
        "2024Q3": Decimal(29_349_924),
    }


@pytest.mark.parametrize("mark", ["", "---", "(NA)"])
def test_a_figure_that_is_not_published_is_null_and_not_zero(land_bodies, fixture, mark):
    rows = land(land_bodies, fixture(GOOD).decode().replace("28,624,069", mark))
    assert {r["value_usd_mn"] for r in rows if r["period"] == "2024Q1"} == {
        None,
        Decimal(5_129_000),
        Decimal(5_090_000),
    }


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("%SeriesCode", "SeriesCode", "missing.*%SeriesCode"),
        ("Period", "Quarter", "missing.*Period"),
        ("Value", "DataValue", "missing.*Value"),
        ("2024Q2", "2024M06", "period_is_a_quarter"),
        ("29,349,924", "-29,349,924", "value_is_positive"),
        ("29,349,924", "29,34,9924", "'value_usd_mn'.*'29,34,9924'"),
        ("29,349,924", "29.349,924", "'value_usd_mn'"),
        ("29,349,924", "NaN", "'value_usd_mn'"),
        ('A191RC,2024Q3,"29,349,924"', "A191RC,2024Q3", "cut or torn"),
        ('A191RC,2024Q3,"29,349,924"', 'A191RC,2024Q3,"29,349,9', "is no row|cut or torn"),
        ("A191RC,2024Q3", "A191RC,2024Q2", "whose key came before"),
    ],
)
def test_accounts_of_another_form_are_refused(land_bodies, fixture, old, new, words):
    body = fixture(GOOD).decode()
    assert old in body
    with pytest.raises(ContractViolation, match=words):
        land(land_bodies, body.replace(old, new))


def test_figures_in_billions_are_refused(land_bodies, fixture):
    """As the file had them before September 2023."""
    body = re.sub(r'(\d),(\d{3})"', r'\1.\2"', fixture(GOOD).decode())
    assert '"29,349.924"' in body
    with pytest.raises(ContractViolation, match="USD million"):
        land(land_bodies, body)


@pytest.mark.parametrize("body", [b"<html>Moved</html>", b"{}", b"\xff\xfe%\x00S\x00"])
def test_what_is_no_file_of_accounts_is_refused(land_bodies, body):
    with pytest.raises(ContractViolation):
        land(land_bodies, body)


@given(st.binary(max_size=200) | st.text(alphabet='A19RC06,"Q24\n%SeriesCodePrdVlu', max_size=200).map(str.encode))
def test_whatever_comes_is_read_or_refused(body):
    try:
        for row in bea.extract(response_of(bea.URL, body)):
            assert row.get("%SeriesCode", "A191RC") in bea.SERIES
    except ContractViolation:
        pass


def test_memory_does_not_grow_with_the_series_that_are_not_ours(tmp_path, answer):
    """The real file has some 35 MB."""

    def peak(count: int) -> int:
        path = tmp_path / f"{count}.csv"
        path.write_text(
            "%SeriesCode,Period,Value\n" + 'B001RC,2024Q3,"1,000"\n' * count + 'A191RC,2024Q3,"29,349,924"\n'
        )
        response = replace(answer(bea.URL, b""), file=path)
        tracemalloc.start()
        assert [row["Value"] for row in bea.extract(response)] == ["29349924"]
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    assert peak(20_000) < 1.5 * peak(1_000)


def test_the_file_is_asked_for_whole(network):
    get = network({bea.URL: "x"})
    (partition,) = bea.partitions(datetime(2026, 11, 24, tzinfo=UTC))
    list(partition.fetch(get))
    assert get.asked == [bea.URL]


@pytest.fixture
def known():
    """Evaluate the rule for a quarter: (known_at in New York, quality)."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set TimeZone = 'America/New_York'")
        give_macros(connection)
        rule = bea.GDP.known_at

        def known(period, fetched_at):
            return connection.execute(
                f"with one as (select '{period}' as period, timestamptz '{fetched_at}' as fetched_at) "
                f"select strftime({rule.sql}, '%Y-%m-%d %H:%M'), {rule.pit_quality} from one"
            ).fetchone()

        yield known


@pytest.mark.parametrize(
    ("period", "fetched_at", "expected"),
    [
        ("2024Q3", "2024-11-03 07:00", ("2024-10-31 08:30", "lagged")),
        ("2024Q3", "2024-10-30 08:45", ("2024-10-30 08:45", "lagged")),  # seen before the rule
        ("2024Q3", "2024-11-27 08:45", ("2024-10-31 08:30", "current_vintage")),  # the second estimate
        ("2024Q2", "2024-11-03 07:00", ("2024-07-31 08:30", "current_vintage")),
        ("2018Q4", "2024-11-03 07:00", ("2019-02-28 08:30", "current_vintage")),  # a shutdown
        ("2025Q3", "2026-01-02 07:00", ("2025-12-23 08:30", "lagged")),
        ("2025Q4", "2026-03-13 08:45", ("2026-02-20 08:30", "current_vintage")),
        ("1947Q1", "2024-11-03 07:00", ("1947-04-30 08:30", "current_vintage")),
    ],
)
def test_only_the_newest_quarter_is_of_its_date(known, period, fetched_at, expected):
    assert known(period, fetched_at) == expected


# ------------------------------------------------------------------------------------------------------- cross-check


@pytest.fixture
def vintages(recordings) -> list[dict[str, str]]:
    """What ALFRED recorded: each figure of each quarter in billions, and the days on which it was the newest."""
    (path,) = (recordings / "liquidity").glob("GDP_observations_all_vintages_*.json")
    rows = [row for row in json.loads(path.read_bytes())["observations"] if row["value"] != "."]
    return [{**row, "period": f"{row['date'][:4]}Q{(int(row['date'][5:7]) + 2) // 3}"} for row in rows]


def test_no_quarter_is_known_before_its_advance_estimate(vintages, known):
    published = defaultdict(list)
    for row in vintages:
        published[row["period"]].append(row["realtime_start"])
    # Vintages begin in December 1991: only later quarters have their first one among them.
    firsts = {period: sorted(days) for period, days in published.items() if period >= "1991Q4"}
    assert len(firsts) == 132
    for period, (first, *later) in firsts.items():
        day, _ = known(period, "2024-11-03 07:00")
        assert timedelta(0) <= date.fromisoformat(day[:10]) - date.fromisoformat(first) <= timedelta(days=8), period
        for second in later[:1]:
            assert known(period, f"{second} 08:31")[1] == "current_vintage", (period, second)


def test_the_fixtures_output_is_what_alfred_recorded(vintages, land_bodies, fixture):
    newest = {r["period"]: Decimal(r["value"]) * 1000 for r in vintages if r["realtime_end"] == "9999-12-31"}
    ours = {r["period"]: r["value_usd_mn"] for r in land(land_bodies, fixture(GOOD)) if r["series_code"] == "A191RC"}
    assert len(newest) == 311
    assert ours == {period: newest[period] for period in ours}
