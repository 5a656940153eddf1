{{ config(meta={'known_since': 'cutoff_at'}) }}
-- What was known of each metric that a claim looks at, at the cut-off of each weekday. Never revised.
with newest as (

    select * from {{ ref('int_claims__newest') }}

),

states as (

    {{ daily_metrics('newest') }}

)

select * from states
