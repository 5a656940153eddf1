{{ config(materialized='view') }}
-- Every subject's observations. Composites read them from here, and metric_observations joins both.
{% for subject in [
    ref('int_metrics__company_capex'),
    ref('int_metrics__group_capex'),
    ref('int_metrics__treasury_supply'),
    ref('int_metrics__published_levels'),
    ref('int_metrics__crypto'),
    ref('int_metrics__price'),
    ref('int_metrics__treasury_auctions'),
    ref('int_metrics__treasury_duration'),
    ref('int_metrics__sovereign'),
    ref('int_metrics__funding'),
    ref('int_metrics__liquidity'),
    ref('int_metrics__dry_powder'),
    ref('int_metrics__capital_balance'),
    ref('int_metrics__crypto_canary'),
    ref('int_metrics__league'),
    ref('int_metrics__momentum_hold'),
    ref('int_metrics__near_cash'),
    ref('int_metrics__bathtub_balance'),
] -%}
select * from {{ subject }}
{{ 'union all' if not loop.last }}
{% endfor -%}
