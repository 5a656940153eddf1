"""The interface's answers are recorded; the archive's files are made from its documentation."""

import hashlib
import io
import json
import zipfile
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse.errors import ContractViolation, SourceUnavailable
from warehouse.sources import binance
from warehouse.sources.binance import archive, futures, spot
from warehouse.wire import instant

BTC = f"{spot.URL}?endTime=1767225599999&interval=1d&limit=1000&startTime=1735689600000&symbol=BTCUSDT"
STAMP = f"{spot.BITSTAMP}btcusd/?end=1767225599&limit=1000&start=1735689600&step=86400"
DAYS = f"{archive.HOST}data/spot/monthly/klines/BTCUSDT/1d/BTCUSDT-1d-"
MINUTES = f"{archive.HOST}data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-12.zip"
METRICS = f"{archive.HOST}data/futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-"
FUNDING = f"{archive.HOST}data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-01.zip"
NAMES = [c.name for c in binance.SPOT_KLINES.columns]
JANUARY = date(2025, 1, 1)


def zipped(body: bytes, name: str = "BTCUSDT.csv") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(zipfile.ZipInfo(name), body)
    return buffer.getvalue()


def with_checksum(path: str, body: bytes) -> dict[str, bytes]:
    """Answers of the archive for a file; the longer address comes first, since answers are found by prefix."""
    url, name = f"{archive.HOST}{path}", path.rpartition("/")[2]
    return {f"{url}.CHECKSUM": f"{hashlib.sha256(body).hexdigest()}  {name}\n".encode(), url: body}


# ------------------------------------------------------------------------------------------------------ daily bars


def test_milliseconds_and_microseconds_are_told_by_their_digits(fixture, answer):
    first, second = spot.extract(answer(BTC, fixture("binance/klines.json")))
    assert sorted(first) == sorted(NAMES)
    assert (first["opened_at"], first["closed_at"]) == ("2024-12-31T00:00:00+00:00", "2025-01-01T00:00:00+00:00")
    assert (second["opened_at"], second["closed_at"]) == ("2025-01-01T00:00:00+00:00", "2025-01-02T00:00:00+00:00")
    assert (second["symbol"], second["bar_interval"], second["close_price"]) == ("BTCUSDT", "1d", "94591.79000000")
    assert (second["quote_volume"], second["trade_count"]) == ("975444950.59812890", "1559625")


@pytest.mark.parametrize(
    ("month", "opened_at", "closed_at"),
    [
        ("2024-12", "2024-12-30T00:00:00+00:00", "2024-12-31T00:00:00+00:00"),  # milliseconds and no header
        ("2025-01", "2025-01-01T00:00:00+00:00", "2025-01-02T00:00:00+00:00"),  # microseconds under a header
    ],
)
def test_a_file_of_the_archive_is_read_whatever_its_era(fixture, answer, month, opened_at, closed_at):
    row, *_ = spot.extract(answer(f"{DAYS}{month}.zip", zipped(fixture(f"binance/klines_1d_{month}.csv"))))
    assert sorted(row) == sorted(NAMES)
    assert (row["opened_at"], row["closed_at"]) == (opened_at, closed_at)
    assert (row["symbol"], row["bar_interval"], row["venue"]) == ("BTCUSDT", "1d", "binance")


