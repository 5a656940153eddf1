"""The sample is read by every extractor, so that a stranger's clone does not skip the goldens."""

import io
import json
import zipfile
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import duckdb
import pytest

from warehouse import landing
from warehouse.archive import Fetch
from warehouse.contract import Response
from warehouse.errors import SourceUnavailable
from warehouse.recording import Recording, canonical_url
from warehouse.settings import PROJECT_ROOT, Settings
from warehouse.sources import sec, tables

SAMPLE = PROJECT_ROOT / "sample"


class Answers:
    """Answers from the sample as the client would, and remembers which of its files it gave."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.now = recording.newest_fetch
        self.given: Counter[str] = Counter()

    def __call__(self, url, /, *, params=None, **_):
        entry = self.recording.find("GET", canonical_url(url, params), self.now)
        self.given[entry.body] += 1
        body = self.recording.body(entry)
        return Response(url=entry.url, body=body, sha256="", fetched_at=entry.fetched_at, origin=entry.origin)


@pytest.fixture(scope="module")
def answers() -> Answers:
    return Answers(Recording.open(SAMPLE))


@pytest.fixture(scope="module")
def landed(tmp_path_factory, answers) -> dict[str, list[dict]]:
    """Rows of every table of the sample as they land, asked for through the connectors' own partitions."""
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    rows = defaultdict(list)
    for source, table in tables():
        for partition in table.partitions(answers.now):
            try:
                responses = list(partition.fetch(answers))
            except SourceUnavailable:
                continue
            fetch = Fetch.of(source.code, table.name, partition.key, table.licence.name, responses)
            found = landing.land(settings, table, fetch, responses)
            assert (found.quarantined, found.added) == (0, ()), partition.key
            rows[f"{source.code}.{table.name}"] += landed_rows(found.path)
    return rows


def landed_rows(path) -> list[dict]:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        query = "select * exclude (_response) from read_parquet(?)"
        return connection.execute(query, [str(path)]).to_arrow_table().to_pylist()


