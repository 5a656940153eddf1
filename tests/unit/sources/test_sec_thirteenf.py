import json
import re
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sources.conftest import FIXTURES, response_of
from warehouse.errors import ContractViolation
from warehouse.sources.sec import THIRTEENF_HOLDINGS, submissions
from warehouse.sources.sec.thirteenf_holdings import (
    _entries,
    extract,
    fetch,
    partitions,
    reports_of,
    url_of,
    value_unit,
)

PIF = 1767640
ACCESSION = "0001767640-26-000003"
GOOD, LIST = "sec/thirteenf.txt", "sec/thirteenf_list.json"
HERE = url_of(PIF, ACCESSION)
THOUSANDS = "0001790837-23-000002", 1790837
DOLLARS = "0001894188-23-000007", 1894188


def edited(fixture, *changes) -> str:
    text = fixture(GOOD).decode()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def land(land_bodies, body):
    return land_bodies("sec", "thirteenf_holdings", {HERE: body})


def test_every_entry_of_a_filing_is_read_with_its_header_and_its_summary(land_bodies, fixture):
    rows, bad = land(land_bodies, fixture(GOOD))
    assert not bad
    assert [(r["entry_number"], r["issuer_name"], r["value_usd"], r["quantity_type"]) for r in rows] == [
        (1, "ELECTRONIC ARTS INC & CO", 4_000_000_000, "SH"),
        (2, "UBER TECHNOLOGIES INC", 90_000_000, "SH"),
        (3, "LUCID GROUP INC", 300_000_000, "PRN"),
    ]
    assert {(r["cik"], r["filer_name"], r["form"], r["table_entry_total"], r["matches_totals"]) for r in rows} == {
        (PIF, "PUBLIC INVESTMENT FUND", "13F-HR", 3, True)
    }
    assert {r["period_of_report"] for r in rows} == {date(2025, 12, 31)}
    assert {r["is_confidential_omitted"] for r in rows} == {True}
    assert [(r["figi"], r["other_manager"], r["voting_shared_quantity"]) for r in rows] == [
        ("BBG000BP0KQ8", None, 0),
        (None, "1,2", 1_000_000),
        (None, None, 0),
    ]


def test_options_are_marked(land_bodies, fixture):
    rows, _ = land(land_bodies, fixture(GOOD))
    assert [r["put_call"] for r in rows] == [None, "Call", None]


def test_the_headers_acceptance_is_an_instant_in_new_york(land_bodies, fixture):
    rows, _ = land(land_bodies, fixture(GOOD))
    assert rows[0]["accepted_at"] == datetime(2026, 2, 13, 22, 45, 12, tzinfo=UTC)
    assert rows[0]["filed_date"] == date(2026, 2, 17), "after 17:30 on a Friday before a holiday"


def test_an_amendment_says_whether_it_restates_or_adds(land_bodies, fixture):
    info = "<amendmentNo>2</amendmentNo><amendmentInfo><amendmentType>NEW HOLDINGS</amendmentType></amendmentInfo>"
    body = edited(
        fixture,
        ("SUBMISSION TYPE:	13F-HR", "SUBMISSION TYPE:	13F-HR/A"),
        ("<TYPE>13F-HR", "<TYPE>13F-HR/A"),
        ("<isAmendment>false</isAmendment>", f"<isAmendment>true</isAmendment>{info}"),
    )
    rows, _ = land(land_bodies, body)
    assert {(r["form"], r["amendment_type"], r["amendment_number"]) for r in rows} == {("13F-HR/A", "NEW HOLDINGS", 2)}


def test_what_a_filer_sums_wrongly_is_landed_and_said(land_bodies, fixture):
    for total in (
        ("<tableValueTotal>4390000000<", "<tableValueTotal>4390000002<"),
        ("<tableEntryTotal>3<", "<tableEntryTotal>4<"),
    ):
        rows, bad = land(land_bodies, edited(fixture, total))
        assert (len(rows), bad) == (3, [])
        assert {r["matches_totals"] for r in rows} == {False}


def test_rounding_of_each_entry_is_no_mismatch(land_bodies, fixture):
    rows, _ = land(land_bodies, edited(fixture, ("<tableValueTotal>4390000000<", "<tableValueTotal>4390000001<")))
    assert {r["matches_totals"] for r in rows} == {True}


