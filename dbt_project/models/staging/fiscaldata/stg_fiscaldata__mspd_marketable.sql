with landed as (

    {{ versions_of(source('fiscaldata', 'mspd_marketable'), ['record_date', 'src_line_nbr']) }}

),

versions as (

    select
        ---------- keys
        record_date,
        src_line_nbr,

        ---------- dimensions
        security_type_desc,
        security_class1_desc,
        security_class2_desc,
        series_cd,
        issue_date,
        maturity_date,
        interest_pay_date_1,
        interest_pay_date_2,
        interest_pay_date_3,
        interest_pay_date_4,
        -- by what it is not: the names of subtotals change over the years, and some lack the word
        not coalesce(regexp_full_match(security_class2_desc, '[0-9A-Z]*[0-9][0-9A-Z]*'), false) as is_total,

        ---------- measures
        interest_rate_pct,
        yield_pct,
        issued_usd_mn,
        inflation_adj_usd_mn,
        redeemed_usd_mn,
        outstanding_usd_mn,

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
