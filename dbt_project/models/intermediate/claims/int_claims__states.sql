{{ config(meta={'known_since': 'cutoff_at'}) }}
-- What was known of each metric that a claim looks at, at the cut-off of each weekday.
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

    {{ newest_metrics('observations', 'watched') }}

),

states as (

    {{ daily_metrics('newest') }}

)

select * from states
