{%- set grains = {'week': 'week', 'month': 'month', 'calendar_quarter': 'quarter'} -%}
with periods_of_auctions as (
    {% for grain, unit in grains.items() %}
    select
        '{{ grain }}' as grain,
        date_trunc('{{ unit }}', issue_date)::date as period_start,
        cusip,
        issue_date,
        security_kind,
        security_kind = 'bill' as is_bill,
        total_accepted_usd,
        soma_accepted_usd,
        nullif(maturing_public_by_type_usd, 0) as maturing_usd,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        source_url,
        known_at,
        known_until
    from {{ ref('fct_auctions') }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

periods_of_buybacks as (
    {% for grain, unit in grains.items() %}
    select
        '{{ grain }}' as grain,
        date_trunc('{{ unit }}', settlement_date)::date as period_start,
        operation_date,
        total_par_accepted_usd,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', '_origin') }} as origin_rank,
        known_at,
        known_until
    from {{ ref('stg_fiscaldata__buybacks') }}
    where not is_deleted and settlement_date is not null
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

changes as (

    {{ instants_of('periods_of_auctions', ['grain', 'period_start'], 'changed_at') }}
    union
    {{ instants_of('periods_of_buybacks', ['grain', 'period_start'], 'changed_at') }}

),

with_ends as (  -- a week of issues ends on its Friday

    select
        *,
        case grain
            when 'week' then {{ add_days('period_start', 4) }}
            when 'month' then last_day(period_start)
            else last_day({{ add_months('period_start', 2) }})
        end as period_end
    from changes

),

moments as (  -- what a period supplied is not known before it has ended

    select distinct
        grain,
        period_start,
        period_end,
        greatest(changed_at, {{ end_of_day_in_new_york('period_end') }}) as known_at
    from with_ends

),

instants as (  -- once all auctions of a period are withdrawn, so is its last state

    select
        *,
        lead(known_at) over (partition by grain, period_start order by known_at) as known_until
    from moments

),

settlements as (  -- what matures is told once for bills and once for coupons, and every auction of the day repeats it

    select
        instants.grain,
        instants.period_start,
        instants.known_at,
        auctions.issue_date,
        auctions.is_bill,
        count(*) as auction_count,
        count(auctions.total_accepted_usd) as result_count,
        count(auctions.total_accepted_usd - auctions.soma_accepted_usd) as private_count,
        coalesce(sum(auctions.total_accepted_usd), 0)::double / 1e9 as gross,
        coalesce(sum(auctions.soma_accepted_usd), 0)::double / 1e9 as soma,
        coalesce(sum(auctions.total_accepted_usd - auctions.soma_accepted_usd), 0)::double / 1e9 as private_gross,
        max(auctions.maturing_usd)::double / 1e9 as maturing,
        max(auctions.pit_rank) as pit_rank,
        max(auctions.origin_rank) as origin_rank,
        min(auctions.source_url) as source_url
    from instants
    inner join periods_of_auctions as auctions
        on
            instants.grain = auctions.grain
            and instants.period_start = auctions.period_start
            and {{ known_then('auctions', 'instants.known_at') }}
    group by instants.grain, instants.period_start, instants.known_at, auctions.issue_date, auctions.is_bill

),

sold as (  -- in decimals, whose sums do not depend on the order of the rows

    select
        grain,
        period_start,
        known_at,
        sum(auction_count) as auction_count,
        sum(result_count) as result_count,
        sum(private_count) as private_count,
        sum(case when is_bill then auction_count else 0 end) as bill_count,
        sum(gross::decimal(28, 12))::double as gross,
        sum(private_gross::decimal(28, 12))::double as private_gross,
        sum(case when is_bill then private_gross else 0 end::decimal(28, 12))::double as private_bills,
        sum(soma::decimal(28, 12))::double as soma,
        count(*) as settlement_count,
        count(maturing) as maturing_count,
        sum(maturing::decimal(28, 12))::double as maturing,
        sum(case when is_bill then maturing else 0 end::decimal(28, 12))::double as maturing_bills,
        max(pit_rank) as pit_rank,
        max(origin_rank) as origin_rank,
        min(source_url) as source_url
    from settlements
    group by grain, period_start, known_at

),

bought_back as (

    select
        instants.grain,
        instants.period_start,
        instants.known_at,
        count(*) as operation_count,
        count(buybacks.total_par_accepted_usd) as result_count,
        sum(buybacks.total_par_accepted_usd)::double / 1e9 as par,
        max(buybacks.pit_rank) as pit_rank,
        max(buybacks.origin_rank) as origin_rank
    from instants
    inner join periods_of_buybacks as buybacks
        on
            instants.grain = buybacks.grain
            and instants.period_start = buybacks.period_start
            and {{ known_then('buybacks', 'instants.known_at') }}
    group by instants.grain, instants.period_start, instants.known_at

),

followed as (  -- that nothing was bought is known only where an operation of the month before or later was known

    select distinct
        instants.grain,
        instants.period_start,
        instants.known_at
    from instants
    inner join periods_of_buybacks as operations
        on
            operations.grain = 'week'
            and operations.operation_date >= {{ add_days('instants.period_start', -31) }}
            and {{ known_then('operations', 'instants.known_at') }}

),

joined as (

    select
        instants.*,
        sold.auction_count,
        sold.result_count,
        sold.gross,
        sold.private_gross,
        sold.private_bills,
        sold.soma,
        sold.maturing,
        sold.maturing_bills,
        sold.settlement_count,
        sold.maturing_count,
        sold.source_url,
        case
            when bought_back.operation_count > 0 and bought_back.result_count = bought_back.operation_count
                then bought_back.par
            when bought_back.operation_count > 0 then null
            when followed.grain is not null then 0
            -- between the buybacks of 2000 to 2002 and those since April 2024 there were only tests of some millions
            when instants.period_start >= date '2002-05-01' and instants.period_end < date '2024-04-01' then 0
        end as buybacks,
        greatest(sold.pit_rank, coalesce(bought_back.pit_rank, 1)) as pit_rank,
        greatest(sold.origin_rank, coalesce(bought_back.origin_rank, 1)) as origin_rank,
        sold.private_count,
        case
            when sold.result_count < sold.auction_count
                then
                    'missing_results: ' || (sold.auction_count - sold.result_count)::integer
                    || ' of ' || sold.auction_count::integer
            when sold.bill_count = 0 then 'missing_results: no bills'
            when sold.bill_count = sold.auction_count and instants.grain <> 'week' then 'missing_results: no coupons'
        end as gross_null_reason
    from instants
    inner join sold
        on
            instants.grain = sold.grain
            and instants.period_start = sold.period_start
            and instants.known_at = sold.known_at
    left join bought_back
        on
            instants.grain = bought_back.grain
            and instants.period_start = bought_back.period_start
            and instants.known_at = bought_back.known_at
    left join followed
        on
            instants.grain = followed.grain
            and instants.period_start = followed.period_start
            and instants.known_at = followed.known_at

),

with_private as (

    select
        *,
        case
            when gross_null_reason is not null then gross_null_reason
            when private_count < result_count then 'missing_input: soma_accepted'
        end as private_null_reason
    from joined

),

with_net as (

    select
        *,
        case
            when private_null_reason is not null then private_null_reason
            when maturing_count < settlement_count
                then
                    'missing_input: maturing_private of ' || (settlement_count - maturing_count)::integer
                    || ' settlements'
            when buybacks is null then 'missing_input: treasury_buybacks'
        end as net_null_reason,
        private_bills - maturing_bills as net_bills,
        private_gross - maturing - buybacks as net
    from with_private

),

supply as (

    select
        ---------- keys
        grain::varchar as grain,
        period_end::date as period_end,

        ---------- dimensions
        period_start::date as period_start,
        auction_count::integer as auction_count,
        result_count::integer as result_count,
        settlement_count::integer as settlement_count,
        maturing_count::integer as maturing_count,

        ---------- the part that is known
        gross::double as known_gross_usd_bn,
        private_gross::double as known_private_gross_usd_bn,
        soma::double as known_soma_addon_usd_bn,

        ---------- the whole
        case when gross_null_reason is null then gross end::double as gross_issuance_usd_bn,
        case when private_null_reason is null then private_gross end::double as private_gross_usd_bn,
        case when private_null_reason is null then soma end::double as soma_addon_usd_bn,
        case when private_null_reason is null then soma / nullif(gross, 0) end::double as soma_addon_share_ratio,
        case when maturing_count = settlement_count then maturing end::double as maturing_private_usd_bn,
        buybacks::double as buybacks_usd_bn,
        case when net_null_reason is null then net_bills end::double as net_bills_usd_bn,
        case when net_null_reason is null then net end::double as net_new_cash_usd_bn,
        case when net_null_reason is null and net > 0 then net_bills / net end::double as bill_share_ratio,

        ---------- why it is not
        gross_null_reason::varchar as gross_null_reason,
        private_null_reason::varchar as private_null_reason,
        net_null_reason::varchar as net_null_reason,

        ---------- when it was known
        {{ word_of('pit_quality', 'pit_rank') }}::varchar as pit_quality,
        known_at::timestamptz as known_at,
        known_until::timestamptz as known_until,

        ---------- where it came from
        source_url::varchar as source_url,
        {{ word_of('origin', 'origin_rank') }}::varchar as origin
    from with_net

)

select * from supply
