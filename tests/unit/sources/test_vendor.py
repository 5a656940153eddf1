import io
import re
import subprocess
import sys
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from warehouse.errors import ContractViolation
from warehouse.settings import PROJECT_ROOT
from warehouse.sources import vendor

NOW = datetime(2026, 1, 6, tzinfo=UTC)
CSV_URL = "drop://prices/example.csv"
PARQUET_URL = "drop://prices/example.parquet"


@pytest.fixture
def drop(tmp_path, monkeypatch):
    folder = tmp_path / "drop"
    (folder / "prices").mkdir(parents=True)
    monkeypatch.setenv("WAREHOUSE_DROP", str(folder))
    return folder / "prices"


def parquet_of(columns: dict) -> bytes:
    body = io.BytesIO()
    parquet.write_table(pa.table(columns), body)
    return body.getvalue()


def three_days(**others) -> dict:
    days = [date(2026, 1, 2), date(2026, 1, 5), date(2026, 1, 6)]
    return {
        "symbol": ["NVDA"] * 3,
        "date": days,
        "close": [188.85, 188.12, 190.0],
        "currency": ["USD"] * 3,
        "vendor": ["mine"] * 3,
    } | others


def test_a_csv_is_read_by_the_names_of_its_columns(fixture, land_bodies):
    rows, quarantined = land_bodies("vendor", "daily_prices", {CSV_URL: fixture("vendor/example.csv")})
    assert quarantined == []
    assert [(r["symbol"], r["price_date"].isoformat(), r["close_price"]) for r in rows] == [
        ("NVDA", "2026-01-02", 188.850006103516),
        ("NVDA", "2026-01-05", 188.119995117188),
        ("000660.KS", "2026-01-05", 696000),
    ]
    assert rows[0]["vendor_name"] == "yahoo"
    assert rows[2]["open_price"] is rows[2]["volume"] is None


def test_a_parquet_file_has_the_same_columns_and_any_type_that_reads_as_one(land_bodies):
    columns = three_days(volume=[148_240_500, None, 1], high=[192.9, None, 191.0], low=[188.2, None, 189.0])
    rows, quarantined = land_bodies("vendor", "daily_prices", {PARQUET_URL: parquet_of(columns)})
    assert quarantined == []
    assert [r["price_date"].isoformat() for r in rows] == ["2026-01-02", "2026-01-05", "2026-01-06"]
    assert [r["volume"] for r in rows] == [148_240_500, None, 1]
    stamped = three_days(date=pa.array([datetime(2026, 1, d) for d in (2, 5, 6)], pa.timestamp("ms")))  # noqa: DTZ001
    again, _ = land_bodies("vendor", "daily_prices", {PARQUET_URL: parquet_of(stamped)})
    assert [r["price_date"] for r in again] == [r["price_date"] for r in rows]


def test_a_file_of_closes_alone_is_enough(land_bodies):
    rows, _ = land_bodies(
        "vendor", "daily_prices", {CSV_URL: "symbol,date,close,currency,vendor\nMU,2026-01-02,315.42,USD,mine\n"}
    )
    assert rows[0]["close_price"] == 315.42
    assert rows[0]["adjusted_close_price"] is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (",currency", ",ccy", r"new \['ccy'\], missing \['currency'\]"),
        (",vendor", ",vendor,note", "is cut or torn"),
        ("close,adjusted", "close,close,adjusted", "names columns twice"),
        ("2026-01-05", "05.01.2026", "'price_date', row 2.*got '05.01.2026'"),
        (",USD,", ",GBp,", "three capitals"),
        ("188.119995117188,", "0,", "A price is positive"),
        ("193.630004882813,186", "185,186", "not below the lowest"),
        ("188.119995117188,", "288.12,", "lies between the lowest and the highest"),
        (",183529700,", ",-1,", "less than nothing"),
    ],
)
def test_a_file_that_breaks_the_contract_lands_nothing(fixture, land_bodies, old, new, words):
    body = fixture("vendor/example.csv").decode().replace(old, new)
    with pytest.raises(ContractViolation, match=words):
        land_bodies("vendor", "daily_prices", {CSV_URL: body})


