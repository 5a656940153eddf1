"""Point-in-time is law: what was not known then does not touch what is said of then."""

from __future__ import annotations

import random
from dataclasses import replace

import duckdb
import pytest

from tests.drills import LONG
from warehouse import sources, stores
from warehouse.release import connect
from warehouse.transformation import run_dbt

pytestmark = pytest.mark.slow

AS_OF = "select * exclude (run_id, known_until) from metrics.as_of(?::timestamptz) order by all"

FACTS = "raw.sec__company_facts"
FACT = "cik, taxonomy, tag, unit, period_start, period_end"
PURCHASES = "PaymentsToAcquirePropertyPlantAndEquipment"
AUCTIONS = "raw.fiscaldata__auctions"
HOLDERS = "raw.tic__major_foreign_holders"
STRESS = "raw.ofr__financial_stress"
CLOSES = "raw.defillama__coin_prices"

# Open rows of the marts that an open observation of that metric, entity and period may speak of, and their value.
LIVING = """
    with flows as (
        select *, ttm_usd::double / 1e9 as ttm from marts.fct_company_cash_flows_quarterly where known_until is null),
    members as (select ticker from staging.company_universe where universe = 'ai_hyperscalers'),
    quarter_ends as (select distinct period_end from metrics.metric_observations where grain = 'calendar_quarter'),
    groups as (
        select concept, quarter_ends.period_end
        from flows join members using (ticker)
        join quarter_ends on abs(flows.period_end - quarter_ends.period_end) <= 46
        where ttm is not null group by all having count(distinct ticker) = (select count(*) from members))
    select 'capex_q' as metric_id, ticker as entity_id, period_end, value_usd::double / 1e9 as value
    from flows where concept = 'capex'
    union all select concept || '_ttm', ticker, period_end, ttm from flows
    union all
    select 'capex_yoy', now.ticker, now.period_end, now.ttm / before.ttm - 1
    from flows as now join flows as before
    on now.ticker = before.ticker and before.concept = 'capex' and now.period_end - before.period_end between 355 and 375
    where now.concept = 'capex'
    union all
    select 'capex_to_ocf', capex.ticker, capex.period_end, capex.ttm / ocf.ttm
    from flows as capex join flows as ocf
    on capex.ticker = ocf.ticker and ocf.concept = 'ocf' and abs(capex.period_end - ocf.period_end) <= 10
    where capex.concept = 'capex'
    union all select concept || '_ttm', 'ai_core', period_end, null from groups
    union all
    select 'capex_q_yoy', now.ticker, now.period_end, now.value_usd::double / before.value_usd::double - 1
    from flows as now join flows as before
    on now.ticker = before.ticker and before.concept = 'capex' and now.period_end - before.period_end between 355 and 375
    where now.concept = 'capex'
    union all select 'capex_cal_q', ticker, quarter_end, capex_usd_bn
    from marts.fct_ai_funding_calendar_quarterly where known_until is null
    union all select metric_id, 'ai_core', period_end, null
    from groups, (values ('capex_cal_q'), ('capex_to_revenue'), ('funding_gap_capex_only')) as metrics (metric_id)
    where concept = 'capex'
    union all select 'capex_to_ocf', 'ai_core', period_end, null from groups where concept = 'capex'
    union all
    select 'gross_issuance', 'US', last_day(issue_date), sum(total_accepted_usd)::double / 1e9
    from marts.fct_auctions where known_until is null group by all
    union all
    select 'bid_to_cover', cusip, auction_date, public_tendered_usd::double / public_accepted_usd::double
    from marts.fct_auctions where known_until is null
    union all select 'ofr_fsi', 'US', observation_date, ofr_fsi_points
    from marts.fct_financial_stress_daily where known_until is null
    union all select 'foreign_treasury_holdings', entity_id, month_end, holdings_usd_bn::double
    from marts.fct_foreign_treasury_holdings_monthly where known_until is null and survey_basis = 'current'
    union all select case level_id when 'rrp' then 'rrp_usd_bn' else level_id end, 'US', period_end, level_usd_bn
    from marts.fct_liquidity_levels where known_until is null and level_id not like 'bank_reserves%'
    union all select metric_id, 'BTC', price_date, null
    from marts.fct_crypto_prices_daily, (values ('btc_drawdown'), ('realised_vol_30d'), ('bid_absence')) as metrics (metric_id)
    where known_until is null and asset = 'BTC'
    union all select metric_id, entity_id, period_end, value from (
        unpivot (
            select ticker, period_end, capex_with_leases_ttm_usd_bn as capex_with_leases_ttm,
                funding_gap_ttm_usd_bn as funding_gap, funding_gap_capex_only_ttm_usd_bn as funding_gap_capex_only,
                net_debt_ttm_usd_bn as net_debt_ttm, external_funding_ttm_usd_bn as external_funding,
                net_debt_ttm_usd_bn + net_equity_ttm_usd_bn as external_funding_net,
                capex_ttm_usd_bn / revenue_ttm_usd_bn as capex_to_revenue,
                least(greatest(net_debt_ttm_usd_bn / capex_ttm_usd_bn, -1), 2) as net_debt_issuance_share,
                external_funding_ttm_usd_bn / capex_ttm_usd_bn as ai_external_funding_share,
                greatest(securities_sold_ttm_usd_bn - securities_bought_ttm_usd_bn, 0) / capex_ttm_usd_bn
                    as securities_sale_funding_share,
                greatest(securities_sales_only_ttm_usd_bn, 0) / capex_ttm_usd_bn as securities_sale_only_funding_share,
                greatest(-cash_ms_change_ttm_usd_bn, 0) / capex_ttm_usd_bn as cash_burn_share
            from marts.fct_ai_funding_quarterly where known_until is null)
        on columns(* exclude (ticker, period_end)) into name metric_id value value
    ) as funding (entity_id, period_end, metric_id, value)
    union all select 'intraday_drawdown', asset, price_date, intraday_drawdown_ratio
    from marts.fct_crypto_canary_daily where known_until is null
"""

