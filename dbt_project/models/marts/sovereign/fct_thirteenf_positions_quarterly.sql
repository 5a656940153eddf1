with books as (

    select * from {{ ref('int_sovereign__thirteenf_books') }}

),

filers as (

    select * from {{ ref('thirteenf_filers') }}

),

changes_of_book as (

    {{ instants_of('books', ['entity_id', 'quarter_end']) }}

),

positions as (

    select distinct
        entity_id,
        quarter_end,
        cusip,
        position_kind
    from books
    where position_kind in ('shares', 'principal')

),

states as (  -- no row of the book is a state too: the position was taken back

    select
        positions.entity_id,
        positions.quarter_end,
        positions.cusip,
        positions.position_kind,
        books.issuer_name,
        books.class_title,
        books.quantity,
        books.value_usd,
        books.value_unit_basis,
        books.is_base_known,
        books.is_confidential_omitted,
        books.pit_rank,
        books.origin_rank,
        books.source_url,
        changes_of_book.known_at
    from positions
    inner join changes_of_book
        on
            positions.entity_id = changes_of_book.entity_id
            and positions.quarter_end = changes_of_book.quarter_end
    left join books
        on
            positions.entity_id = books.entity_id
            and positions.quarter_end = books.quarter_end
            and positions.cusip = books.cusip
            and positions.position_kind = books.position_kind
            and {{ known_then('books', 'changes_of_book.known_at') }}

),

changes as (

    select * from states
    window
        position_states as (
            partition by entity_id, quarter_end, cusip, position_kind order by known_at
        )
    qualify {{ differs_from_previous([
        'quantity', 'value_usd', 'value_unit_basis', 'is_base_known', 'is_confidential_omitted', 'pit_rank',
        'origin_rank',
    ], 'position_states') }}

),

versions as (

    select
        *,
        lead(known_at) over (
            partition by entity_id, quarter_end, cusip, position_kind order by known_at
        ) as known_until
    from changes

),

holdings as (

    select
        versions.entity_id::varchar as entity_id,
        filers.name::varchar as filer_name,
        filers.country_code::varchar as country_code,
        versions.quarter_end::date as quarter_end,
        versions.cusip::varchar as cusip,
        versions.issuer_name::varchar as issuer_name,
        versions.class_title::varchar as class_title,
        versions.position_kind::varchar as position_kind,
        versions.quantity::decimal(20, 2) as shares,
        versions.value_usd::decimal(28, 2) as value_usd,
        (versions.value_usd::double / nullif(versions.quantity, 0)::double)::double as price_usd,
        versions.value_unit_basis::varchar as value_unit_basis,
        versions.is_base_known::boolean as is_base_known,
        versions.is_confidential_omitted::boolean as is_confidential_omitted,
        {{ word_of('pit_quality', 'versions.pit_rank') }}::varchar as pit_quality,
        versions.known_at::timestamptz as known_at,
        versions.known_until::timestamptz as known_until,
        versions.source_url::varchar as source_url,
        {{ word_of('origin', 'versions.origin_rank') }}::varchar as origin
    from versions
    inner join filers on versions.entity_id = filers.entity_id
    where versions.value_usd is not null

)

select * from holdings
