from collections import defaultdict
from datetime import UTC, datetime

import duckdb
import pytest

from warehouse.errors import ContractViolation
from warehouse.sources import tic

GOOD = "tic/mfhhis01.txt"


def rows_of(answer, body) -> list[dict]:
    return list(tic.extract(answer(tic.URL, body)))


def test_footnote_marks_go_and_missing_figures_are_null(fixture, answer):
    rows = rows_of(answer, fixture(GOOD))
    assert list(rows[0]) == [c.name for c in tic.MAJOR_FOREIGN_HOLDERS.columns]
    names = list(dict.fromkeys(r["holder_name"] for r in rows))
    assert names == [
        "Japan",
        "Oil Exporters",
        "Korea, South",
        "Grand Total",
        "For. Official",
        "For. Official: Treasury Bills",
        "For. Official: T-Bonds & Notes",
    ]
    assert [r["holdings_usd_bn"] for r in rows if r["holder_name"] == "Oil Exporters"] == ["242.6", None, None]
    assert [r["holdings_usd_bn"] for r in rows if r["holder_name"] == "Korea, South"] == ["30.1", None, "29.5"]


def test_of_two_columns_for_a_month_the_newer_survey_stands_left(fixture, answer):
    japan = [r for r in rows_of(answer, fixture(GOOD)) if r["holder_name"] == "Japan"]
    assert [(r["month_end"], r["survey_basis"], r["holdings_usd_bn"]) for r in japan] == [
        ("2011-06-30", "current", "881.5"),
        ("2011-06-30", "superseded", "911.1"),
        ("2011-05-31", "current", "912.4"),
    ]


def test_only_the_lines_after_of_which_are_memo(fixture, answer):
    memo = {r["holder_name"] for r in rows_of(answer, fixture(GOOD)) if r["is_memo"]}
    assert memo == {"For. Official", "For. Official: Treasury Bills", "For. Official: T-Bonds & Notes"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("881.5\t911.1\t912.4\t", "881.5\t911.1\t912.4\t900.1", r"Japan.*does not fit the header.*got 4"),
        ("Japan\t881.5\t911.1\t912.4\t", "Japan\t881.5", r"Japan.*does not fit.*expected 3 figures"),
        ("\tMay\t", "\tMai\t", "not a month over a year.*'Mai' over '2011'"),
        ("Grand Total", "Gran Total", "is cut.*got 0 totals"),
        ("Country", "Land", "holds no table of holders"),
    ],
)
def test_a_table_of_another_form_is_refused(fixture, answer, old, new, words):
    with pytest.raises(ContractViolation, match=words):
        rows_of(answer, fixture(GOOD).decode().replace(old, new))


def test_a_truncated_table_is_refused(fixture, answer):
    body = fixture(GOOD)
    with pytest.raises(ContractViolation, match="is cut"):
        rows_of(answer, body[: body.index(b"Of which")])


@pytest.mark.parametrize("body", ["<html>Moved</html>", "{}", ""])
def test_what_is_no_table_is_refused(answer, body):
    with pytest.raises(ContractViolation, match="holds no table of holders"):
        rows_of(answer, body)


def test_the_whole_file_is_one_partition(network):
    get = network({tic.URL: "Country"})
    (partition,) = tic.partitions(datetime(2026, 1, 1, tzinfo=UTC))
    list(partition.fetch(get))
    assert get.asked == [tic.URL]


@pytest.mark.parametrize(
    ("month_end", "fetched_at", "released", "quality"),
    [
        ("2025-12-31", "2026-02-19", "2026-02-18 16:00:00", "dated"),
        ("2025-12-31", "2026-03-19", "2026-02-18 16:00:00", "current_vintage"),  # revised on 2026-03-18
        ("2010-06-30", "2026-02-19", "2010-08-19 16:00:00", "current_vintage"),
    ],
)
def test_only_a_figure_fetched_before_the_next_release_is_of_its_date(month_end, fetched_at, released, quality):
    known_at, pit_quality = tic.MAJOR_FOREIGN_HOLDERS.known_at.sql, tic.MAJOR_FOREIGN_HOLDERS.known_at.pit_quality
    row = duckdb.sql(
        f"""
        with recursive rows as (select date '{month_end}' as month_end, timestamp '{fetched_at}' as fetched_at)
        select ({known_at.replace("new_york(", "concat_ws(' ', ")}),
            ({pit_quality.replace("new_york(", "add(").replace("time '16:00'", "interval 16 hours")})
        from rows
        """
    ).fetchone()
    assert row == (released, quality)


def test_all_26_year_blocks_of_the_recorded_file_are_read(recordings, answer):
    rows = rows_of(answer, (recordings / "sovereign" / "tic_mfhhis01.txt").read_bytes())
    years = {r["month_end"][:4] for r in rows}
    assert years == {str(y) for y in range(2000, 2026)}
    keys = {(r["holder_name"], r["month_end"], r["survey_basis"]) for r in rows}
    assert len(keys) == len(rows) == 12_718
    assert next(r["holdings_usd_bn"] for r in rows if r["holder_name"] == "Japan") == "1185.5"
    assert rows[0]["month_end"] == "2025-12-31"
    superseded = {r["month_end"] for r in rows if r["survey_basis"] == "superseded"}
    assert superseded == {"2000-03-31", *(f"{y}-06-30" for y in range(2002, 2012))}


def test_the_holders_of_the_recorded_file_sum_to_its_grand_total(recordings, answer):
    listed, total = defaultdict(float), {}
    for r in rows_of(answer, (recordings / "sovereign" / "tic_mfhhis01.txt").read_bytes()):
        month = r["month_end"], r["survey_basis"]
        if r["holder_name"] == "Grand Total":
            total[month] = float(r["holdings_usd_bn"])
        elif not r["is_memo"]:
            listed[month] += float(r["holdings_usd_bn"] or 0)
    off = {month: round(listed[month] - total[month], 1) for month in total}
    assert len(off) == 310 + 11
    # The one exception is the publisher's: six cells of the superseded column are left empty.
    assert off.pop(("2006-06-30", "superseded")) == -2.5
    assert max(map(abs, off.values())) <= 0.5, "rounding of some forty figures"
