with landed as (

    {{ versions_of(source('tic', 'recent_foreign_holders'), ['holder_name', 'month_end']) }}

),

versions as (

    select
        ---------- keys
        -- Named as in the file of whole years, so that both can stand in one table.
        case holder_name
            when 'Of Which: Foreign Official' then 'For. Official'
            when 'Of Which: Foreign Official Treasury Bills' then 'For. Official: Treasury Bills'
            when 'Of Which: Foreign Official T-Bonds & Notes' then 'For. Official: T-Bonds & Notes'
            else holder_name
        end as holder_name,
        month_end,

        ---------- dimensions
        is_memo,

        ---------- measures
        holdings_usd_bn,

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
