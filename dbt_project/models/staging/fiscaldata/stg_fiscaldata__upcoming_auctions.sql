with landed as (

    {{ versions_of(source('fiscaldata', 'upcoming_auctions'), ['record_date', 'cusip', 'issue_date']) }}

),

versions as (

    select
        ---------- keys
        record_date,
        cusip,
        issue_date,

        ---------- dimensions
        security_type,
        security_term,
        announcemt_date as announcement_date,
        auction_date,
        reopening as is_reopening,

        ---------- measures
        offering_usd,

        ---------- when it was known
        known_at,
        known_until,
        ingested_at,
        pit_quality,
        _is_deleted as is_deleted,

        ---------- where it came from
        _origin,
        _source_url,
        _source_sha256

    from landed

)

select * from versions
