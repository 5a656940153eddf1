-- The newest observation of each series, and since when it is: first the newest version of every period, then the newest
-- period. A version of an older period that becomes known later changes nothing here.
{{ config(meta={'known_since': 'newest_since'}) }}
with every_version as (

    select * from {{ ref('fct_observations') }}

),

{% if is_incremental() -%}
reached as (

    select
        series_id,
        max(period_end) as period_end
    from {{ this }}
    where not (true {{ and_known_since('newest_since') }})
    group by series_id

),

versions as (

    select every_version.*
    from every_version
    left join reached on every_version.series_id = reached.series_id
    where reached.period_end is null or every_version.period_end >= reached.period_end

),
{%- else -%}
versions as (

    select * from every_version

),
{%- endif %}

events as (

    select
        series_id,
        period_end,
        value,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        source_url,
        known_at as newest_since
    from versions
    union all
    select  -- withdrawn without a successor
        versions.series_id,
        versions.period_end,
        null as value,
        {{ rank_of('pit_quality', 'versions.pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'versions.origin') }} as origin_rank,
        versions.source_url,
        versions.known_until as newest_since
    from versions
    left join versions as successors
        on
            versions.series_id = successors.series_id
            and versions.period_end = successors.period_end
            and versions.known_until = successors.known_at
    where versions.known_until is not null and successors.series_id is null

),

at_an_instant as (

    select * from events
    qualify row_number() over (partition by series_id, newest_since order by period_end desc) = 1

),

newest as (

    select * from at_an_instant
    qualify period_end = max(period_end) over (
        partition by series_id order by newest_since rows between unbounded preceding and current row
    )

)

select * from newest
where true {{ and_known_since('newest_since') }}
