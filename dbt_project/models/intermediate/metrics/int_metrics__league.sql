{{ config(meta={'known_since': 'known_at'}) }}
{#- The elimination league of docs/method.md A.10, by Friday, from what was known at its cut-off. Net liquidity and the regime are
    made of other metrics: liquidity_beta and the rank correlations by regime wait for a model that reads those. -#}
{%- set assets_needed = universe_needed() -%}
with windows as (

    select * from {{ ref('int_league__windows') }}
    where true {{ and_known_since('cutoff_at') }}

),

rate_betas as (

    select * from {{ ref('int_league__rate_betas') }}

),

paths as (  -- logs of the level over that before the window, in decimals, whose sums do not depend on the order of the rows

    select
        *,
        sum(ln(greatest(1 + return_ratio, 1e-9))::decimal(20, 15)) over (
            partition by date_day, asset_id order by return_date rows between unbounded preceding and current row
        )::double as log_level
    from windows
    where grain = 'day' and days_back <= 252

),

year_falls as (

    select
        date_day,
        asset_id,
        count(*) as year_days,
        exp(max(case when days_back = 1 then log_level end) - greatest(max(log_level), 0)) - 1 as year_fall
    from paths
    group by date_day, asset_id

),

half_years as (  -- six months without the last

    select
        date_day,
        asset_id,
        exp(sum(ln(greatest(1 + return_ratio, 1e-9))::decimal(20, 15))::double) - 1 as momentum,
        min(return_date) as first_date,
        max(return_date) as last_date
    from windows
    where
        return_date > {{ add_months('date_day', -6) }}
        and return_date <= {{ add_months('date_day', -1) }}
    group by date_day, asset_id

),

falls as (  -- from the highest close so far, where there are closes

    select
        asset as asset_id,
        price_date,
        close_usd / peak_close_usd - 1 as fall,
        close_usd,
        peak_close_usd,
        pit_rank,
        origin_rank,
        known_at,
        least(
            coalesce(
                lead(known_at) over (partition by asset, price_date order by known_at),
                timestamptz '9999-12-31 00:00:00+00'
            ),
            coalesce(withdrawn_at, timestamptz '9999-12-31 00:00:00+00')
        ) as known_before
    from {{ ref('int_crypto__drawdowns') }}

),

assets as (

    select
        date_day,
        cutoff_at,
        asset_id,
        asset_group,
        grain,
        max(return_date) as newest_date,
        max(pit_rank) as pit_rank,
        max(origin_rank) as origin_rank
    from windows
    group by date_day, cutoff_at, asset_id, asset_group, grain

),

recent_days as (

    select
        assets.*,
        {{ days_between('assets.newest_date', 'assets.date_day') }}
        > case when assets.asset_group in ('factors', 'metals') then 100 else 7 end as is_stale
    from assets

),

gathered as (

    select
        assets.*,
        falls.fall,
        falls.close_usd,
        falls.peak_close_usd,
        year_falls.year_fall,
        year_falls.year_days,
        half_years.momentum,
        {{ days_between(add_months('assets.date_day', -6), 'half_years.first_date') }} <= 31
        and {{ days_between('half_years.last_date', add_months('assets.date_day', -1)) }} <= 31 as has_half_year,
        rate_betas.complete_days,
        rate_betas.yield_days,
        rate_betas.market_days,
        rate_betas.rate_beta
    from recent_days as assets
    left join falls
        on
            assets.asset_id = falls.asset_id
            and assets.newest_date = falls.price_date
            and assets.cutoff_at >= falls.known_at
            and assets.cutoff_at < falls.known_before
    left join year_falls
        on
            assets.date_day = year_falls.date_day
            and assets.asset_id = year_falls.asset_id
    left join half_years
        on
            assets.date_day = half_years.date_day
            and assets.asset_id = half_years.asset_id
    left join rate_betas
        on
            assets.date_day = rate_betas.date_day
            and assets.asset_id = rate_betas.asset_id

),

judged as (

    select
        *,
        case when not is_stale and has_half_year then momentum end as known_momentum,
        case when not is_stale then rate_beta end as known_rate_beta
    from gathered

),

ranked as (  -- percentile among the assets of the Friday that have the measure; high is a survivor's

    select
        *,
        case
            when known_momentum is not null
                then
                    (
                        rank() over (partition by date_day, known_momentum is null order by known_momentum) - 1
                        + 0.5 * count(*) over (partition by date_day, known_momentum)
                    ) / count(known_momentum) over (partition by date_day)
        end as momentum_rank,
        case
            when known_rate_beta is not null
                then
                    (
                        rank() over (partition by date_day, known_rate_beta is null order by abs(known_rate_beta) desc) - 1
                        + 0.5 * count(*) over (partition by date_day, abs(known_rate_beta))
                    ) / count(known_rate_beta) over (partition by date_day)
        end as rate_beta_rank,
        count(*) over (partition by date_day) as universe
    from judged

),

scored as (

    select
        *,
        (case when momentum_rank is null then 0 else 1 end + case when rate_beta_rank is null then 0 else 1 end)
            as parts,
        (coalesce(momentum_rank, 0) + coalesce(rate_beta_rank, 0))
        / nullif(case when momentum_rank is null then 0 else 1 end + case when rate_beta_rank is null then 0 else 1 end, 0)
            as mean_rank
    from ranked

),

placed as (

    select
        *,
        case
            when mean_rank is not null
                then
                    rank() over (partition by date_day, mean_rank is null order by mean_rank desc)
        end as place
    from scored

),

measured as (

    select
        'drawdown' as metric_id,
        asset_id,
        date_day,
        cutoff_at,
        case when not is_stale then fall end as value,
        close_usd as numerator,
        peak_close_usd as denominator,
        case when fall is null then 0.0 else 1.0 end as coverage,
        case
            when is_stale then 'stale'
            when fall is null then 'missing_input: daily_close'
        end as null_reason,
        pit_rank,
        origin_rank
    from placed
    where asset_group = 'crypto'
    union all
    select
        'drawdown_252d' as metric_id,
        asset_id,
        date_day,
        cutoff_at,
        case when not is_stale and year_days >= 252 then year_fall end as value,
        null as numerator,
        null as denominator,
        coalesce(year_days, 0) / 252.0 as coverage,
        case
            when grain <> 'day' then 'missing_input: daily_returns'
            when is_stale then 'stale'
            when coalesce(year_days, 0) < 252 then 'short_history: ' || coalesce(year_days, 0) || ' of 252'
        end as null_reason,
        pit_rank,
        origin_rank
    from placed
    union all
    select
        'momentum_6_1' as metric_id,
        asset_id,
        date_day,
        cutoff_at,
        known_momentum as value,
        null as numerator,
        null as denominator,
        case when known_momentum is null then 0.0 else 1.0 end as coverage,
        case
            when known_momentum is not null then null
            when is_stale then 'stale'
            else 'short_history: no six months'
        end as null_reason,
        pit_rank,
        origin_rank
    from placed
    union all
    select
        'rate_beta' as metric_id,
        asset_id,
        date_day,
        cutoff_at,
        known_rate_beta as value,
        null as numerator,
        null as denominator,
        coalesce(complete_days, 0) / 252.0 as coverage,
        case
            when known_rate_beta is not null then null
            when grain <> 'day' then 'missing_input: daily_returns'
            when is_stale then 'stale'
            when coalesce(yield_days, 0) = 0 then 'missing_input: real_yield_10y'
            when coalesce(market_days, 0) = 0 then 'missing_input: market_return'
            when coalesce(complete_days, 0) < 252 then 'short_history: ' || coalesce(complete_days, 0) || ' of 252'
            else 'no_variation'
        end as null_reason,
        pit_rank,
        origin_rank
    from placed
    union all
    select
        'league_score' as metric_id,
        asset_id,
        date_day,
        cutoff_at,
        case when universe >= {{ assets_needed }} and parts / 5.0 >= 0.6 then mean_rank end as value,
        mean_rank as numerator,
        null as denominator,
        parts / 5.0 * least(universe / {{ assets_needed }}.0, 1.0) as coverage,
        case
            when universe < {{ assets_needed }} then 'universe_below_{{ assets_needed }}: ' || universe
            when parts / 5.0 < 0.6 then 'low_coverage: ' || parts || ' of 5'
        end as null_reason,
        pit_rank,
        origin_rank
    from placed
    union all
    select
        'league_rank' as metric_id,
        asset_id,
        date_day,
        cutoff_at,
        case when universe >= {{ assets_needed }} and parts / 5.0 >= 0.6 then place end as value,
        place as numerator,
        universe as denominator,
        parts / 5.0 * least(universe / {{ assets_needed }}.0, 1.0) as coverage,
        case
            when universe < {{ assets_needed }} then 'universe_below_{{ assets_needed }}: ' || universe
            when parts / 5.0 < 0.6 then 'low_coverage: ' || parts || ' of 5'
        end as null_reason,
        pit_rank,
        origin_rank
    from placed

),

observations as (

    select
        metric_id,
        'asset' as entity_type,
        asset_id as entity_id,
        'week' as grain,
        {{ add_days('date_day', -6) }} as period_start,
        date_day as period_end,
        value::double as value,
        numerator::double as numerator,
        denominator::double as denominator,
        least(coverage, 1.0)::double as coverage,
        null_reason,
        pit_rank,
        origin_rank,
        null::varchar as source_url,
        cutoff_at as known_at,
        null::timestamptz as withdrawn_at,
        'default' as parameter_set
    from measured

)

select * from observations
