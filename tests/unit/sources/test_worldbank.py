"""Proven on documentation only: the fixture is made by hand after descriptions of the workbook, not recorded."""

import csv
import io
import zipfile
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from warehouse.errors import ContractViolation
from warehouse.sources import worldbank

FETCHED_AT = datetime(2026, 9, 2, 22, 0, tzinfo=UTC)


def number_or_text(text: str) -> float | str | None:
    try:
        return float(text)
    except ValueError:
        return text or None


def workbook(cells: list[list[str]], sheet: str = worldbank.SHEET) -> bytes:
    book = Workbook()
    book.active.title = "AFOSHEET"
    page = book.create_sheet(sheet)
    for row in cells:
        page.append([number_or_text(cell) for cell in row])
    body = io.BytesIO()
    book.save(body)
    return body.getvalue()


@pytest.fixture
def cells(fixture) -> list[list[str]]:
    return list(csv.reader(io.StringIO(fixture("worldbank/monthly_prices.csv").decode())))


def rows_of(answer, body) -> list[dict]:
    return list(worldbank.extract(answer(worldbank.URL, body)))


def test_every_commodity_and_month_is_a_row_with_the_unit_of_its_column(cells, answer):
    rows = rows_of(answer, workbook(cells))
    assert len(rows) == 3 * 5
    assert set(rows[0]) == {c.wire for c in worldbank.COMMODITY_PRICES.columns}
    assert rows[0] == {
        "commodity_name": "Crude oil, average",
        "month_end": "1960-01-31",
        "unit_name": "$/bbl",
        "price": "1.63000011444092",
    }
    assert {r["unit_name"] for r in rows if r["commodity_name"] == "Natural gas index"} == {"2010=100"}


def test_the_asterisks_of_footnotes_are_no_part_of_a_name(cells, answer):
    assert {r["commodity_name"] for r in rows_of(answer, workbook(cells))} >= {"Coal, South African", "Gold"}


def test_the_footnotes_under_the_table_are_passed_over(cells, answer):
    assert {r["month_end"] for r in rows_of(answer, workbook(cells))} == {"1960-01-31", "2026-07-31", "2026-08-31"}


def test_missing_prices_land_as_null_and_the_others_as_numbers(cells, land_bodies):
    rows, quarantined = land_bodies("worldbank", "commodity_prices", {worldbank.URL: workbook(cells)})
    assert quarantined == []
    prices = {(r["commodity_name"], r["month_end"].isoformat()): r["price"] for r in rows}
    assert prices["Gold", "2026-08-31"] == 4411
    assert [k for k, price in prices.items() if price is None] == [
        ("Coal, South African", "1960-01-31"),
        ("Natural gas index", "2026-07-31"),
        ("Coal, South African", "2026-08-31"),
    ]


def test_a_price_of_nothing_is_set_aside(cells, land_bodies):
    cells[7][5] = "0"
    months = [[f"{year}M{month:02}", *cells[7][1:5], "50"] for year in range(2010, 2012) for month in range(1, 13)]
    body = workbook([*cells[:9], *months])
    rows, quarantined = land_bodies("worldbank", "commodity_prices", {worldbank.URL: body})
    assert [(r["commodity_name"], r["_rule"]) for r in quarantined] == [("Silver", "price_above_zero")]
    assert len(rows) == 27 * 5 - 1


@pytest.mark.parametrize(
    ("row", "column", "text", "words"),
    [
        (5, 4, "($/kg)", "is not in as unit_name says"),
        (8, 4, "44.11", "is not in as unit_name says"),
    ],
)
def test_gold_in_another_unit_lands_nothing(cells, land_bodies, row, column, text, words):
    cells[row][column] = text
    if row > 5:
        cells[7][4] = text
    with pytest.raises(ContractViolation, match=words):
        land_bodies("worldbank", "commodity_prices", {worldbank.URL: workbook(cells)})


@pytest.mark.parametrize(
    ("row", "column", "text", "words"),
    [
        (5, 1, "", "states no unit for 'Crude oil, average'"),
        (5, 1, "$/bbl", r"states no unit.*got \$/bbl"),
        (4, 4, "Silver", r"not laid out as the Pink Sheet.*\['Silver'\] twice"),
        (4, 4, "", "row 7, has a price under no name"),
        (6, 0, "1960M13", "row 7, has prices for no month.*'1960M13'"),
        (6, 0, "0000M01", "row 7, has prices for no month"),
        (8, 0, "", "row 9, has prices for no month.*None"),
    ],
)
def test_a_sheet_of_another_layout_is_refused(cells, answer, row, column, text, words):
    cells[row][column] = text
    with pytest.raises(ContractViolation, match=words):
        rows_of(answer, workbook(cells))


def test_a_row_too_many_above_the_names_is_refused(cells, answer):
    with pytest.raises(ContractViolation, match="Pink Sheet|states no unit"):
        rows_of(answer, workbook([["a new line"], *cells]))


def test_a_sheet_without_months_is_refused(cells, answer):
    with pytest.raises(ContractViolation, match="6 rows"):
        rows_of(answer, workbook(cells[:6]))


def test_a_workbook_without_the_sheet_is_refused_by_its_name(cells, answer):
    with pytest.raises(ContractViolation, match="has no sheet 'Monthly Prices'"):
        rows_of(answer, workbook(cells, sheet="Monthly Indices"))


@pytest.mark.parametrize("body", [b"", b"<html>Moved</html>", b"PK\x03\x04 cut"])
def test_what_is_no_workbook_is_refused(answer, body):
    with pytest.raises(ContractViolation):
        rows_of(answer, body)


def test_a_workbook_whose_sheet_is_no_xml_is_refused(cells, answer):
    torn = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(cells))) as good, zipfile.ZipFile(torn, "w") as bad:
        for name in good.namelist():
            data = good.read(name)
            bad.writestr(name, data[: len(data) // 2] if name.endswith("sheet2.xml") else data)
    with pytest.raises(ContractViolation, match="is no workbook"):
        rows_of(answer, torn.getvalue())


def test_the_whole_file_is_one_partition(network):
    get = network({worldbank.URL: b"PK"})
    (partition,) = worldbank.partitions(FETCHED_AT)
    list(partition.fetch(get))
    assert get.asked == [worldbank.URL]
    assert partition.closes_at is None


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.text(max_size=8), st.sampled_from(["Gold", "($/mt)", "2020M01"])), max_size=5),
        min_size=5,
        max_size=9,
    )
)
def test_any_sheet_is_read_or_refused(answer, monkeypatch, rows):
    cleaned = [tuple(None if cell is None or not cell.strip() else cell.strip() for cell in row) for row in rows]
    monkeypatch.setattr(worldbank.wire, "sheet_rows", lambda *_: cleaned)
    try:
        read = rows_of(answer, b"")
    except ContractViolation:
        return
    assert all(set(r) == {"commodity_name", "month_end", "unit_name", "price"} for r in read)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(answer, body):
    with pytest.raises(ContractViolation):
        rows_of(answer, body)
