"""Trades are those of recorded messages of its stream; the page around them is made from documentation."""

import json
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse.errors import ContractViolation
from warehouse.recording import canonical_url
from warehouse.sources import deribit

DAY = date(2020, 3, 13)
START, LAST = "1584057600000", "1584143999999"
FIRST = canonical_url(deribit.URL, deribit.query("BTC", START, LAST))
SECOND = canonical_url(deribit.URL, deribit.query("BTC", "1584058067675", LAST))


def trade(number: int, at: int, **fields) -> dict:
    return {
        "trade_id": str(number),
        "timestamp": at,
        "price": 4500.0,
        "instrument_name": "BTC-PERPETUAL",
        "direction": "sell",
        "amount": 100,
        **fields,
    }


def page(*trades: dict, has_more: bool) -> str:
    return json.dumps({"jsonrpc": "2.0", "result": {"trades": trades, "has_more": has_more}})


def test_only_trades_in_which_somebody_was_liquidated_land_and_each_once(fixture, land_bodies):
    pages = {FIRST: fixture("deribit/page_1.json"), SECOND: fixture("deribit/page_2.json")}
    rows, bad = land_bodies("deribit", "liquidations", pages)
    assert not bad
    assert [(r["trade_id"], r["liquidated_side"], r["taker_direction"], r["amount_usd"]) for r in rows] == [
        ("66460463", "T", "sell", Decimal(1120)),
        ("66460626", "M", "buy", Decimal(2500)),
        ("66460627", "MT", "sell", Decimal(10)),
    ]
    assert rows[0]["traded_at"] == datetime(2020, 3, 13, 0, 7, 24, 32_000, tzinfo=UTC)
    assert (rows[0]["mark_price"], rows[1]["mark_price"]) == (Decimal("4470.12"), None)
    assert {(r["venue"], r["currency"], r["is_lower_bound"]) for r in rows} == {("deribit", "BTC", True)}


def test_the_next_page_begins_with_the_millisecond_that_the_last_did_not_finish(fixture, network):
    get = network({SECOND: fixture("deribit/page_2.json"), FIRST: fixture("deribit/page_1.json")})
    list(deribit.fetch(get, currency="BTC", day=DAY))
    assert get.asked == [FIRST, SECOND]
    assert "count=1000&currency=BTC&end_timestamp=1584143999999&include_old=true&kind=future&sorting=asc" in FIRST


def test_no_trade_is_lost_or_doubled_wherever_the_pages_are_cut(network, land_bodies):
    first = int(START)
    trades = [trade(n, first + n // 3 * 1000, liquidation="T") for n in range(20)]

    class Publisher(network):
        def __call__(self, url, /, *, params, **options):
            after = [t for t in trades if t["timestamp"] >= int(params["start_timestamp"])]
            self.answers = {deribit.URL: page(*after[:7], has_more=len(after) > 7)}
            return super().__call__(url, params=params, **options)

    responses = list(deribit.fetch(Publisher({}), currency="BTC", day=DAY))
    assert len(responses) > 2
    rows, bad = land_bodies("deribit", "liquidations", {r.url: r.body for r in responses})
    assert not bad
    assert sorted(int(r["trade_id"]) for r in rows) == list(range(20))


def test_a_page_that_lost_a_trade_of_the_one_before_is_refused(fixture, network):
    shifted = json.loads(fixture("deribit/page_2.json"))
    shifted["result"]["trades"].pop(0)
    get = network({SECOND: json.dumps(shifted), FIRST: fixture("deribit/page_1.json")})
    with pytest.raises(ContractViolation, match="lacks trades that the page before it showed.*66460626"):
        list(deribit.fetch(get, currency="BTC", day=DAY))


def test_a_millisecond_larger_than_a_page_is_refused_and_not_asked_for_ever(network):
    get = network({deribit.URL: page(trade(1, int(START)), trade(2, int(START)), has_more=True)})
    with pytest.raises(ContractViolation, match="does not get past its first millisecond"):
        list(deribit.fetch(get, currency="BTC", day=DAY))
    assert len(get.asked) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"jsonrpc":"2.0","error":{"message":"Invalid params","code":-32602}}', "has nothing at result"),
        ('{"result":{"trades":{},"has_more":false}}', "is no page of trades"),
        ('{"result":{"trades":[],"has_more":"no"}}', "is no page of trades"),
        ('{"result":{"trades":[],"has_more":true}}', "is empty and says that there is more"),
        ('{"result":{"trades":[1],"has_more":false}}', "has nothing at timestamp"),
        (page(trade(1, 1584058044), has_more=False), "expected 13 digits"),
        (page(trade(1, int(START) + 1), trade(2, int(START)), has_more=False), "trade 1 is out of order"),
    ],
)
def test_what_is_no_page_of_trades_is_refused(answer, body, words):
    with pytest.raises(ContractViolation, match=words):
        list(deribit.extract(answer(FIRST, body)))


def test_amounts_in_coins_are_refused(land_bodies):
    coins = [trade(n, int(START) + n, liquidation="T", amount=0.02) for n in range(9)]
    with pytest.raises(ContractViolation, match="'amount_usd' is not in USD"):
        land_bodies("deribit", "liquidations", {FIRST: page(*coins, has_more=False)})


def test_a_trade_may_carry_fields_that_say_nothing_about_a_liquidation(land_bodies):
    rows, bad = land_bodies(
        "deribit", "liquidations", {FIRST: page(trade(1, int(START), liquidation="T", block_rfq_id=7), has_more=False)}
    )
    assert (len(rows), bad) == (1, [])


def test_a_partition_is_a_currency_and_a_day_that_is_over():
    partitions = deribit.partitions(datetime(2026, 7, 25, 3, 30, tzinfo=UTC))
    assert (partitions[0].key, partitions[-1].key) == ("BTC-2019-01-01", "ETH-2026-07-24")
    assert partitions[-1].closes_at == datetime(2026, 7, 25, 3, tzinfo=UTC)
    assert partitions[-1].period == (date(2026, 7, 24), date(2026, 7, 24))


def test_the_recorded_messages_have_the_fields_that_are_read(recordings):
    lines = (recordings / "crypto" / "exchange_ws_messages.jsonl").read_text().splitlines()
    messages = [json.loads(line) for line in lines if "deribit" in line and '"liquidation"' in line]
    trades = [t for m in messages for t in m["message"]["params"]["data"] if "liquidation" in t]
    assert len(trades) == 2
    needed = {c.wire for c in deribit.LIQUIDATIONS.columns if c.absent == "freeze"}
    assert needed - trades[0].keys() == {"venue", "currency", "is_lower_bound"}


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda s: st.lists(s) | st.dictionaries(st.sampled_from(["timestamp", "liquidation"]) | st.text(), s),
        max_leaves=12,
    )
)
def test_whatever_json_comes_only_a_contract_is_broken(answer, data):
    one = trade(1, int(START), liquidation=data)
    for trades in (data, [data], [one]):
        with suppress(ContractViolation):
            body = json.dumps({"result": {"trades": trades, "has_more": False}})
            list(deribit.extract(answer(FIRST, body)))
