with entities as (

    select * from {{ ref('holder_entities') }}

),

price_returns as (

    select * from {{ ref('int_sovereign__treasury_price_returns') }}

),

yearly as (

    select
        'major_foreign_holders' as source_table,
        entities.entity_type,
        entities.entity_id,
        versions.month_end,
        versions.survey_basis,
        versions.holdings_usd_bn::double as holdings_usd_bn,
        versions.holdings_usd_bn::double as exposed_usd_bn,
        null::double as net_purchases_usd_bn,
        null::double as valuation_change_usd_bn,
        versions.pit_quality,
        versions.known_at,
        versions.known_until,
        versions._source_url as source_url,
        versions._origin as origin
    from {{ ref('stg_tic__major_foreign_holders') }} as versions
    inner join entities on versions.holder_name = entities.holder_name
    where not versions.is_deleted

),

recent as (  -- its list is shorter, so its All Other is another one

    select
        'recent_foreign_holders' as source_table,
        entities.entity_type,
        entities.entity_id,
        versions.month_end,
        'current' as survey_basis,
        versions.holdings_usd_bn::double as holdings_usd_bn,
        versions.holdings_usd_bn::double as exposed_usd_bn,
        null::double as net_purchases_usd_bn,
        null::double as valuation_change_usd_bn,
        versions.pit_quality,
        versions.known_at,
        versions.known_until,
        versions._source_url as source_url,
        versions._origin as origin
    from {{ ref('stg_tic__recent_foreign_holders') }} as versions
    inner join entities on versions.holder_name = entities.holder_name
    where not versions.is_deleted and entities.entity_id <> 'all_other'

),

monthly as (  -- aggregates are known by their codes, countries by their names

    select
        'foreign_holdings' as source_table,
        entities.entity_type,
        entities.entity_id,
        versions.month_end,
        'current' as survey_basis,
        versions.holdings_usd_mn::double / 1000 as holdings_usd_bn,
        versions.long_term_holdings_usd_mn::double / 1000 as exposed_usd_bn,
        versions.net_purchases_usd_mn::double / 1000 as net_purchases_usd_bn,
        versions.long_term_valuation_change_usd_mn::double / 1000 as valuation_change_usd_bn,
        versions.pit_quality,
        versions.known_at,
        versions.known_until,
        versions._source_url as source_url,
        versions._origin as origin
    from {{ ref('stg_tic__foreign_holdings') }} as versions
    inner join entities
        on
            case versions.country_code
                when '99996' then 'Grand Total'
                when '99990' then 'For. Official'
                else versions.holder_name
            end = entities.holder_name
    where not versions.is_deleted

),

stated as (

    select
        *,
        {{ rank_of('pit_quality', 'pit_quality') }} as pit_rank,
        {{ rank_of('origin', 'origin') }} as origin_rank,
        last_day({{ add_months('month_end', 1) }}) as next_month_end
    from (
        select * from yearly
        union all
        select * from recent
        union all
        select * from monthly
    ) as tables

),

holders as (

    select distinct
        source_table,
        entity_type,
        entity_id,
        month_end
    from stated

),

inputs as (

    {% for input_id, month_end, column, condition in [
        ('holdings_now', 'month_end', 'holdings_usd_bn', "survey_basis = 'current'"),
        ('holdings_old_survey', 'month_end', 'holdings_usd_bn', "survey_basis = 'superseded'"),
        ('holdings_before', 'next_month_end', 'holdings_usd_bn', "survey_basis = 'current'"),
        ('net_purchases', 'month_end', 'net_purchases_usd_bn', "source_table = 'foreign_holdings'"),
        ('valuation_change', 'month_end', 'valuation_change_usd_bn', "source_table = 'foreign_holdings'"),
        (
            'exposed_before', 'next_month_end', 'exposed_usd_bn',
            "survey_basis = 'current' and entity_id <> 'foreign_official_bills'"
            ~ " and (entity_id <> 'foreign_official' or source_table = 'foreign_holdings')"
        ),
    ] -%}
    select
        source_table,
        entity_id,
        {{ month_end }} as month_end,
        '{{ input_id }}' as input_id,
        {{ column }} as value,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until
    from stated
    where {{ condition }}
    union all
    {% endfor -%}
    -- of what officials hold, only bonds and notes have a price: bills stand at face value
    select
        source_table,
        'foreign_official' as entity_id,
        next_month_end as month_end,
        'exposed_before' as input_id,
        exposed_usd_bn as value,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until
    from stated
    where
        survey_basis = 'current'
        and entity_id = 'foreign_official_bonds_and_notes'
        and source_table <> 'foreign_holdings'
    union all
    {% for input_id, month_end, survey_basis in [
        ('other_now', 'month_end', 'current'),
        ('other_old_survey', 'month_end', 'superseded'),
        ('other_before', 'next_month_end', 'current'),
    ] -%}
    select
        holders.source_table,
        holders.entity_id,
        holders.month_end,
        '{{ input_id }}' as input_id,
        others.holdings_usd_bn as value,
        others.pit_rank,
        others.origin_rank,
        others.source_url,
        others.known_at,
        others.known_until
    from holders
    inner join stated as others
        on
            holders.source_table = others.source_table
            and holders.month_end = others.{{ month_end }}
            and others.entity_id = 'all_other'
            and others.survey_basis = '{{ survey_basis }}'
    where holders.entity_type = 'country'
    union all
    {% endfor -%}
    select
        holders.source_table,
        holders.entity_id,
        holders.month_end,
        'price_return' as input_id,
        price_returns.price_return_ratio as value,
        price_returns.pit_rank,
        price_returns.origin_rank,
        null::varchar as source_url,  -- a row's address is that of the holdings
        price_returns.known_at,
        price_returns.known_until
    from holders
    inner join price_returns on holders.month_end = price_returns.month_end

),

