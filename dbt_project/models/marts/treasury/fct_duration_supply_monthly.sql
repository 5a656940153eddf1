with parameter_sets as (

    select
        parameter_set,
        tips_yield_beta::double as tips_beta,
        foreign_official_duration_years::double as foreign_years
    from ({{ parameter_sets(['tips_yield_beta', 'foreign_official_duration_years']) }}) as those_that_differ

),

auctions as (  -- in decimals, as all that is summed: sums of those do not depend on the order of the rows

    select
        date_trunc('month', issue_date)::date as month_start,
        security_kind,
        has_results,
        private_tenyr_equiv_usd_bn::decimal(28, 12) as private_tenyr,
        (tenyr_equiv_usd_bn * dealer_accepted_usd::double / nullif(total_accepted_usd, 0))::decimal(28, 12) as dealer_tenyr,
        (tenyr_equiv_usd_bn * direct_accepted_usd::double / nullif(total_accepted_usd, 0))::decimal(28, 12) as direct_tenyr,
        (tenyr_equiv_usd_bn * indirect_accepted_usd::double / nullif(total_accepted_usd, 0))::decimal(28, 12) as indirect_tenyr,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        source_url,
        known_at,
        known_until
    from {{ ref('fct_auctions') }}

),

ten_year_yields as (

    select
        *,
        {{ par_dv01('yield_pct') }} as ref_dv01
    from {{ ref('int_treasury__yields_at_one_pm') }}
    where tenor_years = 10

),

operations as (

    select
        date_trunc('month', settlement_date)::date as month_start,
        operation_date,
        settlement_date,
        security_type,
        total_par_accepted_usd,
        try_cast(nullif(regexp_extract(maturity_bucket, '^([0-9]+)Y', 1), '') as double) as years_from,
        try_cast(nullif(regexp_extract(maturity_bucket, 'to ([0-9]+)Y', 1), '') as double) as years_to,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', '_origin') }} as origin_rank,
        known_at,
        known_until
    from {{ ref('stg_fiscaldata__buybacks') }}
    where not is_deleted and settlement_date is not null

),

buybacks as (  -- what was bought in a bucket counts as a par bond of its middle, at the ten-year yield

    select
        operations.*,
        operations.security_type ilike '%TIPS%' as is_indexed,
        operations.total_par_accepted_usd::double / 1e9
        * {{ par_dv01('ten_year_yields.yield_pct', 'coalesce(operations.years_from, 0) + operations.years_to') }}
        / ten_year_yields.ref_dv01 as bought_tenyr
    from operations
    left join ten_year_yields on operations.settlement_date = ten_year_yields.date_day

),

tranches as (

    select
        financing_id,
        date_trunc('month', period_start)::date as month_start,
        period_start as settled_on,
        coalesce(
            maturity_date, {{ add_months('period_start', '12 * (maturity_year - extract(year from period_start))') }}
        ) as matures_on,
        amount_bn::double as amount_usd_bn,
        coupon_pct,
        coalesce(yield_pct, coupon_pct) as yield_at_issue_pct,
        is_floating,
        source_url,
        announced_at as known_at
    from {{ ref('off_balance_financing') }}
    where instrument = 'bond' and currency = 'USD'

),

with_schedule as (

    {{ with_coupon_schedule('tranches', 'settled_on', 'matures_on') }}

),

bonds as (  -- a floating rate is set anew each quarter

    select
        with_schedule.*,
        (with_schedule.amount_usd_bn * case
            when with_schedule.is_floating then 0.25 * 100 / 10000
            else {{ dv01('with_schedule.coupon_pct', 'with_schedule.yield_at_issue_pct') }}
        end / ten_year_yields.ref_dv01)::decimal(28, 12) as bond_tenyr
    from with_schedule
    left join ten_year_yields on with_schedule.settled_on = ten_year_yields.date_day

),

wednesdays as (

    select
        date_trunc('month', date_day)::date as month_start,
        count(*) as expected_count
    from {{ ref('time_spine_daily') }}
    where {{ add_days("date_trunc('week', date_day)::date", 2) }} = date_day
    group by date_trunc('month', date_day)

),

fed_weeks as (

    select
        *,
        date_trunc('month', as_of_date)::date as month_start
    from {{ ref('int_treasury__soma_purchases') }}

),

foreign_holdings as (

    select
        date_trunc('month', month_end)::date as month_start,
        holdings_usd_bn,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        known_at,
        known_until
    from {{ ref('fct_foreign_treasury_holdings_monthly') }}
    where entity_id = 'foreign_official' and survey_basis = 'current' and holdings_usd_bn is not null

),

