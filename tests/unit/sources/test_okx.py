"""Field names are those of recorded messages of its stream; the answer around them is made from documentation."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse.errors import ContractViolation
from warehouse.sources import okx

URL = f"{okx.URL}?instFamily=BTC-USDT&instType=SWAP&limit=100&state=filled"
BODY = "okx/liquidations.json"
SEEN = datetime(2026, 2, 5, 18, tzinfo=UTC)


def test_events_that_nothing_tells_apart_are_counted(fixture, land_bodies):
    rows, bad = land_bodies("okx", "liquidations", {URL: fixture(BODY)}, SEEN)
    assert not bad
    assert [(r["position_type"], r["size_contracts"], r["occurrence"]) for r in rows] == [
        ("long", Decimal("12.5"), 1),
        ("long", Decimal("12.5"), 2),
        ("short", Decimal(40), 1),
    ]
    assert rows[0]["liquidated_at"] == datetime(2026, 2, 5, 16, 0, 0, 617_000, tzinfo=UTC)
    assert rows[0]["instrument_name"] == "BTC-USDT-SWAP"
    assert {(r["venue"], r["is_lower_bound"], r["snapshot_at"]) for r in rows} == {("okx", True, SEEN)}


def test_an_event_seen_again_is_the_same_version_of_the_same_row(fixture, land_bodies):
    first, _ = land_bodies("okx", "liquidations", {URL: fixture(BODY)}, SEEN)
    again, _ = land_bodies("okx", "liquidations", {URL: fixture(BODY)}, SEEN + timedelta(hours=6))
    versioned = [c.name for c in okx.LIQUIDATIONS.columns if c.is_versioned]
    assert [[r[n] for n in versioned] for r in first] == [[r[n] for n in versioned] for r in again]
    assert first != again
    assert not okx.LIQUIDATIONS.is_snapshot


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"code":"50015","data":[],"msg":"Either uly or instFamily"}', "answers with an error.*50015.*Either"),
        ('{"code":"50011","msg":"Too Many Requests"}', "answers with an error"),
        ("{}", "has nothing at code"),
        ("[]", "has nothing at code"),
        ('{"code":"0","data":{}}', "holds no list"),
        ('{"code":"0","data":[{}]}', "has nothing at details"),
        ('{"code":"0","data":[{"details":1}]}', "holds no list"),
        ('{"code":"0","data":[{"details":[1]}]}', "expected an object"),
        ('{"code":"0","data":[{"details":[{"ts":"1770307200"}]}]}', "expected 13 digits"),
    ],
)
def test_what_holds_no_liquidations_is_refused(answer, body, words):
    with pytest.raises(ContractViolation, match=words):
        list(okx.extract(answer(URL, body)))


def test_a_field_that_is_missing_or_new_refuses_the_payload_by_its_name(fixture, land_bodies):
    for change, words in ((lambda d: d.pop("bkPx"), r"missing \['bkPx'\]"), (lambda d: d.update(x=1), r"new \['x'\]")):
        document = json.loads(fixture(BODY))
        change(document["data"][0]["details"][0])
        with pytest.raises(ContractViolation, match=words):
            land_bodies("okx", "liquidations", {URL: json.dumps(document)}, SEEN)


def test_too_fast_inside_a_200_is_recognised(fixture):
    assert okx.is_throttled(b'{"code":"50011","msg":"Too Many Requests","data":[]}')
    assert okx.is_throttled(b'{ "msg": "", "code" : "50011" }')
    assert not okx.is_throttled(fixture(BODY))


def test_each_family_is_one_request(network, fixture):
    get = network({okx.URL: fixture(BODY)})
    partitions = okx.partitions(SEEN)
    assert [p.key for p in partitions] == ["BTC-USDT", "ETH-USDT"]
    list(partitions[0].fetch(get))
    assert get.asked == [URL]


def test_the_recorded_messages_have_the_fields_that_are_read(recordings):
    lines = (recordings / "crypto" / "exchange_ws_messages.jsonl").read_text().splitlines()
    messages = [json.loads(line)["message"] for line in lines if '"liquidation-orders"' in line]
    data = [m["data"][0] for m in messages if m.get("arg", {}).get("channel") == "liquidation-orders" and "data" in m]
    assert len(data) == 2
    assert {"instId", "instFamily", "instType", "uly"} <= data[0].keys()
    assert data[0]["details"][0].keys() == {"bkLoss", "bkPx", "ccy", "posSide", "side", "sz", "ts"}


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    data=st.recursive(
        st.none() | st.integers() | st.text(),
        lambda s: st.lists(s) | st.dictionaries(st.sampled_from(["details", "ts", "sz", "instId"]) | st.text(), s),
        max_leaves=12,
    )
)
def test_whatever_json_comes_only_a_contract_is_broken(answer, data):
    for value in (data, {"code": "0", "data": data}, {"code": "0", "data": [{"details": data}]}):
        with suppress(ContractViolation):
            list(okx.extract(answer(URL, json.dumps(value))))
