import csv
import json
from datetime import UTC, datetime

import duckdb
import pytest

from warehouse.errors import ContractViolation, SourceUnavailable
from warehouse.sources import fiscaldata

PAGES = ("fiscaldata/page_1.json", "fiscaldata/page_2.json")
NAMES = [c.name for c in fiscaldata.AUCTIONS.columns]


def rows_of(answer, body) -> list[dict]:
    return list(fiscaldata.extract(answer(fiscaldata.URL, body)))


def edited(fixture, change, name=PAGES[0]) -> str:
    document = json.loads(fixture(name))
    change(document)
    return json.dumps(document)


def test_the_three_shapes_tell_the_same_of_one_auction(fixture, answer):
    (api,) = rows_of(answer, fixture(PAGES[0]))
    (direct,) = rows_of(answer, fixture("fiscaldata/treasurydirect.json"))
    download, announced = rows_of(answer, fixture("fiscaldata/download.csv"))
    assert list(api) == list(direct) == list(download) == NAMES
    for name in ("cusip", "issue_date", "auction_date", "maturity_date", "security_term", "price_per100"):
        assert api[name] == direct[name] == download[name]
    assert (api["high_yield"], direct["high_yield"], download["high_yield"]) == ("4.483000", "4.4830", None)
    assert (api["reopening"], direct["reopening"], download["reopening"]) == ("No", "No", None)
    assert announced["price_per100"] is None, "announced, not yet auctioned"


def test_the_publishers_ways_to_say_nothing_become_null(fixture, answer):
    (row,) = rows_of(answer, fixture(PAGES[0]))
    assert row["total_accepted"] is None, "the word null"
    assert row["soma_included"] is None, "a blank"


def test_each_known_field_is_either_landed_or_ignored():
    assert not set(NAMES) & fiscaldata.IGNORED
    assert not set(fiscaldata.TREASURYDIRECT_NAMES) & fiscaldata.TREASURYDIRECT_IGNORED
    assert set(fiscaldata.TREASURYDIRECT_NAMES.values()) == set(NAMES) - {"record_date"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<html>Service unavailable</html>", "holds no auctions"),
        ("", "holds no auctions"),
        ("{}", "has no list 'data'"),
        ('{"error":"Invalid Query Param","message":"..."}', r"has no list 'data'.*\['error', 'message'\]"),
        ('{"data":[{"record_date":"2026-01', "is not JSON"),
        ("[1]", "expected an object"),
        ("CUSIP,Security Type\n912,Bill\n", r"missing \['Auction Date',"),
    ],
)
def test_what_holds_no_auctions_is_refused(answer, body, words):
    with pytest.raises(ContractViolation, match=words):
        rows_of(answer, body)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["data"][0].pop("high_yield"), r"row 1 .*missing \['high_yield'\], new \[\]"),
        (lambda d: d["data"][0].update(note="x"), r"row 1 .*missing \[\], new \['note'\]"),
        (lambda d: d["data"][0].update(offering_amt=42), "offering_amt.*expected text.*got 42"),
        (lambda d: d["meta"].update(count=2), "is not whole.*expected 2 rows"),
        (lambda d: d.update(data="none"), "has no list 'data'"),
    ],
)
def test_a_page_that_breaks_its_promise_is_refused_by_the_name_of_what_is_wrong(fixture, answer, change, words):
    with pytest.raises(ContractViolation, match=words):
        rows_of(answer, edited(fixture, change))


def test_a_new_field_of_treasurydirect_is_refused_by_name(fixture, answer):
    body = edited(fixture, lambda d: d[0].update(note="x"), "fiscaldata/treasurydirect.json")
    with pytest.raises(ContractViolation, match=r"new \['note'\]"):
        rows_of(answer, body)


def test_a_torn_line_of_the_download_is_refused(fixture, answer):
    body = fixture("fiscaldata/download.csv").decode("utf-8-sig").replace(",R_20240508_2.xml", "")
    with pytest.raises(ContractViolation, match="row 1, is cut or torn"):
        rows_of(answer, body)


def test_every_page_of_a_year_is_asked_for_in_a_total_order(fixture, network, answer):
    first = (
        fiscaldata.URL + "?filter=auction_date:gte:2024-01-01,auction_date:lte:2024-12-31&format=json&page%5Bnumber%5D="
    )
    get = network({f"{first}{n}": fixture(page) for n, page in enumerate(PAGES, start=1)})
    responses = list(fiscaldata.fetch(get, year=2024))
    rest = "&page%5Bsize%5D=1000&sort=auction_date,cusip,issue_date"
    assert get.asked == [f"{first}1{rest}", f"{first}2{rest}"]
    assert [r["cusip"] for response in responses for r in fiscaldata.extract(response)] == ["91282CKQ3", "912797KU2"]


