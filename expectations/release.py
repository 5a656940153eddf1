"""Is the release fit to publish? Marts and metrics against what readers have now, and against known figures.

Golden values are declared with their metrics and compared by `metrics.golden_checks`; here its verdicts count.
"""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

import great_expectations.expectations as gxe

from expectations.checks import no_rows
from expectations.cross import release_agreements
from warehouse.sources import tables
from warehouse.validation import NEVER, Suite

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from great_expectations.expectations.expectation import Expectation

FED_BY: dict[str, tuple[str, ...]] = {
    "marts.dim_company": (),
    "marts.fct_company_cash_flows_quarterly": ("sec__company_facts",),
    "marts.fct_ai_funding_quarterly": ("sec__company_facts",),
    "marts.fct_ai_funding_calendar_quarterly": ("sec__company_facts",),
    "marts.fct_auctions": ("fiscaldata__auctions",),
    "marts.fct_financial_stress_daily": ("ofr__financial_stress",),
    "marts.fct_liquidity_levels": (
        "board__h41",
        "fiscaldata__operating_cash_balance",
        "nyfed__reverse_repo",
    ),
    "marts.fct_foreign_treasury_holdings_monthly": ("tic__major_foreign_holders",),
    "marts.fct_crypto_prices_daily": ("binance__spot_klines", "coinbase__candles", "defillama__coin_prices"),
    "marts.fct_crypto_canary_daily": ("binance__spot_klines", "coinbase__candles", "defillama__coin_prices"),
    "marts.fct_asset_returns_daily": (
        "binance__spot_klines",
        "board__h15",
        "coinbase__candles",
        "defillama__coin_prices",
        "kenfrench__factors",
        "kenfrench__momentum",
        "worldbank__commodity_prices",
    ),
    "marts.fct_event_studies": (
        "binance__spot_klines",
        "board__h15",
        "coinbase__candles",
        "defillama__coin_prices",
        "nyfed__reverse_repo",
        "ofr__financial_stress",
    ),
    "metrics.dim_metric": (),
    "metrics.golden_checks": (),
}
"""What goes out, and the raw tables of which at least one must have landed for it to have rows (none: always)."""

DERIVED = (
    "marts.fct_asset_betas_weekly",
    "marts.fct_auction_demand",
    "marts.fct_bathtub_weekly",
    "marts.fct_canary_hits",
    "marts.fct_capital_balance_weekly",
    "marts.fct_commitments_vs_capacity",
    "marts.fct_cost_of_capital_daily",
    "marts.fct_dry_powder_daily",
    "marts.fct_duration_supply_monthly",
    "marts.fct_elimination_quarterly",
    "marts.fct_event_slopes",
    "marts.fct_forced_sales",
    "marts.fct_index_components_daily",
    "marts.fct_index_weights",
    "marts.fct_indices_daily",
    "marts.fct_lead_lag_curve",
    "marts.fct_liquidity_regime_daily",
    "marts.fct_net_liquidity_weekly",
    "marts.fct_observations",
    "marts.fct_reserve_scarcity_daily",
    "marts.fct_scarcity_slopes_monthly",
    "marts.fct_sovereign_treasury_flows_monthly",
    "marts.fct_thirteenf_filers_quarterly",
    "marts.fct_thirteenf_flows_quarterly",
    "marts.fct_thirteenf_positions_quarterly",
    "marts.fct_treasury_supply",
    "marts.fct_variance_shares",
)
"""What is made of many sources or long histories, so that no one landing says that it must have rows.

Whether it may lose rows is asked all the same, and dbt's tests judge what is in it."""

KEPT_SHARE = 0.99
"""A release may lose one row in a hundred of the last one: tombstones and merged versions take few."""

KEPT_SHARE_OF = {"marts.fct_index_weights": 0.5}
"""What may lose more: where a component's past arrives late, its first year, too short to weigh it, takes a version."""

OBSERVATIONS = "metrics.metric_observations"
GOLDEN_CHECKS = "metrics.golden_checks"


def release_suites(
    published: Mapping[str, int], now: datetime, deprecated: Mapping[str, str] | None = None
) -> list[Suite]:
    """Return the suites of everything that goes out.

    `published` gives the rows of each table of the current release, none at the first one; a table it names that
    no longer exists fails. `now` is the one clock. `deprecated` says of tables that are to go when, and what to use
    instead; that is a warning, also when their day has come: a table too many harms no reader, a missing release does.
    """
    fed_by = {**FED_BY, OBSERVATIONS: tuple(f"{source.code}__{table.name}" for source, table in tables())}
    names = [*fed_by, *(name for name in published if name not in fed_by and name not in DERIVED)]
    return [
        *(_suite(name, published.get(name), fed_by.get(name, ())) for name in names),
        *(replace(_suite(name, published.get(name), ()), may_be_empty="true") for name in DERIVED),
        *(_deprecation(name, sentence) for name, sentence in (deprecated or {}).items()),
        *release_agreements(),
        _freshness(now),
    ]


