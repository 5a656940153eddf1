import re
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse import versions
from warehouse.contract import Response
from warehouse.errors import ContractViolation
from warehouse.sources import tic

GOOD = "tic/mfhhis01.txt"
# Table 3 and table 5 are made from documentation: no real response of them is recorded.
RECENT = "tic/slt_table5.txt"
HOLDINGS = "tic/slt_table3.txt"
NOW = datetime(2026, 10, 1, tzinfo=UTC)
TABLES = {table.name: table for table in tic.SOURCE.tables}


def rows_of(answer, body) -> list[dict]:
    return list(tic.extract(answer(tic.URL, body)))


# ------------------------------------------------------------------------------------------- history by whole years


def test_footnote_marks_go_and_figures_are_as_published(fixture, answer):
    rows = rows_of(answer, fixture(GOOD))
    assert list(rows[0]) == [c.wire for c in tic.MAJOR_FOREIGN_HOLDERS.columns]
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
    assert [r["holdings_usd_bn"] for r in rows if r["holder_name"] == "Oil Exporters"] == ["242.6", "n.a.", "*"]
    assert [r["holdings_usd_bn"] for r in rows if r["holder_name"] == "Korea, South"] == ["30.1", "--", "29.5"]


def test_missing_figures_land_as_null(fixture, land_bodies):
    rows, quarantined = land_bodies("tic", "major_foreign_holders", {tic.URL: fixture(GOOD)})
    assert not quarantined
    oil = [r["holdings_usd_bn"] for r in rows if r["holder_name"] == "Oil Exporters"]
    assert oil == [Decimal("242.6"), None, None]


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
        ("\t2011\t2011\t2011", "\t2011\t2011\t0000", "not a month over a year.*'May' over '0000'"),
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


@pytest.mark.parametrize("body", ["<html>Moved</html>", "{}", "", "Country\t2011"])
def test_what_is_no_table_is_refused(answer, body):
    with pytest.raises(ContractViolation, match="holds no table of holders"):
        rows_of(answer, body)


# ------------------------------------------------------------------------------------------- the last thirteen months


def test_months_side_by_side_become_rows(fixture, answer):
    rows = list(tic.extract_recent(answer(tic.RECENT_URL, fixture(RECENT))))
    assert len(rows) == 9 * 3
    assert list(rows[0]) == [c.wire for c in tic.RECENT_FOREIGN_HOLDERS.columns]
    japan = [(r["month_end"], r["holdings_usd_bn"]) for r in rows if r["holder_name"] == "Japan"]
    assert japan == [("2026-07-31", "1103.9"), ("2026-06-30", "1116.7"), ("2026-05-31", "1143.1")]
    assert {r["holder_name"] for r in rows if r["is_memo"]} == {
        "Of Which: Foreign Official",
        "Of Which: Foreign Official Treasury Bills",
        "Of Which: Foreign Official T-Bonds & Notes",
    }


def test_recent_footnotes_go_and_missing_figures_are_null(fixture, land_bodies):
    rows, quarantined = land_bodies("tic", "recent_foreign_holders", {tic.RECENT_URL: fixture(RECENT)})
    assert not quarantined
    belgium = [r["holdings_usd_bn"] for r in rows if r["holder_name"] == "Belgium"]
    assert belgium == [Decimal("482.5"), None, None]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("Country\t2026-07", "Country\tJul 2026", "the header is no month.*got 'Jul 2026'"),
        ("Country\t2026-07\t2026-06", "Country\t2026-07\t2026-07", r"names columns twice.*2026-07"),
        ("Country\t2026-07", "Country\t2026-13", "the header is no month.*got '2026-13'"),
        ("Country\t", "Land\t", "has no header"),
        ("1103.9\t1116.7\t1143.1", "1103.9\t1116.7", "is cut or torn.*expected 4 fields"),
        ("Grand Total", "Total", "is cut; expected one 'Grand Total'; got 0"),
    ],
)
def test_a_recent_table_of_another_form_is_refused(fixture, answer, old, new, words):
    with pytest.raises(ContractViolation, match=words):
        list(tic.extract_recent(answer(tic.RECENT_URL, fixture(RECENT).decode().replace(old, new))))


