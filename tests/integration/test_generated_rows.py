"""The rows of a generated history: lawful by their contracts, adding up, and with a planted truth that can be found."""

from __future__ import annotations

from datetime import UTC, date, datetime

import duckdb
import numpy as np
import pytest

from tests import generated
from warehouse import stores
from warehouse.settings import Settings

pytestmark = pytest.mark.slow

YEARS = 2


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return Settings(home=tmp_path_factory.mktemp("generated"))


@pytest.fixture(scope="module")
def world(home):
    return generated.fill(home, generated.Plan(years=YEARS))


@pytest.fixture
def raw(home, world):
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


def tables():
    return [(s, t) for s, t in stores.tables_of(internal=False) if (s.code, t.name) in generated.MAKERS]


def test_every_public_table_has_rows(raw):
    assert generated.without_maker() == []
    for source, table in tables():
        name = stores.identifier(source, table)
        assert raw.execute(f"select count(*) from raw.{name}").fetchone()[0] > 0, name


@pytest.mark.parametrize(("source", "table"), tables(), ids=[f"{s.code}.{t.name}" for s, t in tables()])
def test_rows_keep_their_contract(raw, source, table):
    name = f"raw.{stores.identifier(source, table)}"
    required = " or ".join([f'"{c.name}" is null' for c in table.columns if c.required] or ["false"])
    broken = [f"not ({rule.holds})" for rule in table.rules]
    assert raw.execute(f"select * from {name} where {' or '.join([required, *broken])} limit 1").fetchall() == []
    # one fetch of these holds one day
    newest = "as_of_date = (select max(as_of_date) from raw.nyfed__soma_holdings)" if "soma" in name else "true"
    for check in table.units:
        found = raw.execute(f"select {check.holds} from {name} where not _is_deleted and {newest}").fetchone()[0]
        assert found in (True, None), check.holds
    key = ", ".join(f'"{k}"' for k in table.grain)
    twice = f"select {key}, known_at from {name} group by all having count(*) > 1 limit 1"
    assert raw.execute(twice).fetchall() == []
    stamps = raw.execute(
        f"select count(*) filter (ingested_at < known_at and pit_quality <> 'self_vintage'), max(known_at), "
        f"list(distinct _origin) from {name}"
    ).fetchone()
    assert stamps[0] == 0
    assert stamps[1] <= datetime(2026, 9, 12, tzinfo=UTC)
    assert stamps[2] == ["reconstructed"]


def test_records_are_revised_and_withdrawn(raw):
    for name, key in (("board__h8", "series_name, period_end"), ("tic__foreign_holdings", "country_code, month_end")):
        again = f"select {key} from raw.{name} group by all having count(distinct _row_hash) > 1"
        assert raw.execute(again).fetchall(), name
    counts = [
        raw.execute(f"select count(*) from raw.{stores.identifier(s, t)} where _is_deleted").fetchone()[0]
        for s, t in tables()
    ]
    assert sum(counts) > 0


def test_what_has_to_add_up_does(raw):
    reserves = raw.execute(
        """with lines as (pivot raw.board__h41 on series_name using first(value) group by period_end)
        select max(abs("RESPPMA_N.WW" - "RESPPLLN_N.WW" - "RESPPLLR_N.WW" - "RESPPLLDT_N.WW" - "RESPPLLDF_N.WW"
            - "RESPPLLDO_N.WW" - "RESPPLLE_N.WW" - "RESPPLC_N.WW" - "RESH4R_N.WW")), min("RESH4R_N.WW") from lines"""
    ).fetchone()
    assert reserves[0] == 0
    assert reserves[1] > 1e6
    auctions = raw.execute(
        """select count(*), max(abs(primary_dealer_accepted + direct_bidder_accepted + indirect_bidder_accepted
            - comp_accepted)), max(abs(comp_accepted + noncomp_accepted + fima_noncomp_accepted + soma_accepted
            - total_accepted)), max(abs(offering_amt + soma_accepted - total_accepted))
        from raw.fiscaldata__auctions where total_accepted is not null"""
    ).fetchone()
    assert auctions[0] > 500
    assert auctions[1:] == (0, 0, 0)
    held = raw.execute(
        """select max(abs(soma.par - h41.value)) from (
            select as_of_date, sum(par_value_usd) / 1e6 as par from raw.nyfed__soma_holdings
            where security_type = 'Bills' group by all) as soma
        join raw.board__h41 as h41 on soma.as_of_date = h41.period_end and series_name = 'RESPPALGUOB_N.WW'"""
    ).fetchone()
    assert held[0] <= 0.5
    foreign = raw.execute(
        f"""select max(abs(sum_of_countries - total)) from (
            select month_end, sum(holdings_usd_mn) filter (country_code not in ('99990', '99996')) as sum_of_countries,
                sum(holdings_usd_mn) filter (country_code = '99996') as total
            from raw.tic__foreign_holdings where pit_quality <> 'self_vintage' and not _is_deleted
            group by month_end having count(*) = {len(generated.HOLDERS) + 2})"""
    ).fetchone()
    assert foreign[0] == 0
    cash = raw.execute(
        """with facts as (
            select cik, accession_number, sum(case
                when tag in ('NetCashProvidedByUsedInInvestingActivities', 'NetCashProvidedByUsedInFinancingActivities')
                    or tag like 'Revenue%' or tag like 'RightOfUse%' then 0
                when tag like 'CashCash%' then -value
                when tag like 'NetCash%' or tag like 'Proceeds%' or tag like 'EffectOf%' then value
                else -value end) as residual
            from raw.sec__company_facts
            where period_start is not null and fiscal_year = extract(year from filed_date)
            group by cik, accession_number, period_start, period_end
            qualify row_number() over (partition by accession_number order by period_end desc) = 1)
        select count(*), max(abs(residual)) from facts"""
    ).fetchone()
    assert cash[0] > 10
    assert cash[1] <= 1


