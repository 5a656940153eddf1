with parameters as (

    {{ parameter_sets(['haircut_firm', 'haircut_equity', 'haircut_intention']) }}

),

roles as (

    select * from {{ ref('commitment_roles') }}

),

log as (  -- New York is four or five hours behind UTC; with five its day is right from one in the morning on

    select
        commitments.*,
        {{ utc_date("commitments.announced_at - interval '5' hour") }} as announced_on,
        roles.capacity_component,
        roles.part_of
    from {{ ref('commitments') }} as commitments
    left join roles on commitments.commitment_id = roles.commitment_id

),

instants as (

    select
        entity_type,
        entity_id,
        announced_on as as_of_date,
        announced_at as known_at,
        max(obligor_name) as obligor_name
    from log
    group by entity_type, entity_id, announced_on, announced_at

),

known as (  -- of each commitment and each source of cash, what was said last

    select
        instants.entity_type,
        instants.entity_id,
        instants.obligor_name,
        instants.as_of_date,
        instants.known_at,
        log.commitment_id,
        log.record_type,
        log.commitment_type,
        log.capacity_component,
        log.part_of,
        log.amount_usd_bn::double as amount_usd_bn,
        log.drawn_to_date_usd_bn::double as drawn_usd_bn,
        log.period_start,
        log.period_end,
        log.announced_precision,
        log.certainty,
        log.source_url
    from instants
    inner join log
        on
            instants.entity_id = log.entity_id
            and log.announced_at <= instants.known_at
    qualify row_number() over (
        partition by instants.entity_id, instants.known_at, log.commitment_id order by log.announced_at desc
    ) = 1

),

promised as (  -- what is left runs evenly to its end; what was not said to be drawn is taken to be drawn evenly until then

    select
        *,
        greatest(as_of_date, coalesce(period_start, as_of_date)) as runs_from,
        case
            when period_start is null or period_end is null then null
            when as_of_date <= period_start then amount_usd_bn
            when as_of_date >= period_end then 0
            else
                amount_usd_bn * {{ days_between('as_of_date', 'period_end') }}
                / {{ days_between('period_start', 'period_end') }}
        end as evenly_undrawn_usd_bn
    from known
    where record_type = 'commitment'

),

undrawn as (

    select
        *,
        drawn_usd_bn is not null as is_draw_known,
        coalesce(amount_usd_bn - drawn_usd_bn, evenly_undrawn_usd_bn) as undrawn_usd_bn,
        -- greatest and least pass over nulls, so an end that is not known is asked for first
        case
            when period_end is not null then greatest({{ days_between('runs_from', 'period_end') }}, 0)
        end as remaining_days,
        case
            when period_end is not null
                then
                    greatest(
                        least(
                            {{ days_between('runs_from', 'period_end') }},
                            {{ days_between('runs_from', add_days('as_of_date', 365)) }}
                        ),
                        0
                    )
        end as due_days
    from promised

),

parts as (

    select
        entity_id,
        known_at,
        part_of,
        sum(undrawn_usd_bn) as parts_undrawn_usd_bn
    from undrawn
    where part_of is not null
    group by entity_id, known_at, part_of

),

netted as (  -- of a commitment that holds others, what they leave

    select
        undrawn.*,
        case
            when undrawn.undrawn_usd_bn is not null
                then greatest(undrawn.undrawn_usd_bn - coalesce(parts.parts_undrawn_usd_bn, 0), 0)
        end as own_undrawn_usd_bn
    from undrawn
    left join parts
        on
            undrawn.entity_id = parts.entity_id
            and undrawn.known_at = parts.known_at
            and undrawn.commitment_id = parts.part_of

),

rated as (  -- with less than a year to go, all that is left is due within it: a rate never exceeds what is owed

    select
        netted.*,
        parameters.parameter_set,
        case netted.commitment_type
            when 'firm_contract' then parameters.haircut_firm
            when 'equity_commitment' then parameters.haircut_equity
            when 'announced_intention' then parameters.haircut_intention
        end as haircut_ratio,
        case
            when netted.own_undrawn_usd_bn = 0 then 0
            when netted.remaining_days is not null
                then netted.own_undrawn_usd_bn / greatest(netted.remaining_days / 365.25, 1)
        end as run_rate_usd_bn,
        case
            when netted.own_undrawn_usd_bn = 0 or netted.remaining_days = 0 then netted.own_undrawn_usd_bn
            else netted.own_undrawn_usd_bn * netted.due_days / netted.remaining_days
        end as due_usd_bn
    from netted
    cross join parameters

),

commitments as (

    select
        entity_id,
        known_at,
        parameter_set,
        count(*) as commitment_count,
        count(run_rate_usd_bn) as rated_count,
        count(case when is_draw_known then 1 end) as draw_known_count,
        sum(case when is_draw_known then own_undrawn_usd_bn end) as known_undrawn_usd_bn,
        sum(case when commitment_type = 'firm_contract' then run_rate_usd_bn end) as firm_run_rate_usd_bn,
        sum(case when commitment_type = 'equity_commitment' then run_rate_usd_bn end) as equity_run_rate_usd_bn,
        sum(case when commitment_type = 'announced_intention' then run_rate_usd_bn end) as intention_run_rate_usd_bn,
        sum(haircut_ratio * run_rate_usd_bn) as known_run_rate_usd_bn,
        sum(haircut_ratio * due_usd_bn) as known_due_usd_bn,
        {{ joined_text('case when run_rate_usd_bn is null then commitment_id end') }} as unrated_ids
    from rated
    group by entity_id, known_at, parameter_set

),