known as (

    {{ bitemporal_pivot('inputs', ['source_table', 'entity_id', 'month_end'], [
        'holdings_now', 'holdings_old_survey', 'holdings_before', 'exposed_before', 'net_purchases', 'valuation_change',
        'price_return', 'other_now', 'other_old_survey', 'other_before',
    ]) }}

),

measured as (

    select
        known.*,
        entities.entity_type,
        entities.holder_name,
        case when known.net_purchases is null then 'estimated' else 'published' end as flow_basis,
        known.holdings_now - known.holdings_before as change_usd_bn,
        coalesce(known.holdings_now - known.holdings_old_survey, 0) as survey_change_usd_bn,
        coalesce(known.other_old_survey, known.other_now) - known.other_before as other_move_usd_bn,
        case
            when known.net_purchases is not null then known.valuation_change
            when known.entity_id = 'foreign_official_bills' then 0
            else known.exposed_before * known.price_return
        end as price_effect_usd_bn
    from known
    inner join entities on known.entity_id = entities.entity_id
    where known.holdings_now is not null

),

moved as (  -- in a month of two surveys, the older one is compared with the month before

    select
        *,
        case
            when flow_basis = 'published' then net_purchases
            else change_usd_bn - survey_change_usd_bn - price_effect_usd_bn
        end as move_usd_bn
    from measured

),

judged as (  -- a holding that doubles or halves by 20 billion or more while All Other moves as much the other way

    select
        *,
        coalesce(
            case
                when flow_basis = 'published'
                    then
                        entity_type = 'country'
                        and abs(change_usd_bn - price_effect_usd_bn - move_usd_bn) >= 20
                        and abs(change_usd_bn - price_effect_usd_bn - move_usd_bn)
                        >= 0.5 * greatest(holdings_now, holdings_before)
                else
                    entity_type = 'country'
                    and abs(move_usd_bn) >= 20
                    and abs(move_usd_bn) >= 0.5 * greatest(holdings_now, holdings_before)
                    and -other_move_usd_bn / move_usd_bn between 0.8 and 1.25
            end,
            false
        ) as is_jump
    from moved

),

countries as (

    select * from judged
    where entity_type = 'country' and flow_basis = 'estimated' and (is_jump or holdings_before is null)

),

others as (  -- All Other mirrors a country that jumps, and loses one that is named for the first time

    select
        judged.source_table,
        judged.entity_id,
        judged.month_end,
        judged.known_at,
        count(case when countries.is_jump then 1 end) as shift_count,
        count(case when countries.holdings_before is null then 1 end) as arrival_count
    from judged
    inner join countries
        on
            judged.source_table = countries.source_table
            and judged.month_end = countries.month_end
            and {{ known_then('countries', 'judged.known_at') }}
    where judged.entity_id = 'all_other'
    group by judged.source_table, judged.entity_id, judged.month_end, judged.known_at

),

mirrored as (  -- in January the list of named holders is drawn anew, and what leaves it falls to All Other

    select
        judged.*,
        judged.is_jump or coalesce(others.shift_count, 0) > 0 as is_custody_shift,
        judged.entity_id = 'all_other'
        and (month(judged.month_end) = 1 or coalesce(others.arrival_count, 0) > 0) as is_list_changed
    from judged
    left join others
        on
            judged.source_table = others.source_table
            and judged.entity_id = others.entity_id
            and judged.month_end = others.month_end
            and judged.known_at = others.known_at

),

flows as (

    select
        source_table,
        entity_type,
        entity_id,
        holder_name,
        month_end,
        holdings_now as holdings_usd_bn,
        holdings_before as holdings_before_usd_bn,
        change_usd_bn,
        price_effect_usd_bn,
        case
            when flow_basis = 'estimated' and (is_list_changed or is_custody_shift) then null
            else move_usd_bn
        end as active_flow_usd_bn,
        case
            when flow_basis = 'published' then change_usd_bn - price_effect_usd_bn - move_usd_bn
            when is_list_changed then null
            when is_custody_shift then survey_change_usd_bn + move_usd_bn
            else survey_change_usd_bn
        end as other_change_usd_bn,
        case when flow_basis = 'estimated' then price_return end as price_return_ratio,
        flow_basis,
        is_custody_shift,
        case
            when flow_basis = 'published' then null
            when is_list_changed then 'list_of_holders_changed'
            when holdings_before is null then 'missing_input: holdings_before'
            when price_effect_usd_bn is null and price_return is null then 'missing_input: treasury_price_return'
            when price_effect_usd_bn is null then 'missing_input: bonds_and_notes_before'
            when is_custody_shift then 'custody_shift'
        end as null_reason,
        pit_rank,
        origin_rank,
        source_url,
        known_at,
        known_until
    from mirrored

)

select * from flows