def test_the_archive_and_the_interface_land_one_bar_as_the_same_row(fixture, land_bodies):
    lines = fixture("binance/klines_1d_2025-01.csv").decode().splitlines()
    bar = lines[1].split(",")
    as_json = json.dumps([[int(bar[0]) // 1000, *bar[1:6], int(bar[6]) // 1000, bar[7], int(bar[8]), *bar[9:]]])
    (archived,), _ = land_bodies("binance", "spot_klines", {f"{DAYS}2025-01.zip": zipped("\n".join(lines).encode())})
    (asked,), _ = land_bodies("binance", "spot_klines", {BTC: as_json})
    assert archived == asked
    assert archived["close_price"] == Decimal("94591.79")
    assert archived["taker_buy_base_volume"] == 5107.85111


def test_a_bar_still_open_does_not_land(fixture, answer):
    body = fixture("binance/klines.json")
    before = answer(BTC, body, datetime(2025, 1, 1, 23, 59, 59, tzinfo=UTC))
    at_close = answer(BTC, body, datetime(2025, 1, 2, tzinfo=UTC))
    assert [len(list(spot.extract(r))) for r in (before, at_close)] == [1, 2]


def test_a_candle_of_bitstamp_says_its_venue_and_its_own_symbol(fixture, answer):
    (row,) = spot.extract(answer(STAMP, fixture("binance/bitstamp.json")))
    assert sorted(row) == sorted(NAMES)
    assert (row["venue"], row["symbol"], row["close_price"]) == ("bitstamp", "BTCUSD", "94591")
    assert row["closed_at"] == "2025-01-02T00:00:00+00:00"
    assert row["trade_count"] is None


def test_a_bar_that_cannot_be_goes_to_quarantine(fixture, land_bodies):
    bars = json.loads(fixture("binance/klines.json"))
    good = [
        [bars[1][0] + n * 86_400_000_000, *bars[1][1:6], bars[1][6] + n * 86_400_000_000, *bars[1][7:]]
        for n in range(200)
    ]
    broken = [*good[0][:2], "1.0", *good[0][3:]]
    rows, bad = land_bodies("binance", "spot_klines", {BTC: json.dumps([broken, *good[1:]])})
    assert len(rows) == 199
    assert [b["_rule"] for b in bad] == ["open_and_close_lie_between_low_and_high"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<html>451</html>", "is not JSON"),
        ("{}", "holds no list"),
        ('{"code":-1121,"msg":"Invalid symbol."}', "holds no list.*Invalid symbol"),
        ('[[1735603200000,"92792.0', "is not JSON"),
        ('[[1735603200000,"92792.0"]]', "row 0; expected a list of 12 fields"),
        ('[["soon",1,1,1,1,1,1735689599999,1,1,1,1,"0"]]', "expected 13 or 16 digits; got 'soon'"),
        ("[[1735603200,1,1,1,1,1,1735689599,1,1,1,1,1]]", "expected 13 or 16 digits; got '1735603200'"),
        ("[[1735603200000,1,1,1,1,1,1735689599999,1,1,1,1,1,1]]", "expected a list of 12 fields"),
    ],
)
def test_what_holds_no_bars_is_refused(answer, body, words):
    with pytest.raises(ContractViolation, match=words):
        list(spot.extract(answer(BTC, body)))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"not a zip", "is no zip"),
        (zipped(b"open_time,open,high,low\n1,2,3,4\n"), "has other columns than promised"),
        (zipped(b"open_time,high,open,low,close,volume,close_time,quote_volume,count,a,b,ignore\n"), "other columns"),
        (zipped(b"1735516800000,1,2\n"), "is cut or torn; expected 12 fields"),
        (zipped(b"\xff\xfe\x00"), "cannot be decoded"),
        (zipped(b"x", "../x.csv"), "leads out of it"),
        (zipped(b"x", "x.txt"), r"has 0 members '\*.csv'"),
    ],
)
def test_a_file_that_holds_no_klines_is_refused(answer, body, words):
    with pytest.raises(ContractViolation, match=words):
        list(spot.extract(answer(f"{DAYS}2024-12.zip", body)))


def test_a_file_at_an_address_that_says_no_market_is_refused(fixture, answer):
    body = zipped(fixture("binance/klines_1d_2024-12.csv"))
    with pytest.raises(ContractViolation, match="is no file of klines"):
        list(spot.extract(answer(f"{archive.HOST}data/spot/monthly/klines/BTCUSDT/1d/ETHUSDT-1d-2024-12.zip", body)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["data"].update(pair="ETH/USD"), "holds another pair; expected BTCUSD; got ETHUSD"),
        (lambda d: d["data"]["ohlc"][0].update(note=1), r"missing \[\], new \['note'\]"),
        (lambda d: d["data"]["ohlc"][0].pop("high"), r"missing \['high'\], new \[\]"),
        (lambda d: d["data"]["ohlc"][0].update(timestamp="soon"), "expected 10 digits"),
        (lambda d: d.update(data=[]), "has nothing at data.pair"),
    ],
)
def test_a_candle_that_breaks_its_promise_is_refused(fixture, answer, change, words):
    document = json.loads(fixture("binance/bitstamp.json"))
    change(document)
    with pytest.raises(ContractViolation, match=words):
        list(spot.extract(answer(STAMP, json.dumps(document))))