def test_recent_holdings_in_millions_are_refused(fixture, land_bodies):
    body = re.sub(r"([0-9])\.([0-9])\b", r"\1\g<2>00", fixture(RECENT).decode())
    with pytest.raises(ContractViolation, match="is not in USD billion.*millions"):
        land_bodies("tic", "recent_foreign_holders", {tic.RECENT_URL: body})


def test_the_window_withdraws_nothing_that_leaves_it():
    assert tic.MAJOR_FOREIGN_HOLDERS.is_snapshot
    assert not tic.RECENT_FOREIGN_HOLDERS.is_snapshot


# --------------------------------------------------------------------------------------------- every country by month


def test_the_machine_readable_header_names_the_columns(fixture, answer):
    rows = list(tic.extract_holdings(answer(tic.HOLDINGS_URL, fixture(HOLDINGS))))
    assert len(rows) == 7
    assert set(rows[0]) == {c.wire for c in tic.FOREIGN_HOLDINGS.columns}
    assert rows[0] == {
        "country": "Japan",
        "country_code": "42609",
        "date": "2026-07-31",
        "for_treas_pos": "1103900",
        "for_treas_net": "-11046",
        "for_lt_treas_pos": "1023754",
        "for_lt_treas_net": "-8846",
        "for_lt_treas_valchg": "-12120",
        "for_st_treas_pos": "80146",
        "for_st_treas_net": "-2200",
    }


def test_holdings_without_flows_or_totals_land_with_nulls(fixture, land_bodies):
    rows, quarantined = land_bodies("tic", "foreign_holdings", {tic.HOLDINGS_URL: fixture(HOLDINGS)})
    assert (len(rows), quarantined) == (7, [])
    old = next(r for r in rows if str(r["month_end"]) == "2023-01-31")
    assert (old["holdings_usd_mn"], old["net_purchases_usd_mn"]) == (Decimal(1_104_400), None)
    poland = next(r for r in rows if r["holder_name"] == "Poland")
    assert (poland["holdings_usd_mn"], poland["long_term_holdings_usd_mn"]) == (None, Decimal(48_100))
    assert next(r["country_code"] for r in rows if r["holder_name"] == "China, Mainland") == "41408"


def test_a_row_whose_terms_do_not_sum_to_its_total_is_set_aside(fixture, land_bodies):
    lines = fixture(HOLDINGS).decode().splitlines()
    japan = next(line for line in lines if line.startswith("Japan"))
    more = [japan.replace("2026-07", f"{1900 + n}-01") for n in range(100)]
    lines[lines.index(japan) : lines.index(japan) + 1] = [*more, japan.replace("80146", "80148")]
    rows, quarantined = land_bodies("tic", "foreign_holdings", {tic.HOLDINGS_URL: "\r\n".join(lines)})
    assert len(rows) == 106
    assert [(bad["_rule"], bad["short_term_holdings_usd_mn"]) for bad in quarantined] == [
        ("terms_sum_to_total", "80148")
    ]


def test_holdings_in_billions_are_refused(fixture, land_bodies):
    body = fixture(HOLDINGS).decode().replace("9248100", "9248.1").replace("7783259", "7783.3")
    with pytest.raises(ContractViolation, match="is not in USD million.*billions"):
        land_bodies("tic", "foreign_holdings", {tic.HOLDINGS_URL: body.replace("1464841", "1464.8")})


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("country\tcountry_code\tdate", "country\tcode\tdate", "has no header"),
        (
            "\tfor_st_treas_net\r",
            "\tfor_st_treas_flow\r",
            r"new \['for_st_treas_flow'\], missing \['for_st_treas_net'\]",
        ),
        ("Japan\t42609\t2026-07", "Japan\t42609\t7/2026", "row 1: the date is no month.*got '7/2026'"),
        ("-2200\r\n", "\r\n", ""),
        ("\t80146\t-2200\r\n", "\r\n", "is cut or torn.*expected 10 fields"),
        ("1103900", "1,103,900", "expected DECIMAL.*got '1,103,900'"),
    ],
)
def test_a_long_table_of_another_form_is_refused(fixture, land_bodies, old, new, words):
    body = fixture(HOLDINGS).decode()
    assert old in body
    bodies = {tic.HOLDINGS_URL: body.replace(old, new, 1)}
    if not words:  # an empty figure is a missing one
        assert land_bodies("tic", "foreign_holdings", bodies)[1] == []
        return
    with pytest.raises(ContractViolation, match=words):
        land_bodies("tic", "foreign_holdings", bodies)


