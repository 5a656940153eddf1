{{ config(meta={'known_since': 'newest_since'}) }}
-- The newest observation of each metric that a composite reads, and since when it is that.
with watched as (

    select distinct
        reference as metric_id,
        entity_id,
        grain
    from {{ ref('index_components') }}
    where kind = 'metric'

),

subjects as (

    select * from {{ ref('int_metrics__subjects') }}

),

newest as (

    {{ newest_metrics('subjects', 'watched', this) }}

)

select * from newest
