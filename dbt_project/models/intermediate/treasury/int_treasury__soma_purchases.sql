{{ config(meta={'known_since': 'known_at'}, unique_key=['as_of_date']) }}
{%- set firsts = [
    first_landed(['nyfed.soma_holdings']), first_changed(ref('fct_auctions'), 'issue_date'),
    first_replaced('as_of_date'),
] -%}
with holdings as (

    select
        as_of_date,
        cusip,
        security_type,
        maturity_date,
        coupon_pct,
        par_value_usd,
        coalesce(inflation_compensation_usd, 0) as inflation_compensation_usd,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', '_origin') }} as origin_rank,
        _source_url as source_url,
        known_at,
        known_until
    from {{ ref('stg_nyfed__soma_holdings') }}
    where not is_deleted {{ and_about('as_of_date', firsts, 7) }}

),

addons as (

    select
        cusip,
        issue_date,
        soma_accepted_usd,
        known_at,
        known_until
    from {{ ref('fct_auctions') }}
    where soma_accepted_usd <> 0

),

unresolved as (  -- an auction without its result may hide an add-on

    select
        issue_date,
        known_at,
        known_until
    from {{ ref('fct_auctions') }}
    where soma_accepted_usd is null

),

statements as (

    select distinct
        as_of_date,
        known_at,
        known_until
    from holdings

),

weeks as (

    select distinct
        as_of_date,
        {{ add_days('as_of_date', -7) }} as week_before
    from statements

),

changes as (

    select
        weeks.as_of_date,
        weeks.week_before,
        statements.known_at,
        statements.known_until
    from weeks
    inner join statements on weeks.as_of_date = statements.as_of_date
    union all
    select
        weeks.as_of_date,
        weeks.week_before,
        statements.known_at,
        statements.known_until
    from weeks
    inner join statements on weeks.week_before = statements.as_of_date
    union all
    select
        weeks.as_of_date,
        weeks.week_before,
        auctions.known_at,
        auctions.known_until
    from weeks
    inner join {{ ref('fct_auctions') }} as auctions
        on weeks.week_before < auctions.issue_date and weeks.as_of_date >= auctions.issue_date

),

first_seen as (

    select
        as_of_date,
        min(known_at) as known_at
    from statements
    group by as_of_date

),

instants as (

    select
        changes.as_of_date,
        changes.week_before,
        greatest(changes.known_at, first_seen.known_at) as known_at
    from changes
    inner join first_seen on changes.as_of_date = first_seen.as_of_date
    union
    select
        changes.as_of_date,
        changes.week_before,
        greatest(changes.known_until, first_seen.known_at) as known_at
    from changes
    inner join first_seen on changes.as_of_date = first_seen.as_of_date
    where changes.known_until is not null

),

changed_instants as (

    select * from instants
    {{ of_what_changed(['as_of_date']) }}

),

parts as (  -- what was there a week ago counts against, unless it has matured; so does what was added at auctions

    select
        instants.as_of_date,
        instants.known_at,
        held.cusip,
        held.security_type,
        held.maturity_date,
        held.coupon_pct,
        held.par_value_usd as bought_usd,
        held.inflation_compensation_usd / nullif(held.par_value_usd, 0) as index_growth_ratio,
        held.par_value_usd as now_usd,
        0 as before_usd,
        held.pit_rank,
        held.origin_rank,
        held.source_url
    from changed_instants as instants
    inner join holdings as held
        on
            instants.as_of_date = held.as_of_date
            and {{ known_then('held', 'instants.known_at') }}
    union all
    select
        instants.as_of_date,
        instants.known_at,
        held.cusip,
        held.security_type,
        held.maturity_date,
        held.coupon_pct,
        case when held.maturity_date > instants.as_of_date then -held.par_value_usd else 0 end as bought_usd,
        held.inflation_compensation_usd / nullif(held.par_value_usd, 0) as index_growth_ratio,
        0 as now_usd,
        held.par_value_usd as before_usd,
        held.pit_rank,
        held.origin_rank,
        held.source_url
    from changed_instants as instants
    inner join holdings as held
        on
            instants.week_before = held.as_of_date
            and {{ known_then('held', 'instants.known_at') }}
    union all
    select
        instants.as_of_date,
        instants.known_at,
        addons.cusip,
        null as security_type,
        null as maturity_date,
        null as coupon_pct,
        -addons.soma_accepted_usd as bought_usd,
        null as index_growth_ratio,
        0 as now_usd,
        0 as before_usd,
        null as pit_rank,
        null as origin_rank,
        null as source_url
    from changed_instants as instants
    inner join addons
        on
            instants.week_before < addons.issue_date
            and instants.as_of_date >= addons.issue_date
            and {{ known_then('addons', 'instants.known_at') }}

),

