{#- The golden facts of every metric's declaration against what was known then. One that needs a whole series
    (only_if_complete) counts as not landed where the value is null. -#}
{%- set metrics = graph.metrics.values() | selectattr('config.meta') | sort(attribute='name') if execute else [] -%}
with expected as (
    select
        null::varchar as metric_id,
        null::varchar as entity_id,
        null::varchar as grain,
        null::date as period_end,
        null::varchar as as_of,
        null::timestamptz as as_of_instant,
        null::double as expected_value,
        null::double as tolerance,
        null::boolean as is_only_if_complete
    where false
    {% for metric in metrics -%}
    {%- for golden in (metric.config.meta or metric.meta).golden %}
    union all
    select
        '{{ metric.name }}', '{{ golden.entity }}', {{ "'" ~ golden.grain ~ "'" if golden.grain else 'null' }},
        {{ "date '" ~ golden.period_end ~ "'" if golden.period_end else 'null' }},
        {{ "'" ~ golden.as_of ~ "'" if golden.as_of else 'null' }},
        {{ end_of_day_in_new_york("date '" ~ golden.as_of ~ "'") if golden.as_of else 'null' }},
        {{ golden.value }}, {{ golden.tol }}, {{ 'true' if golden.only_if_complete else 'false' }}
    {%- endfor %}
    {%- endfor %}
),

observations as (

    select
        metric_id,
        entity_id,
        grain,
        period_end,
        value,
        known_at,
        known_until
    from {{ ref('metric_observations') }}
    where parameter_set = 'default' and metric_id in (select expected.metric_id from expected)

),

landed as (

    select distinct
        metric_id,
        entity_id
    from observations

),

observed as (  -- without a period the newest with a value is meant

    select
        expected.*,
        observations.period_end as observed_period_end,
        observations.value as observed_value
    from expected
    left join observations
        on
            expected.metric_id = observations.metric_id
            and expected.entity_id = observations.entity_id
            and (expected.grain is null or expected.grain = observations.grain)
            and (expected.period_end is null or expected.period_end = observations.period_end)
            and observations.value is not null
            and (expected.as_of_instant is null or observations.known_at <= expected.as_of_instant)
            and (
                observations.known_until is null
                or (expected.as_of_instant is not null and observations.known_until > expected.as_of_instant)
            )
    qualify row_number() over (
        partition by expected.metric_id, expected.entity_id, expected.period_end, expected.as_of
        order by observations.period_end desc
    ) = 1

),

checks as (

    select
        observed.metric_id::varchar as metric_id,
        observed.entity_id::varchar as entity_id,
        coalesce(observed.period_end, observed.observed_period_end)::date as period_end,
        observed.as_of::varchar as as_of,
        observed.expected_value::double as expected_value,
        observed.tolerance::double as tolerance,
        observed.observed_value::double as observed_value,
        case
            when landed.entity_id is null then 'not_landed'
            when observed.is_only_if_complete and observed.observed_value is null then 'not_landed'
            when abs(observed.observed_value - observed.expected_value) <= observed.tolerance then 'holds'
            else 'fails'
        end::varchar as verdict
    from observed
    left join landed
        on
            observed.metric_id = landed.metric_id
            and observed.entity_id = landed.entity_id

)

select * from checks
