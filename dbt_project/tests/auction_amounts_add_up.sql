{# Of every auction with results: bidder classes sum to the competitive sales, and these with the noncompetitive, foreign
   and Federal Reserve ones to all that was sold. Amounts are rounded to hundreds of dollars. #}
with versions as (

    select * from {{ ref('stg_fiscaldata__auctions') }}
    where not is_deleted and total_accepted_usd is not null

)

select
    cusip,
    issue_date,
    total_accepted_usd,
    competitive_accepted_usd
from versions
where
    abs(dealer_accepted_usd + direct_accepted_usd + indirect_accepted_usd - competitive_accepted_usd) > 1000
    or abs(
        competitive_accepted_usd + noncompetitive_accepted_usd + fima_accepted_usd + soma_accepted_usd
        - total_accepted_usd
    ) > 1000
