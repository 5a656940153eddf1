"""Golden facts (docs/method.md b.3) out of a release, as of the day each became known: from the sample and from real bytes."""

from __future__ import annotations

import json
import os
from datetime import datetime

import duckdb
import pytest

from tests.integration.conftest import built_once
from warehouse import nightly, release
from warehouse.http import Client, RecordedTransport
from warehouse.recording import Recording
from warehouse.settings import Settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def recorded(tmp_path_factory, recordings):
    """Settings of a home built from the publishers' own bytes, as far as they were recorded whole.

    Auctions are not: the recorded answer has lost its `meta`, and a connector that cannot count pages refuses it.
    """

    def build(home):
        folder = home.parent / "wire"
        folder.mkdir(exist_ok=True)
        files = {
            **{
                f"https://data.sec.gov/api/xbrl/companyfacts/{p.stem.removeprefix('companyfacts_')}.json": (
                    p,
                    "2026-07-09",
                )
                for p in recordings.glob("sec/companyfacts_CIK*.json")
            },
            "https://www.financialresearch.gov/financial-stress-index/data/fsi.csv": (
                recordings / "liquidity" / "fsi.csv",
                "2024-12-04",
            ),
            "https://ticdata.treasury.gov/resource-center/data-chart-center/tic/Documents/mfhhis01.txt": (
                recordings / "sovereign" / "tic_mfhhis01.txt",
                "2026-03-19",
            ),
        }
        with (folder / "index.jsonl").open("w") as index:
            for url, (path, day) in files.items():
                entry = {
                    "method": "GET",
                    "url": url,
                    "status": 200,
                    "headers": {},
                    "fetched_at": f"{day}T12:00:00Z",
                    "body": os.path.relpath(path, folder),
                    "origin": "recorded",
                }
                index.write(json.dumps(entry) + "\n")
        nightly.run(Settings(home=home, sources=f"recorded:{folder}"))

    home = built_once(tmp_path_factory, "recorded", build)
    return Settings(home=home, sources=f"recorded:{home.parent / 'wire'}")


@pytest.fixture(params=["sample", "recorded"])
def home(request):
    return request.getfixturevalue("built" if request.param == "sample" else "recorded")


def value(settings, metric, entity, as_of, period_end=None):
    """Return a metric in $m, the newest period known then or the one asked for."""
    with release.connect(settings.home) as connection:
        row = connection.execute(
            "select round(value * 1000) from metrics.as_of($as_of) where metric_id = $metric and entity_id = $entity "
            "and ($period_end is null or period_end = $period_end::date) and value is not null "
            "order by period_end desc limit 1",
            {"as_of": as_of, "metric": metric, "entity": entity, "period_end": period_end},
        ).fetchone()
    return row and row[0]


def quarters(settings, ticker, first, last):
    with release.connect(settings.home) as connection:
        rows = connection.execute(
            "select round(value * 1000)::integer from metrics.latest where metric_id = 'capex_q' and entity_id = ? "
            "and period_end between ?::date and ?::date order by period_end",
            [ticker, first, last],
        ).fetchall()
    return [r[0] for r in rows]


def test_nvidias_quarters(home):
    expected = [369, 977, 813, 1077, 1227, 1895, 1636, 1284, 1757]
    assert quarters(home, "NVDA", "2024-04-28", "2026-04-26") == expected


def test_apples_quarters(home):
    expected = [2392, 1996, 2151, 2908, 2940, 3071, 3462, 3242, 2373]
    assert quarters(home, "AAPL", "2023-12-30", "2025-12-27") == expected


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        ("2025-02-25", 2413),
        ("2025-02-26", 3236),
        ("2025-05-28", 4094),
        ("2025-08-26", 4094),
        ("2025-08-27", 5012),
        ("2025-11-18", 5012),
        ("2025-11-19", 5835),
        ("2026-02-24", 5835),
        ("2026-02-25", 6042),
        ("2026-05-20", 6572),
    ],
)
def test_nvidias_trailing_capex_as_of_each_date_of_fact_26(home, as_of, expected):
    assert value(home, "capex_ttm", "NVDA", as_of) == expected


