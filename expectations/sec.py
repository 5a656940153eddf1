"""Are the SEC's tables plausible? Shape, nulls, grain and history already follow from their contracts."""
# ruff: noqa: TID253 - imported once a run, inside one task

from __future__ import annotations

import great_expectations.expectations as gxe

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, COMPANY_FACTS = find("sec", "company_facts")
SUBMISSIONS, THIRTEENF_HOLDINGS, FINANCIAL_STATEMENTS = (
    find("sec", name)[1] for name in ("submissions", "thirteenf_holdings", "financial_statements")
)

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
            "The dollars of a company that reports in them are dollars, neither thousands nor millions.",
            """
            select _fetch_id, cik, max(abs(value)) filter (unit = 'USD') as largest_usd
            from {batch}
            group by all
            having largest_usd < 1e8 and count(*) filter (unit = 'USD') > count(*) filter (unit ~ '[A-Z]{{3}}') / 2
            """,
            severity="critical",
            because="2026-11-24: every company of the universe moves more than 100 million a year; foreign filers "
            "print few dollars beside their own currency.",
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
    ),
    suite(
        SUBMISSIONS,
        SOURCE,
        no_rows(
            "the_filer_asked_for",
            "A partition holds the filings of its own filer and of no other.",
            """
            select _partition, cik, count(*) as filing_count
            from {batch}
            where try_cast(regexp_replace(_partition, '[^0-9]', '', 'g') as bigint) is distinct from cik
            group by all
            """,
            severity="critical",
            because="2026-11-24: CIK literals copied from elsewhere named another company (SOURCES.md 1.0).",
        ),
        no_rows(
            "no_filing_of_the_future",
            "No filing counts as filed more than four days after it was fetched.",
            """
            select cik, accession_number, form, filed_date, fetched_at
            from {batch}
            where filed_date > fetched_at::date + 4
            """,
            severity="critical",
            because="2026-11-24: a filing of a Friday evening counts as the next business day's, after a long weekend.",
        ),
        no_rows(
            "accession_numbers_in_shape",
            "Accession numbers have ten, two and six digits.",
            """
            select cik, accession_number, form
            from {batch}
            where not regexp_full_match(accession_number, '[0-9]{{10}}-[0-9]{{2}}-[0-9]{{6}}')
            """,
            severity="critical",
            because="2026-11-24: all of 4,736 recorded ones; the facts of a filing are found by it.",
        ),
        no_rows(
            "accepted_near_their_filing_day",
            "In whatever zone it is printed, acceptance is within nine days of the filing day, for 19 filings of 20.",
            """
            select _fetch_id, cik, avg((abs(accepted_at_as_published::date - filed_date) > 9)::integer) as far_share
            from {batch}
            where filed_date >= '2002-01-01'
            group by all
            having count(*) >= 100 and far_share > 0.05
            """,
            severity="warning",
            because="2026-11-24: at most 0.8 % in four filers' lists: no-action letters and annual reports on paper, "
            "which are dated weeks before EDGAR has them.",
        ),
    ),
    suite(
        THIRTEENF_HOLDINGS,
        SOURCE,
        no_rows(
            "shares_of_a_possible_price",
            "The median price that a filing's shares imply is between 1 and 2,000 dollars.",
            """
            select accession_number, cik, value_unit_usd, value_unit_basis, median(value_usd / quantity) as price_usd
            from {batch}
            where quantity_type = 'SH' and quantity > 0 and put_call is null
            group by all
            having count(*) >= 10 and not price_usd between 1 and 2000
            """,
            severity="critical",
            because="2026-11-24: 105 and 175 dollars in the recorded filings; thousands taken for dollars give 0.1.",
        ),
        no_rows(
            "a_portfolio_of_a_possible_size",
            "No filing's holdings, options apart, are worth more than three trillion dollars.",
            """
            select accession_number, cik, value_unit_usd, sum(value_usd) as value_usd
            from {batch}
            where put_call is null
            group by all
            having sum(value_usd) > 3e12
            """,
            severity="critical",
            because="2026-11-24: the largest filer followed, Norges Bank, held about one trillion of US shares.",
        ),
        no_rows(
            "entries_match_the_summary",
            "A filing's entries are as many and sum to as much as its summary page says.",
            """
            select
                accession_number,
                cik,
                count(*) as entry_count,
                any_value(table_entry_total) as table_entry_total,
                sum(value_reported) as value_reported,
                any_value(table_value_total_reported) as table_value_total_reported
            from {batch}
            where not matches_totals
            group by accession_number, cik
            """,
            severity="warning",
            because="2026-11-24: both recorded filings match; a filer's slip is no reason to hold its holdings back.",
        ),
        no_rows(
            "a_quarters_end",
            "What is reported is the end of a calendar quarter.",
            """
            select distinct accession_number, cik, period_of_report
            from {batch}
            where period_of_report <> last_day(period_of_report) or month(period_of_report) % 3 <> 0
            """,
            severity="critical",
            because="2026-11-24: Form 13F is about the last day of a calendar quarter.",
        ),
        no_rows(
            "cusips_in_shape",
            "CUSIPs have nine letters and digits, but for one entry of a hundred.",
            """
            select accession_number, cik, avg((not regexp_full_match(cusip, '[0-9A-Za-z]{{9}}'))::integer) as bad_share
            from {batch}
            group by all
            having bad_share > 0.01
            """,
            severity="warning",
            because="2026-11-24: all of 359 recorded ones; a spreadsheet that drops a leading zero leaves eight.",
        ),
    ),
    suite(
        FINANCIAL_STATEMENTS,
        SOURCE,
        no_rows(
            "a_quarter_of_filings",
            "A quarter's file holds the figures of at least 300 filings; from 2012 on, of 3,000.",
            """
            select _fetch_id, _partition, count(distinct accession_number) as filing_count
            from {batch}
            where _origin in ('live', 'recorded')
            group by all
            having filing_count < case when left(_partition, 4) >= '2012' then 3000 when _partition >= '2009q3' then 300
                else 0 end
            """,
            severity="critical",
            because="2026-11-24: 435 in 2009q3; XBRL was required of the largest filers first and of all by mid-2011.",
        ),
        no_rows(
            "filed_in_its_quarter",
            "A file's filings count as filed in its quarter, or in the days about it.",
            """
            select _partition, accession_number, filed_date
            from {batch}
            where abs(
                filed_date
                - make_date(left(_partition, 4)::integer, 3 * right(_partition, 1)::integer - 1, 15)
            ) > 60
            group by all
            """,
            severity="critical",
            because="2026-11-24: the evening of a quarter's last day is in the next file (SOURCES.md 1.6).",
        ),
        no_rows(
            "most_figures_in_dollars",
            "Most figures of a file are in whole US dollars.",
            """
            select _fetch_id, avg((unit = 'USD')::integer) as usd_share, median(abs(value)) filter (unit = 'USD') as usd
            from {batch}
            group by all
            having usd_share < 0.6 or not usd between 1e5 and 1e10
            """,
            severity="critical",
            because="2026-11-24: 94 % in 2009q3, where the median amount is 137 million.",
        ),
        no_rows(
            "periods_are_over_when_filed",
            "At most one flow in a hundred ends more than a month after its filing day.",
            """
            select _fetch_id, avg((period_end > filed_date + 31)::integer) as early_share
            from {batch}
            where quarter_count > 0
            group by all
            having early_share > 0.01
            """,
            severity="warning",
            because="2026-11-24: dates are rounded to a month's end, and filers mistype some.",
        ),
    ),
]
