with operations as (

    select
        'nyfed.reverse_repo' as source_table,
        operation_id,
        operation_date,
        total_accepted_usd,
        term_type,
        is_small_value,
        is_deleted,
        pit_quality,
        known_at,
        known_until,
        ingested_at,
        _origin,
        _source_url,
        _source_sha256
    from {{ ref('stg_nyfed__reverse_repo') }}
    where operation_type = 'Reverse Repo'
    union all
    select
        'nyfed.repo' as source_table,
        operation_id,
        operation_date,
        total_accepted_usd,
        term_type,
        is_small_value,
        is_deleted,
        pit_quality,
        known_at,
        known_until,
        ingested_at,
        _origin,
        _source_url,
        _source_sha256
    from {{ ref('stg_nyfed__repo') }}
    where operation_type = 'Repo'

),

overnight as (

    select * from operations
    where term_type = 'Overnight' and not is_deleted and not is_small_value and total_accepted_usd is not null

),

instants as (  -- at which what is known of a day's operations changes

    {{ instants_of('overnight', ['source_table', 'operation_date'], 'instant') }}

),

spans as (

    select
        *,
        lead(instant) over (partition by source_table, operation_date order by instant) as next_instant
    from instants

),

known as (

    select
        spans.source_table,
        spans.operation_date,
        spans.instant,
        spans.next_instant,
        overnight.total_accepted_usd,
        sum(overnight.total_accepted_usd) over day_as_known as day_total_usd,
        overnight.pit_quality,
        overnight.ingested_at,
        overnight._origin,
        overnight._source_url,
        overnight._source_sha256
    from spans
    inner join overnight
        on
            spans.source_table = overnight.source_table
            and spans.operation_date = overnight.operation_date
            and {{ known_then('overnight', 'spans.instant') }}
    window day_as_known as (partition by spans.source_table, spans.operation_date, spans.instant)
    qualify row_number() over (
        partition by spans.source_table, spans.operation_date, spans.instant
        order by overnight.total_accepted_usd desc, overnight.operation_id asc
    ) = 1

),

levels as (  -- of reverse repos the largest counts, a test may say nowhere that it is one; of repos all do, several a day

    select
        source_table,
        'overnight' as source_key,
        operation_date as period_end,
        case source_table when 'nyfed.repo' then day_total_usd else total_accepted_usd end::double as value,
        pit_quality,
        instant as known_at,
        next_instant as known_until,
        ingested_at,
        _origin as origin,
        _source_url as source_url,
        _source_sha256 as source_sha256
    from known

)

select * from levels