def test_equal_plans_give_equal_rows_and_another_seed_gives_others(tmp_path, home, world):
    first, again, other = (tmp_path / name for name in ("first", "again", "other"))
    generated.fill(Settings(home=first), generated.Plan(years=1))
    generated.fill(Settings(home=again), generated.Plan(years=1))
    generated.fill(Settings(home=other), generated.Plan(years=1, seed=1))
    for source, table in tables():
        name = f"raw.{stores.identifier(source, table)}"
        found = []
        for folder in (first, again, other):
            with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
                found.append(connection.execute(f"select count(*), bit_xor(hash(r)) from {name} as r").fetchone())
        assert found[0] == found[1], name
        assert found[0] != found[2] or table.name == "submissions", name


def test_a_history_written_day_by_day_is_the_history(tmp_path, home, world):
    parts = Settings(home=tmp_path)
    cut = datetime(2026, 9, 10, 22, tzinfo=UTC)
    generated.fill(parts, world=world, known_to=cut)
    generated.fill(parts, world=world, after=cut)
    for source, table in tables():
        name = f"raw.{stores.identifier(source, table)}"
        found = []
        for settings in (home, parts):
            with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
                found.append(connection.execute(f"select count(*), bit_xor(hash(r)) from {name} as r").fetchone())
        assert found[0] == found[1], name


def slope_at(percentile, world, levels):
    """Kernel slope of the next week's change on the surprise (docs/method.md, A.7), bp per standard deviation."""
    inside = (world.weeks >= world.start) & (world.weeks <= world.end)
    change = 100 * np.diff(levels)[inside[:-1]]
    surprise, place = world.surprise[:-1][inside[:-1]], world.powder_percentile[:-1][inside[:-1]]
    weight = np.exp(-0.5 * ((place - percentile) / 0.1) ** 2)
    design = np.column_stack([np.ones_like(surprise), surprise])
    return np.linalg.solve(design.T @ (design * weight[:, None]), design.T @ (weight * change))[1]


@pytest.mark.parametrize(("scarcity", "low", "high"), [("convex", 2, 12), ("flat", 0.3, 1.7)])
def test_the_planted_scarcity_is_found_again(scarcity, low, high):
    world = generated.World(generated.Plan(years=40, scarcity=scarcity))
    for levels in (world.real_yield, world.credit):
        assert low < slope_at(0.1, world, levels) / slope_at(0.75, world, levels) < high


@pytest.mark.parametrize("weeks", [2, 6])
def test_crypto_leads_by_the_planted_weeks(weeks):
    world = generated.World(generated.Plan(years=12, crypto_leads_weeks=weeks))
    returns, change = np.diff(np.log(world.bitcoin)), np.diff(world.real_yield + world.credit)
    found = {lag: np.corrcoef(returns[: len(returns) - lag], change[lag:])[0, 1] for lag in range(1, 13)}
    assert min(found, key=found.get) == weeks


def test_prices_are_those_that_the_treasury_published():
    issue, maturity = (np.array([day], "datetime64[D]") for day in (date(2011, 2, 15), date(2021, 2, 15)))
    price = generated.coupon_price(np.array([3.625]), np.array([3.665]), issue, maturity)
    assert price[0] == pytest.approx(99.667623, abs=5e-7)
