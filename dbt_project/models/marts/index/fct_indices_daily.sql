{{ config(meta={'known_since': 'known_at'}) }}
with items as (

    select * from {{ ref('int_index__composites') }}
    where
        item_kind in ('headline', 'pca', 'ciss', 'range', 'warning', 'component')
        {{ and_known_since('date_day') }}

),

ranked as (

    select
        index_id,
        date_day,
        parameter_set,
        item,
        value,
        row_number() over (partition by index_id, date_day, parameter_set order by value desc, item asc) as place
    from items
    where item_kind = 'component'

),

top_three as (

    select
        index_id,
        date_day,
        parameter_set,
        max(case when place = 1 then item end) as top_1,
        max(case when place = 2 then item end) as top_2,
        max(case when place = 3 then item end) as top_3,
        max(case when place = 1 then value end) as top_1_points,
        max(case when place = 2 then value end) as top_2_points,
        max(case when place = 3 then value end) as top_3_points
    from ranked
    where place <= 3
    group by index_id, date_day, parameter_set

),

days as (

    select
        index_id,
        date_day,
        parameter_set,
        max(case when item_kind = 'headline' then value end) as headline,
        max(case when item_kind = 'pca' then value end) as pca,
        max(case when item_kind = 'ciss' then value end) as ciss,
        max(case when item_kind = 'range' then value end) as spread,
        max(case when item_kind = 'warning' then value end) as warning,
        max(case when item_kind = 'headline' then coverage end) as coverage,
        max(case when item_kind = 'headline' then n_obs end) as n_obs,
        max(case when item_kind = 'pca' then weight_version end) as weight_version,
        max(case when item_kind = 'headline' then null_reason end) as null_reason,
        max(case when item_kind = 'pca' then null_reason end) as pca_null_reason,
        max(pit_rank) as pit_rank,
        max(origin_rank) as origin_rank
    from items
    where item_kind <> 'component'
    group by index_id, date_day, parameter_set

),

indices as (

    select
        ---------- keys
        days.index_id::varchar as index_id,
        days.date_day::date as date_day,
        days.parameter_set::varchar as parameter_set,

        ---------- the index, three ways
        days.headline::double as headline_points,
        days.pca::double as pca_points,
        days.ciss::double as ciss_points,
        days.spread::double as range_points,
        coalesce(days.warning = 1, false)::boolean as is_disagreement,

        ---------- what makes it
        top_three.top_1::varchar as top_1_component,
        top_three.top_1_points::double as top_1_points,
        top_three.top_2::varchar as top_2_component,
        top_three.top_2_points::double as top_2_points,
        top_three.top_3::varchar as top_3_component,
        top_three.top_3_points::double as top_3_points,

        ---------- how good it is
        days.coverage::double as coverage_ratio,
        days.n_obs::integer as n_obs,
        days.weight_version::varchar as weight_version,
        days.null_reason::varchar as null_reason,
        days.pca_null_reason::varchar as pca_null_reason,
        {{ word_of('pit_quality', 'days.pit_rank::integer') }}::varchar as pit_quality,
        {{ cutoff('days.date_day::date') }}::timestamptz as known_at,
        {{ word_of('origin', 'days.origin_rank::integer') }}::varchar as origin
    from days
    left join top_three
        on
            days.index_id = top_three.index_id
            and days.date_day = top_three.date_day
            and days.parameter_set = top_three.parameter_set

)

select * from indices
