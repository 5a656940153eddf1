{# Assets that the league wants before its ranks, and what is said of them, are published. #}
{% macro universe_needed() %}40{% endmacro %}
