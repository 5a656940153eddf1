-- Instants at which what is known of a filer's quarter changes: its own book, or that of the quarter before.
with reports as (

    select
        entity_id,
        quarter_end,
        is_base_known,
        known_at,
        known_until,
        max(pit_rank) as pit_rank,
        max(origin_rank) as origin_rank,
        max(source_url) as source_url
    from {{ ref('int_sovereign__thirteenf_books') }}
    group by entity_id, quarter_end, is_base_known, known_at, known_until

),

quarters as (

    select distinct
        entity_id,
        quarter_end,
        last_day({{ add_months('quarter_end', -3) }}) as quarter_end_before
    from reports

),

changes as (

    select
        quarters.entity_id,
        quarters.quarter_end,
        quarters.quarter_end_before,
        reports.known_at,
        reports.known_until
    from quarters
    inner join reports
        on
            quarters.entity_id = reports.entity_id
            and reports.quarter_end in (quarters.quarter_end, quarters.quarter_end_before)

),

instants as (

    {{ instants_of('changes', ['entity_id', 'quarter_end', 'quarter_end_before']) }}

),

intervals as (

    select
        instants.entity_id,
        instants.quarter_end,
        instants.quarter_end_before,
        now_reports.is_base_known as is_now_known,
        before_reports.is_base_known as is_before_known,
        greatest(now_reports.pit_rank, before_reports.pit_rank) as pit_rank,
        greatest(now_reports.origin_rank, before_reports.origin_rank) as origin_rank,
        now_reports.source_url,
        instants.known_at,
        lead(instants.known_at) over (
            partition by instants.entity_id, instants.quarter_end order by instants.known_at
        ) as known_until
    from instants
    left join reports as now_reports
        on
            instants.entity_id = now_reports.entity_id
            and instants.quarter_end = now_reports.quarter_end
            and {{ known_then('now_reports', 'instants.known_at') }}
    left join reports as before_reports
        on
            instants.entity_id = before_reports.entity_id
            and instants.quarter_end_before = before_reports.quarter_end
            and {{ known_then('before_reports', 'instants.known_at') }}

)

select * from intervals
where is_now_known is not null