def _suite(table: str, published_rows: int | None, fed_by: tuple[str, ...]) -> Suite:
    checks: list[Expectation] = []
    if published_rows:
        share = KEPT_SHARE_OF.get(table, KEPT_SHARE)
        checks.append(
            gxe.ExpectTableRowCountToBeBetween(
                min_value=ceil(share * published_rows),
                severity="critical",
                description=f"At least {share:.0%} of the {published_rows:,} rows published now.",
                meta={"name": "row_count_kept"},
            )
        )
    if table == OBSERVATIONS:
        checks += _observations()
    if table == GOLDEN_CHECKS:
        checks += _golden_checks()
    return Suite(
        name=f"release.{table}",
        table=table,
        expectations=tuple(checks),
        may_be_empty=" and ".join(f"not exists (select 1 from raw.{raw})" for raw in fed_by) or NEVER,
    )


def _deprecation(table: str, sentence: str) -> Suite:
    return Suite(
        name=f"release.{table}.deprecation",
        table=table,
        expectations=(
            no_rows("is_to_stay", sentence, "select count(*) as row_count from {batch}", severity="warning"),
        ),
        may_be_empty="true",
    )


def _observations() -> list[Expectation]:
    return [
        *(
            gxe.ExpectColumnValuesToNotBeNull(
                column=column, severity="critical", description=f"Every observation has its {column}."
            )
            for column in ("metric_id", "entity_type", "entity_id", "grain", "period_end", "unit", "known_at")
        ),
        no_rows(
            "unit_of_its_metric",
            "Every observation is of a declared metric and in its unit.",
            """
            with observations as (select distinct metric_id, unit from {batch})
            select metric_id, unit from observations
            where not exists (
                select 1 from metrics.dim_metric as declared
                where declared.metric_id = observations.metric_id and declared.unit = observations.unit
            )
            """,
            severity="critical",
        ),
        no_rows(
            "known_for_some_time",
            "No version ends before or when it begins.",
            """
            select metric_id, entity_id, period_end, known_at, known_until
            from {batch} where known_until <= known_at
            """,
            severity="critical",
        ),
        no_rows(
            "one_version_known_last",
            "An observation has one version that nothing has replaced.",
            """
            select metric_id, entity_type, entity_id, grain, period_end, parameter_set, metric_version, count(*)
            from {batch}
            where known_until is null
            group by all
            having count(*) > 1
            """,
            severity="critical",
        ),
        no_rows(
            "a_number_or_a_reason",
            "A value is a finite number, or null with a reason.",
            """
            select metric_id, entity_id, period_end, value, null_reason
            from {batch} where not isfinite(value) or (value is null and null_reason is null)
            """,
            severity="critical",
        ),
        no_rows(
            "known_after_its_period",
            "No observation is known before the day its period ends.",
            """
            select metric_id, entity_id, period_end, known_at
            from {batch} where timezone('America/New_York', known_at)::date < period_end
                and metric_id not in (select metric_id from metrics.dim_metric where kind = 'announced')
            """,
            severity="warning",
            because="2026-11-22: announced auctions are known before they are held; anything else looks ahead.",
        ),
    ]


def _golden_checks() -> list[Expectation]:
    return [
        no_rows(
            "golden_values",
            "The figures that companies and the Treasury published come out, as of their days.",
            """
            select metric_id, entity_id, period_end, as_of, expected_value, observed_value
            from {batch} where verdict is distinct from 'holds' and observed_value is not null
            """,
            severity="critical",
        ),
        no_rows(
            "golden_values_of_companies_present",
            "A company's golden value is there whenever observations of the company span its period.",
            f"""
            with checks as (select * from {{batch}}),
            companies as (
                select entity_id, min(period_end) as first_period_end, max(period_end) as last_period_end
                from {OBSERVATIONS}
                where entity_type = 'company' and grain = 'fiscal_quarter'
                group by entity_id
            )
            select checks.metric_id, checks.entity_id, checks.period_end, checks.as_of, checks.expected_value
            from checks inner join companies on checks.entity_id = companies.entity_id
            where
                checks.observed_value is null
                and checks.period_end between companies.first_period_end and companies.last_period_end
            """,
            severity="critical",
            because="2026-11-22: a filing brings all tags, so a metric that lost a company is our mistake.",
        ),
        no_rows(
            "golden_values_all_asked",
            "Every golden value could be compared.",
            """
            select metric_id, entity_id, period_end, as_of, verdict
            from {batch} where observed_value is null
            """,
            severity="warning",
            because="2026-11-22: a source that is held back takes its goldens along and must not stop the others.",
        ),
        gxe.ExpectColumnDistinctValuesToContainSet(
            column="metric_id",
            value_set=["capex_q", "capex_ttm", "ocf_ttm"],
            severity="critical",
            description="The metrics of cash flows declare golden values.",
            notes="2026-11-22: without them the checks above would pass on nothing.",
        ),
    ]


def _freshness(now: datetime) -> Suite:
    return Suite(
        name="release.ops.freshness",
        table="ops.freshness",
        expectations=(
            no_rows(
                "fresh",
                f"No table's newest row is older than its publisher's rhythm explains, on {now:%Y-%m-%d}.",
                f"""
                select source, table_name, newest_period_end, stale_after_days
                from {{batch}}
                where newest_period_end::date < date '{now:%Y-%m-%d}' - stale_after_days
                """,
                severity="warning",
            ),
        ),
        may_be_empty="true",
    )
