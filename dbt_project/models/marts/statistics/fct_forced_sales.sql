with measures as (

    select * from {{ ref('int_statistics__forced_sales') }}

),

breadth as (

    select * from measures
    where measure = 'breadth'

),

tails as (

    select * from measures
    where measure = 'tail_dependence'

),

fridays as (

    select
        ---------- keys
        breadth.date_day::date as date_day,
        breadth.judged_week::date as judged_week,

        ---------- how many fall
        breadth.value::double as forced_sale_breadth_ratio,
        breadth.n::integer as asset_count,
        breadth.universe::integer as universe_count,
        breadth.coverage::double as coverage_ratio,
        breadth.null_reason::varchar as null_reason,

        ---------- whether they fall together
        tails.value::double as tail_dependence_ratio,
        tails.low::double as tail_dependence_low_ratio,
        tails.high::double as tail_dependence_high_ratio,
        tails.n::integer as pair_count,
        case when tails.date_day is null then 'not_month_end' else tails.null_reason::varchar end::varchar
            as tail_dependence_null_reason,

        ---------- how good it is
        {{ word_of('pit_quality', 'breadth.pit_rank::integer') }}::varchar as pit_quality,
        {{ cutoff('breadth.date_day::date') }}::timestamptz as known_at,
        {{ word_of('origin', 'breadth.origin_rank::integer') }}::varchar as origin
    from breadth
    left join tails on breadth.date_day = tails.date_day

)

select * from fridays