versions as (

    select
        month_start,
        known_at,
        known_until
    from auctions
    union
    select
        month_start,
        known_at,
        known_until
    from buybacks
    union
    select
        month_start,
        known_at,
        null::timestamptz as known_until
    from bonds
    union
    select
        month_start,
        known_at,
        known_until
    from fed_weeks
    union
    select
        month_start,
        known_at,
        known_until
    from foreign_holdings
    union
    select
        {{ add_months('month_start', 1) }} as month_start,
        known_at,
        known_until
    from foreign_holdings

),

changes as (

    {{ instants_of('versions', ['month_start'], 'changed_at') }}

),

moments as (

    select distinct
        month_start,
        greatest(changed_at, {{ end_of_day_in_new_york('last_day(month_start)') }}) as known_at
    from changes

),

instants as (

    select
        *,
        lead(known_at) over (partition by month_start order by known_at) as known_until
    from moments

),

sold as (

    select
        instants.month_start,
        instants.known_at,
        count(*) as auction_count,
        count(auctions.private_tenyr) as priced_count,
        count(case when not auctions.has_results then 1 end) as waiting_count,
        count(case when auctions.security_kind = 'bill' then 1 end) as bill_count,
        {%- for kind in ['bill', 'nominal_coupon', 'inflation_indexed', 'floating_rate_note'] %}
        coalesce(sum(case when auctions.security_kind = '{{ kind }}' then auctions.private_tenyr end), 0)::double
            as {{ kind }},
        {%- endfor %}
        {%- for buyer in ['dealer', 'direct', 'indirect'] %}
        coalesce(
            sum(case when auctions.security_kind <> 'inflation_indexed' then auctions.{{ buyer }}_tenyr end), 0
        )::double as {{ buyer }}_nominal,
        coalesce(
            sum(case when auctions.security_kind = 'inflation_indexed' then auctions.{{ buyer }}_tenyr end), 0
        )::double as {{ buyer }}_indexed,
        {%- endfor %}
        max(auctions.pit_rank) as pit_rank,
        max(auctions.origin_rank) as origin_rank,
        min(auctions.source_url) as source_url
    from instants
    inner join auctions
        on
            instants.month_start = auctions.month_start
            and {{ known_then('auctions', 'instants.known_at') }}
    group by instants.month_start, instants.known_at

),

bought_back as (

    select
        instants.month_start,
        instants.known_at,
        count(*) as operation_count,
        count(buybacks.bought_tenyr) as priced_count,
        {%- for kind, condition in {'nominal': 'not buybacks.is_indexed', 'indexed': 'buybacks.is_indexed'}.items() %}
        coalesce(sum(case when {{ condition }} then buybacks.bought_tenyr end::decimal(28, 12)), 0)::double
            as {{ kind }}_tenyr,
        {%- endfor %}
        max(buybacks.pit_rank) as pit_rank,
        max(buybacks.origin_rank) as origin_rank
    from instants
    inner join buybacks
        on
            instants.month_start = buybacks.month_start
            and {{ known_then('buybacks', 'instants.known_at') }}
    group by instants.month_start, instants.known_at

),

followed as (  -- that nothing was bought is known only where an operation of the month before or later was known

    select distinct
        instants.month_start,
        instants.known_at
    from instants
    inner join operations
        on
            operations.operation_date >= {{ add_days('instants.month_start', -31) }}
            and {{ known_then('operations', 'instants.known_at') }}

),

borrowed as (

    select
        instants.month_start,
        instants.known_at,
        count(*) as bond_count,
        count(bonds.bond_tenyr) as priced_count,
        sum(bonds.bond_tenyr)::double as known_tenyr,
        sum(bonds.amount_usd_bn::decimal(28, 12))::double as amount_usd_bn,
        min(bonds.source_url) as source_url
    from instants
    inner join bonds on instants.month_start = bonds.month_start and instants.known_at >= bonds.known_at
    group by instants.month_start, instants.known_at

),

fed as (

    select
        instants.month_start,
        instants.known_at,
        count(case when fed_weeks.null_reason is null then 1 end) as week_count,
        {%- for amount in ['bought', 'bills', 'nominal_tenyr', 'indexed_tenyr'] %}
        sum(case when fed_weeks.null_reason is null then fed_weeks.{{ amount }}_usd_bn end::decimal(28, 12))::double
            as {{ amount }},
        {%- endfor %}
        max(fed_weeks.pit_rank) as pit_rank,
        max(fed_weeks.origin_rank) as origin_rank,
        min(fed_weeks.source_url) as source_url
    from instants
    inner join fed_weeks
        on
            instants.month_start = fed_weeks.month_start
            and {{ known_then('fed_weeks', 'instants.known_at') }}
    group by instants.month_start, instants.known_at

),

