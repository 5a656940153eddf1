{# Every expression is true, or null, in every row. `expressions` maps a short name to SQL. #}
{% test holds(model, expressions) %}
{% for name, expression in expressions.items() %}
select '{{ name }}' as violated, count(*) as row_count
from {{ model }}
where not ({{ expression }})
having count(*) > 0
{% if not loop.last %}union all{% endif %}
{% endfor %}
{% endtest %}
