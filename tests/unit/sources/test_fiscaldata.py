# Of the tables that no recording exists of (upcoming auctions, debt transactions, both monthly statements, buybacks)
# the fixtures are made from the publisher's documentation.
import csv
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pytest

from warehouse.errors import ContractViolation, SourceUnavailable
from warehouse.sources import fiscaldata
from warehouse.sources.fiscaldata import _api, auctions
from warehouse.versions import give_macros

PAGES = ("fiscaldata/page_1.json", "fiscaldata/page_2.json")
NAMES = [c.name for c in fiscaldata.AUCTIONS.columns]
TABLES = {table.name: table for table in fiscaldata.SOURCE.tables}
PAGED = sorted(set(TABLES) - {"auctions"})
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def rows_of(answer, body) -> list[dict]:
    return list(auctions.extract(answer(fiscaldata.URL, body)))


def edited(fixture, change, name=PAGES[0]) -> str:
    document = json.loads(fixture(name))
    change(document)
    return json.dumps(document)


@pytest.fixture(scope="module")
def new_york():
    """A connection on New York's clock with the macros of knowledge time."""
    with duckdb.connect() as connection:
        give_macros(connection)
        connection.execute("set TimeZone = 'America/New_York'")
        yield connection


@pytest.fixture
def known_at(new_york):
    """Return known_at and pit_quality of a row of a table, given as SQL; its other columns are null."""

    def known_at(table, row, fetched_at="2026-11-24 00:00:00") -> tuple:
        given = f"select {row}, timestamptz '{fetched_at}' as fetched_at"
        written = set(new_york.sql(given).columns)
        rest = ", ".join(f"null::{c.type} as {c.name}" for c in table.columns if c.name not in written)
        return new_york.execute(
            f"""
            select strftime({table.known_at.sql}, '%Y-%m-%d %H:%M'), {table.known_at.pit_quality}
            from ({given}, {rest or "null as none"})
            """
        ).fetchone()

    return known_at


# ------------------------------------------------------------------------------------------------------- auctions


def test_the_three_shapes_tell_the_same_of_one_auction(fixture, land_bodies):
    (api,), _ = land_bodies("fiscaldata", "auctions", {fiscaldata.URL: fixture(PAGES[0])})
    (direct,), _ = land_bodies(
        "fiscaldata", "auctions", {fiscaldata.TREASURYDIRECT: fixture("fiscaldata/treasurydirect.json")}
    )
    (download, announced), _ = land_bodies(
        "fiscaldata", "auctions", {fiscaldata.URL: fixture("fiscaldata/download.csv")}
    )
    for name in ("cusip", "issue_date", "auction_date", "maturity_date", "security_term", "price_per100"):
        assert api[name] == direct[name] == download[name]
    assert [r["high_yield"] for r in (api, direct, download)] == [Decimal("4.483"), Decimal("4.483"), None]
    assert [r["reopening"] for r in (api, direct, download)] == [False, False, None]
    assert announced["price_per100"] is None, "announced, not yet auctioned"
    assert api["total_accepted"] is None, "the word null"
    assert api["soma_included"] is None, "a blank"


def test_each_known_field_is_either_landed_or_ignored():
    assert not set(NAMES) & fiscaldata.IGNORED
    assert not set(fiscaldata.TREASURYDIRECT_NAMES) & fiscaldata.TREASURYDIRECT_IGNORED
    assert set(fiscaldata.TREASURYDIRECT_NAMES.values()) == set(NAMES) - {"record_date"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<html>Service unavailable</html>", "holds no auctions"),
        ("", "holds no auctions"),
        ("{}", "has nothing at data"),
        ('{"error":"Invalid Query Param","message":"..."}', r"has nothing at data.*\['error', 'message'\]"),
        ('{"data":[{"record_date":"2026-01', "is not JSON"),
        ("[1]", "expected an object"),
        ("CUSIP,Security Type\n912,Bill,1\n", "is cut or torn"),
    ],
)
def test_what_holds_no_auctions_is_refused(answer, body, words):
    with pytest.raises(ContractViolation, match=words):
        rows_of(answer, body)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda d: d["data"][0].update(offering_amt=[42]),
            r"offering_amt; expected text, a number or null; got \['42'\]",
        ),
        (lambda d: d["meta"].update(count=2), "is not whole.*expected 2 rows"),
        (lambda d: d.update(data="none"), "has no list 'data'"),
        (lambda d: d.update(meta=[1]), "meta; expected an object"),
    ],
)
def test_a_page_that_breaks_its_promise_is_refused_by_the_name_of_what_is_wrong(fixture, answer, change, words):
    with pytest.raises(ContractViolation, match=words):
        rows_of(answer, edited(fixture, change))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["data"][0].pop("high_yield"), r"row 1 .*missing \['high_yield'\]"),
        (lambda d: d["data"][0].update(note="x"), r"row 1 .*new \['note'\]"),
        (lambda d: d["data"][0].update(offering_amt="forty"), "'offering_amt'.*expected DECIMAL.*'forty'"),
    ],
)
def test_the_landing_refuses_other_fields_and_values_than_promised_by_name(fixture, land_bodies, change, words):
    with pytest.raises(ContractViolation, match=words):
        land_bodies("fiscaldata", "auctions", {fiscaldata.URL: edited(fixture, change)})


