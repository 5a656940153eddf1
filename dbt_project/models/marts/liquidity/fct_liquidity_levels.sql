with weekly_series as (

    select
        'RESPPMA_N.WW' as series_name,
        'fed_total_assets' as level_id
    union all
    select
        'RESH4R_N.WW' as series_name,
        'bank_reserves' as level_id
    union all
    select
        'RESH4R_XAW_N.WW' as series_name,
        'bank_reserves_week_average' as level_id

),

weekly as (

    select
        weekly_series.level_id,
        h41.period_end,
        h41.value * h41.unit_multiplier / 1e9 as level_usd_bn,
        h41.pit_quality,
        h41._origin as origin,
        h41._source_url as source_url,
        h41.known_at,
        h41.known_until
    from {{ ref('stg_board__h41') }} as h41
    inner join weekly_series on h41.series_name = weekly_series.series_name
    where not h41.is_deleted and h41.value is not null

),

treasury_account as (

    select
        'treasury_general_account' as level_id,
        record_date as period_end,
        tga_close_usd_mn / 1e3 as level_usd_bn,
        pit_quality,
        _origin as origin,
        _source_url as source_url,
        known_at,
        known_until
    from {{ ref('stg_fiscaldata__operating_cash_balance') }}
    where not is_deleted and tga_close_usd_mn is not null

),

overnight as (

    select * from {{ ref('stg_nyfed__reverse_repo') }}
    where
        not is_deleted
        and operation_type = 'Reverse Repo'
        and term_type = 'Overnight'
        and not is_small_value
        and total_accepted_usd is not null

),

instants as (  -- at which what is known of a day's operations changes

    select
        operation_date,
        known_at as instant
    from overnight
    union
    select
        operation_date,
        known_until as instant
    from overnight
    where known_until is not null

),

spans as (

    select
        *,
        lead(instant) over (partition by operation_date order by instant) as next_instant
    from instants

),

reverse_repo as (  -- one operation a day counts, the largest: a test may say nowhere that it is one

    select
        'rrp' as level_id,
        spans.operation_date as period_end,
        overnight.total_accepted_usd / 1e9 as level_usd_bn,
        overnight.pit_quality,
        overnight._origin as origin,
        overnight._source_url as source_url,
        spans.instant as known_at,
        spans.next_instant as known_until
    from spans
    inner join overnight
        on
            spans.operation_date = overnight.operation_date
            and {{ known_then('overnight', 'spans.instant') }}
    qualify row_number() over (
        partition by spans.operation_date, spans.instant
        order by overnight.total_accepted_usd desc, overnight.operation_id asc
    ) = 1

),

combined as (

    select * from weekly
    union all
    select * from treasury_account
    union all
    select * from reverse_repo

),

levels as (

    select
        level_id::varchar as level_id,
        period_end::date as period_end,
        level_usd_bn::double as level_usd_bn,
        pit_quality::varchar as pit_quality,
        known_at::timestamptz as known_at,
        known_until::timestamptz as known_until,
        source_url::varchar as source_url,
        origin::varchar as origin
    from combined

)

select * from levels
