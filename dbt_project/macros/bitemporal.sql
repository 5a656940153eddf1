{# Words in order of growing doubt. A result is as doubtful as its most doubtful input. #}
{% macro words_of_doubt(kind) -%}
{{ return({
    'pit_quality': ['exact', 'dated', 'lagged', 'self_vintage', 'current_vintage'],
    'origin': ['live', 'recorded', 'documented', 'reconstructed'],
}[kind]) }}
{%- endmacro %}

{# Rank of a word of doubt, so that greatest() and max() find the worst. An unknown word is the worst. #}
{% macro rank_of(kind, word) -%}
case when {{ word }} is null then null
{%- for known in words_of_doubt(kind) %} when {{ word }} = '{{ known }}' then {{ loop.index }}{% endfor %}
    else {{ words_of_doubt(kind) | length }} end
{%- endmacro %}

{# Rank of the word of most doubt: for what is known of no input. #}
{% macro worst_rank(kind) -%} {{ words_of_doubt(kind) | length }} {%- endmacro %}

{# The word of a rank. #}
{% macro word_of(kind, rank) -%}
case {{ rank }}
{%- for known in words_of_doubt(kind) %} when {{ loop.index }} then '{{ known }}'{% endfor %} end
{%- endmacro %}

{# Whether any of the columns differs from the row before in the named window. #}
{% macro differs_from_previous(columns, window) -%}
(row_number() over {{ window }} = 1
{%- for column in columns %}
    or {{ column }} is distinct from lag({{ column }}) over {{ window }}
{%- endfor %})
{%- endmacro %}

{# Whether a version was the known one at an instant. Two comparisons: an outer join on an `or` compares every row with
   every other, whatever keys stand beside it. #}
{% macro known_then(version, instant) -%}
{{ version }}.known_at <= {{ instant }}
    and coalesce({{ version }}.known_until, timestamptz '9999-12-31 00:00:00+00') > {{ instant }}
{%- endmacro %}

{# Versions of a landed record: those that lost to another of the same instant have an empty interval and go. #}
{% macro versions_of(relation, key) -%}
select
    *,
    lead(known_at) over (
        partition by {{ key | join(', ') }} order by known_at, ingested_at, _fetch_id
    ) as known_until
from {{ relation }}
qualify known_until is null or known_until > known_at
{%- endmacro %}

{# Every instant at which what is known of a key changed: a version began, or ended. #}
{% macro instants_of(relation, key, name='known_at') -%}
select
    {% for column in key -%}
    {{ column }},
    {% endfor -%}
    known_at as {{ name }}
from {{ relation }}
union
select
    {% for column in key -%}
    {{ column }},
    {% endfor -%}
    known_until as {{ name }}
from {{ relation }}
where known_until is not null
{%- endmacro %}

{# Several inputs of one thing, side by side as they were known: a row for every instant at which one of them changed.
   The relation is long: `key` columns, input_id, value, pit_rank, origin_rank, source_url, known_at, known_until; several
   versions of one input never overlap. Columns of the result: the keys, one per input, inputs_known (of these inputs
   how many have a value), pit_rank, origin_rank, source_url, known_at, known_until. #}
{% macro bitemporal_pivot(relation, key, inputs) -%}
select
    {% for column in key -%}
    instants.{{ column }},
    {% endfor -%}
    {% for name in inputs -%}
    max(case when versions.input_id = '{{ name }}' then versions.value end) as {{ name }},
    {% endfor -%}
    count(versions.value) as inputs_known,
    max(versions.pit_rank) as pit_rank,
    max(versions.origin_rank) as origin_rank,
    max(versions.source_url) as source_url,
    instants.known_at,
    lead(instants.known_at) over (
        partition by {% for column in key %}instants.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
        order by instants.known_at
    ) as known_until
from (
    {{ instants_of(relation, key) }}
) as instants
left join {{ relation }} as versions
    on
        {% for column in key -%}
        instants.{{ column }} = versions.{{ column }} and
        {% endfor -%}
        {{ known_then('versions', 'instants.known_at') }}
group by {% for column in key %}instants.{{ column }}, {% endfor %}instants.known_at
{%- endmacro %}

{# The instant of a day at which what is said of the day is frozen: 22:00 UTC, after the New York close; in Python
   warehouse.estimators.frames.CUTOFF_HOUR. #}
{% macro cutoff_hour() -%} {{ return(22) }} {%- endmacro %}
{% macro cutoff(day) -%} {{ adapter.dispatch('cutoff', 'drypowder')(day) }} {%- endmacro %}
{% macro default__cutoff(day) -%} timezone('UTC', ({{ day }})::timestamp + interval '{{ drypowder.cutoff_hour() }}' hour) {%- endmacro %}
{% macro spark__cutoff(day) -%} to_utc_timestamp(({{ day }})::timestamp + interval '{{ drypowder.cutoff_hour() }}' hour, 'UTC') {%- endmacro %}

{# Now: what the run says it is. Asked only when a model runs: what parsing asks, dbt parses anew whenever it changes. #}
{% macro run_instant() -%}
timestamptz '{{ (env_var("WAREHOUSE_NOW", "") if execute else "") or run_started_at.isoformat() }}'
{%- endmacro %}
