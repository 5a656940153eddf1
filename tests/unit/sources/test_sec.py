import csv
import json
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from warehouse.errors import ContractViolation
from warehouse.sources import sec

NVDA, TSM, SAP = 1045810, 1046179, 1000184
GOOD = "sec/company_facts.json"
# The foreign filers' documents are made by hand: SOURCES.md, 1.8, has their tags and units, no recording has one.


def read(body: Path) -> list[tuple]:
    sql = sec.SQL.replace("$body", f"'{body}'")
    return duckdb.sql(f"select * from ({sql}) order by tag, accession_number").fetchall()


def names_of(path: Path) -> list[str]:
    return duckdb.sql(sec.SQL.replace("$body", f"'{path}'")).columns


def edited(fixture, change) -> str:
    document = json.loads(fixture(GOOD))
    change(document)
    return json.dumps(document)


def facts_of(document: dict) -> list[dict]:
    return document["facts"]["us-gaap"]["PaymentsToAcquireProductiveAssets"]["units"]["USD"]


def test_every_fact_is_read_with_its_own_filing(fixture, answer, tmp_path):
    sec.check(answer(sec.url_of(NVDA), fixture(GOOD)))
    body = tmp_path / "body"
    body.write_bytes(fixture(GOOD))
    cash, first, later = read(body)
    assert names_of(body) == [c.name for c in sec.COMPANY_FACTS.columns]
    assert cash[5] is None, "an instant has no start"
    assert (first[7], later[7]) == (369_000_000, 369_000_000)
    assert (first[8], later[8]) == ("0001045810-24-000124", "0001045810-25-000116")
    assert later[12] is None, "an unknown filing day stays unknown"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<html>You've Exceeded the SEC's Traffic Limit</html>", "is not JSON"),
        ("{}", r"missing required field `cik`"),
        ('{"cik":1045810,"entityName":"NVIDIA CORP","facts":{"us-g', "is not JSON.*truncated"),
    ],
)
def test_what_is_no_companyfacts_document_is_refused(answer, body, words):
    with pytest.raises(ContractViolation, match=words):
        sec.check(answer(sec.url_of(NVDA), body))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: facts_of(d)[0].update(val="369000000"), r"\.val.*got Expected `int \| float`, got `str`"),
        (lambda d: facts_of(d)[1].pop("accn"), "missing required field `accn`"),
        (lambda d: facts_of(d)[0].update(note="x"), "unknown field `note`"),
        (lambda d: facts_of(d)[0].update(end="2024-04-31"), r"\.end.*Invalid RFC3339"),
        (lambda d: d.update(extra=1), "unknown field `extra`"),
        (lambda d: d.update(facts=[]), r"\.facts.*got Expected `object`, got `array`"),
        (lambda d: d.update(cik=320193), "holds another company.*got cik 320193"),
        (lambda d: facts_of(d)[0].update(fy=99_999), r"\.fy.*got Expected `int` <= 32767"),
    ],
)
def test_a_document_that_breaks_its_promise_is_refused_by_the_name_of_what_is_wrong(fixture, answer, change, words):
    with pytest.raises(ContractViolation, match=words):
        sec.check(answer(sec.url_of(NVDA), edited(fixture, change)))


def test_every_company_followed_today_is_asked_for_once(network):
    partitions = sec.partitions(datetime(2026, 11, 1, tzinfo=UTC))
    keys = [p.key for p in partitions]
    assert len(keys) == len(set(keys)) > 20
    assert {"0000789019", "0001045810", "0001769628"} <= set(keys)
    get = network({sec.url_of(NVDA): "{}"})
    list(partitions[keys.index("0001045810")].fetch(get))
    assert get.asked == ["https://data.sec.gov/api/xbrl/companyfacts/CIK0001045810.json"]


def test_the_whole_universe_of_the_sources_is_followed_in_its_own_groups():
    with sec.UNIVERSE.open(newline="") as seed:
        groups = Counter(row["universe"] for row in csv.DictReader(seed))
    assert groups == {
        "ai_hyperscalers": 5,
        "ai_wide": 2,
        "ai_payers": 5,
        "chips": 13,
        "memory": 5,
        "neoclouds": 14,
        "saas": 22,
        "infrastructure": 14,
        "crypto_treasuries": 2,
    }


def test_facts_are_asked_for_only_of_filers_that_report_some():
    asked = {p.key for p in sec.partitions(datetime(2026, 11, 1, tzinfo=UTC))}
    listed = {p.key for p in sec.SUBMISSIONS.partitions(datetime(2026, 11, 1, tzinfo=UTC))}
    filers_of_13f = {p.key[:10] for p in sec.THIRTEENF_HOLDINGS.partitions(datetime(2026, 11, 1, tzinfo=UTC))}
    assert listed - asked - filers_of_13f == {"0002053383"}, "Kioxia's ADR has no 10-Q"