# --------------------------------------------------------------------------------------------------- asking for them


def test_a_month_that_is_over_is_asked_of_the_archive_with_its_checksum(fixture, network):
    body = zipped(fixture("binance/klines_1d_2025-01.csv"))
    path = "data/spot/monthly/klines/BTCUSDT/1d/BTCUSDT-1d-2025-01.zip"
    get = network(with_checksum(path, body))
    (response,) = spot.fetch(get, symbol="BTCUSDT", month=JANUARY, is_over=True)
    assert get.asked == [archive.HOST + path, f"{archive.HOST}{path}.CHECKSUM"]
    assert response.body == body


@pytest.mark.parametrize(
    "note", ["0" * 64 + "  BTCUSDT-1d-2025-01.zip", "{sha}  ETHUSDT-1d-2025-01.zip", "{sha}", "<Error/>"]
)
def test_a_file_that_is_not_what_its_checksum_says_is_refused_and_nothing_else_is_asked(fixture, network, note):
    body = zipped(fixture("binance/klines_1d_2025-01.csv"))
    note = note.replace("{sha}", hashlib.sha256(body).hexdigest())
    get = network({f"{DAYS}2025-01.zip.CHECKSUM": note, f"{DAYS}2025-01.zip": body})
    with pytest.raises(ContractViolation, match="is not the file that its checksum is of"):
        list(spot.fetch(get, symbol="BTCUSDT", month=JANUARY, is_over=True))
    assert len(get.asked) == 2


def test_the_running_month_and_one_without_a_file_are_asked_of_the_interface(fixture, network):
    get = network({spot.URL: fixture("binance/klines.json")})
    asked = f"{spot.URL}?endTime=1738367999999&interval=1d&limit=1000&startTime=1735689600000&symbol=BTCUSDT"
    list(spot.fetch(get, symbol="BTCUSDT", month=JANUARY, is_over=False))
    assert get.asked == [asked]
    list(spot.fetch(get, symbol="BTCUSDT", month=JANUARY, is_over=True))
    assert get.asked[1:] == [f"{DAYS}2025-01.zip", asked]
    assert get.fallbacks == []


def test_a_file_without_its_checksum_is_not_taken(fixture, network):
    class OnlyTheFile(network):
        def __call__(self, url, /, **options):
            if url.endswith(".CHECKSUM"):
                raise SourceUnavailable("not there")
            return super().__call__(url, **options)

    get = OnlyTheFile({f"{DAYS}2025-01.zip": zipped(fixture("binance/klines_1d_2025-01.csv")), spot.URL: "[]"})
    (response,) = spot.fetch(get, symbol="BTCUSDT", month=JANUARY, is_over=True)
    assert response.url.startswith(spot.URL)


def test_bitstamp_answers_where_binance_does_not(fixture, network):
    get = network({spot.BITSTAMP: fixture("binance/bitstamp.json")})
    (response,) = spot.fetch(get, symbol="BTCUSDT", month=JANUARY, is_over=True)
    assert get.fallbacks == [response.url]
    assert response.url == f"{spot.BITSTAMP}btcusd/?end=1738367999&limit=1000&start=1735689600&step=86400"
    with pytest.raises(SourceUnavailable, match=r"data-api\.binance"):
        list(spot.fetch(network({}), symbol="BTCUSDT", month=JANUARY, is_over=True))


def test_a_partition_is_a_symbol_and_a_month():
    partitions = {p.key: p for p in spot.partitions(datetime(2026, 7, 25, tzinfo=UTC))}
    assert len(partitions) == 2 * 108
    december = partitions["BTCUSDT-2025-12"]
    assert december.closes_at == datetime(2026, 1, 16, tzinfo=UTC)
    assert december.period == (date(2025, 12, 1), date(2025, 12, 31))
    assert december.fetch.keywords["is_over"]
    assert not partitions["ETHUSDT-2026-07"].fetch.keywords["is_over"]
    assert partitions["BTCUSDT-2024-02"].period[1] == date(2024, 2, 29)


