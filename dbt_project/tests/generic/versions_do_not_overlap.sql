{# One version of a key at any instant: no version twice, none without duration, none that outlives the next. #}
{% test versions_do_not_overlap(model, key) %}
with versions as (

    select
        {{ key | join(', ') }},
        known_at,
        known_until,
        lead(known_at) over (partition by {{ key | join(', ') }} order by known_at) as next_known_at
    from {{ model }}

)

select *
from versions
where
    known_at is null
    or known_at >= known_until
    or known_at = next_known_at
    or (next_known_at is not null and (known_until is null or known_until > next_known_at))
{% endtest %}