abroad as (

    select
        instants.month_start,
        instants.known_at,
        max((holdings.holdings_usd_bn - holdings_before.holdings_usd_bn)::double) as change_usd_bn,
        max(greatest(holdings.pit_rank, holdings_before.pit_rank)) as pit_rank,
        max(greatest(holdings.origin_rank, holdings_before.origin_rank)) as origin_rank
    from instants
    inner join foreign_holdings as holdings
        on
            instants.month_start = holdings.month_start
            and {{ known_then('holdings', 'instants.known_at') }}
    inner join foreign_holdings as holdings_before
        on
            instants.month_start = {{ add_months('holdings_before.month_start', 1) }}
            and {{ known_then('holdings_before', 'instants.known_at') }}
    group by instants.month_start, instants.known_at

),

joined as (

    select
        instants.month_start,
        last_day(instants.month_start) as month_end,
        instants.known_at,
        instants.known_until,
        parameter_sets.parameter_set,
        sold.auction_count,
        sold.priced_count,
        sold.bill,
        sold.nominal_coupon,
        parameter_sets.tips_beta * sold.inflation_indexed as inflation_indexed,
        sold.floating_rate_note,
        {%- for buyer in ['dealer', 'direct', 'indirect'] %}
        sold.{{ buyer }}_nominal + parameter_sets.tips_beta * sold.{{ buyer }}_indexed as {{ buyer }},
        {%- endfor %}
        case
            when sold.waiting_count > 0
                then 'missing_results: ' || sold.waiting_count || ' of ' || sold.auction_count
            when sold.priced_count < sold.auction_count
                then
                    'missing_input: dv01 of ' || (sold.auction_count - sold.priced_count)
                    || ' of ' || sold.auction_count
            when sold.bill_count = 0 then 'missing_results: no bills'
            when sold.bill_count = sold.auction_count then 'missing_results: no coupons'
        end as sold_null_reason,
        case
            when bought_back.operation_count = bought_back.priced_count
                then bought_back.nominal_tenyr + parameter_sets.tips_beta * bought_back.indexed_tenyr
            when bought_back.operation_count > 0 then null
            when followed.month_start is not null then 0
            -- as in fct_treasury_supply: in between there were only tests of some millions
            when instants.month_start between date '2002-05-01' and date '2024-03-01' then 0
        end as buybacks,
        borrowed.bond_count,
        borrowed.priced_count as priced_bond_count,
        borrowed.amount_usd_bn as bonds_usd_bn,
        borrowed.known_tenyr as known_bonds,
        case
            when borrowed.bond_count is null then 'missing_input: no deal in the log'
            when borrowed.priced_count < borrowed.bond_count
                then
                    'missing_input: terms of ' || (borrowed.bond_count - borrowed.priced_count)
                    || ' of ' || borrowed.bond_count || ' bonds'
        end as ai_null_reason,
        coalesce(fed.week_count, 0) as fed_week_count,
        wednesdays.expected_count,
        fed.bought as fed_bought_usd_bn,
        fed.bills as fed_bills_usd_bn,
        fed.nominal_tenyr + parameter_sets.tips_beta * fed.indexed_tenyr as known_fed,
        case
            when coalesce(fed.week_count, 0) < wednesdays.expected_count
                then
                    'missing_input: soma_holdings of '
                    || (wednesdays.expected_count - coalesce(fed.week_count, 0)) || ' weeks'
        end as fed_null_reason,
        abroad.change_usd_bn as foreign_change_usd_bn,
        abroad.change_usd_bn * parameter_sets.foreign_years / (100 * ten_year_yields.ref_dv01) as foreign_official,
        greatest(coalesce(sold.pit_rank, 1), coalesce(bought_back.pit_rank, 1)) as sold_pit_rank,
        greatest(coalesce(sold.origin_rank, 1), coalesce(bought_back.origin_rank, 1)) as sold_origin_rank,
        sold.source_url,
        borrowed.source_url as ai_source_url,
        fed.pit_rank as fed_pit_rank,
        fed.origin_rank as fed_origin_rank,
        fed.source_url as fed_source_url,
        abroad.pit_rank as foreign_pit_rank,
        abroad.origin_rank as foreign_origin_rank
    from instants
    cross join parameter_sets
    inner join sold on instants.month_start = sold.month_start and instants.known_at = sold.known_at
    left join bought_back
        on instants.month_start = bought_back.month_start and instants.known_at = bought_back.known_at
    left join followed on instants.month_start = followed.month_start and instants.known_at = followed.known_at
    left join borrowed on instants.month_start = borrowed.month_start and instants.known_at = borrowed.known_at
    left join fed on instants.month_start = fed.month_start and instants.known_at = fed.known_at
    left join abroad on instants.month_start = abroad.month_start and instants.known_at = abroad.known_at
    left join wednesdays on instants.month_start = wednesdays.month_start
    left join ten_year_yields on last_day(instants.month_start) = ten_year_yields.date_day

),

