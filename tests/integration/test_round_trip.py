"""The archive alone gives every raw table back; and what was recorded of real publishers lands in its real numbers."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import duckdb
import pytest
import stamina

import expectations
from tests.faults.test_matrix import Bench
from tests.unit.sources import answers
from tests.unit.sources.conftest import response_of
from warehouse import landing, pipeline, upkeep
from warehouse.archive import Fetch
from warehouse.settings import Settings
from warehouse.sources import fred, ofr, tables, tic
from warehouse.sources.binance import spot
from warehouse.sources.fiscaldata import _api, auctions
from warehouse.sources.nyfed import api
from warehouse.sources.sec import company_facts, financial_statements, thirteenf_holdings

# ----------------------------------------------------------------------------------------------------- from archive


def checksums(settings):
    """Return, by raw table, the number of its rows and what their content sums up to."""
    found = {}
    for path in (settings.warehouse, settings.internal):
        with duckdb.connect(str(path), read_only=True) as connection:
            for (name,) in connection.execute(
                "select table_name from duckdb_tables() where schema_name = 'raw'"
            ).fetchall():
                found[name] = connection.execute(
                    f'select count(*), bit_xor(hash(t)), sum(hash(t)) from raw."{name}" as t'
                ).fetchone()
    return found


def changed(settings, table, name):
    """Return how many records have a second version, and how many were withdrawn."""
    path = settings.internal if table.is_internal else settings.warehouse
    key = ", ".join(f'"{k}"' for k in table.grain)
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(
            f"select count(*) filter (where not _is_deleted and version > 1), count(*) filter (where _is_deleted) from "
            f'(select *, row_number() over (partition by {key} order by ingested_at) as version from raw."{name}")'
        ).fetchone()


@pytest.mark.slow
def test_replay_gives_equal_raw_tables_of_all_sources(tmp_path, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_DROP", str(tmp_path / "drop"))
    monkeypatch.setattr("expectations.history.FEWEST_ROWS", 6)  # one record of a fixture is up to five rows
    derived = {(s.code, t.name): expectations.suite(t, s) for s, t in tables()}
    monkeypatch.setattr("expectations.incoming_suites", lambda: derived)
    settings = Settings(home=tmp_path / "all", lock_wait_seconds=5)
    benches = []
    with stamina.set_testing(testing=True, attempts=1):
        for name in answers.answers():
            if "@" not in name:
                folder = tmp_path / name
                folder.mkdir()
                benches.append(Bench(name, folder))
        try:
            for is_later in (False, True):
                bad = []
                for each in benches:
                    each.settings = replace(each.settings, home=settings.home)
                    each.serve(answers.later(each.answer) if is_later else None)
                    landed = each.land(each.settings)
                    if (landed.outcome, landed.quarantined) != ("landed", 0):
                        bad.append(f"{each.name}: {landed}")
                assert not bad, "\n".join(bad)
                pipeline.load(settings)
                judged = pipeline.validate(settings)
                assert not judged.held_back
                assert len(judged.promoted) == len(benches)
        finally:
            for each in benches:
                each.close()

    before = checksums(settings)
    assert before.keys() == {f"{s.code}__{t.name}" for s, t in tables()}
    history = {f"{s.code}.{t.name}": changed(settings, t, f"{s.code}__{t.name}") for s, t in tables()}
    all_key = {"okx.liquidations"}  # what happened has no second version: all of it is its key
    assert {name for name, (versions, _) in history.items() if not versions} == all_key
    lasting = {f"{s.code}.{t.name}" for s, t in tables() if not t.is_snapshot}
    assert {name for name, (_, withdrawn) in history.items() if not withdrawn} == lasting
    replayed = upkeep.replay(settings)
    assert (replayed.files, replayed.refused) == (2 * len(benches), 0)
    assert checksums(settings) == before


# ---------------------------------------------------------------------------------------------- what was really sent

FISCAL = f"{_api.BASE}/{auctions.ENDPOINT}"
RECORDED = [
    # file, table, address, rows that land (as the recordings' README counts them)
    ("sec/companyfacts_CIK0000320193.json", "sec.company_facts", company_facts.url_of(320193), 24_579),
    ("sec/companyfacts_CIK0001045810.json", "sec.company_facts", company_facts.url_of(1045810), 26_903),
    ("sec/companyfacts_CIK0001652044.json", "sec.company_facts", company_facts.url_of(1652044), 20_324),
    ("sec/companyfacts_CIK0000789019.json", "sec.company_facts", company_facts.url_of(789019), 31_574),
    (
        "sec/financial_statement_data_set_2009q3.zip",
        "sec.financial_statements",
        financial_statements.url_of(2009, 3),
        126_650,
    ),
    (
        "sec/0001790837-23-000002.txt",
        "sec.thirteenf_holdings",
        thirteenf_holdings.url_of(1790837, "0001790837-23-000002"),
        90,
    ),
    (
        "sec/0001894188-23-000007.txt",
        "sec.thirteenf_holdings",
        thirteenf_holdings.url_of(1894188, "0001894188-23-000007"),
        14,
    ),
    ("treasury/Auctions_Query_19791115_20251215.csv", "fiscaldata.auctions", FISCAL, 10_780),
    (
        "treasury/treasurydirect_TA_WS_securities_export.utf16.csv",
        "fiscaldata.auctions",
        auctions.TREASURYDIRECT,
        1_657,
    ),
    ("treasury/fiscaldata_auctions_query_2026-01_Bill.json", "fiscaldata.auctions", FISCAL, 25),
    ("treasury/fiscaldata_debt_to_penny_2025Q1.json", "fiscaldata.debt_to_penny", _api.BASE, 61),
    ("treasury/fiscaldata_dts_operating_cash_balance_*.json", "fiscaldata.operating_cash_balance", _api.BASE, 20),
    ("liquidity/GDP_observations_all_vintages_*.json", "fred.observations", f"{fred.URL}?series_id=GDP", 3_199),
    ("liquidity/fsi.csv", "ofr.financial_stress", ofr.URL, 6_292),
    ("liquidity/rates_secured_sofr_*.json", "nyfed.reference_rates", f"{api.BASE}/rates/secured/sofr/search.json", 4),
    ("sovereign/tic_mfhhis01.txt", "tic.major_foreign_holders", tic.URL, 12_718),
    *(
        (
            f"crypto/exchange_http/bitstamp_api_v2_ohlc_btcusd__end={end}_limit=1000_start=1546300800_step=86400.json",
            "binance.spot_klines",
            f"{spot.BITSTAMP}btcusd/?end={end}",
            rows,
        )
        for end, rows in ((1577836799, 998), (1577836800, 999))
    ),
]
SET_ASIDE = {"bitstamp_api_v2_ohlc_btcusd__end=1577836799": 2}
"""Rows in quarantine: Bitstamp sent two candles of 2019-01-09 that differ."""

SUMS = {
    # what the rows of a file sum up to
    "0001790837-23-000002": ("sum(value_reported), sum(value_usd), bool_and(matches_totals)", (192_767, 192_767_000)),
    "0001894188-23-000007": ("sum(value_reported), sum(value_usd), bool_and(matches_totals)", (454_926_000,) * 2),
    "GDP_observations": ("count(distinct realtime_start)", (393,)),
    "tic_mfhhis01": ("count(distinct year(month_end)), min(year(month_end)), max(year(month_end))", (26, 2000, 2025)),
    "debt_to_penny": ("count(distinct record_date)", (61,)),
    "operating_cash_balance": ("count(distinct record_date), count(close_today_usd_mn)", (5, 0)),
    "treasurydirect": ("count(distinct cusip || issue_date)", (1_657,)),
    "Auctions_Query": ("strftime(min(auction_date), '%Y-%m')", ("1979-10",)),
    "fsi": ("min(observation_date)::varchar, max(observation_date)::varchar", ("2000-01-03", "2024-11-29")),
}


@pytest.mark.parametrize(("pattern", "name", "url", "rows"), RECORDED, ids=[case[0] for case in RECORDED])
def test_a_recorded_file_lands_in_the_numbers_that_were_counted(recordings, tmp_path, pattern, name, url, rows):
    (path,) = recordings.glob(pattern.replace("[", "[[]"))
    body = path.read_bytes()
    if path.name.endswith(".utf16.csv"):  # an export of the JSON, whose keys are its columns
        lines = body.decode("utf-16").splitlines()[1:]
        body = json.dumps(list(csv.DictReader(lines))).encode()
    source, table, _ = answers.of(name)
    response = response_of(url, body)
    fetch = Fetch.of(source.code, table.name, "recorded", table.licence.name, [response])
    landed = landing.land(Settings(home=tmp_path), table, fetch, [response])
    aside = sum(count for part, count in SET_ASIDE.items() if part in path.name)
    assert (landed.rows, landed.quarantined, landed.added) == (rows, aside, ())
    for part, (sums, expected) in SUMS.items():
        if part in path.name:
            found = duckdb.execute(f"select {sums} from read_parquet(?)", [str(landed.path)]).fetchone()
            assert found[: len(expected)] == expected
            assert all(found[len(expected) :])
