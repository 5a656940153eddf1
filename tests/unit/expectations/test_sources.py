"""Each source's plausibility: rows as the publisher sends them pass, and each broken table is found by its check."""

from dataclasses import dataclass, field, replace

import pytest

import expectations
from expectations import incoming_suites, suite
from warehouse.sources import find, sources, tables
from warehouse.validation import judge

QUARTERS = """
    select
        1045810 as cik, 'NVIDIA CORP' as entity_name, 'us-gaap' as taxonomy, tag, 'USD' as unit,
        date '2024-01-29' as period_start, date '2024-04-28' + q::integer * 91 as period_end,
        (1 + q) * 369e6 as value, '0001045810-24-' || q as accession_number, 2025 as fiscal_year,
        'Q1' as fiscal_period, '10-Q' as form, period_end + 31 as filed_date
    from
        range(8) as r(q),
        unnest(['PaymentsToAcquireProductiveAssets', 'NetCashProvidedByUsedInOperatingActivities']) as t(tag)
"""

AUCTIONS = """
    select
        '912797SL2' as cusip, date '2026-01-08' as issue_date, 'Bill' as security_type,
        date '2025-12-31' as announcemt_date, date '2026-01-05' as auction_date, date '2026-04-09' as maturity_date,
        86000000000 as offering_amt, 248267933200 as total_tendered, 90430132400 as total_accepted,
        239786241400 as comp_tendered, 81948440600 as comp_accepted, 2051839400 as noncomp_accepted,
        2000000000 as fima_noncomp_tendered, 2000000000 as fima_noncomp_accepted,
        2.84 as bid_to_cover_ratio, 32375626000 as primary_dealer_accepted, 6444955000 as direct_bidder_accepted,
        43127859600 as indirect_bidder_accepted, 77.13 as allocation_pctage, null as high_yield,
        3.54 as high_discnt_rate, 3.622 as high_investment_rate, 99.105167 as price_per100
    union all by name
    select
        '912810UP1' as cusip, date '2025-12-15' as issue_date, 'Bond' as security_type,
        date '2025-12-11' as auction_date, date '2055-11-15' as maturity_date
"""

STRESS = """
    select
        day::date as observation_date, 0.5 as ofr_fsi, 0.1 as credit, 0.1 as equity_valuation, 0.1 as safe_assets,
        0.1 as funding, 0.1 as volatility, 0.3 as united_states, 0.1 as other_advanced_economies,
        0.1 as emerging_markets
    from range(date '2020-06-01', date '2024-11-30', interval 1 day) as r(day)
    where isodow(day) <= 5 and strftime(day, '%m-%d') not in ('01-01', '07-04', '11-11', '12-25', '05-27', '09-02')
"""

HOLDERS = """
    select
        holder as holder_name, last_day(date '2024-01-01' + interval 1 month * m) as month_end,
        'current' as survey_basis, is_memo, bn + m * share as holdings_usd_bn
    from range(24) as r(m), (
        values ('Japan', false, 1000, 1), ('China, Mainland', false, 700, 1), ('United Kingdom', false, 800, 1),
        ('All Other', false, 500, 1), ('Grand Total', false, 3000, 4), ('For. Official', true, 2000, 1)
    ) as h(holder, is_memo, bn, share)
"""

BARS = """
    select
        'binance' as venue, 'BTCUSDT' as symbol, '1d' as bar_interval,
        timestamptz '2026-01-01 00:00:00+00' + interval 1 day * d as opened_at,
        opened_at + interval 1 day - interval 1 millisecond as closed_at,
        90000 + d as open_price, 90100 + d as high_price, 89900 + d as low_price, 90001 + d as close_price,
        1000 as base_volume, 9e7 as quote_volume, 5000 as trade_count
    from range(60) as r(d)
"""

CLOSES = """
    select
        'coingecko:bitcoin' as coin_id, 'BTC' as symbol, date '2026-01-01' + d::integer as close_date,
        ((close_date + 1)::timestamp at time zone 'UTC') + interval 2 minute as price_at,
        90000 + d as price_usd, 0.99 as confidence
    from range(60) as r(d)
"""


@dataclass(frozen=True)
class Feed:
    rows: str
    stamps: dict = field(default_factory=dict)
    broken: tuple = ()
    """(the check that must find it, its severity, what breaks the table)."""


def to(assignment, where="true"):
    return f"update {{table}} set {assignment} where {where}"