def test_a_new_field_of_treasurydirect_is_refused_by_name(fixture, land_bodies):
    body = edited(fixture, lambda d: d[0].update(note="x"), "fiscaldata/treasurydirect.json")
    with pytest.raises(ContractViolation, match=r"new \['note'\]"):
        land_bodies("fiscaldata", "auctions", {fiscaldata.TREASURYDIRECT: body})


def test_a_field_that_treasurydirect_lost_is_refused_by_its_name_at_fiscal_data(fixture, land_bodies):
    body = edited(fixture, lambda d: d[0].pop("highYield"), "fiscaldata/treasurydirect.json")
    with pytest.raises(ContractViolation, match=r"missing \['high_yield'\]"):
        land_bodies("fiscaldata", "auctions", {fiscaldata.TREASURYDIRECT: body})


def test_a_field_under_both_of_its_names_is_refused(fixture, answer):
    body = edited(fixture, lambda d: d[0].update(high_yield="5"), "fiscaldata/treasurydirect.json")
    with pytest.raises(ContractViolation, match="says one thing twice.*high_yield"):
        rows_of(answer, body)


def test_a_column_that_the_download_lost_or_got_is_refused_by_name(fixture, land_bodies):
    body = fixture("fiscaldata/download.csv").decode("utf-8-sig")
    with pytest.raises(ContractViolation, match=r"new \['Sale Date'\], missing \['auction_date'\]"):
        land_bodies("fiscaldata", "auctions", {fiscaldata.URL: body.replace("Auction Date", "Sale Date")})


def test_a_torn_line_of_the_download_is_refused(fixture, answer):
    body = fixture("fiscaldata/download.csv").decode("utf-8-sig").replace(",R_20240508_2.xml", "")
    with pytest.raises(ContractViolation, match="line 2, is cut or torn"):
        rows_of(answer, body)


def page_url(page: int) -> str:
    filters = "filter=auction_date:gte:2024-01-01,auction_date:lte:2024-12-31&format=json"
    return f"{fiscaldata.URL}?{filters}&page%5Bnumber%5D={page}"


def test_every_page_of_a_year_is_asked_for_in_a_total_order(fixture, network):
    get = network({page_url(n): fixture(page) for n, page in enumerate(PAGES, start=1)})
    responses = auctions.fetch(get, year=2024)
    rest = "&page%5Bsize%5D=1000&sort=auction_date,cusip,issue_date"
    assert get.asked == [f"{page_url(1)}{rest}", f"{page_url(2)}{rest}"]
    assert [r["cusip"] for response in responses for r in auctions.extract(response)] == ["91282CKQ3", "912797KU2"]


def test_treasurydirect_answers_where_the_api_does_not(fixture, network):
    get = network({fiscaldata.TREASURYDIRECT: fixture("fiscaldata/treasurydirect.json")})
    (response,) = auctions.fetch(get, year=2024)
    assert get.fallbacks == [response.url]
    assert "startDate=01%2F01%2F2024" in response.url


def test_where_neither_answers_the_first_error_is_told(network):
    with pytest.raises(SourceUnavailable, match=r"api\.fiscaldata"):
        auctions.fetch(network({}), year=2024)


@pytest.mark.parametrize(
    ("second", "got"),
    [
        ('{"data":[],"meta":{"count":0,"total-count":2,"total-pages":2}}', "got 1 rows, 1 of them distinct"),
        (None, "got 2 rows, 1 of them distinct"),  # the first page again: a row moved between the requests
    ],
)
def test_pages_that_are_not_the_whole_year_are_refused(fixture, network, second, got):
    get = network({page_url(1): fixture(PAGES[0]), page_url(2): second or fixture(PAGES[0])})
    with pytest.raises(ContractViolation, match=f"not the whole listing; expected 2 rows.*{got}"):
        auctions.fetch(get, year=2024)
    assert len(get.asked) == 6, "three tries of two pages"


