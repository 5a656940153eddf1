{#- The day from which an event can move prices: that of a move itself, of anything else that of the news. -#}
with events as (

    select
        event_id,
        case
            when event_type = 'market' then period_start
            else timezone('America/New_York', announced_at)::date
        end as event_date
    from {{ ref('events') }}
    where event_type <> 'data_break'

)

select * from events
