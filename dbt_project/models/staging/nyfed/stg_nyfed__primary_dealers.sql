with landed as (

    {{ versions_of(source('nyfed', 'primary_dealers'), ['key_id', 'as_of_date']) }}

),

versions as (

    select
        ---------- keys
        key_id,
        as_of_date,

        ---------- dimensions
        series_break,
        is_suppressed,

        ---------- measures
        amount_usd_mn,

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
