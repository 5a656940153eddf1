-- depends_on: {{ ref('metric_observations') }}
-- A day, its text, its end in New York and the same instant under another offset give the same observations.
with answers as (

    {% for moment in [
        "date '2025-02-26'",
        "'2025-02-26'",
        "timestamptz '2025-02-27 04:59:59.999+00'",
        "'2025-02-27T05:59:59.999+01:00'",
    ] -%}
    select
        count(*) as row_count,
        bit_xor(hash(metric_id, entity_id, grain, period_end, value)) as fingerprint
    from metrics.as_of({{ moment }})
    {{ 'union' if not loop.last }}
    {% endfor %}

)

select count(*) as distinct_answers
from answers
having count(*) <> 1
