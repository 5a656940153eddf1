"""Two publishers on one figure: shown to agree, to differ a little, and to differ at all, at both gates."""

import pytest

from expectations import suite
from expectations.cross import PAIRS, release_agreements
from warehouse.sources import find
from warehouse.validation import judge

ACCOUNT = """
    select 'RESPPLLDT_N.WW' as series_name, date '2025-07-09' as period_end, 1000000 as unit_multiplier,
        {amount} as value, 'Currency' as unit_name, 'USD' as currency_code
"""
CASH = """
    select date '2025-07-09' as record_date, 'Treasury General Account (TGA) Closing Balance' as account_type,
        {amount} as open_today_usd_mn
"""
YIELD = """
    select 'RIFLGFCY10_N.B' as series_name, date '2025-02-14' as period_end, 1 as unit_multiplier, {amount} as value,
        'Percent:_Per_Year' as unit_name
"""
CURVE = "select date '2025-02-14' as quote_date, {amount} as yield_10yr_pct"
RECENT = """
    select 'Japan' as holder_name, date '2026-05-31' as month_end, false as is_memo, {amount} / 1000 as holdings_usd_bn
"""
HISTORY = RECENT.replace("select", "select 'current' as survey_basis,")
MILLIONS = "select '42609' as country_code, date '2026-05-31' as month_end, {amount} as holdings_usd_mn"

CASES = {
    "treasury_account_agrees": ((ACCOUNT, CASH), (311048, 311900, 342048, 131048)),
    "par_curve_agrees": ((YIELD, CURVE), (4.47, 4.475, 4.52, 5.17)),
    "recent_holders_agree": ((RECENT, MILLIONS), (1185500, 1185560, 1190000, 2371000)),
    "yearly_holders_agree": ((HISTORY, MILLIONS), (1185500, 1200000, 1230000, 2371000)),
}
"""Rows of each side, and what one says: the other's figure, as good as it, off, and another."""


@pytest.fixture
def landed(warehouse_file):
    """The file with the tables that are compared alone, which is opened faster."""
    warehouse_file.create([find(*table) for table in {table for pair in PAIRS for table, _ in pair.sides}])
    return warehouse_file


def failed(landed, suites):
    verdicts = judge(landed.path, suites)
    found = {f.expectation: f for v in verdicts for f in v.findings if not f.success and "agree" in f.expectation}
    assert all("could not be judged" not in f.detail for f in found.values())
    return {name: f.severity for name, f in found.items()}


def expected(pair, place):
    said = {pair.name: "warning"}
    return [{}, {}, said, said | {f"{pair.name}_at_all": "critical"}][place]


def test_every_pair_is_shown():
    assert {pair.name for pair in PAIRS} == set(CASES)
    assert all(pair.because.startswith("20") for pair in PAIRS)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_what_lands_is_set_beside_what_the_other_said(landed, pair, side, place):
    rows, amounts = CASES[pair.name]
    mine, other = pair.sides[side][0], pair.sides[1 - side][0]
    landed.fill("__".join(other), rows[1 - side].format(amount=amounts[0]))
    landed.promote("__".join(other))
    landed.fill("__".join(mine), rows[side].format(amount=amounts[place]))
    source, table = find(*mine)
    assert failed(landed, [suite(table, source)]) == expected(pair, place)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_what_came_at_once_is_compared_at_the_release(landed, pair, place):
    rows, amounts = CASES[pair.name]
    for (name, _), select, amount in zip(pair.sides, rows, (amounts[place], amounts[0]), strict=True):
        landed.fill("__".join(name), select.format(amount=amount))
        landed.promote("__".join(name))
    assert failed(landed, release_agreements()) == expected(pair, place)


def test_a_version_that_was_replaced_is_not_compared(landed):
    landed.fill("board__h41", ACCOUNT.format(amount=131048))
    landed.promote("board__h41", value="131048")
    landed.run(
        "update raw.board__h41 set ingested_at = ingested_at - interval 1 day",
        "update incoming.board__h41 set value = 311048",
    )
    landed.promote("board__h41")
    landed.fill("fiscaldata__operating_cash_balance", CASH.format(amount=311048))
    landed.promote("fiscaldata__operating_cash_balance")
    assert failed(landed, release_agreements()) == {}
