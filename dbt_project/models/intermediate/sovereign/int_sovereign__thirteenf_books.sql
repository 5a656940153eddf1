-- A filer's book of a quarter as it was known from each filing on: the report, or the amendment that restates it, and
-- what later amendments add. Several entries of one security, for several managers, are parts of one position.
with filers as (

    select * from {{ ref('thirteenf_filers') }}

),

entries as (

    select
        filers.entity_id,
        versions.period_of_report as quarter_end,
        versions.accession_number,
        versions.accepted_at,
        coalesce(versions.amendment_type, '') = 'NEW HOLDINGS' as is_addition,
        coalesce(versions.is_confidential_omitted, false) as is_confidential_omitted,
        versions.cusip,
        case
            when lower(versions.put_call) = 'put' then 'put'
            when versions.put_call is not null then 'call'
            when versions.quantity_type = 'PRN' then 'principal'
            else 'shares'
        end as position_kind,
        versions.issuer_name,
        versions.class_title,
        versions.quantity,
        versions.value_usd,
        versions.value_unit_basis,
        {{ rank_of('pit_quality', 'versions.pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'versions._origin') }} as origin_rank,
        versions._source_url as source_url,
        versions.known_at,
        versions.known_until
    from {{ ref('stg_sec__thirteenf_holdings') }} as versions
    inner join filers
        on
            versions.cik = filers.cik
            and versions.period_of_report <= coalesce(filers.valid_to, versions.period_of_report)
    where not versions.is_deleted

),

changes as (

    {{ instants_of('entries', ['entity_id', 'quarter_end']) }}

),

instants as (

    select
        *,
        lead(known_at) over (partition by entity_id, quarter_end order by known_at) as known_until
    from changes

),

reports as (

    select
        instants.entity_id,
        instants.quarter_end,
        instants.known_at,
        entries.accession_number,
        entries.accepted_at,
        entries.is_addition
    from instants
    inner join entries
        on
            instants.entity_id = entries.entity_id
            and instants.quarter_end = entries.quarter_end
            and {{ known_then('entries', 'instants.known_at') }}
    group by all

),

bases as (

    select * from reports
    where not is_addition
    qualify row_number() over (
        partition by entity_id, quarter_end, known_at order by accepted_at desc, accession_number desc
    ) = 1

),

counted as (

    select
        reports.entity_id,
        reports.quarter_end,
        reports.known_at,
        reports.accession_number,
        bases.accession_number is not null as is_base_known
    from reports
    left join bases
        on
            reports.entity_id = bases.entity_id
            and reports.quarter_end = bases.quarter_end
            and reports.known_at = bases.known_at
    where
        reports.accession_number = bases.accession_number
        or (reports.is_addition and (bases.accepted_at is null or reports.accepted_at > bases.accepted_at))

),

books as (

    select
        counted.entity_id,
        counted.quarter_end,
        counted.is_base_known,
        entries.cusip,
        entries.position_kind,
        min(entries.issuer_name) as issuer_name,
        min(entries.class_title) as class_title,
        sum(entries.quantity)::decimal(28, 2) as quantity,
        sum(entries.value_usd)::decimal(28, 2) as value_usd,  -- cents must not be lost beside wider sums
        max(entries.value_unit_basis) as value_unit_basis,
        max(entries.is_confidential_omitted) as is_confidential_omitted,
        max(entries.pit_rank) as pit_rank,
        max(entries.origin_rank) as origin_rank,
        max(entries.source_url) as source_url,
        counted.known_at,
        instants.known_until
    from counted
    inner join entries
        on
            counted.entity_id = entries.entity_id
            and counted.quarter_end = entries.quarter_end
            and counted.accession_number = entries.accession_number
            and {{ known_then('entries', 'counted.known_at') }}
    inner join instants
        on
            counted.entity_id = instants.entity_id
            and counted.quarter_end = instants.quarter_end
            and counted.known_at = instants.known_at
    group by
        counted.entity_id,
        counted.quarter_end,
        counted.is_base_known,
        entries.cusip,
        entries.position_kind,
        counted.known_at,
        instants.known_until

)

select * from books
