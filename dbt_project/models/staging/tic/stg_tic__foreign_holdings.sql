with landed as (

    {{ versions_of(source('tic', 'foreign_holdings'), ['country_code', 'month_end']) }}

),

versions as (

    select
        ---------- keys
        country_code,
        month_end,

        ---------- dimensions
        holder_name,
        -- Flows are published from February 2023 on, from the United States' point of view. Before, only estimates
        -- can be made, from holdings and prices: the two must not be spliced unseen.
        case when month_end < date '2023-02-01' then 'holdings_only' else 'published_flows' end as flow_regime,

        ---------- measures
        holdings_usd_mn,
        net_purchases_usd_mn,
        long_term_holdings_usd_mn,
        long_term_net_purchases_usd_mn,
        long_term_valuation_change_usd_mn,
        short_term_holdings_usd_mn,
        short_term_net_purchases_usd_mn,

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