FEEDS = {
    "sec__company_facts": Feed(
        QUARTERS,
        stamps={"_partition": "'0001045810'"},
        broken=(
            ("the_company_asked_for", "critical", to("cik = 320193", "fiscal_year = 2025 and value > 2e9")),
            ("enough_facts", "critical", "delete from {table} where value > 4e8"),
            ("enough_facts", "critical", to("_origin = 'live'")),
            ("filed_date, period_end", "critical", to("filed_date = period_end - 1")),
            ("cash_flows_filed_after_their_period", "critical", to("filed_date = period_end - 1", "value < 4e8")),
            ("cash_flows_in_a_currency", "critical", to("unit = 'shares'")),
            ("cash_flows_of_a_possible_size", "critical", to("value = value * 1e6")),
            ("dollars_of_a_possible_size", "critical", to("value = 3e13, tag = 'EntityPublicFloat'", "value < 4e8")),
            ("whole_dollars", "critical", to("value = value / 1e6")),
            ("purchases_are_positive", "warning", to("value = -value")),
            (
                "capex_still_reported",
                "warning",
                to("tag = 'PaymentsForSomethingNew'", "tag like 'PaymentsTo%' and period_end > '2024-05-01'"),
            ),
            ("form", "warning", to("form = 'X-17A-5'")),
        ),
    ),
    "fiscaldata__auctions": Feed(
        AUCTIONS,
        broken=(
            ("security_type", "critical", to("security_type = 'TIPS'")),
            ("accepted_within_tendered", "critical", to("total_accepted = total_tendered + 1")),
            ("bidders_sum_to_competitive", "critical", to("indirect_bidder_accepted = 0")),
            ("bid_to_cover_ratio", "critical", to("bid_to_cover_ratio = 0.9", "security_type = 'Bill'")),
            ("bid_to_cover_recomputed", "warning", to("bid_to_cover_ratio = 2.75", "security_type = 'Bill'")),
            ("high_yield", "critical", to("high_yield = 425")),
            ("high_discnt_rate", "critical", to("high_discnt_rate = 354", "security_type = 'Bill'")),
            ("price_per100", "critical", to("price_per100 = 991.05")),
            ("bills_priced_from_their_discount", "critical", to("high_discnt_rate = 0.0354", "security_type = 'Bill'")),
            ("matures_after_issue", "critical", to("maturity_date = issue_date")),
            ("announced_auctioned_issued_in_order", "warning", to("announcemt_date = auction_date + 1")),
            ("announced_auctioned_issued_in_order", "warning", to("auction_date = issue_date - 90")),
            ("offering_amt", "critical", to("offering_amt = 86000")),
            ("allocation_pctage", "critical", to("allocation_pctage = 7713")),
        ),
    ),
    "ofr__financial_stress": Feed(
        STRESS,
        broken=(
            ("ofr_fsi", "critical", to("ofr_fsi = 500, credit = 499.6", "observation_date = '2024-03-04'")),
            ("categories_sum_to_index", "critical", to("credit = 0.3", "observation_date = '2024-03-04'")),
            ("regions_sum_to_index", "warning", to("united_states = 0.9", "observation_date = '2024-03-04'")),
            (
                "no_day_of_the_future",
                "critical",
                to("observation_date = '2030-01-01'", "observation_date = '2024-11-29'"),
            ),
            (
                "full_years",
                "critical",
                "delete from {table} where observation_date between '2022-03-01' and '2022-03-31'",
            ),
            (
                "no_long_gap",
                "warning",
                "delete from {table} where observation_date between '2022-03-01' and '2022-03-11'",
            ),
        ),
    ),
    "tic__major_foreign_holders": Feed(
        HOLDERS,
        broken=(
            ("holdings_usd_bn", "critical", to("holdings_usd_bn = holdings_usd_bn * 1000")),
            ("largest_holders_present", "critical", to("holder_name = 'China'", "holder_name = 'China, Mainland'")),
            ("holders_sum_to_grand_total", "critical", to("holdings_usd_bn = 100", "holder_name = 'Japan'")),
            ("holders_sum_to_grand_total", "critical", to("holdings_usd_bn = null", "holder_name = 'Grand Total'")),
            ("no_month_missing", "critical", "delete from {table} where month_end = '2024-07-31'"),
            (
                "grand_total_moves_slowly",
                "warning",
                to("holdings_usd_bn = holdings_usd_bn * 1.2", "month_end > '2025-06-01'"),
            ),
            ("no_month_of_the_future", "critical", to("month_end = '2030-01-31'", "month_end = '2025-12-31'")),
        ),
    ),
    "binance__spot_klines": Feed(
        BARS,
        broken=(
            ("low_price", "critical", to("low_price = 0", "open_price = 90005")),
            ("high_and_low_enclose", "critical", to("high_price = low_price, low_price = high_price")),
            ("bar_closes_after_it_opens", "critical", to("closed_at = opened_at + interval 1 hour")),
            ("bar_closes_after_it_opens", "critical", to("opened_at = opened_at + interval 1 hour")),
            ("no_bar_of_the_future", "critical", to("closed_at = fetched_at + interval 1 hour", "open_price = 90005")),
            ("no_day_missing", "warning", "delete from {table} where open_price = 90005"),
            (
                "moves_by_less_than_half",
                "warning",
                to("low_price = 30000, close_price = 40000", "open_price = 90005"),
            ),
            ("same_unit_as_the_day_before", "critical", to("low_price = 8, close_price = 9", "open_price = 90005")),
            ("base_volume", "critical", to("base_volume = -1")),
        ),
    ),
    "defillama__coin_prices": Feed(
        CLOSES,
        broken=(
            ("price_usd", "critical", to("price_usd = 0", "close_date = '2026-01-06'")),
            ("bitcoin_in_dollars", "critical", to("price_usd = 9")),
            ("confidence", "critical", to("confidence = 99")),
            ("close_is_near_midnight", "critical", to("price_at = price_at - interval 12 hour")),
            ("no_price_of_the_future", "critical", to("price_at = fetched_at + interval 1 hour")),
            ("no_day_missing", "warning", "delete from {table} where close_date = '2026-01-06'"),
            ("moves_by_less_than_half", "warning", to("price_usd = 40000", "close_date = '2026-01-06'")),
            ("same_unit_as_the_day_before", "critical", to("price_usd = 900", "close_date = '2026-01-06'")),
        ),
    ),
}

