{{ config(meta={'known_since': 'known_at'}, unique_key=['asset_id', 'return_date']) }}
{#- A level's return is over the last day before it, as far back as its market may pause: crypto never does. -#}
{%- set maturities = [('treasury_2y', 'yield_2y', 2), ('treasury_5y', 'yield_5y', 5), ('treasury_10y', 'yield_10y', 10),
    ('treasury_30y', 'yield_30y', 30)] -%}
{%- set factors = [('factor_market', 'mkt_rf_pct'), ('factor_smb', 'smb_pct'), ('factor_hml', 'hml_pct'),
    ('factor_rmw', 'rmw_pct'), ('factor_cma', 'cma_pct')] -%}
{%- set levels_from = [
    first_replaced('return_date', "return_kind <> 'factor'"),
    first_changed(ref('fct_crypto_prices_daily'), 'price_date'),
    first_landed(['worldbank.commodity_prices']),
    first_changed(
        "(select * from " ~ ref('fct_observations') ~ " where series_id like 'yield_%')", 'period_end'
    ),
] -%}
{%- set factors_from = [
    first_landed(['kenfrench.factors', 'kenfrench.momentum']),
    first_replaced('return_date', "return_kind = 'factor'"),
] -%}
with bonds as (

    {% for asset, series, years in maturities -%}
    select
        '{{ asset }}' as asset_id,
        '{{ series }}' as series_id,
        {{ years }} as years
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

levels as (

    select
        asset as asset_id,
        'crypto' as asset_group,
        'day' as grain,
        'close_to_close' as return_kind,
        1 as longest_pause_days,
        null::integer as years,
        price_date as return_date,
        close_usd::double as level,
        pit_quality,
        origin,
        source_url,
        known_at,
        known_until
    from {{ ref('fct_crypto_prices_daily') }}
    union all
    select
        lower(commodity_name) as asset_id,
        'metals' as asset_group,
        'month' as grain,
        'month_average' as return_kind,
        31 as longest_pause_days,
        null as years,
        month_end as return_date,
        price::double as level,
        pit_quality,
        _origin as origin,
        _source_url as source_url,
        known_at,
        known_until
    from {{ ref('stg_worldbank__commodity_prices') }}
    where not is_deleted and commodity_name in ('Gold', 'Silver') and price > 0
    union all
    select
        bonds.asset_id,
        'bonds' as asset_group,
        'day' as grain,
        'duration_times_yield_change' as return_kind,
        7 as longest_pause_days,
        bonds.years,
        observations.period_end as return_date,
        observations.value as level,
        observations.pit_quality,
        observations.origin,
        observations.source_url,
        observations.known_at,
        observations.known_until
    from {{ ref('fct_observations') }} as observations
    inner join bonds on observations.series_id = bonds.series_id

),

known_levels as (

    select
        *,
        coalesce(known_until, timestamptz '9999-12-31 00:00:00+00') as known_before  -- an OR would forbid a hash join
    from levels
    where true {{ and_about('return_date', levels_from, 32) }}

),

days as (

    select
        asset_id,
        return_date,
        min(longest_pause_days) as longest_pause_days,
        min(known_at) as first_known_at
    from known_levels
    group by asset_id, return_date

),

changes as (

    {{ instants_of('known_levels', ['asset_id', 'return_date', 'longest_pause_days'], 'changed_at') }}

),

offsets as (

    select {{ days_between("date '2000-01-01'", 'date_day') }} as days_apart
    from ({{ days_from('2000-01-01', '2000-02-01') }}) as january

),

reached as (  -- grouped before it is joined: joined at once, each day would meet every other

    select
        changes.asset_id,
        {{ add_days('changes.return_date', 'offsets.days_apart') }} as return_date,
        changes.changed_at,
        min(offsets.days_apart) as days_apart
    from changes
    cross join offsets
    where offsets.days_apart <= changes.longest_pause_days
    group by changes.asset_id, {{ add_days('changes.return_date', 'offsets.days_apart') }}, changes.changed_at

),

moments as (

    select
        days.asset_id,
        days.return_date,
        days.longest_pause_days,
        reached.changed_at as known_at
    from reached
    inner join days
        on
            reached.asset_id = days.asset_id
            and reached.return_date = days.return_date
    where reached.days_apart = 0 or days.first_known_at < reached.changed_at
    {{ of_what_changed(['days.asset_id', 'days.return_date'], 'reached.changed_at') }}

),

earlier_days as (

    select
        moments.asset_id,
        moments.return_date,
        moments.known_at,
        {{ add_days('moments.return_date', '-offsets.days_apart') }} as earlier_date
    from moments
    cross join offsets
    where offsets.days_apart between 1 and moments.longest_pause_days

),

previous as (

    select
        earlier_days.asset_id,
        earlier_days.return_date,
        earlier_days.known_at,
        levels.return_date as previous_date,
        levels.level as previous_level,
        {{ rank_of('pit_quality', 'levels.pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'levels.origin') }} as origin_rank
    from earlier_days
    inner join known_levels as levels
        on
            earlier_days.asset_id = levels.asset_id
            and earlier_days.earlier_date = levels.return_date
            and levels.known_at <= earlier_days.known_at
            and levels.known_before > earlier_days.known_at
    qualify row_number() over (
        partition by earlier_days.asset_id, earlier_days.return_date, earlier_days.known_at
        order by levels.return_date desc
    ) = 1

),

states as (

    select
        moments.asset_id,
        levels.asset_group,
        levels.grain,
        levels.return_kind,
        moments.return_date,
        previous.previous_date,
        levels.level,
        case
            when levels.years is null then levels.level / previous.previous_level - 1
            when abs(previous.previous_level) < 0.01
                then -levels.years * (levels.level - previous.previous_level) / 100
            else  -- modified duration of a bond at par
                -(1 - power(1 + previous.previous_level / 200, -2 * levels.years)) / (previous.previous_level / 100)
                * (levels.level - previous.previous_level) / 100
        end as return_ratio,
        greatest({{ rank_of('pit_quality', 'levels.pit_quality') }}, previous.pit_rank) as pit_rank,
        greatest({{ rank_of('origin', 'levels.origin') }}, previous.origin_rank) as origin_rank,
        levels.source_url,
        moments.known_at
    from moments
    left join known_levels as levels
        on
            moments.asset_id = levels.asset_id
            and moments.return_date = levels.return_date
            and levels.known_at <= moments.known_at
            and levels.known_before > moments.known_at
    left join previous
        on
            moments.asset_id = previous.asset_id
            and moments.return_date = previous.return_date
            and moments.known_at = previous.known_at

),

level_versions as (

    select
        *,
        lead(known_at) over (partition by asset_id, return_date order by known_at) as known_until
    from states
    qualify level is not null

),

factor_versions as (

    {% for asset, column in factors -%}
    select
        '{{ asset }}' as asset_id,
        trading_date,
        {{ column }}::double / 100 as return_ratio,
        pit_quality,
        _origin,
        _source_url,
        known_at,
        known_until
    from {{ ref('stg_kenfrench__factors') }}
    where not is_deleted and {{ column }} is not null {{ and_about('trading_date', factors_from) }}
    union all
    {% endfor -%}
    select
        'factor_momentum' as asset_id,
        trading_date,
        momentum_pct::double / 100 as return_ratio,
        pit_quality,
        _origin,
        _source_url,
        known_at,
        known_until
    from {{ ref('stg_kenfrench__momentum') }}
    where not is_deleted and momentum_pct is not null {{ and_about('trading_date', factors_from) }}

),

combined as (

    select
        asset_id,
        asset_group,
        grain,
        return_kind,
        return_date,
        previous_date,
        level,
        return_ratio,
        {{ word_of('pit_quality', 'pit_rank') }} as pit_quality,
        known_at,
        known_until,
        source_url,
        {{ word_of('origin', 'origin_rank') }} as origin
    from level_versions
    union all
    select
        asset_id,
        'factors' as asset_group,
        'day' as grain,
        'factor' as return_kind,
        trading_date as return_date,
        null as previous_date,
        null as level,
        return_ratio,
        pit_quality,
        known_at,
        known_until,
        _source_url as source_url,
        _origin as origin
    from factor_versions

),

returns as (

    select
        asset_id::varchar as asset_id,
        asset_group::varchar as asset_group,
        grain::varchar as grain,
        return_kind::varchar as return_kind,
        return_date::date as return_date,
        previous_date::date as previous_date,
        level::double as level,
        return_ratio::double as return_ratio,
        pit_quality::varchar as pit_quality,
        known_at::timestamptz as known_at,
        known_until::timestamptz as known_until,
        source_url::varchar as source_url,
        origin::varchar as origin
    from combined

)

select * from returns
