with landed as (

    {{ versions_of(source('board', 'prates'), ['series_name', 'period_end']) }}

),

versions as (

    select
        ---------- keys
        series_name,
        period_end,

        ---------- dimensions
        case series_name
            when 'RESBM_N.D' then 'IORB'
            when 'RESBME_N.D' then 'IOER'
            when 'RESBMS_N.D' then 'IORR'
        end as rate_name,
        series_description,
        frequency_code,
        rate_kind_code,
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