@pytest.mark.parametrize(
    "meta",
    [None, [], {}, {"count": 1, "total-count": 1}, {"count": 1, "total-count": 1, "total-pages": "many"}],
)
def test_a_page_that_does_not_count_its_pages_is_refused(network, meta):
    get = network({fiscaldata.URL: json.dumps({"data": [{}], "meta": meta})})
    with pytest.raises(ContractViolation, match="does not say how much there is"):
        auctions.fetch(get, year=2024)


def test_a_page_that_claims_more_pages_than_rows_is_refused(network):
    get = network({fiscaldata.URL: '{"data":[{}],"meta":{"count":1,"total-count":1,"total-pages":99999999}}'})
    with pytest.raises(ContractViolation, match="pages without rows"):
        auctions.fetch(get, year=2024)


def test_a_year_without_auctions_is_one_empty_page(network):
    get = network({fiscaldata.URL: '{"data":[],"meta":{"count":0,"total-count":0,"total-pages":0}}'})
    (page,) = auctions.fetch(get, year=2027)
    assert list(auctions.extract(page)) == []


def test_years_settle_a_month_after_they_end():
    partitions = {p.key: p for p in auctions.partitions(datetime(2026, 7, 1, tzinfo=UTC))}
    assert list(partitions) == [str(y) for y in range(1979, 2027)]
    assert partitions["2025"].closes_at == datetime(2026, 2, 1, tzinfo=UTC)
    assert partitions["2025"].period == (date(2025, 1, 1), date(2025, 12, 31))


def test_late_in_december_the_auctions_of_january_are_asked_for():
    assert auctions.partitions(datetime(2026, 12, 24, tzinfo=UTC))[-1].key == "2027"


@pytest.mark.parametrize(
    ("security_type", "closing", "day", "known"),
    [
        ("Note", "01:00 PM", "2024-05-08", "2024-05-08 13:05"),
        ("Bill", "11:30 AM", "2024-05-08", "2024-05-08 11:35"),
        ("Bill", "01:00 PM", "2020-12-28", "2020-12-28 13:05"),  # some bills close with the coupons
        ("Bill", None, "2007-05-07", "2007-05-07 13:05"),  # as all did before December 2009
        ("Bill", None, "2013-05-07", "2013-05-07 11:35"),
    ],
)
def test_results_are_known_when_bidding_has_closed(known_at, security_type, closing, day, known):
    closes = "null" if closing is None else f"'{closing}'"
    row = f"'{security_type}' as security_type, {closes} as closing_time_comp, date '{day}' as auction_date"
    assert known_at(fiscaldata.AUCTIONS, f"{row}, 99.5 as price_per100") == (known, "dated")
    assert known_at(fiscaldata.AUCTIONS, row) == (f"{day} 11:00", "dated")


def test_the_recorded_january_holds_25_bills(recordings, land_bodies):
    body = (recordings / "treasury" / "fiscaldata_auctions_query_2026-01_Bill.json").read_bytes()
    assert len(json.loads(body)["data"][0]) == len(NAMES) + len(fiscaldata.IGNORED) == 114
    rows, quarantined = land_bodies("fiscaldata", "auctions", {fiscaldata.URL: body})
    assert (len(rows), quarantined) == (25, [])
    assert {r["security_type"] for r in rows} == {"Bill"}
    first = next(r for r in rows if r["cusip"] == "912797SL2")
    assert first["total_accepted"] == Decimal("90430132400.00")
    assert (first["high_yield"], first["reopening"], first["issue_date"]) == (None, True, date(2026, 1, 8))


def test_the_recorded_download_holds_10780_auctions(recordings, land_bodies):
    body = (recordings / "treasury" / "Auctions_Query_19791115_20251215.csv").read_bytes()
    rows, quarantined = land_bodies("fiscaldata", "auctions", {fiscaldata.URL: body})
    assert (len(rows), quarantined) == (10_780, [])
    assert min(r["auction_date"] for r in rows) == date(1979, 10, 31)


