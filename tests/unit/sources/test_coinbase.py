"""No candle of Coinbase was recorded: the bodies are made from its documentation."""

import json
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse.errors import ContractViolation
from warehouse.recording import canonical_url
from warehouse.sources import coinbase

CANDLES = f"{coinbase.URL}BTC-USD/candles"
URL = canonical_url(CANDLES, coinbase.query(date(2025, 1, 1), date(2025, 6, 30)))
BODY = "coinbase/candles.json"


def test_the_places_of_a_candle_are_time_low_high_open_close_volume(fixture, land_bodies):
    rows, bad = land_bodies("coinbase", "candles", {URL: fixture(BODY)})
    assert not bad
    first = min(rows, key=lambda r: r["opened_at"])
    assert (first["symbol"], first["opened_at"]) == ("BTC-USD", datetime(2025, 1, 1, tzinfo=UTC))
    assert first["closed_at"] == datetime(2025, 1, 2, tzinfo=UTC)
    prices = [first[f"{name}_price"] for name in ("low", "high", "open", "close")]
    assert prices == [Decimal(p) for p in ("92743.63", "94960.91", "93347.59", "94383.59")]
    assert first["base_volume"] == 6871.73848225


def test_a_candle_still_open_does_not_land(fixture, answer):
    open_still = answer(URL, fixture(BODY), datetime(2025, 1, 2, 23, 59, 59, tzinfo=UTC))
    assert [r["opened_at"][:10] for r in coinbase.extract(open_still)] == ["2025-01-01"]


def test_a_candle_of_another_stretch_than_was_asked_for_is_read_past(fixture, answer):
    other = canonical_url(CANDLES, coinbase.query(date(2024, 7, 1), date(2025, 1, 1)))
    assert [r["opened_at"][:10] for r in coinbase.extract(answer(other, fixture(BODY)))] == ["2025-01-01"]


@pytest.mark.parametrize(
    ("url", "body", "words"),
    [
        (URL, '{"message":"granularity too small"}', "holds no list"),
        (URL, "[[1735689600,1,2]]", "expected a list of 6 fields"),
        (URL, "[[1735689600000,1,2,1,1,1]]", "expected 10 digits"),
        (URL, "[[1735689600,1,NaN,1,1,1]]", "holds NaN"),
        (CANDLES, "[]", "asks for no candles"),
        (URL.replace("products", "product"), "[]", "asks for no candles"),
    ],
)
def test_what_holds_no_candles_is_refused(answer, url, body, words):
    with pytest.raises(ContractViolation, match=words):
        list(coinbase.extract(answer(url, body)))


def test_columns_in_another_order_refuse_the_payload(land_bodies):
    as_open_high_low_close = [[1735689600, 93347.59, 94960.91, 92743.63, 94383.59, 6871.7]]
    with pytest.raises(ContractViolation, match="open_and_close_lie_between_low_and_high"):
        land_bodies("coinbase", "candles", {URL: json.dumps(as_open_high_low_close)})


def test_a_year_is_two_requests_of_fewer_than_300_days_and_those_to_come_are_not_made(network):
    get = network({coinbase.URL: "[]"})
    list(coinbase.fetch(get, product="BTC-USD", year=2024, today=date(2026, 3, 1)))
    assert get.asked == [
        f"{CANDLES}?end=2024-06-30T00:00:00Z&granularity=86400&start=2024-01-01T00:00:00Z",
        f"{CANDLES}?end=2024-12-31T00:00:00Z&granularity=86400&start=2024-07-01T00:00:00Z",
    ]
    get = network({coinbase.URL: "[]"})
    list(coinbase.fetch(get, product="BTC-USD", year=2026, today=date(2026, 3, 1)))
    assert len(get.asked) == 1


def test_a_partition_is_a_product_and_a_year():
    keys = [p.key for p in coinbase.partitions(datetime(2026, 1, 1, 12, tzinfo=UTC))]
    assert (keys[0], keys[-1]) == ("BTC-USD-2015", "ETH-USD-2025")  # no candle of 2026 has closed
    assert coinbase.partitions(datetime(2026, 1, 2, 1, tzinfo=UTC))[-1].key == "ETH-USD-2026"


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=st.lists(st.lists(st.none() | st.integers() | st.floats() | st.text() | st.lists(st.none()), max_size=6)))
def test_whatever_json_comes_only_a_contract_is_broken(answer, value):
    with suppress(ContractViolation):
        list(coinbase.extract(answer(URL, json.dumps(value))))
