with days as (

    {{ days_from('1980-01-01', '2040-12-31') }}

)

select * from days