def test_the_recorded_export_of_treasurydirect_is_read_as_its_json(recordings, land_bodies):
    path = recordings / "treasury" / "treasurydirect_TA_WS_securities_export.utf16.csv"
    records = list(csv.DictReader(path.read_text(encoding="utf-16").splitlines()[1:]))
    rows, quarantined = land_bodies("fiscaldata", "auctions", {fiscaldata.TREASURYDIRECT: json.dumps(records)})
    assert (len(rows), quarantined) == (1_657, [])
    assert all(r["primary_dealer_accepted"] is not None for r in rows)
    assert rows[0] | {"cusip": "91282CFE6", "high_yield": Decimal("3.202"), "record_date": None} == rows[0]


# -------------------------------------------------------------------------------------- what the other tables share


@pytest.mark.parametrize("name", PAGED)
def test_a_page_is_read_under_the_contracts_names(fixture, land_bodies, name):
    rows, quarantined = land_bodies("fiscaldata", name, {_api.BASE: fixture(f"fiscaldata/{name}.json")})
    assert (len(rows), quarantined) == (len(json.loads(fixture(f"fiscaldata/{name}.json"))["data"]), [])
    assert list(rows[0])[:-1] == [c.name for c in TABLES[name].columns]
    assert not any(value in ("null", "") for row in rows for value in row.values())


@pytest.mark.parametrize("name", PAGED)
def test_a_field_that_came_or_went_refuses_the_page_by_name(fixture, land_bodies, name):
    lost = TABLES[name].columns[-1].wire
    body = edited(fixture, lambda d: d["data"][0].update(note="x"), f"fiscaldata/{name}.json")
    with pytest.raises(ContractViolation, match=r"new \['note'\]"):
        land_bodies("fiscaldata", name, {_api.BASE: body})
    body = edited(fixture, lambda d: d["data"][0].pop(lost), f"fiscaldata/{name}.json")
    with pytest.raises(ContractViolation, match=rf"missing \['{lost}'\]"):
        land_bodies("fiscaldata", name, {_api.BASE: body})


@pytest.mark.parametrize("name", PAGED)
def test_a_table_that_has_no_recording_says_so(name):
    recorded = {"operating_cash_balance", "debt_to_penny"}
    assert TABLES[name].proven == ("recorded" if name in recorded else "documented")


@pytest.mark.parametrize(
    ("name", "endpoint", "first", "order"),
    [
        (
            "operating_cash_balance",
            "v1/accounting/dts/operating_cash_balance",
            2005,
            "record_date,src_line_nbr,account_type",
        ),
        ("debt_to_penny", "v2/accounting/od/debt_to_penny", 1993, "record_date"),
        (
            "public_debt_transactions",
            "v1/accounting/dts/public_debt_transactions",
            2005,
            "record_date,src_line_nbr,transaction_type,security_market,security_type,security_type_desc",
        ),
        (
            "mspd_summary",
            "v1/debt/mspd/mspd_table_1",
            2001,
            "record_date,src_line_nbr,security_type_desc,security_class_desc",
        ),
        (
            "mspd_marketable",
            "v1/debt/mspd/mspd_table_3_market",
            2001,
            "record_date,src_line_nbr,security_class1_desc,security_class2_desc,issue_date",
        ),
    ],
)
def test_a_calendar_year_is_asked_for_whole_until_it_has_settled(fixture, network, name, endpoint, first, order):
    found = TABLES[name].partitions(NOW)
    assert [p.key for p in found] == [str(year) for year in range(first, 2027)]
    assert found[-1].closes_at == datetime(2027, 2, 1, tzinfo=UTC)
    assert found[-1].period == (date(2026, 1, 1), date(2026, 12, 31))
    url = f"{_api.BASE}/{endpoint}"
    get = network({url: fixture(f"fiscaldata/{name}.json")})
    (page,) = found[-1].fetch(get)
    filters = "filter=record_date:gte:2026-01-01,record_date:lte:2026-12-31"
    assert get.asked == [f"{url}?{filters}&format=json&page%5Bnumber%5D=1&page%5Bsize%5D=10000&sort={order}"]
    assert list(TABLES[name].extract(page))


@pytest.mark.parametrize(
    ("name", "endpoint"),
    [
        ("upcoming_auctions", "v1/accounting/od/upcoming_auctions"),
        ("buybacks", "v1/accounting/od/buybacks_operations"),
    ],
)
def test_a_small_table_is_asked_for_whole(fixture, network, name, endpoint):
    (partition,) = TABLES[name].partitions(NOW)
    get = network({f"{_api.BASE}/{endpoint}?format=json": fixture(f"fiscaldata/{name}.json")})
    list(partition.fetch(get))
    assert (partition.key, partition.closes_at, len(get.asked)) == ("all", None, 1)
    assert "filter" not in get.asked[0]


