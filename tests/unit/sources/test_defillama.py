import json
from datetime import UTC, datetime

import pytest

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
        (lambda c: c["prices"][0].update(timestamp="now"), "expected whole seconds since 1970; got 'now'"),
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