def test_every_response_of_the_sample_is_asked_for_once_and_read(landed, answers):
    assert answers.given == Counter(entry.body for entry in answers.recording.entries)
    assert {name: len(rows) for name, rows in landed.items()} == {
        "bea.gdp": 311,
        "board.h15": 47_609,
        "board.h41": 2_446,
        "chicagofed.nfci": 2_889,
        "defillama.coin_prices": 327,
        "fiscaldata.auctions": 5_982,
        "fiscaldata.debt_to_penny": 61,
        "fiscaldata.operating_cash_balance": 20,
        "nyfed.reference_rates": 2_033,
        "nyfed.reverse_repo": 3_089,
        "ofr.financial_stress": 6_292,
        "sec.company_facts": 14_848,
        "sec.submissions": 800,
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
    gathered = {e.body.rpartition("/")[2].partition(".")[0]: e.fetched_at for e in entries}
    for files, day, table in [
        ("bitcoin_2026", "price_at", "defillama.coin_prices"),
        ("auctions_2026", "auction_date", "fiscaldata.auctions"),
        ("operating_cash_balance_2025", "record_date", "fiscaldata.operating_cash_balance"),
        ("debt_to_penny_2025", "record_date", "fiscaldata.debt_to_penny"),
        ("h41", "period_end", "board.h41"),
        ("h15", "period_end", "board.h15"),
        ("reverse_repo_2026", "operation_date", "nyfed.reverse_repo"),
        ("sofr_2026", "effective_date", "nyfed.reference_rates"),
        ("nfci", "week_end", "chicagofed.nfci"),
        ("fsi", "observation_date", "ofr.financial_stress"),
        ("mfhhis01", "month_end", "tic.major_foreign_holders"),
        ("submissions_NVDA", "filed_date", "sec.submissions"),
    ]:
        newest = datetime.fromisoformat(str(max(row[day] for row in landed[table])))
        assert (newest if newest.tzinfo else newest.replace(tzinfo=UTC)) < gathered[files], files
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


def test_the_fed_and_the_treasury_say_in_their_own_units_what_is_known_of_them(landed):
    h41 = {
        (r["series_name"], str(r["period_end"])): r["value"] * int(r["unit_multiplier"]) for r in landed["board.h41"]
    }
    assert h41["RESPPMA_N.WW", "2022-04-13"] == 8_965_487_000_000
    assert h41["RESH4R_XAW_N.WW", "2025-07-30"] == 3_347_414_000_000
    assert {(r["series_name"], r["series_type"]) for r in landed["board.h41"]} == {
        ("RESPPMA_N.WW", "L"),
        ("RESH4R_XAW_N.WW", "A"),
    }
    repo = {str(r["operation_date"]): r["total_accepted_usd"] for r in landed["nyfed.reverse_repo"]}
    assert (repo["2022-12-30"], max(repo, key=repo.__getitem__)) == (2_553_716_000_000, "2022-12-30")
    assert len(repo) == len(landed["nyfed.reverse_repo"]), "one operation a day"
    assert {(r["term_type"], r["is_small_value"]) for r in landed["nyfed.reverse_repo"]} == {("Overnight", False)}
    cash = {(r["account_type"], str(r["record_date"])): r for r in landed["fiscaldata.operating_cash_balance"]}
    closing = cash["Treasury General Account (TGA) Closing Balance", "2025-07-11"]
    assert (closing["open_today_usd_mn"], closing["close_today_usd_mn"]) == (282_363, None)


def test_a_day_without_a_rate_is_a_day_without_a_value(landed):
    statuses = Counter((r["obs_status"], r["value"] is None) for r in landed["board.h15"])
    assert set(statuses) == {("A", False), ("ND", True)}
    assert statuses["ND", True] == 1_752 + 250
    days = [r["period_end"] for r in landed["board.h15"] if r["series_name"] == "RIFLGFCY10_N.B"]
    assert max(b - a for a, b in pairwise(days)) == timedelta(days=3)


def test_the_inflation_indexed_yield_is_the_difference_that_fred_defines(landed):
    real = {str(r["period_end"]): r["value"] for r in landed["board.h15"] if r["series_name"] == "RIFLGFCY10_XII_N.B"}
    # As H.15 had them: the first day, the lowest, the highest after 2009.
    assert (real["2003-01-02"], real["2021-08-03"], real["2023-10-25"]) == (2.43, -1.19, 2.52)
    assert min(value for value in real.values() if value is not None) == -1.19
    assert {len(str(value).partition(".")[2]) for value in real.values() if value is not None} <= {1, 2}
    assert real["2026-05-22"] == 2.16


def test_a_rate_an_index_and_output_say_only_what_is_known(landed):
    rates = landed["nyfed.reference_rates"]
    assert {r["rate_type"] for r in rates} == {"SOFR"}
    said = {name for row in rates for name, value in row.items() if value is not None}
    assert said == {"rate_type", "effective_date", "rate_pct"}
    assert {str(r["effective_date"]): float(r["rate_pct"]) for r in rates}["2024-06-06"] == 5.33  # the wire's own
    index = landed["chicagofed.nfci"]
    assert {name for row in index for name, value in row.items() if value is not None} == {"week_end", "nfci"}
    assert max(index, key=lambda r: r["week_end"])["nfci"] == -0.523
    output = {r["period"]: int(r["value_usd_mn"]) for r in landed["bea.gdp"]}
    assert (output["1947Q1"], max(output), output["2024Q3"]) == (243_164, "2024Q3", 29_349_924)


def test_nothing_is_said_of_an_operation_but_what_is_known(landed):
    said = {name for row in landed["nyfed.reverse_repo"] for name, value in row.items() if value is not None}
    assert said == {
        *("operation_id", "operation_date", "operation_type", "auction_status", "term_type", "is_small_value"),
        "total_accepted_usd",
    }
    assert all(r["operation_id"] == f"RRPONTSYD {r['operation_date']}" for r in landed["nyfed.reverse_repo"])


def test_a_zip_of_the_sample_carries_no_time_of_its_making():
    for name in ("h41", "h15"):
        packed = (SAMPLE / "board" / f"{name}.zip").read_bytes()
        (member,) = zipfile.ZipFile(io.BytesIO(packed)).infolist()
        assert (member.filename, member.date_time) == (f"{name.upper()}_data.xml", (2026, 5, 27, 12, 0, 0))


def test_the_sample_is_small_and_its_readme_names_every_file():
    readme = (SAMPLE / "README.md").read_text()
    bodies = [json.loads(line)["body"] for line in (SAMPLE / "index.jsonl").read_text().splitlines()]
    assert len(set(bodies)) == 65
    assert {str(f.relative_to(SAMPLE)) for f in SAMPLE.glob("*/*")} == set(bodies)
    assert all(f"| {body} |" in readme for body in bodies)
    assert sum((SAMPLE / body).stat().st_size for body in set(bodies)) < 8_000_000
