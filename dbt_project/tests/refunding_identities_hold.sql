{# Golden fact 45: what a refunding offers refunds what matures and raises the rest, its three securities sum to it, and
   what our auctions say of the day (sold to the public, and maturing) is what the Treasury announced. #}
with statements as (

    select
        period_end as refunded_on,
        max(case when measure = 'refunding_offering' then value_usd_bn end) as offering,
        max(case when measure = 'refunding_maturing_private' then value_usd_bn end) as maturing,
        max(case when measure = 'refunding_new_cash' then value_usd_bn end) as new_cash,
        sum(case when measure in ('refunding_note_3y', 'refunding_note_10y', 'refunding_bond_30y') then value_usd_bn end)
            as securities
    from {{ ref('refunding_statements') }}
    where measure like 'refunding_%'
    group by period_end

),

auctions as (

    select
        refunded_on,
        max(issue_date) as issue_date,
        count(*) as auction_count,
        sum(total_accepted_usd - soma_accepted_usd)::double / 1e9 as sold,
        max(maturing_public_by_type_usd)::double / 1e9 as maturing
    from (
        select
            *,
            case
                when extract(month from issue_date) in (2, 5, 8, 11)
                    then {{ add_days("date_trunc('month', issue_date)::date", 14) }}
            end as refunded_on
        from {{ ref('fct_auctions') }}
        where
            known_until is null
            and has_results
            and security_kind = 'nominal_coupon'
            and not is_sold_again
            and tenor in ('3-Year', '10-Year', '30-Year')
    ) as refundings
    where issue_date between refunded_on and {{ add_days('refunded_on', 5) }}
    group by refunded_on

)

select
    statements.*,
    auctions.sold,
    auctions.maturing as auctions_maturing
from statements
left join auctions on statements.refunded_on = auctions.refunded_on and auctions.auction_count = 3
where
    abs(statements.offering - statements.maturing - statements.new_cash) > 0.1001
    or abs(statements.offering - statements.securities) > 0.001
    or abs(auctions.sold - statements.offering) > 0.01
    or abs(auctions.maturing - statements.maturing) > 0.05
