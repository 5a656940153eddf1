"""The sample is read by every extractor, so that a stranger's clone does not skip the goldens."""

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime

import duckdb
import pytest

from warehouse.contract import Response, SqlExtract
from warehouse.recording import Recording, canonical_url
from warehouse.settings import PROJECT_ROOT
from warehouse.sources import sec, tables

SAMPLE = PROJECT_ROOT / "sample"


@pytest.fixture(scope="module")
def landed(tmp_path_factory) -> dict[str, list[dict]]:
    """Rows of every table of the sample, asked for through the connectors' own partitions."""
    recording = Recording.open(SAMPLE)
    now = recording.newest_fetch
    scratch = tmp_path_factory.mktemp("bodies")
    rows = defaultdict(list)
    for source, table in tables():
        for partition in table.partitions(now):
            asked = [e for e in recording.entries if e.url in _urls(partition)]
            for entry in asked:
                body = recording.body(entry)
                response = Response(
                    url=entry.url, body=body, sha256="", fetched_at=entry.fetched_at, origin=entry.origin
                )
                name = f"{source.code}.{table.name}"
                if isinstance(table.extract, SqlExtract):
                    table.extract.check(response)
                    file = scratch / partition.key
                    file.write_bytes(body)
                    relation = duckdb.sql(table.extract.sql.replace("$body", f"'{file}'"))
                    rows[name] += [dict(zip(relation.columns, r, strict=True)) for r in relation.fetchall()]
                else:
                    rows[name] += list(table.extract(response))
    return rows


class _Noted(Exception):
    """Carries the address that a partition asked for first."""


def _urls(partition) -> set[str]:
    def get(url, /, *, expect, params=None, is_fallback=False):
        raise _Noted(canonical_url(url, params))

    try:
        list(partition.fetch(get))
    except _Noted as noted:
        return {str(noted)}
    return set()


def test_every_response_of_the_sample_is_asked_for_and_read(landed):
    assert {name: len(rows) for name, rows in landed.items()} == {
        "defillama.coin_prices": 327,
        "fiscaldata.auctions": 5_982,
        "ofr.financial_stress": 6_292,
        "sec.company_facts": 9_292,
        "tic.major_foreign_holders": 12_718,
    }


def test_every_row_has_its_contracts_columns_and_its_own_key(landed):
    for source, table in tables():
        rows = landed.get(f"{source.code}.{table.name}", [])
        keys = Counter(tuple(row[name] for name in table.grain) for row in rows)
        assert all(list(row) == [c.name for c in table.columns] for row in rows)
        assert not rows or max(keys.values()) == 1


def test_every_response_says_that_it_is_reconstructed_and_was_gathered_after_its_figures(landed):
    entries = Recording.open(SAMPLE).entries
    assert {e.origin for e in entries} == {"reconstructed"}
    gathered = {e.body.split("/")[0]: e.fetched_at for e in entries if not e.body.startswith("sec/")}
    newest = {
        "defillama": max(r["price_at"] for r in landed["defillama.coin_prices"]),
        "fiscaldata": max(r["auction_date"] for r in landed["fiscaldata.auctions"]),
        "ofr": max(r["observation_date"] for r in landed["ofr.financial_stress"]),
        "tic": max(r["month_end"] for r in landed["tic.major_foreign_holders"]),
    }
    for source, instant in newest.items():
        assert datetime.fromisoformat(instant).replace(tzinfo=UTC) < gathered[source]
    for entry in entries:
        filed = [
            r["filed_date"]
            for r in landed["sec.company_facts"]
            if sec.url_of(r["cik"]) == entry.url and r["filed_date"]
        ]
        assert all(day < entry.fetched_at.date() for day in filed)


def test_the_sample_holds_only_exact_facts_and_leaves_unknown_filing_days_out(landed):
    facts = landed["sec.company_facts"]
    assert len({f["cik"] for f in facts}) == 9
    unknown = Counter(f["cik"] for f in facts if f["filed_date"] is None)
    assert set(unknown) == {1018724, 723125, 2023554}, "AMZN, MU, SNDK"
    assert {f["unit"] for f in facts} == {"USD"}


@pytest.mark.parametrize(
    ("cik", "tag", "start", "end", "millions"),
    [
        (1045810, "PaymentsToAcquireProductiveAssets", "2024-01-29", "2024-04-28", {369}),
        (1652044, "PaymentsToAcquirePropertyPlantAndEquipment", "2024-01-01", "2024-12-31", {52_535}),
        (789019, "PaymentsToAcquirePropertyPlantAndEquipment", "2024-07-01", "2025-06-30", {64_551}),
        (789019, "NetCashProvidedByUsedInOperatingActivities", "2024-07-01", "2025-06-30", {136_162}),
        (1018724, "PaymentsToAcquireProductiveAssets", "2024-01-01", "2024-12-31", {82_999}),
        (1326801, "PaymentsToAcquirePropertyPlantAndEquipment", "2025-01-01", "2025-12-31", {69_691}),
        (320193, "NetCashProvidedByUsedInOperatingActivities", "2015-09-27", "2016-09-24", {65_824, 66_231}),
    ],
)
def test_the_goldens_of_the_method_are_in_the_sample(landed, cik, tag, start, end, millions):
    values = {
        f["value"] / 1e6
        for f in landed["sec.company_facts"]
        if (f["cik"], f["tag"], str(f["period_start"]), str(f["period_end"])) == (cik, tag, start, end)
    }
    assert values == millions


def test_the_sample_is_small_and_its_readme_names_every_file():
    readme = (SAMPLE / "README.md").read_text()
    bodies = [json.loads(line)["body"] for line in (SAMPLE / "index.jsonl").read_text().splitlines()]
    assert len(bodies) == 32
    assert all(f"| {body} |" in readme for body in bodies)
    assert sum((SAMPLE / body).stat().st_size for body in bodies) < 8_000_000