securities as (

    select
        as_of_date,
        known_at,
        cusip,
        max(security_type) as security_type,
        max(maturity_date) as maturity_date,
        max(coupon_pct) as coupon_pct,
        max(index_growth_ratio) as index_growth_ratio,
        sum(bought_usd)::double / 1e9 as bought,
        sum(now_usd) as now_usd,
        sum(before_usd) as before_usd,
        max(pit_rank) as pit_rank,
        max(origin_rank) as origin_rank,
        min(source_url) as source_url
    from parts
    group by as_of_date, known_at, cusip

),

unmatured as (

    select * from securities
    where maturity_date > as_of_date

),

with_schedule as (

    {{ with_coupon_schedule('unmatured', 'as_of_date', 'maturity_date') }}

),

valued as (  -- nominal coupons at the ten-year yield, indexed ones at par: their own yields are not known by security

    select
        with_schedule.as_of_date,
        with_schedule.known_at,
        with_schedule.cusip,
        greatest(with_schedule.pit_rank, ten_year.pit_rank) as pit_rank,
        greatest(with_schedule.origin_rank, ten_year.origin_rank) as origin_rank,
        with_schedule.bought * case
            when with_schedule.security_type = 'Bills' then {{ bill_dv01() }}
            when with_schedule.security_type = 'FRNs' then {{ floating_rate_duration_years() }} * 100 / 10000
            when with_schedule.security_type = 'TIPS'
                then
                    {{ dv01('with_schedule.coupon_pct', 'with_schedule.coupon_pct') }}
                    * (1 + coalesce(with_schedule.index_growth_ratio, 0))
            else {{ dv01('with_schedule.coupon_pct', 'ten_year.yield_pct') }}
        end / {{ par_dv01('ten_year.yield_pct') }} as bought_tenyr,
        with_schedule.security_type = 'TIPS' as is_indexed
    from with_schedule
    left join {{ ref('int_treasury__yields_at_one_pm') }} as ten_year
        on with_schedule.as_of_date = ten_year.date_day and ten_year.tenor_years = 10

),

totals as (  -- in decimals, whose sums do not depend on the order of the rows

    select
        securities.as_of_date,
        securities.known_at,
        sum(securities.bought::decimal(28, 12))::double as bought_usd_bn,
        sum(case when securities.security_type = 'Bills' then securities.bought else 0 end::decimal(28, 12))::double as bills_usd_bn,
        sum(case when valued.is_indexed then 0 else valued.bought_tenyr end::decimal(28, 12))::double as nominal_tenyr_usd_bn,
        sum(case when valued.is_indexed then valued.bought_tenyr else 0 end::decimal(28, 12))::double as indexed_tenyr_usd_bn,
        count(
            case
                when securities.maturity_date <= securities.as_of_date then null
                when valued.bought_tenyr is null then 1
            end
        ) as unpriced_count,
        sum(securities.now_usd) as now_usd,
        sum(securities.before_usd) as before_usd,
        max(greatest(securities.pit_rank, coalesce(valued.pit_rank, 1))) as pit_rank,
        max(greatest(securities.origin_rank, coalesce(valued.origin_rank, 1))) as origin_rank,
        min(securities.source_url) as source_url
    from securities
    left join valued
        on
            securities.as_of_date = valued.as_of_date
            and securities.known_at = valued.known_at
            and securities.cusip = valued.cusip
    group by securities.as_of_date, securities.known_at

),

waiting as (

    select
        instants.as_of_date,
        instants.known_at,
        count(*) as missing_count
    from changed_instants as instants
    inner join unresolved
        on
            instants.week_before < unresolved.issue_date
            and instants.as_of_date >= unresolved.issue_date
            and {{ known_then('unresolved', 'instants.known_at') }}
    group by instants.as_of_date, instants.known_at

),

purchases as (

    select
        instants.as_of_date,
        totals.bought_usd_bn,
        totals.bills_usd_bn,
        totals.nominal_tenyr_usd_bn,
        totals.indexed_tenyr_usd_bn,
        case
            when coalesce(totals.now_usd, 0) = 0 then 'missing_input: soma_holdings'
            when totals.before_usd = 0 then 'missing_input: soma_holdings of the week before'
            when waiting.missing_count > 0 then 'missing_results: ' || waiting.missing_count
            when totals.unpriced_count > 0 then 'missing_input: yield_10y'
        end as null_reason,
        totals.pit_rank,
        totals.origin_rank,
        totals.source_url,
        instants.known_at,
        lead(instants.known_at) over (
            partition by instants.as_of_date order by instants.known_at
        ) as known_until
    from changed_instants as instants
    left join totals on instants.as_of_date = totals.as_of_date and instants.known_at = totals.known_at
    left join waiting on instants.as_of_date = waiting.as_of_date and instants.known_at = waiting.known_at

)

select * from purchases