# ----------------------------------------------------------------------------------------------------- minute bars


@pytest.mark.parametrize("header", [b"", ",".join(spot.KLINE).encode() + b"\n"])
def test_minutes_are_read_by_duckdb_with_and_without_a_header(fixture, land_bodies, header):
    body = header + fixture("binance/klines_1m.csv")
    (first, second), bad = land_bodies("binance", "spot_klines_1m", {MINUTES: zipped(body)})
    assert not bad
    assert first["opened_at"] == datetime(2024, 12, 31, 23, 58, tzinfo=UTC)
    assert first["closed_at"] == second["opened_at"] == datetime(2024, 12, 31, 23, 59, tzinfo=UTC)
    assert (second["close_price"], second["trade_count"], second["symbol"]) == (93576.0, 650, "BTCUSDT")
    assert first["close_price"] == 93505.12345678  # all eight decimals


def test_minutes_in_microseconds_are_the_same_rows(fixture, land_bodies):
    lines = [line.split(",") for line in fixture("binance/klines_1m.csv").decode().split()]
    for line in lines:
        line[0], line[6] = f"{line[0]}000", f"{line[6]}999"
    micros, _ = land_bodies("binance", "spot_klines_1m", {MINUTES: zipped("\n".join(map(",".join, lines)).encode())})
    millis, _ = land_bodies("binance", "spot_klines_1m", {MINUTES: zipped(fixture("binance/klines_1m.csv"))})
    assert micros == millis


@pytest.mark.parametrize(
    ("url", "body", "words"),
    [
        (MINUTES.replace("1m", "5m"), b"", "is of another market"),
        (MINUTES, b"", "holds no klines"),
        (MINUTES, b"1735689480000,1,2\n", "holds no klines; expected 12 fields"),
        (MINUTES, b"1735689480,1,2,3,4,5,6,7,8,9,10,11\n", "holds no klines"),
        (MINUTES, b"open_time,close\n", "has other columns than promised"),
    ],
)
def test_minutes_of_another_shape_are_refused(land_bodies, url, body, words):
    with pytest.raises(ContractViolation, match=words):
        land_bodies("binance", "spot_klines_1m", {url: zipped(body)})


def test_the_sql_of_klines_gives_every_column_of_the_table(fixture, tmp_path):
    (tmp_path / "klines.csv").write_bytes(fixture("binance/klines_1m.csv"))
    sql = binance.KLINES_SQL_EXTRACT.sql.replace("$klines", f"'{tmp_path}/klines.csv'")
    assert sorted(duckdb.sql(sql).columns) == sorted(c.name for c in binance.SPOT_KLINES_1M.columns)


def test_a_month_of_minutes_is_one_file_once_there_is_one_and_its_days_before(network):
    monthly = "data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2025-01"
    daily = "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2025-01"
    files = {
        **with_checksum(f"{daily}-01.zip", b"PK one"),
        **with_checksum(f"{daily}-02.zip", b"PK two"),
        **with_checksum(f"{monthly}.zip", b"PK all"),
    }
    month = {f"{archive.LISTING}?prefix={monthly.replace('/', '%2F')}": listing(f"{monthly}.zip")}
    days = {
        f"{archive.LISTING}?prefix={monthly.replace('/', '%2F')}": listing(),
        f"{archive.LISTING}?prefix={daily.replace('/', '%2F')}": listing(f"{daily}-01.zip", f"{daily}-02.zip"),
    }
    whole = list(spot.fetch_minutes(network({**month, **files}), month=JANUARY, is_over=True))
    assert [r.url.rpartition("/")[2] for r in whole] == ["BTCUSDT-1m-2025-01.zip"]
    parts = list(spot.fetch_minutes(network({**days, **files}), month=JANUARY, is_over=True))
    assert [r.url.rpartition("/")[2] for r in parts] == ["BTCUSDT-1m-2025-01-01.zip", "BTCUSDT-1m-2025-01-02.zip"]
    get = network({**days, **files})
    list(spot.fetch_minutes(get, month=JANUARY, is_over=False))
    assert "monthly" not in get.asked[0]


