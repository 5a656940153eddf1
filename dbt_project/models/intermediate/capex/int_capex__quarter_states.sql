with years as (

    select * from {{ ref('int_capex__fiscal_years') }}

),

points as (

    select * from {{ ref('int_capex__year_to_date') }}

),

differences as (

    select * from {{ ref('int_capex__differences') }}

),

directs as (

    select * from {{ ref('int_capex__direct_quarters') }}

),

year_tags as (

    select * from {{ ref('int_capex__year_tags') }}

),

quarters as (

    select
        mentions.cik,
        mentions.concept,
        mentions.fiscal_year_start,
        mentions.quarters,
        years.previous_fiscal_year_start,
        min(mentions.known_at) as first_known_at
    from (
        select
            cik,
            concept,
            fiscal_year_start,
            quarters,
            known_at
        from points
        union all
        select
            cik,
            concept,
            fiscal_year_start,
            quarters,
            known_at
        from directs
    ) as mentions
    inner join years
        on
            mentions.cik = years.cik
            and mentions.fiscal_year_start = years.fiscal_year_start
    group by all

),

causes as (  -- whatever can change what is known of a quarter or of the twelve months that end with it

    select
        cik,
        concept,
        fiscal_year_start,
        quarters,
        known_at
    from points
    union
    select
        cik,
        concept,
        fiscal_year_start,
        quarters,
        known_at
    from directs
    union
    select
        cik,
        concept,
        fiscal_year_start,
        quarters,
        known_at
    from differences
    where quarters - quarters_before = 1
    union
    select
        quarters.cik,
        quarters.concept,
        quarters.fiscal_year_start,
        quarters.quarters,
        year_tags.known_at
    from quarters
    inner join year_tags
        on
            quarters.cik = year_tags.cik
            and quarters.concept = year_tags.concept
            and year_tags.fiscal_year_start in (quarters.fiscal_year_start, quarters.previous_fiscal_year_start)
    union
    select
        quarters.cik,
        quarters.concept,
        quarters.fiscal_year_start,
        quarters.quarters,
        years.end_known_at
    from quarters
    inner join years
        on
            quarters.cik = years.cik
            and years.fiscal_year_start in (quarters.fiscal_year_start, quarters.previous_fiscal_year_start)
    union
    select
        quarters.cik,
        quarters.concept,
        quarters.fiscal_year_start,
        quarters.quarters,
        rests.known_at
    from quarters
    inner join differences as rests
        on
            quarters.cik = rests.cik
            and quarters.concept = rests.concept
            and quarters.previous_fiscal_year_start = rests.fiscal_year_start
            and rests.quarters = 4
            and quarters.quarters = rests.quarters_before

),

instants as (

    select
        quarters.*,
        causes.known_at
    from quarters
    inner join causes
        on
            quarters.cik = causes.cik
            and quarters.concept = causes.concept
            and quarters.fiscal_year_start = causes.fiscal_year_start
            and quarters.quarters = causes.quarters
    where causes.known_at >= quarters.first_known_at

),

with_calendar as (

    select
        instants.*,
        case when this_year.end_known_at <= instants.known_at then this_year.fiscal_year_end end as fiscal_year_end,
        previous_year.end_known_at is not null as has_previous_year,
        this_tag.tag,
        previous_tag.tag as previous_tag
    from instants
    inner join years as this_year
        on
            instants.cik = this_year.cik
            and instants.fiscal_year_start = this_year.fiscal_year_start
    left join years as previous_year
        on
            instants.cik = previous_year.cik
            and instants.previous_fiscal_year_start = previous_year.fiscal_year_start
            and previous_year.end_known_at <= instants.known_at
    left join year_tags as this_tag
        on
            instants.cik = this_tag.cik
            and instants.concept = this_tag.concept
            and instants.fiscal_year_start = this_tag.fiscal_year_start
            and {{ known_then('this_tag', 'instants.known_at') }}
    left join year_tags as previous_tag
        on
            previous_year.cik = previous_tag.cik
            and instants.concept = previous_tag.concept
            and previous_year.fiscal_year_start = previous_tag.fiscal_year_start
            and {{ known_then('previous_tag', 'instants.known_at') }}

),

with_point as (  -- of several ends that were stated, one that is not withdrawn, and of those the newest

    select
        with_calendar.*,
        points.period_end as point_period_end,
        points.value_usd as point_value_usd,
        points.tag is not null as has_point,
        points.pit_rank as point_pit_rank,
        points.origin_rank as point_origin_rank,
        points.accession_number as point_accession_number,
        points.source_url as point_source_url
    from with_calendar
    left join points
        on
            with_calendar.cik = points.cik
            and with_calendar.concept = points.concept
            and with_calendar.tag = points.tag
            and with_calendar.fiscal_year_start = points.fiscal_year_start
            and with_calendar.quarters = points.quarters
            and {{ known_then('points', 'with_calendar.known_at') }}
    qualify row_number() over (
        partition by
            with_calendar.cik, with_calendar.concept, with_calendar.fiscal_year_start,
            with_calendar.quarters, with_calendar.known_at
        order by
            case when points.value_usd is null then 1 else 0 end, points.known_at desc, points.period_end desc
    ) = 1

),

