with landed as (

    {{ versions_of(source('board', 'h15'), ['series_name', 'period_end']) }}

),

versions as (

    select
        ---------- keys
        series_name,
        period_end,

        ---------- dimensions
        series_description,
        frequency_code,
        instrument,
        maturity,
        unit_name,
        unit_multiplier,
        currency_code,
        obs_status,

        ---------- measures
        value,

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
