{{ config(meta={'known_since': 'known_at'}, unique_key=['series_id', 'period_end']) }}
{#- Where each series stands: table, relation, and in it the key, the day and the value. -#}
{%- set sources = [
    ('bea.gdp', ref('stg_bea__gdp'), 'series_code', 'quarter_end',
        'coalesce(gdp_usd_bn, private_investment_usd_bn, private_fixed_investment_usd_bn)'),
    ('board.h10', ref('stg_board__h10'), 'series_name', 'period_end', 'value::double * unit_multiplier'),
    ('board.h15', ref('stg_board__h15'), 'series_name', 'period_end', 'value::double * unit_multiplier'),
    ('board.h41', ref('stg_board__h41'), 'series_name', 'period_end', 'value::double * unit_multiplier'),
    ('board.h8', ref('stg_board__h8'), 'series_name', 'period_end', 'value::double * unit_multiplier'),
    ('board.prates', ref('stg_board__prates'), 'series_name', 'period_end', 'value::double * unit_multiplier'),
    ('defillama.stablecoins', ref('stg_defillama__stablecoins'), 'peg_type', 'observation_date', 'circulating_usd'),
    ('fiscaldata.operating_cash_balance', ref('stg_fiscaldata__operating_cash_balance'), "'tga_close'", 'record_date',
        'tga_close_usd_mn'),
    ('nyfed.reference_rates', ref('stg_nyfed__reference_rates'), 'rate_type', 'effective_date', 'rate_pct'),
    ('ofr.funding_monitor', ref('stg_ofr__funding_monitor'), 'mnemonic', 'observation_date',
        'coalesce(amount_usd, rate_pct)'),
    ('ofr.hedge_funds', ref('stg_ofr__hedge_funds'), 'mnemonic', 'quarter_end',
        'coalesce(amount_usd, leverage_ratio, fund_count)'),
] -%}
{#- And where a column is a series: table, relation, day, columns. -#}
{%- for source_table, relation, period_end, columns in [
    ('board.excess_bond_premium', ref('stg_board__excess_bond_premium'), 'last_day(month_start)',
        ['gz_spread_pct', 'excess_bond_premium_pct']),
    ('chicagofed.nfci', ref('stg_chicagofed__nfci'), 'week_end', ['nfci', 'anfci', 'credit']),
    ('ofr.financial_stress', ref('stg_ofr__financial_stress'), 'observation_date',
        ['ofr_fsi_points', 'credit_points', 'equity_valuation_points', 'funding_points', 'safe_assets_points',
        'volatility_points']),
] -%}
{%- for column in columns -%}
{%- do sources.append((source_table, relation, "'" ~ column ~ "'", period_end, column)) -%}
{%- endfor -%}
{%- endfor -%}
with stated as (

    {% for source_table, relation, source_key, period_end, value in sources -%}
    select
        '{{ source_table }}' as source_table,
        {{ source_key }} as source_key,
        {{ period_end }} as period_end,
        ({{ value }})::double as value,
        pit_quality,
        known_at,
        known_until,
        ingested_at,
        _origin as origin,
        _source_url as source_url,
        _source_sha256 as source_sha256
    from {{ relation }}
    where
        not is_deleted
        {{ and_about(period_end, [
            first_landed([source_table]), first_replaced('period_end', "source_table = '" ~ source_table ~ "'"),
        ]) }}
    union all
    {% endfor -%}
    select * from {{ ref('int_series__overnight_repo') }}
    {{ where_changed(ref('int_series__overnight_repo'), ['source_key', 'period_end'], ['known_at', 'known_until']) }}

),

declared as (

    select * from {{ ref('series') }}

),

scaled as (

    select
        declared.series_id,
        declared.unit,
        declared.frequency,
        declared.is_plumbing,
        stated.source_table,
        stated.source_key,
        stated.period_end,
        stated.value / declared.divisor as value,
        stated.pit_quality,
        stated.known_at,
        stated.known_until,
        stated.ingested_at,
        stated.origin,
        stated.source_url,
        stated.source_sha256,
        {{ add_days("date_trunc('quarter', stated.period_end)::date", -1) }} as quarter_end_before,
        last_day({{ add_months("date_trunc('quarter', stated.period_end)::date", 2) }}) as quarter_end_after
    from stated
    inner join declared on stated.source_table = declared.source_table and stated.source_key = declared.source_key
    where stated.value is not null

),

observations as (

    select
        ---------- keys
        series_id::varchar as series_id,
        'system'::varchar as entity_type,
        'US'::varchar as entity_id,
        frequency::varchar as frequency,
        case frequency
            when 'week' then {{ add_days('period_end', -6) }}
            when 'month' then date_trunc('month', period_end)::date
            when 'quarter' then date_trunc('quarter', period_end)::date
            else period_end
        end::date as period_start,
        period_end::date as period_end,

        ---------- measures
        value::double as value,
        unit::varchar as unit,
        -- banks dress their balance sheets for the quarter's end, and taxes move cash on their dates
        case
            when not is_plumbing then null
            when
                least(
                    {{ days_between('quarter_end_before', 'period_end') }},
                    {{ days_between('period_end', 'quarter_end_after') }}
                ) <= 3
                then 'quarter_end'
            when
                extract(month from period_end) in (4, 6, 9, 12) and extract(day from period_end) between 13 and 18
                then 'tax_date'
        end::varchar as calendar_flag,

        ---------- when it was known
        pit_quality::varchar as pit_quality,
        known_at::timestamptz as known_at,
        known_until::timestamptz as known_until,
        (row_number() over (partition by series_id, period_end order by known_at))::integer as revision_number,
        ingested_at::timestamptz as ingested_at,

        ---------- where it came from
        origin::varchar as origin,
        source_table::varchar as source_table,
        source_key::varchar as source_key,
        source_url::varchar as source_url,
        source_sha256::varchar as source_sha256
    from scaled

)

select * from observations
