{%- set key = ['metric_id', 'entity_type', 'entity_id', 'grain', 'period_end', 'parameter_set'] -%}
{{ config(meta={'known_since': 'known_at'}, unique_key=key) }}
with every_version as (

    select * from {{ ref('metric_observations') }}
    {{ where_changed(ref('metric_observations'), key) }}

),

observations as (

    select * from every_version as versions
    where parameter_set = 'default' and {{ known_then('versions', run_instant()) }}

)

select * from observations