def test_blanks_around_a_value_are_no_news(fixture, land_bodies):
    body = edited(
        fixture,
        lambda d: d["data"][0].update(account_type=" Federal Reserve Account "),
        "fiscaldata/operating_cash_balance.json",
    )
    rows, _ = land_bodies("fiscaldata", "operating_cash_balance", {_api.BASE: body})
    assert rows[0]["account_type"] == "Federal Reserve Account"


@pytest.mark.parametrize(
    ("name", "row", "known"),
    [
        ("operating_cash_balance", "date '2025-07-03' as record_date", "2025-07-07 16:00"),
        ("debt_to_penny", "date '2025-07-03' as record_date", "2025-07-07 16:00"),
        ("public_debt_transactions", "date '2025-07-03' as record_date", "2025-07-07 16:00"),
        ("mspd_summary", "date '2025-08-31' as record_date", "2025-09-05 16:00"),
        ("mspd_marketable", "date '2025-08-31' as record_date", "2025-09-05 16:00"),
    ],
)
def test_a_statement_is_known_when_it_is_due(known_at, name, row, known):
    assert known_at(TABLES[name], row) == (known, "dated")


# ----------------------------------------------------------------------------------------- each of the other tables


def test_the_recorded_cash_statement_holds_20_lines_of_five_days(recordings, land_bodies):
    (path,) = (recordings / "treasury").glob("fiscaldata_dts_operating_cash_balance_*.json")
    rows, quarantined = land_bodies("fiscaldata", "operating_cash_balance", {_api.BASE: path.read_bytes()})
    assert (len(rows), quarantined) == (20, [])
    assert len({r["record_date"] for r in rows}) == 5
    assert all(r["close_today_usd_mn"] is None for r in rows)
    closing = {r["record_date"]: r for r in rows if r["account_type"].endswith("Closing Balance")}
    assert closing[date(2025, 7, 7)]["open_today_usd_mn"] == 332_482
    assert closing[date(2025, 7, 11)]["open_today_usd_mn"] == 282_363


def test_a_cash_statement_in_dollars_is_refused(fixture, land_bodies):
    def in_dollars(document):
        for row in document["data"]:
            row["open_today_bal"] += "000000"

    body = edited(fixture, in_dollars, "fiscaldata/operating_cash_balance.json")
    with pytest.raises(ContractViolation, match="open_today_usd_mn"):
        land_bodies("fiscaldata", "operating_cash_balance", {_api.BASE: body})


def test_the_recorded_debt_holds_61_days_whose_parts_sum_to_the_cent(recordings, land_bodies):
    body = (recordings / "treasury" / "fiscaldata_debt_to_penny_2025Q1.json").read_bytes()
    rows, quarantined = land_bodies("fiscaldata", "debt_to_penny", {_api.BASE: body})
    assert (len(rows), quarantined) == (61, [])
    assert rows[0]["tot_pub_debt_out_usd"] == Decimal("36169957618760.21")
    assert all(r["debt_held_public_usd"] + r["intragov_hold_usd"] == r["tot_pub_debt_out_usd"] for r in rows)


def test_the_recorded_debt_is_a_whole_listing_by_its_own_count(recordings, network):
    body = (recordings / "treasury" / "fiscaldata_debt_to_penny_2025Q1.json").read_bytes()
    partition = next(p for p in fiscaldata.DEBT_TO_PENNY.partitions(NOW) if p.key == "2025")
    (page,) = partition.fetch(network({_api.BASE: body}))
    assert page.body == body


def test_before_april_2005_only_the_total_is_known(fixture, land_bodies):
    rows, _ = land_bodies("fiscaldata", "debt_to_penny", {_api.BASE: fixture("fiscaldata/debt_to_penny.json")})
    assert [r["debt_held_public_usd"] is None for r in rows] == [True, False]


def test_each_snapshot_of_an_upcoming_auction_is_kept(fixture, land_bodies):
    rows, _ = land_bodies("fiscaldata", "upcoming_auctions", {_api.BASE: fixture("fiscaldata/upcoming_auctions.json")})
    ten_year = [r for r in rows if r["cusip"] == "91282CRE3"]
    assert [(str(r["record_date"]), r["offering_usd"]) for r in ten_year] == [
        ("2026-07-10", None),
        ("2026-07-17", Decimal("21000000000.00")),
    ]
    assert not fiscaldata.UPCOMING_AUCTIONS.is_snapshot, "an older snapshot that is gone was not withdrawn"


