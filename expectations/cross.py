"""Two publishers on one figure: what one says has to be what the other says, where both are known.

Each pair is asked of whichever lands, against what `raw` holds of the other, and again at the release's gate, of all
that `raw` holds of both. That two differ does not say which is wrong: a little is said, what no timing explains stops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from expectations.checks import no_rows
from warehouse.sources import find, tables
from warehouse.validation import Suite

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

CASH = """
    select
        record_date as about_day,
        'cash' as figure,
        max(case
            when account_type = 'Treasury General Account (TGA) Closing Balance' then open_today_usd_mn
            when record_date < '2022-04-18'
                and account_type in ('Federal Reserve Account', 'Treasury General Account (TGA)')
                then close_today_usd_mn
        end)::double as amount
    from {rows} group by all
"""
ACCOUNT = """
    select period_end as about_day, 'cash' as figure, (value * unit_multiplier / 1e6)::double as amount
    from {rows} where series_name = 'RESPPLLDT_N.WW'
"""
TERMS = {"Y02": "yield_2yr_pct", "Y05": "yield_5yr_pct", "Y10": "yield_10yr_pct", "Y30": "yield_30yr_pct"}
_OF_CURVE = ", ".join(f"struct_pack(figure := '{code}', amount := {column})" for code, column in TERMS.items())
CURVE = f"""
    select quote_date as about_day, yield.figure, yield.amount::double as amount
    from (select quote_date, unnest([{_OF_CURVE}]) as yield from {{rows}})
"""
YIELDS = f"""
    select period_end as about_day, substr(series_name, 8, 3) as figure, value::double as amount
    from {{rows}} where series_name in ({", ".join(f"'RIFLGFC{k}_N.B'" for k in TERMS)})
"""
HOLDERS = {"42609": "Japan", "41408": "China, Mainland", "13005": "United Kingdom", "99996": "Grand Total"}
IN_MILLIONS = f"""
    select month_end as about_day, country_code as figure, (holdings_usd_mn / 1000)::double as amount
    from {{rows}} where country_code in ({", ".join(f"'{k}'" for k in HOLDERS)})
"""
IN_BILLIONS = f"""
    select month_end as about_day, code as figure, holdings_usd_bn::double as amount
    from {{rows}} inner join (values {", ".join(f"('{k}', '{v}')" for k, v in HOLDERS.items())}) as t(code, named)
        on holder_name = named
    where coalesce({{basis}}, 'current') = 'current'
"""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two tables that publish one figure, each as a SELECT of `about_day, figure, amount` over `{rows}`."""

    name: str
    sentence: str
    sides: tuple[tuple[tuple[str, str], str], tuple[tuple[str, str], str]]
    said: str
    """SQL over `ours` and `theirs`: they differ by more than rounding."""
    stops: str
    """SQL over `ours` and `theirs`: they differ by more than any timing."""
    because: str


PAIRS = (
    Pair(
        name="treasury_account_agrees",
        sentence="The Treasury's account of a Wednesday is the same at the Federal Reserve and at the Treasury",
        sides=((("board", "h41"), ACCOUNT), (("fiscaldata", "operating_cash_balance"), CASH)),
        said="abs(ours - theirs) > greatest(1000, 0.01 * theirs)",
        stops="ours > 2 * theirs + 20000 or theirs > 2 * ours + 20000",
        because="2026-11-29: one account in two books, in millions, rounded in each; entries after the close are "
        "below a billion, a factor of two is another day, line or unit.",
    ),
    Pair(
        name="par_curve_agrees",
        sentence="The yields at two, five, ten and thirty years are the same in H.15 and at the Treasury",
        sides=((("board", "h15"), YIELDS), (("treasury", "par_yields"), CURVE)),
        said="abs(ours - theirs) > 0.015",
        stops="abs(ours - theirs) > 0.5",
        because="2026-11-29: H.15 takes over the Treasury's figures, in hundredths; half a point is another term.",
    ),
    Pair(
        name="recent_holders_agree",
        sentence="The largest holders and the grand total of a month are the same in both tables of holdings",
        sides=(
            (("tic", "recent_foreign_holders"), IN_BILLIONS.replace("{basis}", "null")),
            (("tic", "foreign_holdings"), IN_MILLIONS),
        ),
        said="abs(ours - theirs) > 0.11",
        stops="ours > 1.5 * theirs or theirs > 1.5 * ours",
        because="2026-11-29: one is the other rounded to a tenth of a billion; they are released within minutes, so "
        "that a revision shows in one of them alone for as long.",
    ),
    Pair(
        name="yearly_holders_agree",
        sentence="The largest holders and the grand total of a month are the same in the history and the full table",
        sides=(
            (("tic", "major_foreign_holders"), IN_BILLIONS.replace("{basis}", "survey_basis")),
            (("tic", "foreign_holdings"), IN_MILLIONS),
        ),
        said="abs(ours - theirs) > 0.02 * theirs",
        stops="ours > 1.5 * theirs or theirs > 1.5 * ours",
        because="2026-11-29: the history is written once a year and lacks the revisions since, of a percent or so.",
    ),
)


def agreements(source: str, table: str) -> tuple[Expectation, ...]:
    """Return what is expected of a landing of this table, given what `raw` holds of the others."""
    return tuple(
        check
        for pair in _asked()
        for (mine, ours), (other, theirs) in (pair.sides, pair.sides[::-1])
        if mine == (source, table)
        for check in _checks(pair, ours.format(rows="{batch}"), theirs.format(rows=_latest(*other)))
    )


def release_agreements() -> list[Suite]:
    """Return the suites that compare all that `raw` holds, for the gate of the release."""
    suites = []
    for pair in _asked():
        (mine, ours), (other, theirs) = pair.sides
        raw = f"raw.{'__'.join(mine)}"
        rows = _latest(*mine).replace(raw, "{batch}")
        suites.append(
            Suite(
                name=f"release.{pair.name}",
                table=raw,
                expectations=_checks(pair, ours.format(rows=rows), theirs.format(rows=_latest(*other))),
                may_be_empty="true",
            )
        )
    return suites


def _asked() -> list[Pair]:
    """Return the pairs of which both tables are landed at all."""
    landed = {(source.code, table.name) for source, table in tables()}
    return [pair for pair in PAIRS if {name for name, _ in pair.sides} <= landed]


def _latest(source: str, table: str) -> str:
    grain = ", ".join(find(source, table)[1].grain)
    return (
        f"(select * from (select * from raw.{source}__{table} qualify row_number() over (partition by {grain} "
        "order by ingested_at desc, _fetch_id desc) = 1) where not _is_deleted)"
    )


def _checks(pair: Pair, ours: str, theirs: str) -> tuple[Expectation, ...]:
    def check(name: str, more: str, condition: str, severity: str) -> Expectation:
        return no_rows(
            name,
            f"{pair.sentence}{more}.",
            f"""
            select about_day, figure, us.amount as ours, them.amount as theirs
            from ({ours}) as us inner join ({theirs}) as them using (about_day, figure)
            where {condition}
            order by about_day desc
            """,
            severity=severity,
            because=pair.because,
        )

    return (
        check(pair.name, ", but for rounding", pair.said, "warning"),
        check(f"{pair.name}_at_all", ", in its size at least", pair.stops, "critical"),
    )
