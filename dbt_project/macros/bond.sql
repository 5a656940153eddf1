{# Bond mathematics as the Treasury prices what it sells: 31 CFR 356, Appendix B, simple interest in the stub and compound
   interest after it. Rates in percent a year, prices in dollars per 100 of face value, all double. The prices read the
   columns that with_coupon_schedule adds, unless told otherwise. #}

{# Day of the coupon that many half-years before maturity. What matures at a month's end pays at months' ends. #}
{% macro coupon_date(maturity_date, half_years) -%}
case
    when last_day({{ maturity_date }}) = {{ maturity_date }}
        then last_day({{ add_months(maturity_date, '-6 * (' ~ half_years ~ ')') }})
    else {{ add_months(maturity_date, '-6 * (' ~ half_years ~ ')') }}
end
{%- endmacro %}

{# The relation with life_days (settlement to maturity), full_periods (whole coupon periods after the next coupon),
   previous_coupon_date, next_coupon_date, period_days (between the two) and stub_days (settlement to the next coupon). #}
{% macro with_coupon_schedule(relation, settlement_date, maturity_date) -%}
select
    dated.*,
    {{ days_between('dated.' ~ settlement_date, 'dated.' ~ maturity_date) }}::double as life_days,
    {{ days_between('dated.previous_coupon_date', 'dated.next_coupon_date') }}::double as period_days,
    {{ days_between('dated.' ~ settlement_date, 'dated.next_coupon_date') }}::double as stub_days
from (
    select
        counted.*,
        {{ coupon_date('counted.' ~ maturity_date, 'counted.full_periods + 1') }} as previous_coupon_date,
        {{ coupon_date('counted.' ~ maturity_date, 'counted.full_periods') }} as next_coupon_date
    from (
        select
            bounded.*,
            case
                when
                    {{ coupon_date('bounded.' ~ maturity_date, 'bounded.most_coupons') }} > bounded.{{ settlement_date }}
                    then bounded.most_coupons
                else bounded.most_coupons - 1
            end as full_periods
        from (
            select
                {{ relation }}.*,
                ceil(
                    (
                        12 * (extract(year from {{ maturity_date }}) - extract(year from {{ settlement_date }}))
                        + extract(month from {{ maturity_date }}) - extract(month from {{ settlement_date }})
                    ) / 6.0
                )::integer as most_coupons
            from {{ relation }}
        ) as bounded
    ) as counted
) as dated
{%- endmacro %}

{# Price with accrued interest. At a yield of nothing the annuity is the number of its coupons. #}
{% macro dirty_price(coupon_pct, yield_pct, full_periods='full_periods', stub_share='stub_days / period_days') -%}
(
    (
        ({{ coupon_pct }})::double / 2 * (
            1 + case
                when abs(({{ yield_pct }})::double) < 0.000000001 then {{ full_periods }}
                else (1 - power(1 + ({{ yield_pct }})::double / 200, -({{ full_periods }}))) / (({{ yield_pct }})::double / 200)
            end
        )
        + 100 * power(1 + ({{ yield_pct }})::double / 200, -({{ full_periods }}))
    ) / (1 + {{ stub_share }} * ({{ yield_pct }})::double / 200)
)
{%- endmacro %}

{# Price without accrued interest: what a bidder pays for 100 dollars before the interest since the last coupon. #}
{% macro clean_price(coupon_pct, yield_pct) -%}
({{ dirty_price(coupon_pct, yield_pct) }} - ({{ coupon_pct }})::double / 2 * (period_days - stub_days) / period_days)
{%- endmacro %}

{# Loss of price when the yield rises by a basis point, from a basis point on either side. #}
{% macro dv01(coupon_pct, yield_pct, full_periods='full_periods', stub_share='stub_days / period_days') -%}
(
    (
        {{ dirty_price(coupon_pct, '(' ~ yield_pct ~ ')::double - 0.01', full_periods, stub_share) }}
        - {{ dirty_price(coupon_pct, '(' ~ yield_pct ~ ')::double + 0.01', full_periods, stub_share) }}
    ) / 2
)
{%- endmacro %}

{# DV01 of what is sold at par on a coupon day. Of 20 coupons 19 come after the next one. #}
{% macro par_dv01(yield_pct, coupons=20) -%}
{{ dv01(yield_pct, yield_pct, full_periods='((' ~ coupons ~ ') - 1)', stub_share='1.0') }}
{%- endmacro %}

{% macro bill_price(discount_rate_pct) -%}
(100 * (1 - ({{ discount_rate_pct }})::double / 100 * life_days / 360))
{%- endmacro %}

{# A bill is priced at a bank discount, so a basis point of it costs the same at any rate. #}
{% macro bill_dv01() -%}
(100 * life_days / 360 / 10000)
{%- endmacro %}

{# Years until a floating-rate note's rate is set anew, weekly: about all the duration that it has. #}
{% macro floating_rate_duration_years() -%} 0.02 {%- endmacro %}

{# Years: percent of price lost when the yield rises by a percentage point. #}
{% macro modified_duration(dv01_per100, dirty_per100) -%}
(10000 * {{ dv01_per100 }} / nullif({{ dirty_per100 }}, 0))
{%- endmacro %}
