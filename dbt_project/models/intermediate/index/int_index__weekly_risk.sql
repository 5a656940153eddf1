-- By week the return of risk assets and the news of AI funding, as first known: prices' first print, bonds priced and
-- changes of guidance by when they were announced. Weeks are those of int_statistics__asset_weeks: from one Thursday to
-- the next, dated the Friday after.
with weeks as (

    select
        date_day as week_end,
        {{ cutoff(add_days('date_day', -8)) }} as news_after,
        {{ cutoff(add_days('date_day', -1)) }} as news_until
    from {{ ref('time_spine_daily') }}
    where extract(dow from date_day) = 5 and {{ cutoff('date_day') }} <= {{ run_instant() }}

),

market as (

    select
        week_end,
        return_ratio,
        pit_rank,
        origin_rank,
        greatest({{ cutoff('week_end') }}, known_at) as known_at
    from {{ ref('int_statistics__asset_weeks') }}
    where asset_id = 'factor_market'

),

crypto as (

    select
        week_end,
        return_ratio,
        pit_rank,
        origin_rank,
        known_at
    from {{ ref('int_statistics__asset_weeks') }}
    where asset_id = 'BTC'

),

guidance as (

    select
        known_at as announced_at,
        numerator as news_usd_bn
    from {{ ref('int_metrics__capex_guidance') }}
    where metric_id = 'capex_guidance_revision'

),

bonds as (

    select
        announced_at,
        amount_bn as news_usd_bn
    from {{ ref('off_balance_financing') }}
    where currency = 'USD' and instrument = 'bond'

),

announced as (

    select * from guidance
    union all
    select * from bonds

),

news as (

    select
        weeks.week_end,
        sum(announced.news_usd_bn::decimal(28, 12))::double as news_usd_bn
    from weeks
    inner join announced
        on
            weeks.news_until >= announced.announced_at
            and weeks.news_after < announced.announced_at
    group by weeks.week_end

),

first_news as (

    select min(week_end) as first_week_end from news

),

-- Before the first entry of the logs nothing is known of news, which is not the same as none. A week whose returns are
-- not known yet stands here without them: that it is here may not tell that they became known.
joined as (

    select
        weeks.week_end,
        (market.return_ratio + coalesce(crypto.return_ratio, market.return_ratio)) / 2 as risk_return,
        case when weeks.week_end >= first_news.first_week_end then coalesce(news.news_usd_bn, 0.0) end
            as funding_news_usd_bn,
        greatest(market.pit_rank, crypto.pit_rank) as pit_rank,
        greatest(market.origin_rank, crypto.origin_rank) as origin_rank,
        market.known_at
    from weeks
    cross join first_news
    left join market on weeks.week_end = market.week_end
    -- what becomes known of crypto after the market's week is told changes nothing that was said
    left join crypto on market.week_end = crypto.week_end and market.known_at >= crypto.known_at
    left join news on weeks.week_end = news.week_end

)

select * from joined
