with observations as (

    select * from {{ ref('metric_observations') }} as observations
    where parameter_set = 'default' and {{ known_then('observations', run_instant()) }}

)

select * from observations
