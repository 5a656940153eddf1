-- What the scenarios are, in every release: the seed with its columns typed.
with parameters as (

    select * from {{ ref('thesis_parameters') }}

)

select * from parameters
