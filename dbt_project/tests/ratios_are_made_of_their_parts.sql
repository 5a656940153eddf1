{#- A ratio of several is the sum of numerators over that of denominators: MetricFlow takes these parts. -#}
{%- set ratios = graph.metrics.values() | selectattr('type', 'equalto', 'ratio') | map(attribute='name') | list
    if execute else ['none'] -%}
select
    metric_id,
    entity_id,
    period_end,
    parameter_set,
    value,
    numerator,
    denominator
from {{ ref('metric_observations') }}
where
    metric_id in ('{{ ratios | join("', '") }}')
    and value is not null
    and coalesce(abs(value * denominator - numerator) > 1e-9 * greatest(abs(numerator), 1.0), true)
