{{ config(meta={'known_since': 'known_at'}, unique_key=['metric_id', 'entity_type', 'entity_id', 'grain', 'period_end', 'parameter_set']) }}
{#- Each metric is one input of its day, or that over another of the same or an earlier day. -#}
{%- set needs = [
    {'metric': 'liq_24h_usd', 'numerator': 'liquidated_usd_bn'},
    {'metric': 'liq_long_share', 'numerator': 'long_liquidated_usd_bn', 'denominator': 'liquidated_usd_bn', 'back': 0},
    {'metric': 'liq_to_oi', 'numerator': 'liquidated_usd_bn', 'denominator': 'open_interest_usd_bn', 'back': 1},
    {'metric': 'oi_change_24h', 'numerator': 'open_interest_usd_bn', 'denominator': 'open_interest_usd_bn', 'back': 1},
    {'metric': 'oi_change_7d', 'numerator': 'open_interest_usd_bn', 'denominator': 'open_interest_usd_bn', 'back': 7},
    {'metric': 'oi_change_24h_coins', 'numerator': 'open_interest_coins', 'denominator': 'open_interest_coins', 'back': 1},
    {'metric': 'oi_change_7d_coins', 'numerator': 'open_interest_coins', 'denominator': 'open_interest_coins', 'back': 7},
    {'metric': 'funding_8h', 'numerator': 'funding_ratio', 'denominator': 'funding_periods', 'back': 0},
    {'metric': 'funding_annual', 'numerator': 'funding_ratio', 'denominator': 'funding_periods', 'back': 0},
    {'metric': 'stablecoin_supply', 'numerator': 'stablecoins_usd_bn'},
    {'metric': 'stablecoin_growth_28d', 'numerator': 'stablecoins_usd_bn', 'denominator': 'stablecoins_usd_bn', 'back': 28},
] -%}
{%- set firsts = [
    first_landed(['defillama.stablecoins']),
    first_changed(ref('int_crypto__liquidations_daily'), 'liquidation_date'),
    first_changed(ref('int_crypto__open_interest_daily'), 'open_interest_date'),
    first_changed(ref('int_crypto__funding_daily'), 'funding_date'),
    first_replaced('period_end'),
] -%}
with liquidations as (

    select * from {{ ref('int_crypto__liquidations_daily') }}

),

open_interest as (

    select * from {{ ref('int_crypto__open_interest_daily') }}

),

funding as (

    select * from {{ ref('int_crypto__funding_daily') }}

),

stablecoins as (

    select * from {{ ref('stg_defillama__stablecoins') }}
    where not is_deleted and peg_type = 'peggedUSD' and circulating_usd is not null

),

inputs as (

    {% for input, date, relation, value, missing in [
        ('liquidated_usd_bn', 'liquidation_date', 'liquidations', 'total_usd / 1e9', "'missing_input: contract_size'"),
        ('long_liquidated_usd_bn', 'liquidation_date', 'liquidations', 'long_usd / 1e9', "'missing_input: contract_size'"),
        ('open_interest_usd_bn', 'open_interest_date', 'open_interest', 'open_interest_usd / 1e9', "'missing_input: open_interest'"),
        ('open_interest_coins', 'open_interest_date', 'open_interest', 'open_interest_coins', "'missing_input: open_interest'"),
        ('funding_ratio', 'funding_date', 'funding', 'case when hours = 24 then funding_ratio end', "'missing_settlements: ' || hours::integer || ' of 24 hours'"),
        ('funding_periods', 'funding_date', 'funding', 'case when hours = 24 then 3 end', "'missing_settlements: ' || hours::integer || ' of 24 hours'"),
    ] -%}
    select
        '{{ input }}' as input_id,
        asset,
        {{ date }} as input_date,
        ({{ value }})::double as value,
        {{ missing }} as missing,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until
    from {{ relation }}
    union all
    {% endfor -%}
    select
        'stablecoins_usd_bn' as input_id,
        'US' as asset,
        observation_date as input_date,
        circulating_usd::double / 1e9 as value,
        null::varchar as missing,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', '_origin') }} as origin_rank,
        _source_url as source_url,
        known_at,
        known_until
    from stablecoins

),

known_inputs as (

    select
        *,
        coalesce(known_until, timestamptz '9999-12-31 00:00:00+00') as known_before  -- an OR would forbid a hash join
    from inputs
    where true {{ and_about('input_date', firsts, needs | map(attribute='back', default=0) | max) }}

),

needs as (

    {% for need in needs -%}
    select
        '{{ need.metric }}' as metric_id,
        '{{ need.numerator }}' as numerator_id,
        {{ "'" ~ need.denominator ~ "'" if need.denominator else 'null::varchar' }} as denominator_id,
        {{ need.back | default(0) }} as days_back
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

changes as (

    {{ instants_of('known_inputs', ['input_id', 'asset', 'input_date'], 'changed_at') }}

),

days as (

    select
        needs.metric_id,
        inputs.asset,
        inputs.input_date as period_end,
        min(inputs.known_at) as first_known_at
    from needs
    inner join known_inputs as inputs on needs.numerator_id = inputs.input_id
    group by needs.metric_id, inputs.asset, inputs.input_date

),

reached as (  -- grouped before it is joined: joined at once, each day would meet every other

    select
        needs.metric_id,
        changes.asset,
        {{ add_days('changes.input_date', 'needs.days_back') }} as period_end,
        changes.changed_at
    from needs
    inner join changes on needs.denominator_id = changes.input_id
    group by needs.metric_id, changes.asset, {{ add_days('changes.input_date', 'needs.days_back') }}, changes.changed_at

),

moments as (  -- a day is judged when its own input changes, and again when what it is compared with changes afterwards

    select
        needs.metric_id,
        changes.asset,
        changes.input_date as period_end,
        changes.changed_at as known_at
    from needs
    inner join changes on needs.numerator_id = changes.input_id
    union
    select
        days.metric_id,
        days.asset,
        days.period_end,
        reached.changed_at as known_at
    from days
    inner join reached
        on
            days.metric_id = reached.metric_id
            and days.asset = reached.asset
            and days.period_end = reached.period_end
    where reached.changed_at > days.first_known_at

),

changed_moments as (

    select * from moments
    {{ of_what_changed(['metric_id', 'asset', 'period_end']) }}

),

dated_moments as (

    select
        moments.*,
        needs.numerator_id,
        needs.denominator_id,
        needs.days_back,
        {{ add_days('moments.period_end', '-needs.days_back') }} as denominator_date
    from changed_moments as moments
    inner join needs on moments.metric_id = needs.metric_id

),

judged as (

    select
        moments.metric_id,
        moments.asset,
        moments.period_end,
        moments.denominator_date,
        moments.denominator_id,
        moments.known_at,
        numerators.value as numerator,
        denominators.value as denominator,
        coalesce(numerators.missing, '') as numerator_missing,
        numerators.pit_rank as numerator_pit_rank,
        greatest(numerators.pit_rank, denominators.pit_rank) as pit_rank,
        greatest(numerators.origin_rank, denominators.origin_rank) as origin_rank,
        numerators.source_url
    from dated_moments as moments
    left join known_inputs as numerators
        on
            moments.numerator_id = numerators.input_id
            and moments.asset = numerators.asset
            and moments.period_end = numerators.input_date
            and numerators.known_at <= moments.known_at
            and numerators.known_before > moments.known_at
    left join known_inputs as denominators
        on
            moments.denominator_id = denominators.input_id
            and moments.asset = denominators.asset
            and moments.denominator_date = denominators.input_date
            and denominators.known_at <= moments.known_at
            and denominators.known_before > moments.known_at

),

states as (

    select
        *,
        lead(known_at) over (partition by metric_id, asset, period_end order by known_at) as withdrawn_at
    from judged
    qualify numerator_pit_rank is not null

),

measured as (

    select
        *,
        case
            when denominator_id is null then numerator
            when denominator <= 0 then null
            when metric_id like 'oi_change%' then numerator / denominator - 1
            when metric_id = 'stablecoin_growth_28d' then ln(numerator / denominator)
            when metric_id = 'funding_annual' then numerator / denominator * 3 * 365
            else numerator / denominator
        end as value
    from states

),

observations as (

    select
        metric_id,
        case when asset = 'US' then 'system' else 'asset' end as entity_type,
        asset as entity_id,
        'day' as grain,
        case
            when denominator_id is not null and denominator_date < period_end then {{ add_days('denominator_date', 1) }}
            else period_end
        end as period_start,
        period_end,
        value::double as value,
        numerator::double as numerator,
        denominator::double as denominator,
        (case when numerator is null then 0.0 else 1.0 end + case when denominator is null then 0.0 else 1.0 end)
        / case when denominator_id is null then 1.0 else 2.0 end as coverage,
        case
            when value is not null then null
            when numerator is null then numerator_missing
            when denominator is null then 'missing_input: ' || denominator_id
            else 'denominator_not_positive'
        end as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        withdrawn_at,
        'default' as parameter_set
    from measured

)

select * from observations