def test_apples_restated_cash_flow_is_known_when_it_was_filed(home):
    assert value(home, "ocf_ttm", "AAPL", "2018-11-04", "2016-09-24") == 65824
    assert value(home, "ocf_ttm", "AAPL", "2018-11-05", "2016-09-24") == 66231


@pytest.mark.parametrize(
    ("metric", "ticker", "period_end", "expected"),
    [
        ("capex_ttm", "GOOGL", "2024-12-31", 52535),
        ("capex_ttm", "MSFT", "2025-06-30", 64551),
        ("ocf_ttm", "MSFT", "2025-06-30", 136162),
        ("capex_ttm", "AMZN", "2024-12-31", 82999),
        ("capex_ttm", "META", "2025-12-31", 69691),
    ],
)
def test_annual_facts(home, metric, ticker, period_end, expected, request):
    found = value(home, metric, ticker, "2026-07-01", period_end)
    if "recorded" in request.node.callspec.id and ticker in {"AMZN", "META"}:
        assert found is None  # no companyfacts of theirs was recorded, and nothing is made up
    else:
        assert found == expected


def test_metas_fourth_quarter_is_of_one_vintage_each_time(built):
    with release.connect(built.home) as connection:
        rows = connection.execute(
            "select round(value_usd / 1e6)::integer from marts.fct_company_cash_flows_quarterly "
            "where ticker = 'META' and concept = 'capex' and period_end = date '2023-12-31' order by known_at"
        ).fetchall()
    found = [r[0] for r in rows]
    assert 7813 not in found
    assert [v for i, v in enumerate(found) if i == 0 or v != found[i - 1]] == [7665, 7592]


def test_the_stress_index_has_its_6292_days(home):
    with release.connect(home.home) as connection:
        found = connection.execute(
            "select count(*), min(period_end)::varchar, max(period_end)::varchar from metrics.latest where metric_id = 'ofr_fsi'"
        ).fetchone()
    assert found == (6292, "2000-01-03", "2024-11-29")


def test_auction_prices_follow_from_coupon_and_yield_to_six_decimals(built):
    with release.connect(built.home) as connection:
        rows = connection.execute(
            """select security_kind, count(*), max(abs(computed_price_per100_usd
                - case when security_kind = 'inflation_indexed' then unadjusted_price_per100_usd else price_per100_usd end))
            from marts.fct_auctions where known_until is null and computed_price_per100_usd is not null
                and (case when security_kind = 'inflation_indexed' then unadjusted_price_per100_usd else price_per100_usd end)
                    is not null
            group by all"""
        ).fetchall()
    found = {kind: (count, float(worst)) for kind, count, worst in rows}
    assert found["nominal_coupon"][0] >= 700
    assert found["inflation_indexed"][0] >= 80
    assert all(worst <= 1e-6 for _, worst in found.values())


def test_published_cover_ratios_are_reproduced(built):
    with release.connect(built.home) as connection:
        count, worst = connection.execute(
            "select count(*), max(abs(bid_to_cover_ratio - published_bid_to_cover_ratio)) from marts.fct_auctions "
            "where known_until is null and published_bid_to_cover_ratio is not null"
        ).fetchone()
    assert count > 1600
    assert float(worst) <= 0.0051


def test_the_sample_says_what_the_publishers_bytes_say(built, recorded):
    """Every figure that both have is the same, at the same instant: the sample invents nothing."""
    question = """
        select metric_id, entity_id, grain, period_end, known_at, value from metrics.metric_observations
        where value is not null and metric_id in ('capex_q', 'ocf_ttm', 'ofr_fsi', 'foreign_treasury_holdings')
    """
    with duckdb.connect() as connection:
        for name, settings in (("sample", built), ("wire", recorded)):
            connection.execute(f"attach '{settings.current.resolve()}/warehouse.duckdb' as {name} (read_only)")
            connection.execute(f"create table {name}_values as {question.replace('metrics.', name + '.metrics.')}")
        both, differing = connection.execute(
            "select count(*), count(*) filter (abs(s.value - w.value) > 1e-9) from sample_values s join wire_values w "
            "using (metric_id, entity_id, grain, period_end, known_at)"
        ).fetchone()
    assert both > 15000
    assert differing == 0


