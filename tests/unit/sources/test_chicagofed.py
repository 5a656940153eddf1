"""No real file was ever seen: the fixture is made from documentation, its index figures from FRED's recorded copy."""

import csv
from datetime import UTC, datetime

import duckdb
import pytest

from warehouse.errors import ContractViolation
from warehouse.sources import chicagofed
from warehouse.versions import give_macros

GOOD = "chicagofed/nfci.csv"


def land(land_bodies, body) -> list[dict]:
    rows, quarantined = land_bodies("chicagofed", "nfci", {chicagofed.URL: body})
    assert quarantined == []
    return rows


def test_every_week_is_read_with_its_american_friday(land_bodies, fixture):
    rows = land(land_bodies, fixture(GOOD))
    assert [r["week_end"].isoformat() for r in rows] == ["1971-01-08", "2026-05-01", "2026-05-08", "2026-05-15"]
    assert {k: v for k, v in rows[-1].items() if not k.startswith("_") and k != "week_end"} == {
        "nfci": -0.523,
        "anfci": -0.506,
        "risk": -0.596,
        "credit": -0.036,
        "leverage": 0.399,
        "nonfinancial_leverage": -0.386,
    }
    assert rows[2]["nonfinancial_leverage"] is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("Friday_of_Week", "date", "missing.*Friday_of_Week"),
        ("Credit", "Credit Conditions", "missing.*Credit"),
        ("05/01/2026", "04/30/2026", "week_ends_on_friday"),
        ("05/01/2026", "2026.05.01", "'week_end'"),
        ("-0.505", "", "'nfci'.*not null"),
        ("-0.505", "nan", "'nfci'.*got 'nan'"),
        ("-0.505,-0.492", "-0.505", "cut or torn"),
        ("05/01/2026", "05/08/2026", "whose key came before"),
    ],
)
def test_an_index_of_another_form_is_refused(land_bodies, fixture, old, new, words):
    with pytest.raises(ContractViolation, match=words):
        land(land_bodies, fixture(GOOD).decode().replace(old, new))


@pytest.mark.parametrize("body", ["<html>Moved</html>", "{}"])
def test_what_is_no_index_is_refused(land_bodies, body):
    with pytest.raises(ContractViolation):
        land(land_bodies, body)


def test_the_file_is_asked_for_at_its_newer_address_where_the_first_is_silent(network):
    (partition,) = chicagofed.partitions(datetime(2026, 11, 24, tzinfo=UTC))
    get = network({chicagofed.URL: "x"})
    list(partition.fetch(get))
    assert get.asked == [chicagofed.URL]
    get = network({chicagofed.OTHER_URL: "x"})
    list(partition.fetch(get))
    assert get.asked == [chicagofed.URL, chicagofed.OTHER_URL]
    assert get.fallbacks == []  # the same publisher's file: it may revise


@pytest.mark.parametrize(
    ("week_end", "fetched_at", "expected"),
    [
        ("2026-05-15", "2026-05-20 09:00", ("2026-05-20 08:30", "dated")),
        ("2026-05-22", "2026-05-28 09:00", ("2026-05-28 08:30", "dated")),  # Memorial Day: Thursday
        ("2026-05-15", "2026-05-29 09:00", ("2026-05-20 08:30", "current_vintage")),
        ("1971-01-08", "2026-05-20 09:00", ("1971-01-13 08:30", "current_vintage")),
        ("2026-05-15", "2026-05-20 08:00", ("2026-05-20 08:00", "dated")),  # seen before the rule
    ],
)
def test_only_the_newest_week_is_of_its_date(week_end, fetched_at, expected):
    rule = chicagofed.NFCI.known_at
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set TimeZone = 'America/New_York'")
        give_macros(connection)
        row = connection.execute(
            f"with one as (select date '{week_end}' as week_end, timestamptz '{fetched_at}' as fetched_at) "
            f"select strftime({rule.sql}, '%Y-%m-%d %H:%M'), {rule.pit_quality} from one"
        ).fetchone()
    assert row == expected


def test_the_fixtures_index_is_the_one_that_fred_recorded(recordings, land_bodies, fixture):
    with (recordings / "liquidity" / "fredgraph_NFCI.csv").open() as file:
        recorded = {row["observation_date"]: float(row["NFCI"]) for row in csv.DictReader(file)}
    rows = land(land_bodies, fixture(GOOD))
    assert {r["week_end"].isoformat(): r["nfci"] for r in rows} == {
        r["week_end"].isoformat(): recorded[r["week_end"].isoformat()] for r in rows
    }