def listing(*keys: str, truncated: str = "false") -> str:
    contents = "".join(f"<Contents><Key>{k}</Key></Contents><Contents><Key>{k}.CHECKSUM</Key></Contents>" for k in keys)
    return (
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<IsTruncated>{truncated}</IsTruncated>{contents}</ListBucketResult>"
    )


def test_a_listing_that_goes_on_or_is_none_is_refused(network):
    for body in (listing("a.zip", truncated="true"), "<Error><Code>AccessDenied</Code></Error>"):
        with pytest.raises(ContractViolation, match="is not the whole listing"):
            archive.listed(network({archive.LISTING: body}), "a")


def test_a_listing_cannot_lead_to_another_place(network):
    body = listing("data/x-2025-01-01.zip", "data/x-2025-01../evil.zip", "data/x-2025-01-01.zip.zip")
    assert archive.listed(network({archive.LISTING: body}), "data/x-2025-01") == ["data/x-2025-01-01.zip"]


def test_a_month_is_asked_for_once_its_first_file_can_be_there():
    early, late = (spot.minute_partitions(datetime(2026, 7, 2, hour, tzinfo=UTC)) for hour in (8, 9))
    assert [early[-1].key, late[-1].key] == ["BTCUSDT-2026-06", "BTCUSDT-2026-07"]
    assert early[0].key == "BTCUSDT-2017-08"


# --------------------------------------------------------------------------------------------------------- metrics


def test_metrics_land_under_their_file_so_that_two_files_may_hold_one_label(fixture, land_bodies):
    bodies = {f"{METRICS}2026-06-{day}.zip": zipped(fixture(f"binance/metrics_2026-06-{day}.csv")) for day in (24, 25)}
    rows, bad = land_bodies("binance", "futures_metrics", bodies)
    assert not bad
    assert [(r["file_date"].day, r["create_time"].isoformat()[5:19], r["open_interest"]) for r in rows] == [
        (24, "06-24T00:05:00", 105550.985),
        (24, "06-25T00:00:00", 105600.123),
        (25, "06-25T00:00:00", 105610.0),
        (25, "06-25T00:05:01", 105620.0),
    ]
    assert rows[1]["account_ratio"] is None  # a blank is no nought
    assert rows[0]["open_interest_value"] == 6858675634.706254


def test_lines_that_come_twice_word_for_word_are_one_row(fixture, answer):
    header, first, second = fixture("binance/metrics_2026-06-24.csv").decode().split("\n")[:3]
    twice = f"{header}\n{first}\n{first}\n{second}\n{second}"
    assert len(list(futures.extract_metrics(answer(f"{METRICS}2026-06-24.zip", zipped(twice.encode()))))) == 2
    other = twice.replace("1.55827200", "1.6", 1)
    assert len(list(futures.extract_metrics(answer(f"{METRICS}2026-06-24.zip", zipped(other.encode()))))) == 3


def test_metrics_of_another_market_or_unit_are_refused(fixture, answer, land_bodies):
    body = fixture("binance/metrics_2026-06-24.csv").decode()
    with pytest.raises(ContractViolation, match="is of another market; expected BTCUSDT; got ETHUSDT"):
        list(
            futures.extract_metrics(
                answer(f"{METRICS}2026-06-24.zip", zipped(body.replace("BTCUSDT", "ETHUSDT").encode()))
            )
        )
    with pytest.raises(ContractViolation, match="is no file of metrics"):
        list(futures.extract_metrics(answer(f"{archive.HOST}x.zip", zipped(body.encode()))))
    contracts = body.replace("6858675634.70", "6.85").replace("6862675634.70", "6.86")
    with pytest.raises(ContractViolation, match="'open_interest_value' is not in USDT"):
        land_bodies("binance", "futures_metrics", {f"{METRICS}2026-06-24.zip": zipped(contracts.encode())})


def test_only_the_days_that_the_archive_lists_are_asked_for(fixture, network):
    path = "data/futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-2026-06"
    files = with_checksum(f"{path}-24.zip", b"PK 24") | with_checksum(f"{path}-25.zip", b"PK 25")
    get = network({archive.LISTING: fixture("binance/listing.xml"), **files})
    responses = list(futures.fetch_metrics(get, symbol="BTCUSDT", month=date(2026, 6, 1)))
    assert [r.url for r in responses] == [f"{archive.HOST}{path}-{day}.zip" for day in (24, 25)]
    assert len(get.asked) == 5
    with pytest.raises(SourceUnavailable, match="has no file"):
        list(futures.fetch_metrics(network({archive.LISTING: listing()}), symbol="BTCUSDT", month=date(2026, 6, 1)))


