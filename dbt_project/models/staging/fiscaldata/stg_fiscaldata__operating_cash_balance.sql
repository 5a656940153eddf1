with landed as (

    {{ versions_of(source('fiscaldata', 'operating_cash_balance'), ['record_date', 'account_type']) }}

),

versions as (

    select
        ---------- keys
        record_date,
        account_type,

        ---------- dimensions
        sub_table_name,
        table_nbr,
        table_nm,
        src_line_nbr,

        ---------- measures
        open_today_usd_mn,
        close_today_usd_mn,
        open_month_usd_mn,
        open_fiscal_year_usd_mn,
        case  -- the closing balance changed its line on 2021-10-01, and its line and its column on 2022-04-18
            when record_date < '2021-10-01' and account_type = 'Federal Reserve Account' then close_today_usd_mn
            when
                record_date between '2021-10-01' and '2022-04-17'
                and account_type = 'Treasury General Account (TGA)'
                then close_today_usd_mn
            when
                record_date >= '2022-04-18'
                and account_type = 'Treasury General Account (TGA) Closing Balance'
                then open_today_usd_mn
        end as tga_close_usd_mn,

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
