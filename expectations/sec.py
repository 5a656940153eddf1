"""Are the company facts plausible? Shape, nulls, grain and history already follow from their contract."""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

import great_expectations.expectations as gxe

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, COMPANY_FACTS = find("sec", "company_facts")

FORMS = [
    *("10-Q", "10-Q/A", "10-QT", "10-K", "10-K/A", "10-KT", "10-KT/A", "20-F", "20-F/A", "40-F", "40-F/A"),
    *("6-K", "6-K/A", "8-K", "8-K/A", "10-12B", "10-12B/A", "S-1", "S-1/A", "S-3", "S-4", "S-4/A", "F-1", "F-1/A"),
    *("424B1", "424B2", "424B3", "424B4", "424B5", "424B7", "DEF 14A", "DEFA14A", "DEFM14A", "N-2"),
]

CASH_FLOWS = """
    taxonomy in ('us-gaap', 'ifrs-full')
    and (
        tag like 'PaymentsToAcquire%'
        or tag like 'NetCashProvidedByUsedIn%'
        or tag like 'PaymentsForRepurchaseOf%'
        or tag like 'PaymentsOfDividends%'
    )
"""

SUITES = [
    suite(
        COMPANY_FACTS,
        SOURCE,
        no_rows(
            "the_company_asked_for",
            "A partition holds the facts of its own company and of no other.",
            """
            select _partition, cik, count(*) as fact_count
            from {batch}
            where try_cast(regexp_replace(_partition, '[^0-9]', '', 'g') as bigint) is distinct from cik
            group by all
            """,
            severity="critical",
            because="2026-11-22: CIK literals copied from elsewhere named another company (SOURCES.md 1.0).",
        ),
        no_rows(
            "enough_facts",
            "A company's snapshot has its facts: 200 from the SEC itself, 5 where we set filed figures.",
            """
            select _fetch_id, cik, count(*) as fact_count
            from {batch}
            group by all
            having count(*) < case when bool_or(_origin in ('live', 'documented')) then 200 else 5 end
            """,
            severity="critical",
            because="2026-11-22: four filers have 20,324 to 31,574 facts; the smallest reconstructed one has 6.",
        ),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="filed_date",
            column_B="period_end",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            mostly=0.999,
            severity="critical",
            description="Facts are filed after the period they are about.",
            notes="2026-11-22: 5 of 103,380 facts are not, all mistyped dates in NVDA filings of 2011-2014.",
        ),
        no_rows(
            "cash_flows_filed_after_their_period",
            "No cash flow is filed before its period ended, bar a mistyped date.",
            f"""
            select cik, tag, period_end, filed_date, accession_number
            from {{batch}}
            where filed_date < period_end and tag not like 'PaymentsForRepurchaseOf%' and {CASH_FLOWS}
            """,
            severity="critical",
            because="2026-11-22: none of 103,380 facts; known_at would look ahead.",
        ),
        no_rows(
            "cash_flows_in_a_currency",
            "Cash flows are in a currency, written as three capitals.",
            f"""
            select cik, tag, unit, period_end, value
            from {{batch}}
            where (length(unit) <> 3 or unit <> upper(unit)) and {CASH_FLOWS}
            """,
            severity="critical",
            because="2026-11-22: USD without exception in four filers; foreign filers report TWD, EUR or CNY.",
        ),
        no_rows(
            "cash_flows_of_a_possible_size",
            "No cash flow in dollars reaches a trillion.",
            f"""
            select cik, tag, period_start, period_end, value
            from {{batch}}
            where unit = 'USD' and abs(value) >= 1e12 and {CASH_FLOWS}
            """,
            severity="critical",
            because="2026-11-22: the largest is 183 billion (AMZN, operating cash flow of a year).",
        ),
        no_rows(
            "dollars_of_a_possible_size",
            "No amount in dollars passes twenty trillion.",
            """
            select cik, tag, period_end, value, form
            from {batch} where unit = 'USD' and abs(value) > 2e13
            """,
            severity="critical",
            because="2026-11-22: the largest is NVDA's public float, 4 trillion, rounded to the trillion.",
        ),
        no_rows(
            "whole_dollars",
            "A company's dollars are dollars, neither thousands nor millions.",
            """
            select _fetch_id, cik, max(abs(value)) as largest_usd
            from {batch}
            where unit = 'USD'
            group by all
            having max(abs(value)) < 1e8
            """,
            severity="critical",
            because="2026-11-22: every company of the universe moves more than 100 million a year.",
        ),
        no_rows(
            "purchases_are_positive",
            "Payments for property, plant and equipment are positive numbers.",
            """
            select cik, tag, period_start, period_end, value
            from {batch}
            where value < 0 and (tag like 'PaymentsToAcquirePropertyPlant%' or tag like 'PaymentsToAcquireProductive%')
            """,
            severity="warning",
            because="2026-11-22: none of 888 in eleven filers; XBRL writes payments without a sign.",
        ),
        no_rows(
            "capex_still_reported",
            "A company that reported capital expenditure reports it within 400 days of its newest fact.",
            """
            select
                _fetch_id,
                cik,
                max(period_end) as newest_fact,
                max(period_end) filter (
                    where tag in (
                        'PaymentsToAcquirePropertyPlantAndEquipment', 'PaymentsToAcquireProductiveAssets',
                        'PaymentsToAcquireOtherPropertyPlantAndEquipment', 'PaymentsForCapitalImprovements'
                    )
                ) as newest_capex
            from {batch}
            where taxonomy = 'us-gaap' and form in ('10-Q', '10-K')
            group by all
            having newest_capex < newest_fact - 400
            """,
            severity="warning",
            because="2026-11-22: AAPL (2014) and NVDA (2020) changed the tag; a fifth tag would end the series.",
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="form",
            value_set=FORMS,
            mostly=0.99,
            severity="warning",
            description="Facts come from the forms we know.",
            notes="2026-11-22: eight forms in four filers; DEF 14A rows may be misscaled (SOURCES.md 1.1).",
        ),
    )
]