# ----------------------------------------------------------------------------------------------------------- all three


def test_each_table_is_one_file_and_none_asks_for_the_dead_one(network):
    asked = []
    for table in TABLES.values():
        get = network({tic.DOCUMENTS: "Country"})
        (partition,) = table.partitions(NOW)
        list(partition.fetch(get))
        asked += get.asked
    assert asked == [tic.URL, tic.RECENT_URL, tic.HOLDINGS_URL]
    assert not any(url.endswith("/mfh.txt") for url in asked)


@pytest.mark.parametrize(
    ("month_end", "fetched_at", "released", "quality"),
    [
        ("2025-12-31", "2026-02-19", "2026-02-18 21:00:00", "dated"),
        ("2025-12-31", "2026-03-19", "2026-02-18 21:00:00", "current_vintage"),  # revised on 2026-03-18
        ("2026-04-30", "2026-06-19", "2026-06-18 20:00:00", "dated"),  # New York's summer
        ("2010-06-30", "2026-02-19", "2010-08-19 20:00:00", "current_vintage"),
    ],
)
@pytest.mark.parametrize("name", TABLES)
def test_only_a_figure_fetched_before_the_next_release_is_of_its_date(name, month_end, fetched_at, released, quality):
    rule = TABLES[name].known_at
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        versions.give_macros(connection)
        row = connection.execute(
            f"""
            select ({rule.sql})::timestamp::varchar, {rule.pit_quality}
            from (select date '{month_end}' as month_end, timestamptz '{fetched_at}' as fetched_at)
            """
        ).fetchone()
    assert row == (released, quality)


@given(st.binary() | st.text().map(str.encode), st.sampled_from(sorted(TABLES)))
def test_no_bytes_break_an_extractor(body, name):
    response = Response(url="https://t.example/f.txt", sha256="", fetched_at=NOW, origin="recorded", body=body)
    with suppress(ContractViolation):
        list(TABLES[name].extract(response))


WORDS = ["Country", "country", "country_code", "date", "2026-07", "Dec", "2025", "Of which:", "Grand Total", "Japan"]
WORDS += ["1.5", "Notes:", '"', "\u0662\u0660\u0662\u0666", "0000", "", "\t", "\n", "\t\t", "\r\n"]
BODY = st.lists(st.sampled_from(WORDS), max_size=80).map("".join)


@given(BODY, st.sampled_from(sorted(TABLES)))
def test_no_words_of_the_wire_in_any_order_break_an_extractor(body, name):
    response = Response(url="https://t.example/f", sha256="", fetched_at=NOW, origin="recorded", body=body.encode())
    with suppress(ContractViolation):
        list(TABLES[name].extract(response))


# ------------------------------------------------------------------------------------------------------ recorded bytes


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


def test_the_recorded_file_lands_whole(recordings, land_bodies):
    body = (recordings / "sovereign" / "tic_mfhhis01.txt").read_bytes()
    rows, quarantined = land_bodies("tic", "major_foreign_holders", {tic.URL: body})
    assert (len(rows), quarantined) == (12_718, [])
    assert sum(r["holdings_usd_bn"] is None for r in rows) == 6


def test_the_holders_of_the_recorded_file_sum_to_its_grand_total(recordings, land_bodies):
    body = (recordings / "sovereign" / "tic_mfhhis01.txt").read_bytes()
    listed, total = defaultdict(Decimal), {}
    for r in land_bodies("tic", "major_foreign_holders", {tic.URL: body})[0]:
        month = str(r["month_end"]), r["survey_basis"]
        if r["holder_name"] == "Grand Total":
            total[month] = r["holdings_usd_bn"]
        elif not r["is_memo"]:
            listed[month] += r["holdings_usd_bn"] or 0
    off = {month: listed[month] - total[month] for month in total}
    assert len(off) == 310 + 11
    # The one exception is the publisher's: six cells of the superseded column are left empty.
    assert off.pop(("2006-06-30", "superseded")) == Decimal("-2.5")
    assert max(map(abs, off.values())) <= Decimal("0.5"), "rounding of some forty figures"