def test_without_totals_nothing_is_said_of_them(land_bodies, fixture):
    rows, _ = land(land_bodies, edited(fixture, ("<tableValueTotal>4390000000</tableValueTotal>", "")))
    assert {(r["matches_totals"], r["table_value_total_reported"]) for r in rows} == {(None, None)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("</SEC-DOCUMENT>", ""), "no whole submission"),
        (
            ("CENTRAL INDEX KEY:			0001767640", "CENTRAL INDEX KEY:			0001595888"),
            "holds another filing.*1595888",
        ),
        (("ACCESSION NUMBER:		0001767640", "ACCESSION NUMBER:		0001767641"), "holds another filing"),
        (("PUBLIC INVESTMENT FUND\n		CENTRAL", "OCTAHEDRON\n		CENTRAL"), "another filer than CIK 1767640"),
        (("<ACCEPTANCE-DATETIME>20260213174512\n", ""), "lacks a line.*ACCEPTANCE-DATETIME"),
        (("<ACCEPTANCE-DATETIME>20260213174512", "<ACCEPTANCE-DATETIME>20261313174512"), "header; expected dates"),
        (("OF REPORT:	20251231", "OF REPORT:	20251331"), "header; expected dates"),
        (("<TYPE>13F-HR\n", "<TYPE>13F-NT\n"), "0 cover pages"),
        (("<TYPE>INFORMATION TABLE", "<TYPE>GRAPHIC"), "no information table; expected 3 entries"),
        (("</ns1:informationTable>", ""), "is not XML that we read"),
        (('<?xml version="1.0" encoding="UTF-8"?>', '<?xml version="1.0" encoding="none"?>'), "not XML that we read"),
        (
            ('standalone="yes"?>', 'standalone="yes"?><!DOCTYPE x [<!ENTITY a "b">]>'),
            "without DTD or entities",
        ),
        (("<ns1:figi>BBG000BP0KQ8<", "<ns1:cusip>1</ns1:cusip><ns1:figi>BBG000BP0KQ8<"), "entry 1, has cusip twice"),
    ],
)
def test_a_submission_that_is_cut_or_another_filing_is_refused(answer, fixture, change, words):
    with pytest.raises(ContractViolation, match=words):
        list(extract(answer(HERE, edited(fixture, change))))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("<ns1:cusip>285512109</ns1:cusip>", ""), r"missing \['cusip'\]"),
        (("<ns1:figi>BBG000BP0KQ8</ns1:figi>", "<ns1:lei>X</ns1:lei>"), r"new \['lei'\]"),
        (("<ns1:value>90000000<", "<ns1:value>9e7<"), "column 'value_usd', row 2.*got null"),
        (("<ns1:sshPrnamt>350000000<", "<ns1:sshPrnamt>n/a<"), "column 'quantity', row 3"),
        (("REPORT:	20251231", "REPORT:	20261231"), "filed_after_its_quarter"),
    ],
)
def test_an_entry_that_breaks_its_promise_is_refused_by_name(land_bodies, fixture, change, words):
    with pytest.raises(ContractViolation, match=words):
        land(land_bodies, edited(fixture, change))


def entries(*prices: float, kind: str = "SH") -> list[dict]:
    return [{"value": str(round(100 * p)), "sshPrnamt": "100", "sshPrnamtType": kind, "putCall": None} for p in prices]


@pytest.mark.parametrize(
    ("rows", "schema", "filed", "expected"),
    [
        (entries(0.2, 0.03, 1.5), "X0202", date(2024, 2, 14), (1000, "price")),  # a late filer of the old kind
        (entries(0.5, 40), "X0202", date(2024, 2, 14), (1000, "price")),  # exactly half
        (entries(20, 30, 0.5), "X0202", date(2022, 2, 14), (1, "schema")),
        (entries(20, 30), "X0101", date(2023, 1, 3), (1, "date")),
        (entries(20, 30), "X0101", date(2023, 1, 2), (1000, "date")),
        (entries(*[20] * 10), "X0101", date(2022, 2, 14), (1, "price")),  # thousands would be 20,000 dollars a share
        (entries(*[0.9] * 5, kind="PRN"), None, date(2024, 2, 14), (1, "date")),  # bonds have no price of a share
        ([], None, date(2020, 2, 14), (1000, "date")),
        ([{"value": "1", "sshPrnamt": "0", "sshPrnamtType": "SH"}], None, date(2024, 2, 14), (1, "date")),
        ([{**entries(0.1)[0], "putCall": "Put"}], "X0202", date(2024, 2, 14), (1, "schema")),
    ],
)
def test_the_unit_is_decided_for_each_filing_by_price_then_schema_then_date(rows, schema, filed, expected):
    assert value_unit(rows, schema, filed) == expected


def network_of(network, fixture, **more):
    older = {field: [""] for field in json.loads(fixture(LIST))["filings"]["recent"]}
    older |= {"accessionNumber": ["0001767640-24-000011"], "filingDate": ["2024-11-14"], "form": ["13F-HR"]}
    return network(
        {
            "https://data.sec.gov/submissions/CIK0001767640-submissions-001.json": json.dumps(older),
            submissions.url_of(PIF): fixture(LIST),
            "https://www.sec.gov/Archives/": fixture(GOOD),
            **more,
        }
    )