with_quarter as (  -- a pair ends where the point does; a mixed one only counts where none of one vintage is known

    select
        with_point.*,
        differences.period_start as pair_period_start,
        differences.period_end as pair_period_end,
        differences.value_usd as pair_value_usd,
        differences.tag is not null as has_pair,
        coalesce(differences.is_mixed_vintage, false) as is_mixed_vintage,
        differences.pit_rank as pair_pit_rank,
        differences.origin_rank as pair_origin_rank,
        differences.accession_number as pair_accession_number,
        differences.source_url as pair_source_url
    from with_point
    left join differences
        on
            with_point.cik = differences.cik
            and with_point.concept = differences.concept
            and with_point.tag = differences.tag
            and with_point.fiscal_year_start = differences.fiscal_year_start
            and with_point.quarters = differences.quarters
            and with_point.quarters = differences.quarters_before + 1
            and with_point.known_at >= differences.known_at
    qualify row_number() over (
        partition by
            with_point.cik, with_point.concept, with_point.fiscal_year_start,
            with_point.quarters, with_point.known_at
        order by
            case when with_point.point_period_end = differences.period_end then 0 else 1 end,
            differences.is_mixed_vintage asc, differences.version_number desc, differences.known_at desc,
            differences.period_end desc
    ) = 1

),

with_direct as (

    select
        with_quarter.*,
        directs.period_start as direct_period_start,
        directs.period_end as direct_period_end,
        directs.value_usd as direct_value_usd,
        directs.pit_rank as direct_pit_rank,
        directs.origin_rank as direct_origin_rank,
        directs.accession_number as direct_accession_number,
        directs.source_url as direct_source_url
    from with_quarter
    left join directs
        on
            with_quarter.cik = directs.cik
            and with_quarter.concept = directs.concept
            and with_quarter.tag = directs.tag
            and with_quarter.fiscal_year_start = directs.fiscal_year_start
            and with_quarter.quarters = directs.quarters
            and {{ known_then('directs', 'with_quarter.known_at') }}
    qualify row_number() over (
        partition by
            with_quarter.cik, with_quarter.concept, with_quarter.fiscal_year_start,
            with_quarter.quarters, with_quarter.known_at
        order by
            case when directs.value_usd is null then 1 else 0 end, directs.known_at desc, directs.period_end desc
    ) = 1

),

with_rest_of_previous_year as (

    select
        with_direct.*,
        {{ days_between('rests.period_start', 'with_direct.point_period_end') }} + 1 as ttm_days,
        rests.value_usd as rest_value_usd,
        rests.tag is not null as has_rest,
        coalesce(rests.is_mixed_vintage, false) as is_rest_mixed_vintage,
        rests.pit_rank as rest_pit_rank,
        rests.origin_rank as rest_origin_rank
    from with_direct
    left join differences as rests
        on
            with_direct.cik = rests.cik
            and with_direct.concept = rests.concept
            and with_direct.previous_tag = rests.tag
            and with_direct.previous_fiscal_year_start = rests.fiscal_year_start
            and with_direct.quarters = rests.quarters_before
            and rests.quarters = 4
            and with_direct.known_at >= rests.known_at
    qualify row_number() over (
        partition by
            with_direct.cik, with_direct.concept, with_direct.fiscal_year_start,
            with_direct.quarters, with_direct.known_at
        order by
            rests.is_mixed_vintage asc, rests.version_number desc, rests.known_at desc, rests.period_end desc
    ) = 1

),

measured as (

    select
        *,
        not has_pair and direct_value_usd is not null as is_direct,
        case
            when has_pair and not is_mixed_vintage then pair_value_usd
            when not has_pair then direct_value_usd
        end as value_usd,
        case
            when quarters = 4 and {{ days_between('fiscal_year_start', 'point_period_end') }} + 1 between 357 and 372
                then point_value_usd
            when quarters < 4 and has_rest and not is_rest_mixed_vintage and ttm_days between 357 and 372
                then point_value_usd + rest_value_usd
        end as ttm_usd
    from with_rest_of_previous_year

),

explained as (

    select
        cik,
        concept,
        tag,
        fiscal_year_start,
        fiscal_year_end,
        quarters as fiscal_quarter_number,
        case
            when has_pair then pair_period_start
            when is_direct then direct_period_start
            when quarters = 1 then fiscal_year_start
        end as period_start,
        case when has_pair then pair_period_end when is_direct then direct_period_end else point_period_end end
            as period_end,
        value_usd,
        ttm_usd,
        case
            when value_usd is not null then null
            when is_mixed_vintage then 'mixed_vintage'
            when has_pair or (has_point and point_value_usd is null) then 'withdrawn'
            when has_point then 'missing_prior_year_to_date'
            else 'tag_changed'
        end as null_reason,
        case
            when ttm_usd is not null then null
            when not has_point then 'missing_year_to_date'
            when point_value_usd is null then 'withdrawn'
            when quarters = 4 then 'span_out_of_range'
            when not has_previous_year then 'missing_prior_year'
            when not has_rest then 'missing_prior_year_quarters'
            when is_rest_mixed_vintage then 'mixed_vintage'
            when rest_value_usd is null then 'withdrawn'
            else 'span_out_of_range'
        end as ttm_null_reason,
        coalesce(
            greatest(
                case when has_pair then pair_pit_rank when is_direct then direct_pit_rank end,
                case when ttm_usd is not null then point_pit_rank end,
                case when ttm_usd is not null then rest_pit_rank end
            ),
            point_pit_rank
        ) as pit_rank,
        coalesce(
            greatest(
                case when has_pair then pair_origin_rank when is_direct then direct_origin_rank end,
                case when ttm_usd is not null then point_origin_rank end,
                case when ttm_usd is not null then rest_origin_rank end
            ),
            point_origin_rank
        ) as origin_rank,
        case
            when has_pair then pair_accession_number
            when is_direct then direct_accession_number
            else point_accession_number
        end as accession_number,
        case
            when has_pair then pair_source_url
            when is_direct then direct_source_url
            else point_source_url
        end as source_url,
        known_at
    from measured

)

select * from explained
