{{ config(meta={'known_since': 'cutoff_at'}) }}
-- Whether reserves were scarce, by day and set of parameters. Of three signs two can be seen: overnight money above what
-- the Federal Reserve pays on reserves, and banks at its standing facility. The third, the New York Fed's estimate of
-- how the rate answers to reserves, is published as a picture. One sign is enough; their absence needs both.
with days as (

    select * from {{ ref('int_liquidity__days') }}
    where true {{ and_known_since('cutoff_at') }}

),

parameters as (

    {{ powder_sets() }}

),

signs as (

    select
        parameters.parameter_set,
        days.*,
        parameters.reserve_floor_share * days.bank_assets as reserve_floor,
        case
            when days.sofr_less_iorb_5d_bp is not null then case when days.sofr_less_iorb_5d_bp > 5 then 1 else 0 end
        end as is_rate_above,
        case
            when days.srf is not null then case when days.srf > 10 and days.srf_at_quarter_end = 0 then 1 else 0 end
        end as is_facility_used
    from days
    cross join parameters

),

scarcity as (

    select
        *,
        greatest(bank_reserves - reserve_floor, 0) + 0 * (bank_reserves - reserve_floor) as excess_reserves,
        {{ missing_inputs(['bank_assets']) }} as reserve_floor_null_reason,
        {{ missing_inputs(['bank_reserves', 'bank_assets']) }} as excess_reserves_null_reason,
        {{ known_share(['bank_reserves', 'bank_assets']) }} as excess_reserves_known_share,
        case
            when is_rate_above = 1 or is_facility_used = 1 then 1
            when is_rate_above = 0 and is_facility_used = 0 then 0
        end as is_scarce,
        (case when is_rate_above is null then 0 else 1 end + case when is_facility_used is null then 0 else 1 end)
        / 3.0::double as signs_known_share,
        {{ missing_inputs(['sofr_less_iorb_5d_bp', 'srf']) }} as signs_null_reason
    from signs

)

select * from scarcity
