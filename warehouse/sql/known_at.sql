-- What known_at rules may use (METHOD.md, section c). Temporary: only the loader's connection has them.

-- An instant of New York's wall clock, in UTC whatever the session's time zone.
create or replace temp macro new_york(on_date, at_time) as
    timezone('America/New_York', on_date::date + at_time::time);

-- The n-th business day (US federal holidays) after a date; n from 1 to 5.
create or replace temp macro after_business_days(on_date, n) as (
    select list_extract(next_business_days, n) from business_calendar where calendar_date = on_date::date
);
