-- What known_at rules may use (docs/method.md, section c). Temporary: only the loader's connection has them.

-- An instant of New York's wall clock, in UTC whatever the session's time zone.
create or replace temp macro new_york(on_date, at_time) as
    timezone('America/New_York', on_date::date + at_time::time);

-- The n-th business day (US federal holidays) after a date; n from 1 to 10.
create or replace temp macro after_business_days(on_date, n) as (
    select
        case
            when n between 1 and 10 then list_extract(listed_next_business_days, n)
            else error('after_business_days counts from 1 to 10 days, not ' || n)
        end
    from business_calendar
    where listed_day = on_date::date
);

-- The day on which a publisher's schedule (seed release_schedules) releases a period; null where it lists none.
create or replace temp macro scheduled_release(for_schedule, for_period_end) as coalesce(
    (
        select listed_release_date
        from release_calendar
        where listed_schedule = for_schedule and listed_period_end = for_period_end::date
    ),
    case
        when for_schedule in (select listed_schedule from release_calendar) then null::date
        else error('release_schedules.csv has no schedule ' || for_schedule)
    end
);
