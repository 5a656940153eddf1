with points as (

    select * from {{ ref('int_capex__year_to_date') }}

),

wanted as (  -- quarter n is year-to-date n less n - 1; the rest of a year is the annual figure less n

    select
        points.*,
        steps.quarters_before
    from points
    inner join
        (values (1, 0), (2, 1), (3, 2), (4, 3), (4, 2), (4, 1)) as steps (quarters, quarters_before)
        on points.quarters = steps.quarters

),

paired as (  -- with what was known when the longer figure became known, else with what became known first after it

    select
        wanted.cik,
        wanted.concept,
        wanted.tag,
        wanted.fiscal_year_start,
        wanted.quarters,
        wanted.quarters_before,
        case
            when wanted.quarters_before = 0 then wanted.fiscal_year_start
            else {{ add_days('earlier.period_end', 1) }}
        end as period_start,
        wanted.period_end,
        wanted.value_usd - case when wanted.quarters_before = 0 then 0 else earlier.value_usd end as value_usd,
        wanted.quarters_before > 0 and wanted.is_restated and not earlier.is_restated as is_mixed_vintage,
        wanted.version_number,
        wanted.accession_number,
        greatest(wanted.pit_rank, earlier.pit_rank) as pit_rank,
        greatest(wanted.origin_rank, earlier.origin_rank) as origin_rank,
        wanted.source_url,
        greatest(wanted.known_at, earlier.known_at) as known_at
    from wanted
    left join points as earlier
        on
            wanted.cik = earlier.cik
            and wanted.concept = earlier.concept
            and wanted.tag = earlier.tag
            and wanted.fiscal_year_start = earlier.fiscal_year_start
            and wanted.quarters_before = earlier.quarters
            and coalesce(earlier.known_until, timestamptz '9999-12-31 00:00:00+00') > wanted.known_at
            and earlier.period_end
            between {{ add_days('wanted.period_end', '-100 * (wanted.quarters - wanted.quarters_before)') }}
            and {{ add_days('wanted.period_end', '-80 * (wanted.quarters - wanted.quarters_before)') }}
    where wanted.quarters_before = 0 or earlier.cik is not null
    qualify row_number() over (
        partition by
            wanted.cik, wanted.concept, wanted.tag, wanted.fiscal_year_start, wanted.quarters,
            wanted.quarters_before, wanted.period_end, wanted.version_number
        order by earlier.known_at asc, earlier.period_end desc
    ) = 1

)

select * from paired
