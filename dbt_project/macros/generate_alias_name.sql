{# The latest version of a model has the model's name, so that readers who name no version get it; any other one the
   name with its number: fct_x and fct_x_v1. warehouse/declarations.py names them so, too. #}
{% macro generate_alias_name(custom_alias_name=none, node=none) -%}
    {%- if custom_alias_name -%}
        {{ custom_alias_name | trim }}
    {%- elif node.version and node.version | string != node.latest_version | string -%}
        {{ node.name ~ '_v' ~ node.version }}
    {%- else -%}
        {{ node.name }}
    {%- endif -%}
{%- endmacro %}
