{# Observations of a subject's states of the system: of `measured` (metric_id, period_start, period_end, value, numerator,
   denominator, coverage, null_reason, pit_rank, origin_rank, source_url, known_at, parameter_set) every row with a value.
   While one is missing there is a row for the period in which the reason began and no other: its absence is one fact,
   and not one a day. #}
{% macro state_observations(measured, grain) -%}
select
    metric_id,
    'system' as entity_type,
    'US' as entity_id,
    '{{ grain }}' as grain,
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
    null::timestamptz as withdrawn_at,
    parameter_set
from {{ measured }}
window history as (partition by metric_id, parameter_set order by period_end)
qualify value is not null or null_reason is distinct from lag(null_reason) over history
{%- endmacro %}
