{{ config(meta={'known_since': 'newest_since'}) }}
-- The newest observation of each metric that a claim looks at, and since when it is that.
with watched as (

    select distinct
        metric_id,
        entity_id,
        grain
    from {{ ref('claim_conditions') }}

),

observations as (

    select * from {{ ref('int_metrics__subjects') }}
    where parameter_set = 'default'
    union all
    select * from {{ ref('int_metrics__composites') }}
    where parameter_set = 'default'
    union all
    select * from {{ ref('int_metrics__statistics') }}
    where parameter_set = 'default'

),

newest as (

    {{ newest_metrics('observations', 'watched', this) }}

)

select * from newest
