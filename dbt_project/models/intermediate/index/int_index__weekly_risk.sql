-- By week (Saturday to Friday) the return of risk assets and the news of AI funding, as first known: prices' first print,
-- bonds priced and changes of guidance by when they were announced.
with weeks as (

    select
        date_day as week_end,
        {{ add_days('date_day', -6) }} as week_start
    from {{ ref('time_spine_daily') }}
    where extract(dow from date_day) = 5 and {{ cutoff('date_day') }} <= {{ run_instant() }}

),

market_days as (

    select
        trading_date,
        ln(1 + (mkt_rf_pct + rf_pct) / 100) as log_return,
        known_at
    from {{ ref('stg_kenfrench__factors') }}
    where not is_deleted and mkt_rf_pct is not null
    qualify row_number() over (partition by trading_date order by known_at) = 1

),

market as (

    select
        weeks.week_end,
        exp(sum(market_days.log_return)::decimal(20, 12)::double) - 1 as weekly_return,
        max(market_days.known_at) as known_at
    from weeks
    inner join market_days on market_days.trading_date between weeks.week_start and weeks.week_end
    group by weeks.week_end

),

closes as (

    select
        price_date,
        close_usd::double as close_usd,
        known_at
    from {{ ref('fct_crypto_prices_daily') }}
    where asset = 'BTC'
    qualify row_number() over (partition by price_date order by known_at) = 1

),

crypto as (

    select
        last_close.price_date as week_end,
        last_close.close_usd / first_close.close_usd - 1 as weekly_return,
        greatest(last_close.known_at, first_close.known_at) as known_at
    from closes as last_close
    inner join closes as first_close on last_close.price_date = {{ add_days('first_close.price_date', 7) }}
    where extract(dow from last_close.price_date) = 5

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
        sum(announced.news_usd_bn)::double as news_usd_bn
    from weeks
    inner join announced
        on
            {{ cutoff('weeks.week_end') }} >= announced.announced_at
            and {{ cutoff(add_days('weeks.week_end', -7)) }} < announced.announced_at
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
        case
            when market.weekly_return is not null and crypto.weekly_return is not null
                then (market.weekly_return + crypto.weekly_return) / 2
            else market.weekly_return
        end as risk_return,
        case when weeks.week_end >= first_news.first_week_end then coalesce(news.news_usd_bn, 0.0) end
            as funding_news_usd_bn,
        case
            when market.known_at is not null
                then greatest({{ cutoff('weeks.week_end') }}, market.known_at, crypto.known_at)
        end as known_at
    from weeks
    cross join first_news
    left join market on weeks.week_end = market.week_end
    left join crypto on weeks.week_end = crypto.week_end
    left join news on weeks.week_end = news.week_end

)

select * from joined
