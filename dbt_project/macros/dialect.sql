{# What DuckDB and Spark spell differently, one dispatched macro each. #}

{# Instant at which clocks in New York show the given timestamp. #}
{% macro new_york(wall_clock) -%} {{ adapter.dispatch('new_york', 'drypowder')(wall_clock) }} {%- endmacro %}
{% macro default__new_york(wall_clock) -%} timezone('America/New_York', {{ wall_clock }}) {%- endmacro %}
{% macro spark__new_york(wall_clock) -%} to_utc_timestamp({{ wall_clock }}, 'America/New_York') {%- endmacro %}

{# Calendar day in UTC of an instant, whatever the session's time zone. #}
{% macro utc_date(instant) -%} {{ adapter.dispatch('utc_date', 'drypowder')(instant) }} {%- endmacro %}
{% macro default__utc_date(instant) -%} timezone('UTC', {{ instant }})::date {%- endmacro %}
{% macro spark__utc_date(instant) -%} to_utc_timestamp({{ instant }}, current_timezone())::date {%- endmacro %}

{# Last instant of a day in New York: from then on everybody knows what was published on it. #}
{% macro end_of_day_in_new_york(day) -%}
{{ new_york("(" ~ day ~ ")::timestamp + interval '23' hour + interval '59' minute + interval '59' second") }}
{%- endmacro %}

{# Days from one date to another. #}
{% macro days_between(earlier, later) -%}
{{ adapter.dispatch('days_between', 'drypowder')(earlier, later) }}
{%- endmacro %}
{% macro default__days_between(earlier, later) -%} date_diff('day', {{ earlier }}, {{ later }}) {%- endmacro %}
{% macro spark__days_between(earlier, later) -%} datediff({{ later }}, {{ earlier }}) {%- endmacro %}

{% macro add_days(day, days) -%} {{ adapter.dispatch('add_days', 'drypowder')(day, days) }} {%- endmacro %}
{% macro default__add_days(day, days) -%} ({{ day }} + ({{ days }})::integer) {%- endmacro %}
{% macro spark__add_days(day, days) -%} date_add({{ day }}, ({{ days }})::int) {%- endmacro %}

{# The same day of another month, or its last day where the month is shorter. #}
{% macro add_months(day, months) -%} {{ adapter.dispatch('add_months', 'drypowder')(day, months) }} {%- endmacro %}
{% macro default__add_months(day, months) -%}
({{ day }} + to_months(({{ months }})::integer))::date
{%- endmacro %}
{% macro spark__add_months(day, months) -%} add_months({{ day }}, ({{ months }})::int) {%- endmacro %}

{# Distinct texts of a group in alphabetical order, separated by a comma. #}
{% macro joined_text(text) -%} {{ adapter.dispatch('joined_text', 'drypowder')(text) }} {%- endmacro %}
{% macro default__joined_text(text) -%} string_agg(distinct {{ text }}, ', ' order by {{ text }}) {%- endmacro %}
{% macro spark__joined_text(text) -%} array_join(array_sort(collect_set({{ text }})), ', ') {%- endmacro %}

{# Every day from one date to another, one row each, in column date_day. #}
{% macro days_from(first, last) -%} {{ adapter.dispatch('days_from', 'drypowder')(first, last) }} {%- endmacro %}
{% macro default__days_from(first, last) -%}
select unnest(generate_series(date '{{ first }}', date '{{ last }}', interval '1' day))::date as date_day
{%- endmacro %}
{% macro spark__days_from(first, last) -%}
select explode(sequence(date '{{ first }}', date '{{ last }}', interval 1 day)) as date_day
{%- endmacro %}

{# Each row of one relation with columns of the last row of another that was there at its instant: `start` is the first
   instant of a row's validity, and rows of one key follow each other. Null where there was none yet. #}
{% macro as_of_join(left, right, key, instant, start, columns) -%}
{{ adapter.dispatch('as_of_join', 'drypowder')(left, right, key, instant, start, columns) }}
{%- endmacro %}
{% macro default__as_of_join(left, right, key, instant, start, columns) -%}
select
    {{ left }}.*
    {%- for column in columns %},
    {{ right }}.{{ column }}
    {%- endfor %}
from {{ left }}
asof left join {{ right }}
    on {% for column in key %}{{ left }}.{{ column }} = {{ right }}.{{ column }} and {% endfor %}{{ left }}.{{ instant }} >= {{ right }}.{{ start }}
{%- endmacro %}
{% macro spark__as_of_join(left, right, key, instant, start, columns) -%}
select
    {{ left }}.*
    {%- for column in columns %},
    {{ right }}.{{ column }}
    {%- endfor %}
from {{ left }}
left join (
    select *, lead({{ start }}) over (partition by {{ key | join(', ') }} order by {{ start }}) as _next_start from {{ right }}
) as {{ right }}
    on {% for column in key %}{{ left }}.{{ column }} = {{ right }}.{{ column }} and {% endfor %}{{ left }}.{{ instant }} >= {{ right }}.{{ start }}
        and ({{ right }}._next_start is null or {{ left }}.{{ instant }} < {{ right }}._next_start)
{%- endmacro %}
