"""Are closes and stablecoins plausible? Shape, nulls, grain, history and rules already follow from their contract."""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

import great_expectations.expectations as gxe

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, COIN_PRICES = find("defillama", "coin_prices")
_, STABLECOINS = find("defillama", "stablecoins")

DAYS = "window days as (partition by coin_id, _fetch_id order by close_date)"

SUITES = [
    suite(
        COIN_PRICES,
        SOURCE,
        gxe.ExpectColumnValuesToBeBetween(
            column="price_usd",
            min_value=0,
            strict_min=True,
            severity="critical",
            description="Prices are positive.",
        ),
        no_rows(
            "bitcoin_in_dollars",
            "Bitcoin costs between 50 dollars and five million.",
            """
            select close_date, price_usd
            from {batch}
            where coin_id = 'coingecko:bitcoin' and price_usd not between 50 and 5e6
            """,
            severity="critical",
            because="2026-11-22: 58,546 to 124,771 from September 2025 to July 2026; 68 in mid-2013.",
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="confidence",
            min_value=0,
            max_value=1,
            severity="critical",
            description="The publisher's confidence is a share.",
        ),
        no_rows(
            "close_is_near_midnight",
            "A close is the price of the midnight UTC that ends its day, within six hours.",
            """
            select coin_id, close_date, price_at
            from {batch}
            where abs(epoch(price_at) - epoch((close_date + 1)::timestamp)) > 6 * 3600
            """,
            severity="critical",
            because="2026-11-22: the publisher's points lie minutes from the hour; half a day is another day's.",
        ),
        no_rows(
            "no_price_of_the_future",
            "No price is later than its fetch.",
            "select coin_id, price_at, fetched_at from {batch} where price_at > fetched_at",
            severity="critical",
        ),
        no_rows(
            "no_day_missing",
            "No day is missing between the first and the last of a fetch.",
            f"""
            select coin_id, close_date, lag(close_date) over days as day_before
            from {{batch}}
            {DAYS}
            qualify close_date > day_before + 1
            """,
            severity="warning",
            because="2026-11-22: 327 days without a gap; crypto trades every day.",
        ),
        no_rows(
            "moves_by_less_than_half",
            "No close moves by half or more in a day.",
            f"""
            select coin_id, close_date, price_usd, price_usd / lag(price_usd) over days - 1 as change_ratio
            from {{batch}}
            {DAYS}
            qualify abs(change_ratio) >= 0.5
            """,
            severity="warning",
            because="2026-11-22: BTC lost 39 % on 2020-03-12; a worse day is news, which must not be held back.",
        ),
        no_rows(
            "same_unit_as_the_day_before",
            "No close is five times the one before, nor a fifth of it.",
            f"""
            select coin_id, close_date, price_usd, price_usd / lag(price_usd) over days as ratio
            from {{batch}}
            {DAYS}
            qualify ratio not between 0.2 and 5
            """,
            severity="critical",
            because="2026-11-22: another coin or another unit, not a market.",
        ),
    ),
    suite(
        STABLECOINS,
        SOURCE,
        no_rows(
            "only_days_that_stand_still",
            "No day was fetched before the hour after its end was over.",
            """
            select observation_date, peg_type, fetched_at
            from {batch}
            where fetched_at < ((observation_date + 1)::timestamp + interval 1 hour) at time zone 'UTC'
            """,
            severity="critical",
            because="2026-11-24: the publisher changes a day's figures until about 01:00 UTC of the next.",
        ),
        no_rows(
            "no_day_without_dollars",
            "No day is missing between the first and the last that name coins pegged to dollars.",
            """
            select observation_date, lag(observation_date) over days as day_before
            from {batch}
            where peg_type = 'peggedUSD'
            window days as (partition by _fetch_id order by observation_date)
            qualify observation_date > day_before + 1
            """,
            severity="warning",
            because="2026-11-24: the publisher has a point for each day; a gap is a day that lacks its key.",
        ),
        no_rows(
            "dollars_are_dollars",
            "Coins pegged to dollars are worth about a dollar each, and all of them billions.",
            """
            select observation_date, circulating, circulating_usd
            from {batch}
            where
                peg_type = 'peggedUSD'
                and observation_date >= '2019-01-01'
                and (circulating_usd not between 0.8 * circulating and 1.2 * circulating
                    or circulating not between 1e9 and 5e12)
            """,
            severity="critical",
            because="2026-11-24: billions since 2019; thousands or millions of dollars cannot pass.",
        ),
        no_rows(
            "dollars_move_slowly",
            "Coins pegged to dollars grow or shrink by less than a tenth in a day.",
            """
            select
                observation_date,
                circulating,
                circulating / lag(circulating) over days - 1 as change_ratio
            from {batch}
            where peg_type = 'peggedUSD' and observation_date >= '2019-01-01'
            window days as (partition by _fetch_id order by observation_date)
            qualify abs(change_ratio) >= 0.1
            """,
            severity="warning",
            because="2026-11-24: the end of TerraUSD, a tenth of them, took days; more is another way to count.",
        ),
    ),
]