@pytest.mark.parametrize(
    ("fetched_at", "known"),
    [
        ("2026-07-17 08:00", ("2026-07-17 11:00", "dated")),
        ("2026-07-20 12:30", ("2026-07-20 12:30", "dated")),
        ("2026-07-24 11:00", ("2026-07-17 11:00", "lagged")),
    ],
)
def test_a_snapshot_is_known_from_our_fetch_unless_it_is_history(known_at, fetched_at, known):
    assert known_at(fiscaldata.UPCOMING_AUCTIONS, "date '2026-07-17' as record_date", fetched_at) == known


def test_debt_transactions_are_told_apart_by_their_kind(fixture, land_bodies):
    body = fixture("fiscaldata/public_debt_transactions.json")
    rows, _ = land_bodies("fiscaldata", "public_debt_transactions", {_api.BASE: body})
    assert [(r["transaction_type"], r["security_type_desc"], r["today_usd_mn"]) for r in rows][:3] == [
        ("Issues", "Regular Series", 165_012),
        ("Issues", "Cash Management Series", 0),
        ("Issues", None, 0),
    ]


def test_the_monthly_summary_keeps_all_the_digits_of_a_million(fixture, land_bodies):
    rows, _ = land_bodies("fiscaldata", "mspd_summary", {_api.BASE: fixture("fiscaldata/mspd_summary.json")})
    assert rows[1]["debt_held_public_usd_mn"] == 14683007.61275732


def test_a_monthly_summary_in_billions_is_refused(fixture, land_bodies):
    def in_billions(document):
        for row in document["data"]:
            row["total_mil_amt"] = str(float(row["total_mil_amt"]) / 1000)

    body = edited(fixture, in_billions, "fiscaldata/mspd_summary.json")
    with pytest.raises(ContractViolation, match="total_usd_mn"):
        land_bodies("fiscaldata", "mspd_summary", {_api.BASE: body})


def test_a_reopened_security_has_a_line_an_issue_and_one_sum(fixture, land_bodies):
    rows, _ = land_bodies("fiscaldata", "mspd_marketable", {_api.BASE: fixture("fiscaldata/mspd_marketable.json")})
    bill = [r for r in rows if r["security_class2_desc"] == "912797NA1"]
    assert [(r["issued_usd_mn"], r["outstanding_usd_mn"]) for r in bill] == [(80105.5362, 155210.9), (75105.3638, None)]
    tips = next(r for r in rows if r["security_class2_desc"] == "912810FD5")
    assert round(tips["outstanding_usd_mn"] - tips["inflation_adj_usd_mn"], 4) == tips["issued_usd_mn"]
    assert tips["interest_pay_date_1"] == "04/15"


def test_a_buyback_is_filled_in_under_its_key(fixture, land_bodies):
    rows, _ = land_bodies("fiscaldata", "buybacks", {_api.BASE: fixture("fiscaldata/buybacks.json")})
    assert [(r["maturity_bucket"], r["total_par_accepted_usd"], r["results_pdf"]) for r in rows] == [
        ("20Y to 30Y", Decimal("2000000000.00"), "BBR_20260818174000.pdf"),
        ("5Y to 7Y", None, None),
    ]
    assert not {c.name for c in fiscaldata.BUYBACKS.columns if c.name.endswith(("_pdf", "_xml"))} & set(
        fiscaldata.BUYBACKS.grain
    ), "the files come later than the row"


def test_a_buyback_of_more_than_was_offered_is_no_row(fixture, land_bodies):
    body = edited(
        fixture, lambda d: d["data"][0].update(total_par_amt_accepted="19868000001"), "fiscaldata/buybacks.json"
    )
    with pytest.raises(ContractViolation, match="The Treasury buys no more than it is offered"):
        land_bodies("fiscaldata", "buybacks", {_api.BASE: body})


@pytest.mark.parametrize(
    ("accepted", "fetched_at", "known"),
    [
        ("2000000000", "2026-08-20 00:00", "2026-08-18 15:00"),
        ("null", "2026-08-17 17:15", "2026-08-17 17:15"),
        ("null", "2026-08-20 00:00", "2026-08-18 11:00"),
    ],
)
def test_a_buyback_is_known_as_announced_and_then_after_it_closed(known_at, accepted, fetched_at, known):
    row = f"date '2026-08-18' as operation_date, {accepted}::decimal(18, 2) as total_par_accepted_usd"
    assert known_at(fiscaldata.BUYBACKS, row, fetched_at) == (known, "dated")
