with measures as (

    select * from {{ ref('int_statistics__betas') }}

),

liquidity as (

    select * from measures
    where measure = 'liquidity_beta'

),

scarcity as (

    select * from measures
    where measure = 'scarcity_beta'

),

fridays as (

    select
        ---------- keys
        liquidity.date_day::date as date_day,
        liquidity.asset_id::varchar as asset_id,
        liquidity.asset_group::varchar as asset_group,

        ---------- on net liquidity
        liquidity.value::double as liquidity_beta,
        liquidity.own_value::double as liquidity_beta_unshrunk,
        liquidity.n::integer as liquidity_week_count,
        liquidity.estimated_on::date as liquidity_estimated_on,
        liquidity.null_reason::varchar as liquidity_null_reason,

        ---------- on scarcity
        scarcity.value::double as scarcity_beta,
        scarcity.own_value::double as scarcity_beta_unshrunk,
        scarcity.n::integer as scarcity_week_count,
        scarcity.estimated_on::date as scarcity_estimated_on,
        scarcity.null_reason::varchar as scarcity_null_reason,

        ---------- how good it is
        {{ word_of('pit_quality', 'liquidity.pit_rank::integer') }}::varchar as pit_quality,
        {{ cutoff('liquidity.date_day::date') }}::timestamptz as known_at,
        {{ word_of('origin', 'liquidity.origin_rank::integer') }}::varchar as origin
    from liquidity
    inner join scarcity on liquidity.date_day = scarcity.date_day and liquidity.asset_id = scarcity.asset_id

)

select * from fridays