capacities as (  -- a quarter's holdings go stale after 140 days; a facility stands until another word of it

    select
        entity_id,
        known_at,
        {% for component in ['liquid_holdings', 'undrawn_facilities', 'operating_cash_flow'] -%}
        sum(case when capacity_component = '{{ component }}' then amount_usd_bn end) as {{ component }}_usd_bn,
        {% endfor -%}
        sum(amount_usd_bn) as capacity_on_record_usd_bn,
        count(distinct capacity_component) as component_count
    from known
    where
        record_type = 'capacity'
        and (
            capacity_component <> 'liquid_holdings'
            or {{ days_between('period_end', 'as_of_date') }} <= 140
        )
    group by entity_id, known_at

),

sources as (

    select
        entity_id,
        known_at,
        {{ joined_text('source_url') }} as source_urls,
        max(case announced_precision when 'minute' then 1 else 2 end) as pit_rank,
        max(case certainty when 'stated' then 1 when 'media' then 2 else 3 end) as certainty_rank
    from known
    group by entity_id, known_at

),

compared as (

    select
        instants.entity_type,
        instants.entity_id,
        instants.obligor_name,
        instants.as_of_date,
        instants.known_at,
        parameters.parameter_set,
        coalesce(commitments.commitment_count, 0) as commitment_count,
        commitments.rated_count,
        commitments.draw_known_count,
        commitments.known_undrawn_usd_bn,
        commitments.firm_run_rate_usd_bn,
        commitments.equity_run_rate_usd_bn,
        commitments.intention_run_rate_usd_bn,
        commitments.known_run_rate_usd_bn,
        commitments.known_due_usd_bn,
        case
            when commitments.rated_count = commitments.commitment_count then commitments.known_run_rate_usd_bn
        end as run_rate_usd_bn,
        case
            when commitments.rated_count = commitments.commitment_count then commitments.known_due_usd_bn
        end as due_usd_bn,
        capacities.liquid_holdings_usd_bn,
        capacities.undrawn_facilities_usd_bn,
        capacities.operating_cash_flow_usd_bn,
        capacities.capacity_on_record_usd_bn,
        coalesce(capacities.component_count, 0) as component_count,
        case
            when commitments.commitment_count is null then 'no_commitments_on_record'
            when commitments.rated_count < commitments.commitment_count
                then 'missing_input: period_end of ' || commitments.unrated_ids
        end as run_rate_null_reason,
        sources.source_urls,
        sources.pit_rank,
        sources.certainty_rank
    from instants
    cross join parameters
    inner join sources
        on
            instants.entity_id = sources.entity_id
            and instants.known_at = sources.known_at
    left join commitments
        on
            instants.entity_id = commitments.entity_id
            and instants.known_at = commitments.known_at
            and parameters.parameter_set = commitments.parameter_set
    left join capacities
        on
            instants.entity_id = capacities.entity_id
            and instants.known_at = capacities.known_at

),

covers as (

    select
        entity_type::varchar as entity_type,
        entity_id::varchar as entity_id,
        obligor_name::varchar as obligor_name,
        as_of_date::date as as_of_date,
        parameter_set::varchar as parameter_set,
        commitment_count::integer as commitment_count,
        draw_known_count::integer as draw_known_count,
        (case when draw_known_count = commitment_count then known_undrawn_usd_bn end)::double as undrawn_usd_bn,
        firm_run_rate_usd_bn::double as firm_run_rate_usd_bn,
        equity_run_rate_usd_bn::double as equity_run_rate_usd_bn,
        intention_run_rate_usd_bn::double as intention_run_rate_usd_bn,
        known_run_rate_usd_bn::double as known_run_rate_usd_bn,
        run_rate_usd_bn::double as commitment_run_rate_usd_bn,
        due_usd_bn::double as next_12m_commitments_usd_bn,
        (coalesce(rated_count, 0)::double / nullif(commitment_count, 0))::double as rated_share_ratio,
        liquid_holdings_usd_bn::double as liquid_holdings_usd_bn,
        undrawn_facilities_usd_bn::double as undrawn_facilities_usd_bn,
        operating_cash_flow_usd_bn::double as operating_cash_flow_usd_bn,
        capacity_on_record_usd_bn::double as capacity_on_record_usd_bn,
        (component_count / 3.0)::double as capacity_known_ratio,
        (case when component_count = 3 and due_usd_bn > 0 then capacity_on_record_usd_bn / due_usd_bn end)::double
            as cover_ratio,
        (case when due_usd_bn > 0 then capacity_on_record_usd_bn / due_usd_bn end)::double as cover_on_record_ratio,
        run_rate_null_reason::varchar as run_rate_null_reason,
        (case
            when run_rate_null_reason is not null then run_rate_null_reason
            when due_usd_bn = 0 then 'denominator_not_positive'
            when component_count < 3
                then
                    'missing_input: ' || concat_ws(
                        ', ',
                        case when liquid_holdings_usd_bn is null then 'liquid_holdings' end,
                        case when undrawn_facilities_usd_bn is null then 'undrawn_facilities' end,
                        case when operating_cash_flow_usd_bn is null then 'operating_cash_flow' end
                    )
        end)::varchar as cover_null_reason,
        case certainty_rank when 1 then 'stated' when 2 then 'media' else 'unverified' end::varchar as certainty,
        {{ word_of('pit_quality', 'pit_rank') }}::varchar as pit_quality,
        known_at::timestamptz as known_at,
        source_urls::varchar as source_urls,
        'documented'::varchar as origin
    from compared

)

select * from covers
