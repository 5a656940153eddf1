"""The bodies are made from documentation; nothing of either table was recorded."""

import json
from contextlib import suppress
from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse.errors import ContractViolation
from warehouse.recording import canonical_url
from warehouse.sources import defillama

URL = canonical_url(defillama.URL + "coingecko:bitcoin", defillama.query(2025))
GOOD = "defillama/chart.json"


def rows_of(answer, body, fetched_at=datetime(2026, 1, 1, tzinfo=UTC)) -> list[dict]:
    return list(defillama.extract(answer(URL, body, fetched_at)))


def test_a_day_closes_at_the_point_nearest_to_the_midnight_that_ends_it(fixture, answer):
    rows = rows_of(answer, fixture(GOOD))
    assert list(rows[0]) == [c.name for c in defillama.COIN_PRICES.columns]
    assert [(r["close_date"], r["price_at"], r["price_usd"]) for r in rows] == [
        ("2025-01-01", "2025-01-01T23:59:59+00:00", "94591.79000000"),  # and not ten minutes after midnight
        ("2025-01-02", "2025-01-02T23:58:20+00:00", "96886.88000000"),
        ("2025-01-03", "2025-01-04T00:00:00+00:00", "98107.43000000"),
    ]


def test_a_point_at_noon_closes_no_day(fixture, answer):
    assert all("12:00" not in r["price_at"] for r in rows_of(answer, fixture(GOOD)))


def test_a_day_that_is_not_over_does_not_land(fixture, answer):
    before_midnight = datetime(2025, 1, 2, 23, 59, tzinfo=UTC)
    assert [r["close_date"] for r in rows_of(answer, fixture(GOOD), before_midnight)] == ["2025-01-01"]


def test_a_coin_without_confidence_lands_with_null(fixture, answer):
    document = json.loads(fixture(GOOD))
    document["coins"]["coingecko:bitcoin"]["confidence"] = None
    assert {r["confidence"] for r in rows_of(answer, json.dumps(document))} == {None}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<html>Too many requests</html>", "is not JSON"),
        ("{}", "does not hold the coin"),
        ("[]", "does not hold the coin"),
        ('{"coins":{}}', r"does not hold the coin.*got \[\]"),
        ('{"coins":{"coingecko:ethereum":{}}}', "does not hold the coin.*ethereum"),
        ('{"coins":{"coingecko:bitcoin":{"symbol":"BTC","prices":[{"timest', "is not JSON"),
    ],
)
def test_what_holds_another_coin_or_none_is_refused(answer, body, words):
    with pytest.raises(ContractViolation, match=words):
        rows_of(answer, body)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.update(note=1), r"new \['note'\]"),
        (lambda c: c.pop("symbol"), r"missing \['symbol'\]"),
        (lambda c: c.update(prices={}), "expected a list; got dict"),
        (lambda c: c["prices"][1].pop("price"), r"prices\[1\] .*missing \['price'\]"),
        (lambda c: c["prices"][0].update(timestamp="now"), "timestamp: a time; expected 10 digits; got 'now'"),
    ],
)
def test_a_chart_that_breaks_its_promise_is_refused_by_the_name_of_what_is_wrong(fixture, answer, change, words):
    document = json.loads(fixture(GOOD))
    change(document["coins"]["coingecko:bitcoin"])
    with pytest.raises(ContractViolation, match=words):
        rows_of(answer, json.dumps(document))


@pytest.mark.parametrize(("year", "days"), [(2024, 366), (2025, 365)])
def test_a_year_asks_for_its_own_days_only(network, year, days):
    get = network({defillama.URL: "{}"})
    list(defillama.fetch(get, coin="coingecko:bitcoin", year=year))
    start = int(datetime(year, 1, 2, tzinfo=UTC).timestamp())
    assert get.asked == [f"{defillama.URL}coingecko:bitcoin?period=1d&span={days}&start={start}"]
    assert datetime.fromtimestamp(start + (days - 1) * 86_400, UTC) == datetime(year + 1, 1, 1, tzinfo=UTC)


def test_a_partition_is_a_coin_and_a_year():
    partitions = {p.key: p.closes_at for p in defillama.partitions(datetime(2026, 7, 25, tzinfo=UTC))}
    assert partitions["bitcoin-2025"] == datetime(2026, 2, 1, tzinfo=UTC)
    assert "ethereum-2026" in partitions


# ----------------------------------------------------------------------------------------------------- stablecoins

STABLE = "defillama/stablecoins.json"


