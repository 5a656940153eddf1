-- One row per scenario that a metric of an entity was computed under, beside its default.
with scenarios as (

    select
        metric_id,
        entity_type,
        entity_id,
        grain,
        parameter_set,
        period_end,
        unit,
        value,
        null_reason,
        known_at
    from {{ ref('metric_observations') }} as observations
    where parameter_set <> 'default' and {{ known_then('observations', run_instant()) }}

),

defaults as (

    select
        metric_id,
        entity_type,
        entity_id,
        grain,
        period_end,
        value,
        null_reason,
        known_at
    from {{ ref('latest') }}

),

compared as (

    select
        ---------- keys
        scenarios.metric_id::varchar as metric_id,
        scenarios.entity_type::varchar as entity_type,
        scenarios.entity_id::varchar as entity_id,
        scenarios.grain::varchar as grain,
        scenarios.parameter_set::varchar as parameter_set,
        scenarios.period_end::date as period_end,

        ---------- measures
        scenarios.unit::varchar as unit,
        defaults.value::double as default_value,
        scenarios.value::double as scenario_value,
        (scenarios.value - defaults.value)::double as difference,
        defaults.null_reason::varchar as default_null_reason,
        scenarios.null_reason::varchar as scenario_null_reason,

        ---------- when it was known
        greatest(defaults.known_at, scenarios.known_at)::timestamptz as known_at
    from scenarios
    inner join defaults
        on
            scenarios.metric_id = defaults.metric_id
            and scenarios.entity_type = defaults.entity_type
            and scenarios.entity_id = defaults.entity_id
            and scenarios.grain = defaults.grain
            and scenarios.period_end = defaults.period_end

),

newest_periods as (  -- the newest with both values; where there is none, the newest, with the reasons

    select
        metric_id,
        entity_type,
        entity_id,
        grain,
        parameter_set,
        coalesce(max(case when difference is not null then period_end end), max(period_end)) as period_end
    from compared
    group by metric_id, entity_type, entity_id, grain, parameter_set

),

newest as (

    select compared.* from compared
    semi join newest_periods using (metric_id, entity_type, entity_id, grain, parameter_set, period_end)

)

select * from newest