def test_treasurydirect_answers_where_the_api_does_not(fixture, network):
    get = network({fiscaldata.TREASURYDIRECT: fixture("fiscaldata/treasurydirect.json")})
    (response,) = fiscaldata.fetch(get, year=2024)
    assert get.fallbacks == [response.url]
    assert "startDate=01%2F01%2F2024" in response.url


def test_where_neither_answers_the_first_error_is_told(network):
    with pytest.raises(SourceUnavailable, match=r"api\.fiscaldata"):
        list(fiscaldata.fetch(network({}), year=2024))


def test_pages_that_are_not_the_whole_year_are_refused(fixture, network):
    first = (
        fiscaldata.URL + "?filter=auction_date:gte:2024-01-01,auction_date:lte:2024-12-31&format=json&page%5Bnumber%5D="
    )
    empty = '{"data":[],"meta":{"count":0,"total-count":2,"total-pages":2}}'
    get = network({f"{first}1": fixture(PAGES[0]), f"{first}2": empty})
    with pytest.raises(ContractViolation, match="not the whole year; expected 2 rows.*got 1"):
        list(fiscaldata.fetch(get, year=2024))


def test_a_page_that_does_not_count_its_pages_is_refused(network):
    with pytest.raises(ContractViolation, match="does not say how much there is"):
        list(fiscaldata.fetch(network({fiscaldata.URL: '{"data":[]}'}), year=2024))


def test_years_settle_a_month_after_they_end():
    partitions = {p.key: p.closes_at for p in fiscaldata.partitions(datetime(2026, 7, 1, tzinfo=UTC))}
    assert list(partitions) == [str(y) for y in range(1979, 2027)]
    assert partitions["2025"] == datetime(2026, 2, 1, tzinfo=UTC)


def test_late_in_december_the_auctions_of_january_are_asked_for():
    assert fiscaldata.partitions(datetime(2026, 12, 24, tzinfo=UTC))[-1].key == "2027"


@pytest.mark.parametrize(
    ("security_type", "closing", "day", "known"),
    [
        ("Note", "01:00 PM", "2024-05-08", "2024-05-08 13:05:00"),
        ("Bill", "11:30 AM", "2024-05-08", "2024-05-08 11:35:00"),
        ("Bill", "01:00 PM", "2020-12-28", "2020-12-28 13:05:00"),  # some bills close with the coupons
        ("Bill", None, "2007-05-07", "2007-05-07 13:05:00"),  # as all did before December 2009
        ("Bill", None, "2013-05-07", "2013-05-07 11:35:00"),
    ],
)
def test_results_are_known_when_bidding_has_closed(security_type, closing, day, known):
    known_at = fiscaldata.AUCTIONS.known_at.sql.replace("new_york(", "concat_ws(' ', ")
    nulls = ", ".join(
        f"null as {n}" for n in NAMES if n not in {"security_type", "closing_time_comp", "auction_date", "price_per100"}
    )
    closes = "null" if closing is None else f"'{closing}'"
    row = f"select '{security_type}' as security_type, {closes} as closing_time_comp, date '{day}' as auction_date, 99.5 as price_per100"
    assert duckdb.sql(f"select {known_at} from ({row}, {nulls})").fetchone() == (known,)
    announced = duckdb.sql(f"select {known_at} from (select * replace (null as price_per100) from ({row}, {nulls}))")
    assert announced.fetchone() == (f"{day} 11:00:00",)


def test_the_recorded_january_holds_25_bills(recordings, answer):
    path = recordings / "treasury" / "fiscaldata_auctions_query_2026-01_Bill.json"
    rows = rows_of(answer, path.read_bytes())
    assert len(rows) == 25
    assert {r["security_type"] for r in rows} == {"Bill"}
    assert len(json.loads(path.read_bytes())["data"][0]) == len(NAMES) + len(fiscaldata.IGNORED) == 114


def test_the_recorded_download_holds_10780_auctions(recordings, answer):
    rows = rows_of(answer, (recordings / "treasury" / "Auctions_Query_19791115_20251215.csv").read_bytes())
    assert len(rows) == len({(r["cusip"], r["issue_date"]) for r in rows}) == 10_780
    assert min(r["auction_date"] for r in rows) == "1979-10-31"


def test_the_recorded_export_of_treasurydirect_is_read_as_its_json(recordings, answer):
    path = recordings / "treasury" / "treasurydirect_TA_WS_securities_export.utf16.csv"
    records = list(csv.DictReader(path.read_text(encoding="utf-16").splitlines()[1:]))
    rows = rows_of(answer, json.dumps(records))
    assert len(rows) == 1_657
    assert all(r["primary_dealer_accepted"] for r in rows)
    assert rows[0] | {"cusip": "91282CFE6", "high_yield": "3.2020", "issue_date": "2022-08-15"} == rows[0]
