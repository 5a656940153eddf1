{%- set key = ['metric_id', 'entity_type', 'entity_id', 'grain', 'period_end', 'parameter_set'] -%}
{{ config(meta={'known_since': 'known_at'}, unique_key=key, post_hook="{{ release_macros() }}") }}
-- The macros read it, and DuckDB looks for it when it creates them.
-- depends_on: {{ ref('parameter_sets') }}

with computed as (

    {% for relation in [
        ref('int_metrics__subjects'), ref('int_metrics__composites'), ref('int_metrics__statistics'),
    ] -%}
    select * from {{ relation }}
    {{ where_changed(relation, key, ['known_at', 'withdrawn_at']) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

withdrawals as (  -- an input that ended without a successor ends the observation too

    select
        *,
        lead(known_at) over (
            partition by metric_id, entity_type, entity_id, grain, period_end, parameter_set order by known_at
        ) as next_known_at
    from computed

),

states as (

    select
        metric_id,
        entity_type,
        entity_id,
        grain,
        period_start,
        period_end,
        value,
        numerator,
        denominator,
        coverage,
        null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        parameter_set
    from computed
    union all
    select
        metric_id,
        entity_type,
        entity_id,
        grain,
        period_start,
        period_end,
        null as value,
        null as numerator,
        null as denominator,
        0.0 as coverage,
        'withdrawn' as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        withdrawn_at as known_at,
        parameter_set
    from withdrawals
    where withdrawn_at is not null and (next_known_at is null or withdrawn_at < next_known_at)

),

changes as (

    select * from states
    window
        observation as (
            partition by metric_id, entity_type, entity_id, grain, period_end, parameter_set order by known_at
        )
    qualify {{ differs_from_previous([
        'period_start', 'value', 'numerator', 'denominator', 'coverage', 'null_reason', 'pit_rank', 'origin_rank',
    ], 'observation') }}

),

declared as (

    select * from {{ ref('dim_metric') }}

),

observations as (

    select
        ---------- keys
        changes.metric_id::varchar as metric_id,
        changes.entity_type::varchar as entity_type,
        changes.entity_id::varchar as entity_id,
        changes.grain::varchar as grain,
        changes.period_start::date as period_start,
        changes.period_end::date as period_end,

        ---------- measures
        changes.value::double as value,
        changes.numerator::double as numerator,
        changes.denominator::double as denominator,
        declared.unit::varchar as unit,
        declared.polarity::integer as polarity,
        changes.coverage::double as coverage,

        ---------- when it was known
        {{ word_of('pit_quality', 'changes.pit_rank') }}::varchar as pit_quality,
        changes.known_at::timestamptz as known_at,
        (lead(changes.known_at) over (
            partition by
                changes.metric_id, changes.entity_type, changes.entity_id, changes.grain, changes.period_end,
                changes.parameter_set
            order by changes.known_at
        ))::timestamptz as known_until,

        ---------- how it came about
        declared.metric_version::integer as metric_version,
        changes.parameter_set::varchar as parameter_set,
        changes.null_reason::varchar as null_reason,
        '{{ env_var("DRYPOWDER_RUN_ID", "manual") if execute else "" }}'::varchar as run_id,
        {{ word_of('origin', 'changes.origin_rank') }}::varchar as origin,
        changes.source_url::varchar as source_url
    from changes
    inner join declared on changes.metric_id = declared.metric_id

)

select * from observations
