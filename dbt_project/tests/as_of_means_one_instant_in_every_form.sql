-- depends_on: {{ ref('metric_observations') }}
-- A day, its text, its end in New York and the same instant under another offset give the same observations.
with counts as (

    select count(*) as row_count, bit_xor(hash(metric_id, entity_id, grain, period_end, value)) as fingerprint
    from metrics.as_of(date '2025-02-26')
    union
    select count(*), bit_xor(hash(metric_id, entity_id, grain, period_end, value))
    from metrics.as_of('2025-02-26')
    union
    select count(*), bit_xor(hash(metric_id, entity_id, grain, period_end, value))
    from metrics.as_of(timestamptz '2025-02-27 04:59:59.999+00')
    union
    select count(*), bit_xor(hash(metric_id, entity_id, grain, period_end, value))
    from metrics.as_of('2025-02-27T05:59:59.999+01:00')

)

select count(*) as distinct_answers
from (select distinct row_count, fingerprint from counts)
having count(*) <> 1