BROKEN = [(name, *case) for name, feed in FEEDS.items() for case in feed.broken]


@pytest.fixture
def judged(warehouse_file):
    """Return the failed findings of a feed's table after a statement broke it."""

    def judged(name, statement=None):
        code, _, table_name = name.partition("__")
        warehouse_file.create([(s, t) for s, t in tables() if (s.code, t.name) == (code, table_name)])
        warehouse_file.fill(name, FEEDS[name].rows, **FEEDS[name].stamps)
        if statement:
            warehouse_file.run(statement.format(table=f"incoming.{name}"))
        one = incoming_suites()[code, table_name]
        if statement:  # only the checks by hand: what follows from a contract is shown in test_derived.py
            source, table = find(code, table_name)
            derived = len(suite(table, source).expectations)
            one = replace(one, expectations=one.expectations[derived:])
        (verdict,) = judge(warehouse_file.path, [one])
        return [f for f in verdict.findings if not f.success]

    return judged


def test_every_landed_table_has_rows_here_and_a_suite_by_hand():
    assert set(FEEDS) == {f"{source.code}__{table.name}" for source, table in tables()}
    written = {code: [s.table for s in expectations.import_module(f"expectations.{code}").SUITES] for code in sources()}
    assert {one for suites in written.values() for one in suites} == {f"incoming.{name}" for name in FEEDS}


def test_every_bound_set_by_hand_says_when_and_why_or_is_plain_in_a_sentence():
    for one in incoming_suites().values():
        for expectation in one.expectations:
            assert expectation.description.endswith("."), expectation
            assert not expectation.notes or expectation.notes.startswith("20"), expectation


def test_every_check_by_hand_is_shown_to_fail():
    for (code, table_name), one in incoming_suites().items():
        named = {
            e.meta["name"]
            for e in one.expectations
            if e.meta and not e.meta["name"].startswith(("one_row", "periods", "history"))
        }
        shown = {expectation for expectation, _, _ in FEEDS[f"{code}__{table_name}"].broken}
        assert named <= shown, f"{code}.{table_name}: {sorted(named - shown)}"


@pytest.mark.parametrize("name", FEEDS)
def test_rows_as_the_publisher_sends_them_pass(judged, name):
    assert judged(name) == []


@pytest.mark.parametrize(("name", "expectation", "severity", "statement"), BROKEN)
def test_a_broken_table_is_found(judged, name, expectation, severity, statement):
    found = {(f.column or f.expectation, f.severity): f for f in judged(name, statement)}
    assert (expectation, severity) in found, sorted(found)
    assert "could not be judged" not in found[expectation, severity].detail
    if severity == "warning":
        assert all(f.severity == "warning" for f in found.values()), sorted(found)
