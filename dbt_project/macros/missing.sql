{# Why a result of several inputs is null: the names of those that are. The inputs are columns of one relation. #}
{% macro missing_inputs(names) -%}
case
    when {{ names | join(' is null or ') }} is null
        then 'missing_input: ' || concat_ws(', ' {%- for name in names %}, case when {{ name }} is null then '{{ name }}' end{% endfor %})
end
{%- endmacro %}

{# Share of the inputs that are known. #}
{% macro known_share(names) -%}
({% for name in names %}case when {{ name }} is null then 0 else 1 end{{ ' + ' if not loop.last }}{% endfor %})
    / {{ names | length }}.0::double
{%- endmacro %}