def test_each_symbol_has_metrics_since_its_own_first_month():
    keys = [p.key for p in futures.metrics_partitions(datetime(2026, 7, 25, tzinfo=UTC))]
    assert (keys[0], keys[-1]) == ("BTCUSDT-2020-09", "ETHUSDT-2026-07")
    assert "ETHUSDT-2021-11" not in keys
    assert "ETHUSDT-2021-12" in keys


# --------------------------------------------------------------------------------------------------------- funding


def test_the_archive_and_the_interface_name_a_settlement_by_the_same_minute(fixture, land_bodies):
    asked = f"{futures.FUNDING_URL}?symbol=BTCUSDT"
    archived, bad = land_bodies("binance", "funding_rates", {FUNDING: zipped(fixture("binance/funding_2024-01.csv"))})
    live, also_bad = land_bodies("binance", "funding_rates", {asked: fixture("binance/funding.json")})
    assert not bad + also_bad
    key = [(r["symbol"], r["settled_at"], r["funding_rate"]) for r in archived]
    assert key == [(r["symbol"], r["settled_at"], r["funding_rate"]) for r in live]
    assert key[1] == ("BTCUSDT", datetime(2024, 1, 1, 8, tzinfo=UTC), Decimal("-0.00027213"))
    assert [r["funding_interval_hours"] for r in (archived[0], live[0])] == [8, None]
    versioned = {c.name for c in binance.FUNDING_RATES.columns if c.is_versioned}
    assert {k for k in archived[1] if archived[1][k] != live[1][k]} & versioned == set()


def test_a_field_that_the_interface_adds_is_refused_by_its_name(fixture, land_bodies):
    document = json.loads(fixture("binance/funding.json"))
    document[0]["note"] = 1
    with pytest.raises(ContractViolation, match=r"new \['note'\]"):
        land_bodies("binance", "funding_rates", {futures.FUNDING_URL: json.dumps(document)})


@pytest.mark.parametrize(
    ("url", "body", "words"),
    [
        (futures.FUNDING_URL, '{"code":-1121}', "holds no list"),
        (futures.FUNDING_URL, '[{"fundingTime":"x"}]', "expected 13 digits; got 'x'"),
        (futures.FUNDING_URL, "[{}]", "expected 13 digits; got None"),
        (f"{archive.HOST}x.zip", zipped(b""), "is no file of funding rates"),
        (FUNDING, zipped(b"calc_time,rate\n"), "has other columns than promised"),
    ],
)
def test_what_holds_no_settlements_is_refused(answer, url, body, words):
    with pytest.raises(ContractViolation, match=words):
        list(futures.extract_funding(answer(url, body)))


def test_a_rate_that_is_no_share_goes_to_quarantine_or_refuses_the_payload(fixture, land_bodies):
    body = fixture("binance/funding.json").decode().replace("0.00037409", "37.409")
    with pytest.raises(ContractViolation, match="rate_is_a_share"):
        land_bodies("binance", "funding_rates", {futures.FUNDING_URL: body})


def test_funding_is_asked_of_the_archive_once_the_month_is_over_and_else_of_the_interface(fixture, network):
    path = FUNDING.removeprefix(archive.HOST)
    answers = with_checksum(path, zipped(fixture("binance/funding_2024-01.csv")))
    answers[futures.FUNDING_URL] = fixture("binance/funding.json")
    get = network(answers)
    month = date(2024, 1, 1)
    (response,) = futures.fetch_funding(get, symbol="BTCUSDT", month=month, is_over=True)
    assert response.url == FUNDING
    (response,) = futures.fetch_funding(get, symbol="BTCUSDT", month=month, is_over=False)
    assert (
        response.url == f"{futures.FUNDING_URL}?endTime=1706745599999&limit=1000&startTime=1704067200000&symbol=BTCUSDT"
    )
    with pytest.raises(SourceUnavailable, match=r"fapi\.binance"):  # as from where it answers 451
        list(futures.fetch_funding(network({}), symbol="BTCUSDT", month=month, is_over=True))


