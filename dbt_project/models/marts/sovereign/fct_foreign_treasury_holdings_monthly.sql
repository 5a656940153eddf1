with versions as (

    select * from {{ ref('stg_tic__major_foreign_holders') }}
    where not is_deleted

),

entities as (

    select * from {{ ref('holder_entities') }}

),

holdings as (

    select
        entities.entity_type::varchar as entity_type,
        entities.entity_id::varchar as entity_id,
        versions.holder_name::varchar as holder_name,
        versions.month_end::date as month_end,
        versions.survey_basis::varchar as survey_basis,
        versions.is_memo::boolean as is_memo,
        versions.holdings_usd_bn::decimal(12, 1) as holdings_usd_bn,
        versions.pit_quality::varchar as pit_quality,
        versions.known_at::timestamptz as known_at,
        versions.known_until::timestamptz as known_until,
        versions._source_url::varchar as source_url,
        versions._origin::varchar as origin
    from versions
    left join entities on versions.holder_name = entities.holder_name

)

select * from holdings
