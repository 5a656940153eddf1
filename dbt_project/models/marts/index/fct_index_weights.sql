with loadings as (

    select * from {{ ref('int_index__composites') }}
    where item_kind = 'loading'

),

weights as (

    select
        index_id::varchar as index_id,
        parameter_set::varchar as parameter_set,
        weight_version::varchar as weight_version,
        item::varchar as component_id,
        value::double as loading_ratio,
        n_obs::integer as n_obs,
        date_day::date as first_used_on
    from loadings

)

select * from weights