def test_a_filers_reports_of_a_year_are_asked_for_oldest_first(network, fixture):
    get = network_of(network, fixture)
    got = [r.url for r in fetch(get, cik=PIF, year=2025)]
    assert got == [url_of(PIF, "0001767640-25-000002"), url_of(PIF, "0001767640-25-000009")]
    assert get.asked == [submissions.url_of(PIF), *got]
    assert got[0] == "https://www.sec.gov/Archives/edgar/data/1767640/000176764025000002/0001767640-25-000002.txt"


def test_a_report_that_only_an_older_page_lists_is_asked_for(network, fixture):
    got = [r.url for r in fetch(network_of(network, fixture), cik=PIF, year=2024)]
    assert got == [url_of(PIF, "0001767640-24-000011")]


def test_a_year_without_a_report_is_answered_by_the_list_and_has_no_row(network, fixture):
    (only,) = fetch(network_of(network, fixture), cik=PIF, year=2018)
    assert only.url == submissions.url_of(PIF)
    assert list(extract(only)) == []


def test_an_accession_number_that_is_none_is_not_asked_for(network, fixture):
    listed = fixture(LIST).replace(b"0001767640-25-000009", b"../../0001767640-25")
    get = network_of(network, fixture)
    get.answers[submissions.url_of(PIF)] = listed
    with pytest.raises(ContractViolation, match="accessionNumber"):
        list(fetch(get, cik=PIF, year=2025))


def test_a_filers_years_are_watched_and_close():
    by_key = {p.key: p for p in partitions(datetime(2026, 11, 1, tzinfo=UTC))}
    assert {k for k in by_key if k.startswith("0001767640")} == {f"0001767640-{year}" for year in range(2019, 2027)}
    one = by_key["0001767640-2025"]
    assert one.period == (date(2025, 1, 1), date(2025, 12, 31))
    assert one.closes_at == datetime(2026, 2, 1, tzinfo=UTC)
    assert (one.watch.table, one.watch.partition) == ("submissions", "0001767640")
    assert "0001374170-2013" in by_key
    assert len(by_key) == len(partitions(datetime(2026, 11, 1, tzinfo=UTC)))


def test_the_token_of_a_year_is_its_reports(answer, fixture):
    listed = answer(submissions.url_of(PIF), fixture(LIST))
    assert reports_of(listed, year=2025) == "0001767640-25-000002 0001767640-25-000009"
    assert reports_of(listed, year=2018) == ""
    assert reports_of(answer(submissions.url_of(PIF), "{}"), year=2018).startswith("unreadable ")


def test_tables_of_free_text_are_not_asked_for(answer, fixture):
    old = fixture(LIST).replace(b"2025-02-14", b"2013-05-15").replace(b"2025-11-14", b"2013-08-14")
    assert reports_of(answer(submissions.url_of(PIF), old), year=2013) == "0001767640-25-000009"


BODY = (FIXTURES / GOOD).read_bytes()


@given(at=st.integers(0, len(BODY)), length=st.integers(0, 200), instead=st.binary(max_size=40))
def test_whatever_the_bytes_are_they_are_read_or_refused(at, length, instead):
    with suppress(ContractViolation):
        list(extract(response_of(HERE, BODY[:at] + instead + BODY[at + length :])))


@pytest.mark.parametrize(
    ("filing", "count", "total", "unit"), [(THOUSANDS, 90, 192_767, 1000), (DOLLARS, 14, 454_926_000, 1)]
)
def test_the_recorded_submissions_sum_to_their_totals(land_bodies, recordings, filing, count, total, unit):
    accession, cik = filing
    body = (recordings / "sec" / f"{accession}.txt").read_bytes()
    rows, bad = land_bodies("sec", "thirteenf_holdings", {url_of(cik, accession): body})
    assert (len(rows), bad) == (count, [])
    assert sum(r["value_reported"] for r in rows) == rows[0]["table_value_total_reported"] == total
    assert sum(r["value_usd"] for r in rows) == total * unit
    assert {(r["value_unit_usd"], r["matches_totals"]) for r in rows} == {(unit, True)}
    assert rows[0]["filed_date"] >= date(2023, 1, 3)


def test_a_recorded_submission_cut_anywhere_is_refused(answer, recordings):
    accession, cik = DOLLARS
    body = (recordings / "sec" / f"{accession}.txt").read_bytes().rstrip()
    for at in range(0, len(body), 97):
        with pytest.raises(ContractViolation):
            list(extract(answer(url_of(cik, accession), body[:at])))


def test_the_recorded_table_without_prefixes_is_read(recordings):
    rows = list(_entries((recordings / "sec" / "13F-HR.infotable.xml").read_bytes().strip(), "the table"))
    assert len(rows) == 255
    promised = {c.wire for c in THIRTEENF_HOLDINGS.columns}
    assert all(row.keys() <= promised for row in rows)
    assert rows[0]["nameOfIssuer"] == "3M CO"
    assert all(re.fullmatch(r"[0-9A-Z]{9}", row["cusip"]) for row in rows)
    assert Decimal(rows[0]["value"]) == 409_469
