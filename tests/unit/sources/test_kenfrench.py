"""Proven on documentation only: the fixtures are made by hand after descriptions of the files, not recorded."""

import io
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse.errors import ContractViolation
from warehouse.sources import kenfrench


def zipped(text: str | bytes, name: str = "F-F_Research_Data_5_Factors_2x3_daily.csv") -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return body.getvalue()


@pytest.fixture
def factors(fixture) -> str:
    return fixture("kenfrench/factors.csv").decode()


def rows_of(answer, text, table=kenfrench.FACTORS) -> list[dict]:
    return list(table.extract(answer(kenfrench.FACTORS_URL, zipped(text))))


def test_the_table_between_prose_and_copyright_is_read(factors, answer):
    rows = rows_of(answer, factors)
    assert set(rows[0]) == {c.wire for c in kenfrench.FACTORS.columns}
    assert [r["trading_date"] for r in rows] == ["1963-07-01", "1963-07-02", "1963-07-03", "2026-07-31"]
    assert rows[3]["HML"] == "1.05"


def test_momentum_is_a_file_of_one_column(fixture, answer):
    rows = rows_of(answer, fixture("kenfrench/momentum.csv").decode(), kenfrench.MOMENTUM)
    assert rows[0] == {"trading_date": "1926-11-03", "Mom": "0.56"}
    assert len(rows) == 3


def test_windows_line_ends_and_a_file_name_in_capitals_change_nothing(factors, answer):
    body = zipped(factors.replace("\n", "\r\n"), "F-F.CSV")
    assert list(kenfrench.FACTORS.extract(answer(kenfrench.FACTORS_URL, body))) == rows_of(answer, factors)


def test_a_file_without_the_line_of_copyright_is_read_to_its_end(factors, answer):
    assert rows_of(answer, factors.split("Copyright", maxsplit=1)[0]) == rows_of(answer, factors)


def test_returns_land_in_percent_and_sentinels_as_null(factors, fixture, land_bodies):
    rows, quarantined = land_bodies("kenfrench", "factors", {kenfrench.FACTORS_URL: zipped(factors)})
    assert quarantined == []
    assert rows[2]["trading_date"] == date(1963, 7, 3)
    assert (rows[2]["mkt_rf_pct"], rows[2]["rf_pct"]) == (Decimal("0.6300"), None)
    momentum = zipped(fixture("kenfrench/momentum.csv"))
    rows, _ = land_bodies("kenfrench", "momentum", {kenfrench.MOMENTUM_URL: momentum})
    assert [r["momentum_pct"] for r in rows] == [Decimal("0.5600"), None, Decimal("1.1300")]


def test_returns_as_fractions_land_nothing(factors, land_bodies):
    fractions = factors.replace("-0.67", "-0.0067").replace("0.79", "0.0079").replace("0.63", "0.0063")
    body = zipped(fractions.replace("-1.20", "-0.012"))
    with pytest.raises(ContractViolation, match="is not in percent"):
        land_bodies("kenfrench", "factors", {kenfrench.FACTORS_URL: body})


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("RMW,", "", r"missing \['RMW'\]"),
        ("RF\n", "RF,UMD\n", "is cut or torn"),
        (",CMA,RF\n", ",CMA2,RF\n", r"new \['CMA2'\], missing \['CMA'\]"),
    ],
)
def test_other_factors_are_refused_by_name(factors, land_bodies, old, new, words):
    text = factors.replace(old, new)
    if new == "":
        text = "\n".join(",".join(f for n, f in enumerate(line.split(",")) if n != 4) for line in text.split("\n"))
        text = text.replace(",Mkt-RF,SMB,HML,RF", ",Mkt-RF,SMB,HML,CMA,RF")
    with pytest.raises(ContractViolation, match=words):
        land_bodies("kenfrench", "factors", {kenfrench.FACTORS_URL: zipped(text)})


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (",Mkt-RF,", ",Market,", "has no header"),
        ("   -0.34,   -0.01,    0.15,    0.012", "   -0.34", "line 5, is cut or torn"),
        (",SMB,HML", ",SMB,SMB", "names columns twice"),
    ],
)
def test_a_file_of_another_form_is_refused(factors, answer, old, new, words):
    with pytest.raises(ContractViolation, match=words):
        rows_of(answer, factors.replace(old, new, 1))


def test_a_day_that_is_none_does_not_land(factors, land_bodies):
    body = zipped(factors.replace("19630702", "19631340"))
    with pytest.raises(ContractViolation, match=r"'trading_date', row 2.*1963-13-40"):
        land_bodies("kenfrench", "factors", {kenfrench.FACTORS_URL: body})


@pytest.mark.parametrize("body", [b"", b"<html>Moved</html>", b"PK\x03\x04 cut", zipped("a", "readme.txt")])
def test_what_is_no_zip_of_one_csv_is_refused(answer, body):
    with pytest.raises(ContractViolation):
        list(kenfrench.FACTORS.extract(answer(kenfrench.FACTORS_URL, body)))


def test_bytes_that_are_no_text_are_refused(answer):
    with pytest.raises(ContractViolation, match="holds no text"):
        rows_of(answer, b"\xff\xfe\x00")


def test_a_broken_stream_in_a_whole_zip_is_refused(factors, answer):
    body = bytearray(zipped(factors))
    start = body.index(b"daily.csv") + len("daily.csv")
    body[start : start + 20] = bytes(range(200, 220))
    with pytest.raises(ContractViolation):
        list(kenfrench.FACTORS.extract(answer(kenfrench.FACTORS_URL, bytes(body))))


def test_each_file_is_one_partition(network):
    get = network({kenfrench.FOLDER: b"PK"})
    for table in kenfrench.SOURCE.tables:
        (partition,) = table.partitions(datetime(2026, 9, 1, tzinfo=UTC))
        list(partition.fetch(get))
    assert get.asked == [kenfrench.FACTORS_URL, kenfrench.MOMENTUM_URL]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.sampled_from('0123456789,.-"\n\r MktRFopy'), max_size=120))
def test_any_text_is_read_or_refused(answer, text):
    try:
        rows = rows_of(answer, f",Mkt-RF,RF\n{text}")
    except ContractViolation:
        return
    assert all(set(row) == {"trading_date", "Mkt-RF", "RF"} for row in rows)
