-- What of the demand of 13 weeks could be expected before they began, by Friday. Of the Treasury each week a thirteenth
-- of the newest borrowing estimate for its quarter that was announced before the week. Of the firms the external funding
-- of the newest quarter known when the window opened, and what their guidance for the year adds to their pace by then:
-- a quarter of its middle less the capital expenditure of the newest quarter known, of each firm that guides.
with windows as (

    select
        period_end,
        flow_end,
        {{ add_days('period_end', -91) }} as opened_on
    from {{ ref('int_flows__windows') }}
    where anchor = 'friday'

),

statements as (

    select * from {{ ref('refunding_statements') }}
    where measure = 'borrowing_estimate'

),

places as (

    {{ days_from('2000-01-01', '2000-01-13') }}

),

weeks as (

    select
        windows.period_end,
        {{ add_days('windows.flow_end', '-7 * (extract(day from places.date_day)::integer - 1)') }} as week_end
    from windows
    cross join places

),

estimated_weeks as (

    select
        weeks.period_end,
        weeks.week_end,
        statements.value_usd_bn as quarter_usd_bn
    from weeks
    inner join statements
        on
            weeks.week_end between statements.period_start and statements.period_end
            and statements.announced_at <= {{ cutoff(add_days('weeks.week_end', -7)) }}
    qualify row_number() over (
        partition by weeks.period_end, weeks.week_end order by statements.announced_at desc
    ) = 1

),

treasury as (

    select
        period_end,
        sum(quarter_usd_bn)::double / 13 as treasury_expected,
        count(*) as week_count
    from estimated_weeks
    group by period_end

),

guidance as (  -- each firm's newest guidance for the year that the window ends in

    select
        windows.period_end,
        windows.opened_on,
        capex_guidance.entity_id as ticker,
        (capex_guidance.low_usd_bn + capex_guidance.high_usd_bn)::double / 2 as middle
    from windows
    inner join {{ ref('capex_guidance') }} as capex_guidance
        on
            windows.flow_end between capex_guidance.period_start and capex_guidance.period_end
            and capex_guidance.announced_at <= {{ cutoff('windows.opened_on') }}
    inner join {{ ref('company_universe') }} as companies
        on
            capex_guidance.entity_id = companies.ticker
            and companies.universe = 'ai_hyperscalers'
            and windows.period_end >= companies.valid_from
    where capex_guidance.low_usd_bn is not null and capex_guidance.high_usd_bn is not null
    qualify row_number() over (
        partition by windows.period_end, capex_guidance.entity_id order by capex_guidance.announced_at desc
    ) = 1

),

guided as (

    select
        guidance.period_end,
        guidance.ticker,
        guidance.middle / 4 - quarters.value_usd::double / 1e9 as added
    from guidance
    inner join {{ ref('fct_company_cash_flows_quarterly') }} as quarters
        on
            guidance.ticker = quarters.ticker
            and quarters.concept = 'capex'
            and quarters.value_usd is not null
            and {{ add_days('guidance.opened_on', -200) }} < quarters.period_end
            and {{ known_then('quarters', cutoff('guidance.opened_on')) }}
    qualify row_number() over (
        partition by guidance.period_end, guidance.ticker order by quarters.period_end desc, quarters.known_at desc
    ) = 1

),

firms_guided as (

    select
        period_end,
        count(*) as guiding_count,
        sum(added::decimal(28, 12))::double as guidance_added
    from guided
    group by period_end

),

expected as (

    select
        windows.period_end,
        case when treasury.week_count = 13 then treasury.treasury_expected end as treasury_expected,
        coalesce(firms_guided.guiding_count, 0) as guiding_count,
        -- no guidance, no more than the pace so far
        opening.ai_external_funding + coalesce(firms_guided.guidance_added, 0) as ai_expected
    from windows
    left join treasury on windows.period_end = treasury.period_end
    left join firms_guided on windows.period_end = firms_guided.period_end
    left join {{ ref('int_flows__windows') }} as opening
        on windows.opened_on = opening.period_end and opening.anchor = 'friday'

)

select * from expected
