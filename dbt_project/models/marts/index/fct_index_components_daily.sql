{{ config(meta={'known_since': 'date_day'}) }}
with items as (

    select * from {{ ref('int_index__composites') }}
    where
        item_kind in ('component', 'score', 'input')
        {{ and_known_since('date_day') }}

),

declared as (

    select * from {{ ref('index_components') }}

),

pivoted as (

    select
        index_id,
        date_day,
        parameter_set,
        item,
        max(case when item_kind = 'input' then value end) as input_value,
        max(case when item_kind = 'score' then value end) as score,
        max(case when item_kind = 'component' then value end) as points
    from items
    group by index_id, date_day, parameter_set, item

),

components as (

    select
        ---------- keys
        pivoted.index_id::varchar as index_id,
        pivoted.date_day::date as date_day,
        pivoted.parameter_set::varchar as parameter_set,
        pivoted.item::varchar as component_id,

        ---------- what it is
        declared.pillar::varchar as pillar,
        (declared.kind || ':' || declared.reference)::varchar as read_from,
        declared.transform::varchar as transform,
        declared.orientation::integer as orientation,

        ---------- measures
        pivoted.input_value::double as input_value,
        pivoted.score::double as score_ratio,
        pivoted.points::double as contribution_points
    from pivoted
    inner join declared on pivoted.index_id = declared.index_id and pivoted.item = declared.component_id

)

select * from components