def test_a_recorded_folder_answers_with_its_own_fetch_times(recorded):
    link = RecordedTransport(Recording.open(recorded.recordings), datetime.fromisoformat("2026-12-01T00:00:00+00:00"))
    answer = Client(link, 1)("https://www.financialresearch.gov/financial-stress-index/data/fsi.csv", expect="text")
    assert answer.fetched_at.isoformat() == "2024-12-04T12:00:00+00:00"
    assert answer.origin == "recorded"


@pytest.mark.parametrize(
    ("metric", "ticker", "period_end", "expected"),
    [
        ("capex_ttm", "MSFT", "2024-06-30", 44477),
        ("ocf_ttm", "MSFT", "2024-06-30", 118548),
        ("funding_gap", "MSFT", "2024-06-30", -35046),
        ("funding_gap", "MSFT", "2025-06-30", -29109),
        ("net_debt_ttm", "MSFT", "2024-06-30", 575),
        ("net_debt_ttm", "MSFT", "2025-06-30", -8962),
        ("net_debt_ttm", "GOOGL", "2025-12-31", 32137),
        ("ocf_ttm", "GOOGL", "2025-12-31", 164713),
        ("funding_gap_capex_only", "GOOGL", "2025-12-31", -73266),
        ("ocf_ttm", "NVDA", "2024-01-28", 28090),
        ("ocf_ttm", "AAPL", "2025-09-27", 111482),
        ("capex_with_leases_ttm", "META", "2025-12-31", 72215),
        ("ocf_ttm", "AMZN", "2024-12-31", 115877),
    ],
)
def test_the_funding_of_capex(home, metric, ticker, period_end, expected, request):
    found = value(home, metric, ticker, "2026-07-01", period_end)
    is_recorded = "recorded" in request.node.callspec.id
    assert found == (None if is_recorded and ticker in {"AMZN", "META"} else expected)


def test_cash_debt_and_securities_are_read_from_the_statement(home):
    """Facts 3 to 5 and 21: the parts that are no metric."""
    wanted = [
        ("MSFT", "2024-06-30", "debt_proceeds_ttm_usd_bn", 24395),
        ("MSFT", "2024-06-30", "debt_repaid_ttm_usd_bn", 29070),
        ("MSFT", "2024-06-30", "debt_net_short_ttm_usd_bn", 5250),
        ("MSFT", "2025-06-30", "debt_net_short_ttm_usd_bn", -5746),
        ("MSFT", "2025-06-30", "buybacks_ttm_usd_bn", 18420),
        ("MSFT", "2024-09-30", "securities_bought_usd_bn", 1620),
        ("GOOGL", "2024-12-31", "cash_ms_usd_bn", 95657),
        ("GOOGL", "2025-12-31", "cash_ms_usd_bn", 126843),
    ]
    with release.connect(home.home) as connection:
        for ticker, period_end, column, expected in wanted:
            row = connection.execute(
                f"select round({column} * 1000) from marts.fct_ai_funding_quarterly "
                "where ticker = ? and period_end = ?::date and known_until is null",
                [ticker, period_end],
            ).fetchone()
            assert row == (expected,), (ticker, period_end, column)


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [("2026-01-27", None), ("2026-01-28", 125000), ("2026-04-29", 135000), ("2026-07-29", 137500)],
)
def test_metas_guidance_is_known_when_it_was_given(home, as_of, expected):
    assert value(home, "capex_guidance_mid", "META", as_of, "2026-12-31") == expected
