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

{# Whether a version was the known one at an instant. #}
{% macro known_then(version, instant) -%}
{{ version }}.known_at <= {{ instant }}
    and ({{ version }}.known_until is null or {{ version }}.known_until > {{ instant }})
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
