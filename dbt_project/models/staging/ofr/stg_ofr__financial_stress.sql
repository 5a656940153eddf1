with landed as (

    {{ versions_of(source('ofr', 'financial_stress'), ['observation_date']) }}

),

versions as (

    select
        ---------- keys
        observation_date,

        ---------- measures
        ofr_fsi as ofr_fsi_points,
        credit as credit_points,
        equity_valuation as equity_valuation_points,
        safe_assets as safe_assets_points,
        funding as funding_points,
        volatility as volatility_points,
        united_states as united_states_points,
        other_advanced_economies as other_advanced_economies_points,
        emerging_markets as emerging_markets_points,

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
