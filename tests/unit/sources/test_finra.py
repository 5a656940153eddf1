"""Proven on documentation only: the fixture is made by hand after descriptions of the workbook, not recorded."""

import csv
import io
from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from warehouse.errors import ContractViolation
from warehouse.sources import finra


def workbook(cells: list[list[str]], sheet: str = finra.SHEET) -> bytes:
    book = Workbook()
    page = book.active
    page.title = sheet
    for row in cells:
        page.append([int(c) if c.lstrip("-").isdecimal() else c or None for c in row])
    body = io.BytesIO()
    book.save(body)
    return body.getvalue()


@pytest.fixture
def cells(fixture) -> list[list[str]]:
    return list(csv.reader(io.StringIO(fixture("finra/margin_statistics.csv").decode())))


def test_every_month_is_a_row_in_millions_of_dollars(cells, land_bodies):
    rows, quarantined = land_bodies("finra", "margin_statistics", {finra.URL: workbook(cells)})
    assert quarantined == []
    by_month = {r["month_end"]: r for r in rows}
    assert len(by_month) == 4
    assert by_month[date(2026, 8, 31)]["margin_debt_usd_mn"] == 1_453_832
    assert by_month[date(2026, 8, 31)]["free_credit_margin_usd_mn"] == 217_499


def test_credit_that_was_not_counted_apart_is_null_and_not_zero(cells, land_bodies):
    rows, _ = land_bodies("finra", "margin_statistics", {finra.URL: workbook(cells)})
    assert {r["month_end"].year: r["free_credit_margin_usd_mn"] for r in rows}[1997] is None


def test_months_are_read_in_any_order(cells, answer):
    turned = [cells[0], *reversed(cells[1:])]
    months = [r[finra.MONTH] for r in finra.extract(answer(finra.URL, workbook(turned)))]
    assert months == ["1997-01-31", "2010-01-31", "2026-07-31", "2026-08-31"]


@pytest.mark.parametrize(
    ("row", "column", "text", "words"),
    [
        (0, 1, "Debit Balances", r"new \['Debit Balances'\], missing \[\"Debit Balances in"),
        (0, 0, "Month", "not laid out as the margin statistics"),
        (0, 2, "", "not laid out as the margin statistics"),
        (0, 3, "", "has figures under no name"),
        (1, 0, "2026-13", "'month_end', row 1.*2026-13"),
        (1, 1, "n/a", "'margin_debt_usd_mn', row 1"),
        (1, 1, "", "'margin_debt_usd_mn', row 1"),
        (1, 1, "1454", "is not in USD million"),
        (1, 2, "-5", "A balance is not negative"),
    ],
)
def test_another_sheet_lands_nothing(cells, land_bodies, row, column, text, words):
    cells[row][column] = text
    with pytest.raises(ContractViolation, match=words):
        land_bodies("finra", "margin_statistics", {finra.URL: workbook(cells)})


def test_a_workbook_without_the_sheet_is_refused_by_its_name(cells, answer):
    with pytest.raises(ContractViolation, match="has no sheet 'Customer Margin Balances'"):
        list(finra.extract(answer(finra.URL, workbook(cells, sheet="Sheet1"))))


@pytest.mark.parametrize("body", [b"", b"<html>Moved</html>", b"PK\x03\x04 cut", workbook([])])
def test_what_is_no_such_workbook_is_refused(answer, body):
    with pytest.raises(ContractViolation):
        list(finra.extract(answer(finra.URL, body)))


def test_its_rows_may_not_leave_this_installation():
    assert finra.MARGIN_STATISTICS.is_internal


def test_the_whole_file_is_one_partition(network):
    get = network({finra.URL: b"PK"})
    (partition,) = finra.partitions(datetime(2026, 9, 1, tzinfo=UTC))
    list(partition.fetch(get))
    assert get.asked == [finra.URL]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.sampled_from(["Year-Month", "2026-08", "0000-01", "1"]), st.text(max_size=6))),
        max_size=5,
    )
)
def test_any_sheet_is_read_or_refused(answer, monkeypatch, rows):
    cleaned = [tuple(None if cell is None or not cell.strip() else cell.strip() for cell in row) for row in rows]
    monkeypatch.setattr(finra.wire, "sheet_rows", lambda *_: cleaned)
    try:
        read = list(finra.extract(answer(finra.URL, b"")))
    except ContractViolation:
        return
    assert all(finra.MONTH in row for row in read)