with_private as (

    select
        *,
        bill + nominal_coupon + inflation_indexed + floating_rate_note as known_sold,
        case
            when sold_null_reason is not null then sold_null_reason
            when buybacks is null then 'missing_input: treasury_buybacks'
        end as private_null_reason
    from joined

),

with_net as (

    select
        *,
        case when private_null_reason is null then known_sold - buybacks end as private_supply,
        case when ai_null_reason is null then known_bonds end as ai_supply,
        case when fed_null_reason is null then known_fed end as fed_absorption,
        case
            when private_null_reason is not null then private_null_reason
            when ai_null_reason is not null then 'missing_input: ai_duration_supply'
            when fed_null_reason is not null then fed_null_reason
            when foreign_official is null then 'missing_input: foreign_official_holdings'
        end as net_null_reason
    from with_private

),

supply as (

    select
        ---------- keys
        month_end::date as month_end,
        parameter_set::varchar as parameter_set,

        ---------- dimensions
        auction_count::integer as auction_count,
        priced_count::integer as priced_auction_count,
        bond_count::integer as bond_count,
        priced_bond_count::integer as priced_bond_count,
        fed_week_count::integer as fed_week_count,
        expected_count::integer as expected_week_count,

        ---------- what the Treasury sold to the public
        known_sold::double as known_sold_tenyr_usd_bn,
        case when sold_null_reason is null then bill end::double as bills_tenyr_usd_bn,
        case when sold_null_reason is null then nominal_coupon end::double as nominal_coupons_tenyr_usd_bn,
        case when sold_null_reason is null then inflation_indexed end::double as inflation_indexed_tenyr_usd_bn,
        case when sold_null_reason is null then floating_rate_note end::double as floating_rate_notes_tenyr_usd_bn,
        case when sold_null_reason is null then dealer end::double as dealers_tenyr_usd_bn,
        case when sold_null_reason is null then direct end::double as direct_bidders_tenyr_usd_bn,
        case when sold_null_reason is null then indirect end::double as indirect_bidders_tenyr_usd_bn,
        case when sold_null_reason is null then known_sold - dealer - direct - indirect end::double
            as noncompetitive_tenyr_usd_bn,
        buybacks::double as buybacks_tenyr_usd_bn,
        private_supply::double as private_duration_supply_usd_bn,

        ---------- who else sold and bought
        bonds_usd_bn::double as ai_bonds_usd_bn,
        known_bonds::double as known_ai_duration_supply_usd_bn,
        ai_supply::double as ai_duration_supply_usd_bn,
        case when fed_null_reason is null then fed_bought_usd_bn end::double as fed_purchases_usd_bn,
        case when fed_null_reason is null then fed_bills_usd_bn end::double as fed_bill_purchases_usd_bn,
        known_fed::double as known_fed_duration_absorption_usd_bn,
        fed_absorption::double as fed_duration_absorption_usd_bn,
        case
            when private_supply + fed_absorption > 0 then fed_absorption / (private_supply + fed_absorption)
        end::double as fed_duration_absorption_share_ratio,
        foreign_change_usd_bn::double as foreign_official_change_usd_bn,
        foreign_official::double as foreign_official_tenyr_usd_bn,

        ---------- what is left
        (private_supply - fed_absorption - foreign_official)::double as treasury_net_duration_to_private_usd_bn,
        (private_supply + ai_supply - fed_absorption - foreign_official)::double as net_duration_to_private_usd_bn,

        ---------- why it is not known
        private_null_reason::varchar as private_null_reason,
        ai_null_reason::varchar as ai_null_reason,
        fed_null_reason::varchar as fed_null_reason,
        net_null_reason::varchar as net_null_reason,

        ---------- when it was known
        {{ word_of('pit_quality', 'sold_pit_rank') }}::varchar as pit_quality,
        {{ word_of('pit_quality', 'fed_pit_rank') }}::varchar as fed_pit_quality,
        {{ word_of('pit_quality', 'foreign_pit_rank') }}::varchar as foreign_pit_quality,
        known_at::timestamptz as known_at,
        known_until::timestamptz as known_until,

        ---------- where it came from
        source_url::varchar as source_url,
        ai_source_url::varchar as ai_source_url,
        fed_source_url::varchar as fed_source_url,
        {{ word_of('origin', 'sold_origin_rank') }}::varchar as origin,
        {{ word_of('origin', 'fed_origin_rank') }}::varchar as fed_origin,
        {{ word_of('origin', 'foreign_origin_rank') }}::varchar as foreign_origin
    from with_net

)

select * from supply
