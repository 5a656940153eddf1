import json
from datetime import UTC, datetime

import pytest

from warehouse.errors import ContractViolation, SourceUnavailable
from warehouse.sources import binance

BTC = f"{binance.URL}?endTime=1767225599999&interval=1d&limit=1000&startTime=1735689600000&symbol=BTCUSDT"
STAMP = f"{binance.BITSTAMP}btcusd/?end=1767225599&limit=1000&start=1735689600&step=86400"
NAMES = [c.name for c in binance.SPOT_KLINES.columns]


def test_milliseconds_and_microseconds_are_told_by_their_digits(fixture, answer):
    first, second = binance.extract(answer(BTC, fixture("binance/klines.json")))
    assert list(first) == NAMES
    assert (first["opened_at"], first["closed_at"]) == ("2024-12-31T00:00:00+00:00", "2025-01-01T00:00:00+00:00")
    assert (second["opened_at"], second["closed_at"]) == ("2025-01-01T00:00:00+00:00", "2025-01-02T00:00:00+00:00")
    assert (second["symbol"], second["bar_interval"], second["close_price"]) == ("BTCUSDT", "1d", "94591.79000000")
    assert (second["quote_volume"], second["trade_count"]) == ("975444950.59812890", 1_559_625)


def test_a_bar_still_open_does_not_land(fixture, answer):
    body = fixture("binance/klines.json")
    before = answer(BTC, body, datetime(2025, 1, 1, 23, 59, 59, tzinfo=UTC))
    at_close = answer(BTC, body, datetime(2025, 1, 2, tzinfo=UTC))
    assert [len(list(binance.extract(r))) for r in (before, at_close)] == [1, 2]


def test_a_candle_of_bitstamp_says_its_venue_and_its_own_symbol(fixture, answer):
    (row,) = binance.extract(answer(STAMP, fixture("binance/bitstamp.json")))
    assert list(row) == NAMES
    assert (row["venue"], row["symbol"], row["close_price"]) == ("bitstamp", "BTCUSD", "94591")
    assert row["closed_at"] == "2025-01-02T00:00:00+00:00"
    assert row["trade_count"] is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<html>451</html>", "is not JSON"),
        ("{}", "holds no bars"),
        ('{"code":-1121,"msg":"Invalid symbol."}', "holds no bars.*Invalid symbol"),
        ('[[1735603200000,"92792.0', "is not JSON"),
        ('[[1735603200000,"92792.0"]]', "bar 0; expected a list of 12 fields"),
        ('[["1735603200000",1,1,1,1,1,1735689599999,1,1,1,1,"0"]]', "expected 13 or 16 digits"),
        ("[[1735603200,1,1,1,1,1,1735689599,1,1,1,1,1]]", "expected 13 or 16 digits; got 1735603200"),
        ("[[1735603200000,1,1,1,1,1,1735689599999,1,1,1,1,1,1]]", "expected a list of 12 fields"),
    ],
)
def test_what_holds_no_bars_is_refused(answer, body, words):
    with pytest.raises(ContractViolation, match=words):
        list(binance.extract(answer(BTC, body)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["data"].update(pair="ETH/USD"), "holds another pair; expected BTCUSD; got ETH/USD"),
        (lambda d: d["data"]["ohlc"][0].update(note=1), r"missing \[\], new \['note'\]"),
        (lambda d: d["data"]["ohlc"][0].pop("high"), r"missing \['high'\], new \[\]"),
        (lambda d: d["data"]["ohlc"][0].update(timestamp="soon"), "expected whole seconds"),
        (lambda d: d.update(data=[]), "holds no candles"),
    ],
)
def test_a_candle_that_breaks_its_promise_is_refused(fixture, answer, change, words):
    document = json.loads(fixture("binance/bitstamp.json"))
    change(document)
    with pytest.raises(ContractViolation, match=words):
        list(binance.extract(answer(STAMP, json.dumps(document))))


def test_a_year_of_bars_is_one_request(fixture, network):
    get = network({binance.URL: fixture("binance/klines.json")})
    list(binance.fetch(get, symbol="BTCUSDT", year=2025))
    assert get.asked == [BTC]
    assert get.fallbacks == []


def test_bitstamp_answers_where_binance_does_not(fixture, network):
    get = network({binance.BITSTAMP: fixture("binance/bitstamp.json")})
    (response,) = binance.fetch(get, symbol="BTCUSDT", year=2025)
    assert get.fallbacks == [response.url] == [STAMP]
    with pytest.raises(SourceUnavailable, match=r"data-api\.binance"):
        list(binance.fetch(network({}), symbol="BTCUSDT", year=2025))


def test_a_partition_is_a_symbol_and_a_year():
    partitions = {p.key: p.closes_at for p in binance.partitions(datetime(2026, 7, 25, tzinfo=UTC))}
    assert len(partitions) == 2 * 10
    assert partitions["BTCUSDT-2025"] == datetime(2026, 2, 1, tzinfo=UTC)
    assert "ETHUSDT-2026" in partitions


def test_the_recorded_bars_of_both_venues_are_read(recordings, answer):
    folder = recordings / "crypto" / "exchange_http"
    bars = [
        row
        for path in sorted(folder.glob("binance_api_v3_klines__endTime*"))
        for row in binance.extract(answer(BTC.replace("1d", "1h"), path.read_bytes()))
    ]
    assert len(bars) == 1_468
    assert all(float(b["low_price"]) <= float(b["open_price"]) <= float(b["high_price"]) for b in bars)
    candles = [
        row
        for path in sorted(folder.glob("bitstamp_api_v2_ohlc*"))
        for row in binance.extract(answer(STAMP, path.read_bytes()))
    ]
    assert len(candles) == 1_999
    assert {c["opened_at"][11:] for c in candles} == {"00:00:00+00:00"}
