{%- set now = env_var('WAREHOUSE_NOW', '') or run_started_at.isoformat() -%}
with observations as (

    select * from {{ ref('metric_observations') }} as observations
    where {{ known_then('observations', "timestamptz '" ~ now ~ "'") }}

)

select * from observations
