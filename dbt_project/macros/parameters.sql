{# Of the sets of parameters the default, and those that differ from it in one of these columns. What depends on these
   alone is computed for them and no others: a set holds what its parameters change, and no copies of the rest. #}
{% macro parameter_sets(columns) -%}
select sets.*
from {{ ref('thesis_parameters') }} as sets
inner join {{ ref('thesis_parameters') }} as defaults on defaults.parameter_set = 'default'
where
    sets.parameter_set = 'default'
    {%- for column in columns %}
    or sets.{{ column }} <> defaults.{{ column }}
    {%- endfor %}
{%- endmacro %}
