-- What each asset returned from one Thursday to the next, as first known, dated the Friday after: that Friday's cut-off
-- comes after a Thursday's closes and yields are known. A week is closed once its Thursday or a later day is known, and
-- days that become known after that change nothing: what was said of a week stands.
with returns as (

    select
        *,
        {{ add_days('return_date', '(11 - extract(dow from return_date)::integer) % 7 + 1') }} as week_end
    from {{ ref('fct_asset_returns_daily') }}
    where grain = 'day' and return_ratio is not null
    qualify row_number() over (partition by asset_id, return_date order by known_at) = 1

),

openings as (

    select
        asset_id,
        week_end,
        min(known_at) as first_known_at,
        min(case when return_date = {{ add_days('week_end', -1) }} then known_at end) as thursday_known_at
    from returns
    group by asset_id, week_end

),

closings as (

    select
        asset_id,
        week_end,
        least(
            coalesce(thursday_known_at, timestamptz '9999-12-31 00:00:00+00'),
            coalesce(
                min(first_known_at) over (
                    partition by asset_id order by week_end rows between 1 following and unbounded following
                ),
                timestamptz '9999-12-31 00:00:00+00'
            )
        ) as closed_at
    from openings

),

weeks as (

    select
        returns.asset_id,
        returns.asset_group,
        returns.week_end,
        exp(sum(ln(greatest(1 + returns.return_ratio, 1e-9)))::decimal(20, 12)::double) - 1 as return_ratio,
        count(*) as days,
        max({{ rank_of('pit_quality', 'returns.pit_quality') }}) as pit_rank,
        max({{ rank_of('origin', 'returns.origin') }}) as origin_rank,
        closings.closed_at as known_at
    from returns
    inner join closings on returns.asset_id = closings.asset_id and returns.week_end = closings.week_end
    where returns.known_at <= closings.closed_at and closings.closed_at <= {{ run_instant() }}
    group by returns.asset_id, returns.asset_group, returns.week_end, closings.closed_at
    having count(*) >= case when returns.asset_group = 'crypto' then 7 else 3 end  -- holidays leave three trading days

)

select * from weeks