def test_each_company_watches_its_own_list_of_filings():
    for partition in sec.partitions(datetime(2026, 11, 1, tzinfo=UTC)):
        assert (partition.watch.table, partition.watch.partition) == ("submissions", partition.key)


def test_a_member_of_the_bulk_file_is_the_partition_of_a_company_we_follow_or_none():
    bulk = sec.COMPANY_FACTS.bulk
    assert bulk.url == "https://www.sec.gov/Archives/edgar/daily-index/xbrl/companyfacts.zip"
    assert bulk.partition("CIK0001045810.json") == "0001045810"
    assert bulk.member_url("CIK0001045810.json") == sec.url_of(NVDA)
    for other in ("CIK0000000020.json", "CIK0002053383.json", "CIK1045810.json", "CIK0001045810.json.txt", ""):
        assert bulk.partition(other) is None


def test_a_company_is_asked_for_from_its_first_day_in_a_universe():
    before, after = ({p.key for p in sec.partitions(datetime(2025, 3, day, tzinfo=UTC))} for day in (27, 28))
    assert after - before == {"0001769628"}, "CoreWeave was listed on 2025-03-28"


def test_a_cik_has_one_ticker_and_a_ticker_one_cik():
    with sec.UNIVERSE.open(newline="") as seed:
        pairs = {(row["ticker"], row["cik"]) for row in csv.DictReader(seed)}
    assert len(pairs) == len({t for t, _ in pairs}) == len({c for _, c in pairs}) > 20


@pytest.mark.parametrize(
    ("cik", "body", "of"),
    [
        (TSM, "sec/company_facts_twd.json", [("TWD", 2), ("USD", 1), ("shares", 1)]),
        (SAP, "sec/company_facts_eur.json", [("EUR", 2), ("EUR/shares", 1)]),
    ],
)
def test_a_foreign_filer_keeps_its_currency(land_bodies, fixture, cik, body, of):
    rows, bad = land_bodies("sec", "company_facts", {sec.url_of(cik): fixture(body)})
    assert not bad
    assert sorted(Counter(row["unit"] for row in rows).items()) == of
    assert {row["taxonomy"] for row in rows} <= {"ifrs-full", "dei"}
    assert {row["cik"] for row in rows} == {cik}


def test_capex_under_ifrs_is_in_whole_units_of_the_reporting_currency(land_bodies, fixture):
    rows, _ = land_bodies("sec", "company_facts", {sec.url_of(TSM): fixture("sec/company_facts_twd.json")})
    capex = {(row["unit"], row["period_end"]): row["value"] for row in rows if row["tag"].startswith("PurchaseOf")}
    assert capex == {
        ("TWD", date(2023, 12, 31)): 949_816_825_000,
        ("TWD", date(2024, 12, 31)): 956_006_848_000,
        ("USD", date(2024, 12, 31)): 29_154_524_000,
    }


def test_a_document_on_several_lines_reads_like_one_on_a_single_line(fixture, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(fixture(GOOD))
    several = read(body)
    body.write_text(json.dumps(json.loads(fixture(GOOD)), separators=(",", ":")))
    assert read(body) == several


def test_a_comparative_without_filing_day_is_not_known_before_its_filing():
    # Last year's figure, printed again in this year's filing whose day is unknown: this year's deadline holds.
    rule = sec.COMPANY_FACTS.known_at.sql
    known = duckdb.sql(
        f"""
        with facts(accession_number, period_end, form, filed_date) as (
            values ('a', date '2025-03-28', '10-Q', null::date), ('a', date '2026-04-03', '10-Q', null),
                   ('b', date '2025-03-28', '10-Q', date '2025-05-01')
        )
        select {rule.replace("new_york(", "concat_ws(' ', ")} from facts order by accession_number, period_end
        """
    ).fetchall()
    assert [row[0] for row in known] == ["2026-05-13 23:59:59", "2026-05-13 23:59:59", "2025-05-01 23:59:59"]


def test_the_recorded_documents_hold_103380_facts(recordings, answer):
    counts = {}
    for path in sorted((recordings / "sec").glob("companyfacts_CIK*.json")):
        cik = int(path.stem[-10:])
        sec.check(answer(sec.url_of(cik), path.read_bytes()))
        query = f"select count(*), count(frame), min(value) from ({sec.SQL.replace('$body', repr(str(path)))})"
        counts[cik] = duckdb.sql(query).fetchone()[0]
    assert counts == {320193: 24_579, 789019: 31_574, NVDA: 26_903, 1652044: 20_324}
    assert sum(counts.values()) == 103_380
