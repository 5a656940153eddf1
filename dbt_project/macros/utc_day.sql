{# First instant of a UTC day. #}
{% macro start_of_utc_day(day) -%} {{ adapter.dispatch('start_of_utc_day', 'drypowder')(day) }} {%- endmacro %}
{% macro default__start_of_utc_day(day) -%} timezone('UTC', ({{ day }})::timestamp) {%- endmacro %}
{% macro spark__start_of_utc_day(day) -%} to_utc_timestamp(({{ day }})::timestamp, 'UTC') {%- endmacro %}