LIVING_METRICS = """('capex_q', 'capex_ttm', 'ocf_ttm', 'capex_yoy', 'capex_to_ocf', 'gross_issuance', 'bid_to_cover', 'ofr_fsi',
    'foreign_treasury_holdings', 'fed_total_assets', 'treasury_general_account', 'rrp_usd_bn', 'btc_drawdown',
    'realised_vol_30d', 'bid_absence', 'intraday_drawdown', 'capex_with_leases_ttm', 'funding_gap',
    'funding_gap_capex_only', 'net_debt_ttm', 'external_funding', 'external_funding_net', 'capex_to_revenue',
    'net_debt_issuance_share', 'ai_external_funding_share', 'securities_sale_funding_share',
    'securities_sale_only_funding_share', 'cash_burn_share')"""
"""Metrics that LIVING has. The rest are states of a day, which stay, or rest on logs, which no publisher withdraws."""

OBSERVED = f"""metrics.metric_observations where known_until is null and value is not null
    and parameter_set = 'default' and metric_id in {LIVING_METRICS}
    and (metric_id <> 'gross_issuance' or grain = 'month')"""


def public():
    return [(s, t) for s, t in sources.tables() if not t.is_internal]


def raw_tables():
    return [f"raw.{stores.identifier(s, t)}" for s, t in public()]


@pytest.fixture(scope="module")
def instants(built):
    """Every instant at which anything became known, in order."""
    union = " union ".join(f"select known_at from {t}" for t in raw_tables())
    with duckdb.connect(str(built.warehouse), read_only=True) as connection:
        rows = connection.execute(f"select known_at from ({union}) where known_at > '2016-01-01' order by 1").fetchall()
    assert len(rows) > 1000
    return [r[0] for r in rows]


