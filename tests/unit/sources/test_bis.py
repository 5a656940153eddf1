"""The fixtures are made from the API's documentation and public uses of it: no real response is recorded."""

from contextlib import suppress
from datetime import UTC, datetime

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse import versions
from warehouse.contract import Response
from warehouse.errors import ContractViolation
from warehouse.sources import bis

NOW = datetime(2026, 10, 7, tzinfo=UTC)
STOCK = f"{bis.URL}Q.USD.3P.N.A.I.B.USD?format=csv"
GROWTH = f"{bis.URL}Q.USD.3P.N.A.I.B.771?format=csv"


def test_stocks_land_with_status_and_value_before_a_break(fixture, land_bodies):
    rows, quarantined = land_bodies("bis", "global_liquidity", {STOCK: fixture("bis/gli_usd_credit.csv")})
    assert [(r["time_period"], r["obs_value"], r["obs_status_code"], r["obs_pre_break"]) for r in rows] == [
        ("2000-Q1", 2331313.294, "A", None),
        ("2015-Q4", 9716000.5, "B", 9698000.0),
        ("2025-Q3", 14000000.1, "A", None),
        ("2025-Q4", None, "M", None),
    ]
    assert {r["unit_exponent"] for r in rows} == {6}
    assert not quarantined


def test_growth_is_a_series_of_its_own(fixture, land_bodies):
    rows, _ = land_bodies("bis", "global_liquidity", {GROWTH: fixture("bis/gli_usd_credit_growth.csv")})
    assert [(r["measure_code"], r["time_period"], r["obs_value"]) for r in rows] == [
        ("771", "2001-Q1", 3.1),
        ("771", "2025-Q3", 7.04),
    ]


def test_an_attribute_more_is_landed_and_announced(fixture, land_bodies):
    lines = fixture("bis/gli_usd_credit.csv").decode().splitlines()
    body = "\n".join([f"{lines[0]},SOURCE_REF", *(f"{line},LBS" for line in lines[1:])])
    rows, _ = land_bodies("bis", "global_liquidity", {STOCK: body})
    assert [value for name, value in rows[0].items() if "source_ref" in name] == ["LBS"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("UNIT_MULT", "MULT", r"missing \['UNIT_MULT'\]"),
        (",6,0,,A,", ",9,0,,A,", "is not in USD million"),
        ("2025-Q3", "2025-09", "expected Every series asked for is quarterly"),
        ("14000000.1", "-1", "expected Credit outstanding is above zero"),
        ("14000000.1", "much", "column 'obs_value', row 3; expected DOUBLE; got 'much'"),
        ("2025-Q3", "2015-Q4", "whose key came before"),
        (",A,,F\n", "\n", "is cut or torn"),
    ],
)
def test_an_answer_of_another_form_is_refused(fixture, land_bodies, old, new, words):
    body = fixture("bis/gli_usd_credit.csv").decode()
    assert old in body
    with pytest.raises(ContractViolation, match=words):
        land_bodies("bis", "global_liquidity", {STOCK: body.replace(old, new)})


@pytest.mark.parametrize("body", ["", "<error/>", '{"errors": []}'])
def test_what_is_no_sdmx_csv_is_refused(land_bodies, body):
    with pytest.raises(ContractViolation):
        land_bodies("bis", "global_liquidity", {STOCK: body})


def test_stocks_in_billions_and_growth_as_a_ratio_are_refused(fixture, land_bodies):
    stocks = fixture("bis/gli_usd_credit.csv").decode()
    for value, scaled in (("2331313.294", "2331"), ("9716000.5", "9716"), ("14000000.1", "14000")):
        stocks = stocks.replace(value, scaled)
    with pytest.raises(ContractViolation, match="Stocks are millions of dollars"):
        land_bodies("bis", "global_liquidity", {STOCK: stocks})
    growth = fixture("bis/gli_usd_credit_growth.csv").decode().replace("3.1", "0.031").replace("7.04", "0.0704")
    with pytest.raises(ContractViolation, match="Changes over a year are percent"):
        land_bodies("bis", "global_liquidity", {GROWTH: growth})


def test_each_series_is_asked_for_by_its_key(network):
    get = network({bis.URL: "FREQ"})
    partitions = bis.partitions(NOW)
    for partition in partitions:
        list(partition.fetch(get))
    assert [p.key for p in partitions] == list(bis.KEYS)
    assert get.asked[:4] == [
        STOCK,
        f"{bis.URL}Q.USD.3P.N.B.I.G.USD?format=csv",
        f"{bis.URL}Q.USD.3P.N.A.I.D.USD?format=csv",
        GROWTH,
    ]
    assert len(get.asked) == 6


@pytest.mark.parametrize(
    ("quarter", "fetched_at", "known_at", "quality"),
    [
        ("2025-Q3", "2026-02-03", "2026-01-29 21:00", "lagged"),
        ("2025-Q3", "2026-01-29 14:00", "2026-01-29 14:00", "lagged"),
        ("2024-Q3", "2026-02-03", "2025-01-31 21:00", "current_vintage"),
    ],
)
def test_a_quarter_is_known_four_months_later_and_only_the_newest_is_of_its_date(
    quarter, fetched_at, known_at, quality
):
    rule = bis.GLOBAL_LIQUIDITY.known_at
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        versions.give_macros(connection)
        found = connection.execute(
            f"select strftime(({rule.sql})::timestamp, '%Y-%m-%d %H:%M'), {rule.pit_quality} "
            f"from (select '{quarter}' as time_period, timestamptz '{fetched_at}' as fetched_at)"
        ).fetchone()
    assert found == (known_at, quality)


@given(st.binary() | st.text().map(str.encode))
def test_no_bytes_break_the_extractor(body):
    with suppress(ContractViolation):
        list(bis.GLOBAL_LIQUIDITY.extract(Response(url=STOCK, sha256="", fetched_at=NOW, origin="recorded", body=body)))
