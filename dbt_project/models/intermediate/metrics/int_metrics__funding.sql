with observations as (

    select * from {{ ref('int_metrics__funding_company') }}
    union all
    select * from {{ ref('int_metrics__funding_group') }}
    union all
    select * from {{ ref('int_metrics__capex_guidance') }}

)

select * from observations