# ------------------------------------------------------------------------------------------------- recorded, fuzzed


def test_the_recorded_bars_of_both_venues_are_read(recordings, answer):
    folder = recordings / "crypto" / "exchange_http"
    bars = [
        row
        for path in sorted(folder.glob("binance_api_v3_klines__endTime*"))
        for row in spot.extract(answer(BTC.replace("1d", "1h"), path.read_bytes()))
    ]
    assert len(bars) == 1_468
    assert all(float(b["low_price"]) <= float(b["open_price"]) <= float(b["high_price"]) for b in bars)
    candles = [
        row
        for path in sorted(folder.glob("bitstamp_api_v2_ohlc*"))
        for row in spot.extract(answer(STAMP, path.read_bytes()))
    ]
    assert len(candles) == 1_999
    assert {c["opened_at"][11:] for c in candles} == {"00:00:00+00:00"}


def test_the_recorded_bars_land_and_keep_every_rule(recordings, land_bodies):
    folder = recordings / "crypto" / "exchange_http"
    first, _ = sorted(folder.glob("binance_api_v3_klines__endTime*"))
    rows, bad = land_bodies("binance", "spot_klines", {BTC.replace("1d", "1h"): first.read_bytes()})
    assert (len(rows), bad) == (1_000, [])
    (candles,) = folder.glob("bitstamp_api_v2_ohlc_btcusd__end=1577836799*")
    rows, bad = land_bodies("binance", "spot_klines", {STAMP: candles.read_bytes()})
    # The recording holds 2019-01-09 twice, with two closes.
    assert (len(rows), [b["_rule"] for b in bad]) == (998, ["conflicting_key", "conflicting_key"])
    assert {b["opened_at"] for b in bad} == {"2019-01-09 00:00:00+00"}


def test_the_recorded_funding_rates_land(recordings, land_bodies):
    folder = recordings / "crypto" / "exchange_http"
    for name, count in (
        (
            "binance_fapi_v1_fundingRate__endTime=1580515200000_limit=1000_startTime=1577836800000_symbol=BTCUSDT.json",
            6,
        ),
        ("binance_fapi_v1_fundingRate__symbol=BTCUSDT.json", 100),
    ):
        rows, bad = land_bodies("binance", "funding_rates", {futures.FUNDING_URL: (folder / name).read_bytes()})
        assert (len(rows), bad) == (count, [])
        assert {r["settled_at"].hour for r in rows} == {0, 8, 16}


@pytest.mark.parametrize(
    ("extract", "url"),
    [
        (spot.extract, f"{DAYS}2024-12.zip"),
        (futures.extract_metrics, f"{METRICS}2024-12-01.zip"),
        (futures.extract_funding, FUNDING),
    ],
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.binary(max_size=200), damage=st.integers(0, 400))
def test_whatever_bytes_a_zip_holds_only_a_contract_is_broken(answer, extract, url, text, damage):
    whole = zipped(text)
    for body in (whole, text, whole[:damage], whole[:damage] + b"\x00" + whole[damage + 1 :]):
        with suppress(ContractViolation):
            list(extract(answer(url, body)))


@pytest.mark.parametrize(
    ("extract", "url"), [(spot.extract, BTC), (spot.extract, STAMP), (futures.extract_funding, futures.FUNDING_URL)]
)
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda s: (
            st.lists(s) | st.dictionaries(st.sampled_from(["data", "ohlc", "pair", "fundingTime"]) | st.text(), s)
        ),
        max_leaves=12,
    )
)
def test_whatever_json_comes_only_a_contract_is_broken(answer, extract, url, value):
    with suppress(ContractViolation):
        list(extract(answer(url, json.dumps(value))))


@pytest.mark.parametrize("stamp", [None, "", "\u0661" * 10, "-735689600", "1e9", 1735689600, "1" * 5000])
def test_a_time_is_digits_and_nothing_else(stamp):
    with pytest.raises(ContractViolation, match="a time"):
        instant(stamp, "here", 10, 13, 16)