def test_one_bad_row_of_many_is_set_aside_with_its_reason(land_bodies):
    rows = "".join(f"S{n},2026-01-02,{n},USD,mine\n" for n in range(200))
    landed, quarantined = land_bodies("vendor", "daily_prices", {CSV_URL: "symbol,date,close,currency,vendor\n" + rows})
    assert len(landed) == 199
    assert [(r["symbol"], r["_rule"]) for r in quarantined] == [("S0", "close_above_zero")]


def test_the_files_in_the_folder_are_the_partitions(drop, network):
    for name in ("b.csv", "A list.PARQUET", ".hidden.csv", "notes.txt"):
        (drop / name).write_text("symbol")
    (drop / "folder.csv").mkdir()
    found = vendor.partitions(NOW)
    assert [p.key for p in found] == ["A list.PARQUET", "b.csv"]
    get = network({"drop://": "symbol"})
    for partition in found:
        list(partition.fetch(get))
    assert [url.replace("+", "%20") for url in get.asked] == [
        "drop://prices/A%20list.PARQUET",
        "drop://prices/b.csv",
    ]


def test_the_kind_of_a_file_is_asked_for_by_its_name(drop):
    (drop / "a.csv").touch()
    (drop / "b.parquet").touch()
    kinds = []
    for partition in vendor.partitions(NOW):
        list(partition.fetch(lambda url, /, *, expect: kinds.append((url.rsplit("/", 1)[1], expect))))
    assert kinds == [("a.csv", "text"), ("b.parquet", "parquet")]


def test_without_a_folder_there_is_nothing_to_ask_for(monkeypatch, tmp_path):
    monkeypatch.delenv("WAREHOUSE_DROP", raising=False)
    assert vendor.partitions(NOW) == []
    monkeypatch.setenv("WAREHOUSE_DROP", str(tmp_path))
    assert vendor.partitions(NOW) == []


def test_its_rows_may_not_leave_this_installation():
    assert vendor.DAILY_PRICES.is_internal


@pytest.mark.parametrize("body", [b"", b"PAR1", b"PAR1" + b"\0" * 40 + b"PAR1", b"symbol,date\n"])
def test_what_is_no_parquet_file_is_refused(answer, body):
    with pytest.raises(ContractViolation, match="no Parquet file"):
        list(vendor.extract(answer(PARQUET_URL, body)))


def test_a_parquet_file_that_is_cut_is_refused(answer):
    body = parquet_of(three_days())
    for end in range(0, len(body), 97):
        with pytest.raises(ContractViolation):
            list(vendor.extract(answer(PARQUET_URL, body[:end])))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from([CSV_URL, PARQUET_URL]))
def test_any_bytes_are_read_or_refused(answer, body, url):
    try:
        rows = list(vendor.extract(answer(url, body)))
    except ContractViolation:
        return
    assert all(isinstance(name, str) for row in rows for name in row)


def test_the_example_of_the_guide_writes_a_file_that_lands(fixture, land_bodies, tmp_path):
    (script,) = re.findall(r"```python\n(.*?)```", (PROJECT_ROOT / vendor.GUIDE).read_text(), re.DOTALL)
    program = tmp_path / "yahoo_prices.py"
    program.write_text(script)
    ran = subprocess.run(
        [sys.executable, str(program)], input=fixture("vendor/yahoo_chart.json"), capture_output=True, check=True
    )
    assert b"NVDA has no close on 2026-01-06: left out" in ran.stderr
    rows, quarantined = land_bodies("vendor", "daily_prices", {CSV_URL: ran.stdout})
    assert quarantined == []
    assert [(r["price_date"].isoformat(), r["close_price"], r["currency_code"]) for r in rows] == [
        ("2026-01-02", 188.85000610351562, "USD"),
        ("2026-01-05", 188.1199951171875, "USD"),
    ]


def test_the_guide_lists_the_columns_of_the_contract():
    listed = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", _guide(), re.MULTILINE))))
    assert listed == {column.wire for column in vendor.DAILY_PRICES.columns}


def _guide() -> str:
    return (PROJECT_ROOT / vendor.GUIDE).read_text()
