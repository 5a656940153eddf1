{# A value outside the range that its metric's declaration calls plausible. #}
{% test values_are_in_their_valid_range(model) %}
select observations.*
from {{ model }} as observations
inner join {{ ref('dim_metric') }} as metrics on observations.metric_id = metrics.metric_id
where observations.value not between metrics.valid_from_value and metrics.valid_to_value
{% endtest %}
