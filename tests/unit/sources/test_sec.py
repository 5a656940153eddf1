import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from warehouse.errors import ContractViolation
from warehouse.sources import sec

NVDA = 1045810
GOOD = "sec/company_facts.json"


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


def test_a_company_is_asked_for_from_its_first_day_in_a_universe():
    before, after = ({p.key for p in sec.partitions(datetime(2025, 3, day, tzinfo=UTC))} for day in (27, 28))
    assert after - before == {"0001769628"}, "CoreWeave was listed on 2025-03-28"


def test_a_cik_has_one_ticker_and_a_ticker_one_cik():
    with sec.UNIVERSE.open(newline="") as seed:
        pairs = {(row["ticker"], row["cik"]) for row in csv.DictReader(seed)}
    assert len(pairs) == len({t for t, _ in pairs}) == len({c for _, c in pairs}) > 20


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
