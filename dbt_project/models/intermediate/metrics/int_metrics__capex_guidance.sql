with announcements as (  -- a day is known at its end, as the log has it

    select
        entity_type,
        entity_id,
        capex_definition,
        period_start,
        period_end,
        (low_usd_bn::double + high_usd_bn::double) / 2 as middle_usd_bn,
        {{ rank_of('pit_quality', "case when announced_precision = 'minute' then 'exact' else 'dated' end") }}
            as pit_rank,
        {{ rank_of('origin', "'documented'") }} as origin_rank,
        source_url,
        announced_at as known_at
    from {{ ref('capex_guidance') }}

),

in_order as (  -- guidance with leases does not revise guidance without

    select
        *,
        lag(middle_usd_bn) over (
            partition by entity_id, period_end, capex_definition order by known_at
        ) as previous_usd_bn
    from announcements

),

wanted as (

    select
        *,
        'capex_guidance_mid' as metric_id,
        middle_usd_bn as value,
        null::double as numerator,
        null::double as denominator,
        null::varchar as null_reason
    from in_order
    union all
    select
        *,
        'capex_guidance_revision' as metric_id,
        (middle_usd_bn - previous_usd_bn) / previous_usd_bn as value,
        middle_usd_bn - previous_usd_bn as numerator,
        previous_usd_bn as denominator,
        case when previous_usd_bn is null then 'missing_input: earlier_guidance' end as null_reason
    from in_order

),

observations as (

    select
        metric_id,
        entity_type,
        entity_id,
        'fiscal_year' as grain,
        period_start,
        period_end,
        value,
        numerator,
        denominator,
        case when value is null then 0.5 else 1.0 end as coverage,
        null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        null::timestamptz as withdrawn_at,
        'default' as parameter_set
    from wanted

)

select * from observations
