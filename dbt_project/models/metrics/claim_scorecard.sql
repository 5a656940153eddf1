{{ config(meta={'known_since': 'date_day'}) }}
-- The thesis gets no benefit of the doubt: what contradicts it counts as soon as it is known, what supports it only when
-- everything is.
with conditions as (

    select * from {{ ref('claim_conditions_daily') }}
    where true {{ and_known_since('date_day') }}

),

claims as (

    select * from {{ ref('claims') }}

),

counted as (

    select
        claim_id,
        date_day,
        count(*) filter (where side = 'scope' and is_met is null) as scope_unknown,
        count(*) filter (where side = 'scope' and not is_met) as scope_missed,
        count(*) filter (where side = 'supports') as supports_count,
        count(*) filter (where side = 'supports' and is_met) as supports_met,
        count(*) filter (where side <> 'scope' and is_met is null) as unknown,
        count(*) filter (where side = 'contradicts') as contradicts_count,
        count(*) filter (where side = 'contradicts' and is_met) as contradicts_met,
        {{ joined_text("case when is_met is not null then metric_id || ' ' || entity_id || ' ' || measure || ' ' || coalesce(round(figure_value, 4)::varchar, 'none') || case comparison when 'above' then ' > ' else ' < ' end || round(threshold_value, 4)::varchar || case when is_met then ' holds' else ' does not hold' end end") }} as evidence,
        {{ joined_text("case when is_met is null then null_reason || ': ' || metric_id end") }} as missing,
        {{ joined_text("case when side = 'scope' and not is_met then metric_id end") }} as out_of_scope
    from conditions
    group by claim_id, date_day

),

judged as (

    select
        *,
        case
            when scope_unknown > 0 or scope_missed > 0 then 'untestable'
            when contradicts_met > 0 and supports_met = supports_count then 'mixed'
            when contradicts_met > 0 then 'contradicted'
            when unknown > 0 then 'untestable'
            when supports_met = supports_count then 'supported'
            else 'mixed'
        end as verdict
    from counted

),

before as (

    {% if is_incremental() -%}
    select
        claim_id,
        verdict,
        verdict_since
    from {{ this }}
    where not (true {{ and_known_since('date_day') }})
    qualify row_number() over (partition by claim_id order by date_day desc) = 1
    {%- else -%}
    select
        claim_id,
        null::varchar as verdict,
        null::date as verdict_since
    from claims
    {%- endif %}

),

with_before as (

    select
        judged.*,
        before.verdict_since as since_before,
        coalesce(lag(judged.verdict) over by_day, before.verdict) as verdict_before
    from judged
    left join before on judged.claim_id = before.claim_id
    window by_day as (partition by judged.claim_id order by judged.date_day)

),

turns as (

    select
        *,
        case when verdict_before is null or verdict <> verdict_before then date_day end as turned_on
    from with_before

),

with_start as (

    select
        *,
        coalesce(max(turned_on) over (
            partition by claim_id order by date_day rows between unbounded preceding and current row
        ), since_before) as verdict_since
    from turns

),

scorecard as (

    select
        ---------- keys
        with_start.claim_id::varchar as claim_id,
        with_start.date_day::date as date_day,

        ---------- the claim
        claims.statement::varchar as statement,
        claims.supported_when::varchar as supported_when,
        claims.contradicted_when::varchar as contradicted_when,

        ---------- the verdict
        with_start.verdict::varchar as verdict,
        with_start.verdict_since::date as verdict_since,
        case
            when with_start.verdict <> 'untestable' then null
            when with_start.scope_missed > 0 and with_start.scope_unknown = 0
                then 'out_of_scope: ' || with_start.out_of_scope
            else with_start.missing
        end::varchar as untestable_reason,
        with_start.evidence::varchar as evidence,
        with_start.supports_met::integer as supports_met,
        with_start.supports_count::integer as supports_count,
        with_start.contradicts_met::integer as contradicts_met,
        with_start.contradicts_count::integer as contradicts_count,
        {{ cutoff('with_start.date_day') }}::timestamptz as known_at
    from with_start
    inner join claims on with_start.claim_id = claims.claim_id

)

select * from scorecard