@pytest.mark.parametrize("number", range(4) if LONG else range(1))
@pytest.mark.parametrize("poison", [False, True], ids=["deleted", "multiplied"])
def test_deleting_or_poisoning_what_became_known_later_changes_nothing_said_of_then(
    built, instants, tmp_path, poison, number
):
    then = random.Random(f"{poison} {number}").choice(instants)
    elsewhere = replace(built, home=tmp_path)
    elsewhere.warehouse.write_bytes(built.warehouse.read_bytes())
    with duckdb.connect(str(elsewhere.warehouse)) as connection:
        connection.execute("set timezone = 'UTC'")
        for (_, table), name in zip(public(), raw_tables(), strict=True):
            if not poison:
                connection.execute(f"delete from {name} where known_at > ?", [then])
                continue
            for column in table.columns:
                if column.type.startswith(("DOUBLE", "DECIMAL")) and column.name not in table.grain:
                    factor = 1000 if column.type == "DOUBLE" else 10  # a yield of 4,000 % has no price
                    poisoned = f'try_cast("{column.name}"::double * {factor} as {column.type})'
                    connection.execute(f'update {name} set "{column.name}" = {poisoned} where known_at > ?', [then])
    run_dbt(elsewhere, "prefix", "run")
    with duckdb.connect(str(elsewhere.warehouse), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        prefix = connection.execute(AS_OF, [then]).fetchall()
    with connect(built.home) as connection:
        whole = connection.execute(AS_OF, [then]).fetchall()
    assert prefix == whole
    assert whole


def inject(connection, at, table, key, where="true", **changed):
    """Land a copy of the newest row of each key, as a fetch at that instant would find it."""
    found = f"timestamptz '{at}'"
    changed = {"known_at": found, "ingested_at": found, "_fetch_id": "'later'", **changed}
    replaced = ", ".join(f"{value} as {column}" for column, value in changed.items())
    connection.execute(
        f"""insert into {table} select * replace ({replaced}) from (
            from {table} where known_at < {found} and ({where})
            qualify row_number() over (partition by {key} order by known_at desc, ingested_at desc) = 1)
        where not _is_deleted"""
    )


def inject_filing(connection, at, form, where="true", **changed):
    """Land what a later filing says of the periods that earlier ones reported."""
    filing = {
        "form": f"'{form}'",
        "accession_number": f"concat('{form}', tag, accession_number)",
        "value": "value * 1.1",
    }
    inject(connection, at, FACTS, FACT, f"period_start is not null and ({where})", **{**filing, **changed})


def restated(connection, at):
    inject_filing(connection, at, "10-K/A", "cik % 3 = 0")
    inject_filing(connection, at, "8-K", "cik % 3 = 1")
    inject(connection, at, FACTS, f"{FACT}, accession_number", "cik % 3 = 2", value="value * 1.5")
    inject(connection, at, AUCTIONS, "cusip, issue_date", total_accepted="total_accepted + 1000000")
    inject(connection, at, HOLDERS, "holder_name, month_end, survey_basis", holdings_usd_bn="holdings_usd_bn + 1")
    inject(connection, at, STRESS, "observation_date", ofr_fsi="ofr_fsi + 0.1")
    inject(connection, at, CLOSES, "coin_id, close_date", "day(close_date) = 7", price_usd="price_usd * 2")


def another_start(connection, at):
    inject_filing(connection, at, "10-K", period_start="period_start + 7")
    inject_filing(connection, at, "10-Q", period_start="period_start - 1", period_end="period_end - 1")
    inject_filing(connection, at, "10-Q", period_start="period_start + 1")


def another_end(connection, at):
    inject_filing(connection, at, "10-K", "cik % 2 = 0", period_end="period_end + 1")
    inject_filing(connection, at, "10-Q", "cik % 2 = 1", period_end="period_end - 7")


def another_tag(connection, at):
    inject_filing(
        connection, at, "10-K", "tag = 'PaymentsToAcquireProductiveAssets'", tag=f"'{PURCHASES}'", value="value"
    )
    inject_filing(
        connection, at, "10-K", f"tag = '{PURCHASES}'", tag="'PaymentsToAcquireProductiveAssets'", value="value"
    )
    inject_filing(connection, at, "10-K", f"tag <> '{PURCHASES}'", tag="'PaymentsToAcquireProductiveAssets'")


def withdrawn_in_part(connection, at):
    gone = {"_is_deleted": "true"}
    inject(connection, at, FACTS, f"{FACT}, accession_number", "hash(accession_number, tag) % 5 = 0", **gone)
    inject(connection, at, AUCTIONS, "cusip, issue_date", "year(issue_date) = 2019 or day(issue_date) = 15", **gone)
    inject(connection, at, HOLDERS, "holder_name, month_end, survey_basis", "holder_name = 'Japan'", **gone)
    inject(connection, at, STRESS, "observation_date", "day(observation_date) = 1", **gone)
    inject(connection, at, CLOSES, "coin_id, close_date", "close_date < '2025-10-10'", **gone)


def all_withdrawn(connection, at):
    for (_, table), name in zip(public(), raw_tables(), strict=True):
        inject(connection, at, name, ", ".join(table.grain), _is_deleted="true")


PERIODS, VALUES, NOTHING = "2024-06-15 12:00:00+00", "2026-01-20 12:00:00+00", "2026-11-20 12:00:00+00"
LATER = (
    # In a drill each by itself; in every run those of an instant together, which takes a build less for each.
    (
        (PERIODS, another_start),
        (PERIODS, another_end),
        (PERIODS, another_tag),
        (VALUES, restated),
        (VALUES, withdrawn_in_part),
        (NOTHING, all_withdrawn),
    )
    if LONG
    else (
        (PERIODS, another_start, another_end, another_tag),
        (VALUES, restated, withdrawn_in_part),
        (NOTHING, all_withdrawn),
    )
)


@pytest.mark.parametrize(
    ("at", "happens"), [(at, happens) for at, *happens in LATER], ids=[each[-1].__name__ for each in LATER]
)
def test_what_becomes_known_later_changes_nothing_said_of_then_and_leaves_nothing_stale(built, tmp_path, happens, at):
    elsewhere = replace(built, home=tmp_path)
    elsewhere.warehouse.write_bytes(built.warehouse.read_bytes())
    with duckdb.connect(str(elsewhere.warehouse)) as connection:
        connection.execute("set timezone = 'UTC'")
        for hour, each in enumerate(happens, 12):
            each(connection, at.replace(" 12:", f" {hour}:"))
    run_dbt(elsewhere, "later", "run")
    with connect(built.home) as before, duckdb.connect(str(elsewhere.warehouse), read_only=True) as after:
        after.execute("set timezone = 'UTC'")
        for then in ("2012-05-01 12:00:00+00", "2019-01-01 12:00:00+00", at.replace("12:00:00", "11:59:59")):
            said = before.execute(AS_OF, [then]).fetchall()
            assert said
            assert after.execute(AS_OF, [then]).fetchall() == said
        twice = after.execute(
            "select metric_id, entity_type, entity_id, grain, period_end, parameter_set, known_at "
            "from metrics.metric_observations group by all having count(*) > 1"
        ).fetchall()
        observed = after.execute(f"select metric_id, entity_id, period_end, value from {OBSERVED}").fetchall()
        stale = after.execute(
            f"""with living as ({LIVING}), observed as (from {OBSERVED})
            select metric_id, entity_id, period_end, value from observed where not exists (
                select 1 from living
                where living.metric_id = observed.metric_id and living.entity_id = observed.entity_id
                and living.period_end = observed.period_end
                and (living.value is null or abs(living.value - observed.value) < 1e-9))"""
        ).fetchall()
    assert twice == []
    assert stale == []
    assert bool(observed) == (happens != [all_withdrawn])


def test_no_observation_is_known_before_it_could_be(built):
    with connect(built.home) as connection:
        early = connection.execute(
            "select count(*), count(*) filter (known_at::date < period_end) from metrics.metric_observations "
            "where metric_id not in (select metric_id from metrics.dim_metric where kind = 'announced')"
        ).fetchone()
        overlapping = connection.execute(
            """select count(*) from (select *, lead(known_at) over (
                partition by metric_id, entity_type, entity_id, grain, period_start, period_end, metric_version, parameter_set
                order by known_at) as next_known_at from metrics.metric_observations)
            where known_until is distinct from next_known_at and known_until > next_known_at"""
        ).fetchone()
    assert early[0] > 1000
    assert early[1] == 0
    assert overlapping == (0,)


@pytest.mark.parametrize("timezone", ["UTC", "America/New_York", "Asia/Tokyo", "Pacific/Kiritimati"])
def test_as_of_means_the_same_in_every_session(built, timezone):
    """NVDA's TTM capex changes with the 10-K of 2025-02-26: a date means the end of that day in New York."""
    question = (
        "select round(value * 1000) from metrics.as_of({}) where metric_id = 'capex_ttm' and entity_id = 'NVDA' "
        "order by period_end desc limit 1"
    )
    with duckdb.connect(str(built.current.resolve() / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute(f"set timezone = '{timezone}'")
        answers = [
            connection.execute(question.format(ts)).fetchone()[0]
            for ts in (
                "date '2025-02-25'",
                "'2025-02-25'",
                "date '2025-02-26'",
                "timestamptz '2025-02-27 04:59:58+00'",
                "timestamptz '2025-02-27 04:59:59+00'",
            )
        ]
        with pytest.raises(duckdb.Error, match=r"(?i)offset|TIMESTAMPTZ"):
            connection.execute(question.format("timestamp '2025-02-26 00:00:00'")).fetchall()
    assert answers == [2413, 2413, 3236, 2413, 3236]
