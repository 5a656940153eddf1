{#- Every column is read from the metric's declaration, so nothing is stated twice. -#}
{%- set metrics = graph.metrics.values() | selectattr('config.meta') | sort(attribute='name') if execute else [] -%}
with declared as (
    {% for metric in metrics %}
    {%- set meta = metric.config.meta or metric.meta %}
    select
        {{ dbt.string_literal(dbt.escape_single_quotes(metric.name)) }} as metric_id,
        {{ dbt.string_literal(dbt.escape_single_quotes(metric.label)) }} as label,
        {{ dbt.string_literal(dbt.escape_single_quotes(metric.description | trim)) }} as description,
        {{ dbt.string_literal(meta.unit) }} as unit,
        {{ meta.polarity }} as polarity,
        {{ dbt.string_literal(meta.additivity) }} as additivity,
        {{ dbt.string_literal(meta.claim | join(', ')) }} as claims,
        {{ dbt.string_literal(meta.grain | join(', ')) }} as grains,
        {{ dbt.string_literal(dbt.escape_single_quotes(meta.formula)) }} as formula,
        {{ dbt.string_literal(meta.inputs | default([]) | join(', ')) }} as inputs,
        {{ dbt.string_literal(meta.kind | default('reported')) }} as kind,
        {{ meta.expected_sign | default('null', true) }} as expected_sign,
        {{ meta.version }} as metric_version,
        {{ dbt.string_literal(meta.owner) }} as owner,
        {{ meta.expected_lag_days }} as expected_lag_days,
        {{ meta.freshness_sla_days }} as freshness_sla_days,
        {{ meta.valid_range[0] }} as valid_from_value,
        {{ meta.valid_range[1] }} as valid_to_value,
        {{ dbt.string_literal(dbt.escape_single_quotes(meta.caveats | join('; '))) }} as caveats
    {{ 'union all' if not loop.last }}
    {% else %}
    select
        null as metric_id,
        null as label,
        null as description,
        null as unit,
        null as polarity,
        null as additivity,
        null as claims,
        null as grains,
        null as formula,
        null as inputs,
        null as kind,
        null as expected_sign,
        null as metric_version,
        null as owner,
        null as expected_lag_days,
        null as freshness_sla_days,
        null as valid_from_value,
        null as valid_to_value,
        null as caveats
    where false
    {% endfor %}
),

metrics as (

    select
        metric_id::varchar as metric_id,
        label::varchar as label,
        description::varchar as description,
        unit::varchar as unit,
        polarity::integer as polarity,
        additivity::varchar as additivity,
        claims::varchar as claims,
        grains::varchar as grains,
        formula::varchar as formula,
        inputs::varchar as inputs,
        kind::varchar as kind,
        expected_sign::integer as expected_sign,
        metric_version::integer as metric_version,
        owner::varchar as owner,
        expected_lag_days::integer as expected_lag_days,
        freshness_sla_days::integer as freshness_sla_days,
        valid_from_value::double as valid_from_value,
        valid_to_value::double as valid_to_value,
        caveats::varchar as caveats
    from declared

)

select * from metrics