def landed(land_bodies, fixture, fetched_at):
    rows, bad = land_bodies("defillama", "stablecoins", {defillama.STABLECOINS_URL: fixture(STABLE)}, fetched_at)
    assert not bad
    return {(r["observation_date"], r["peg_type"]): r for r in rows}


def test_a_day_lands_once_it_stands_still_an_hour_after_it_ended(fixture, land_bodies):
    before = landed(land_bodies, fixture, datetime(2026, 2, 5, 0, 59, 59, tzinfo=UTC))
    after = landed(land_bodies, fixture, datetime(2026, 2, 5, 1, tzinfo=UTC))
    assert {day for day, _ in before} == {date(2017, 11, 29), date(2026, 2, 3)}
    assert {day for day, _ in after} - {day for day, _ in before} == {date(2026, 2, 4)}


def test_each_peg_is_a_row_and_what_a_day_does_not_name_is_null_and_no_nought(fixture, land_bodies):
    rows = landed(land_bodies, fixture, datetime(2026, 2, 6, tzinfo=UTC))
    dollars, euros = (rows[date(2026, 2, 3), peg] for peg in ("peggedUSD", "peggedEUR"))
    assert (dollars["circulating"], dollars["circulating_usd"]) == (305012345678.12345, 304987654321.5)
    assert (dollars["minted_usd"], dollars["bridged_to_usd"]) == (301000000000.0, 9000000000.0)
    assert (euros["circulating_usd"], euros["minted_usd"], euros["unreleased"]) == (721234567.25, None, None)
    assert rows[date(2017, 11, 29), "peggedUSD"]["unreleased"] == 0
    assert len(rows) == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d[0].update(date="today"), "day 0, date: a time; expected 10 digits; got 'today'"),
        (lambda d: d[0].pop("date"), "has nothing at date"),
        (lambda d: d[1].pop("totalCirculating"), r"day 1 .*missing \['totalCirculating'\]"),
        (lambda d: d[1].update(totalBurned={}), r"new \['totalBurned'\]"),
        (lambda d: d[1].update(totalCirculating=[]), "expected an object"),
        (lambda d: d[1]["totalCirculating"].update(peggedUSD={}), "expected text, a number or null"),
        (lambda d: d.append(1), "has nothing at date"),
        (lambda d: d.append(d[0]), "row.s. whose key came before"),
        (lambda d: d[0]["totalCirculating"].update(peggedUSD=-1), "amounts_are_not_negative"),
    ],
)
def test_a_history_that_breaks_its_promise_is_refused(fixture, land_bodies, change, words):
    document = json.loads(fixture(STABLE))
    change(document)
    with pytest.raises(ContractViolation, match=words):
        land_bodies("defillama", "stablecoins", {defillama.STABLECOINS_URL: json.dumps(document)})


def test_the_history_is_one_request(network, fixture):
    get = network({defillama.STABLECOINS_URL: fixture(STABLE)})
    (partition,) = defillama.stablecoin_partitions(datetime(2026, 7, 25, tzinfo=UTC))
    list(partition.fetch(get))
    assert get.asked == [defillama.STABLECOINS_URL]


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda s: st.lists(s) | st.dictionaries(st.sampled_from(["date", "timestamp", "price"]) | st.text(), s),
        max_leaves=12,
    )
)
def test_whatever_json_comes_only_a_contract_is_broken(answer, value):
    coin = {"coins": {"coingecko:bitcoin": {"symbol": value, "confidence": value, "prices": value}}}
    point = {
        "coins": {
            "coingecko:bitcoin": {
                "symbol": "BTC",
                "confidence": 1,
                "prices": [{"timestamp": 1735776000, "price": value}],
            }
        }
    }
    day = [{"date": "1511913600", "totalCirculating": value, "totalCirculatingUSD": {"peggedUSD": value}}]
    for extract, body in (
        (defillama.extract, coin),
        (defillama.extract, point),
        (defillama.extract, value),
        (defillama.extract_stablecoins, day),
        (defillama.extract_stablecoins, value),
    ):
        with suppress(ContractViolation):
            list(extract(answer(URL, json.dumps(body))))


@pytest.mark.parametrize(
    ("sent", "landed"),
    [
        ("94591.790000000000001", "94591.79000000"),
        ("94591", "94591"),
        ("1e-07", "0.00000010"),
        ("1e999999999", "1e999999999"),
        ('"much"', "much"),
    ],
)
def test_the_noise_of_binary_floats_is_rounded_off_and_nothing_else_is_touched(fixture, answer, sent, landed):
    body = fixture(GOOD).decode().replace("94591.789999999994", sent)
    assert rows_of(answer, body)[0]["price_usd"] == landed
