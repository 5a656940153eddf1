"""Bank for International Settlements: dollar credit to borrowers outside the United States, by quarter since 2000."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from warehouse.contract import (
    Cadence,
    Column,
    Due,
    Estimate,
    KnownAt,
    Licence,
    Partition,
    RowRule,
    Source,
    Table,
    UnitCheck,
)
from warehouse.wire import csv_records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from warehouse.contract import Get, Response

URL = "https://stats.bis.org/api/v2/data/dataflow/BIS/WS_GLI/1.0/"

SERIES = ("Q.USD.3P.N.A.I.B", "Q.USD.3P.N.B.I.G", "Q.USD.3P.N.A.I.D")
"""Dollar credit to non-banks outside the United States: all of it, bank loans, debt securities."""
KEYS = tuple(f"{series}.{measure}" for measure in ("USD", "771") for series in SERIES)
"""Each as a stock in dollars, and as its change over a year in percent (771)."""
QUARTER_END = "last_day(make_date(left(time_period, 4)::integer, right(time_period, 1)::integer * 3, 1))"


def fetch(get: Get, key: str) -> Iterator[Response]:
    """Ask for the whole history of one series."""
    yield get(f"{URL}{key}", expect="text", params={"format": "csv"})


def partitions(_: datetime) -> list[Partition]:
    """Name each series."""
    return [Partition(key=key, fetch=partial(fetch, key=key)) for key in KEYS]


def _code(name: str, field: str, description: str) -> Column:
    return Column(name=name, field=field, type="VARCHAR", required=True, description=description)


GLOBAL_LIQUIDITY = Table(
    name="global_liquidity",
    description="One value of one series of the BIS global liquidity indicators: dollar credit to non-bank borrowers "
    "who reside outside the United States, outstanding at the end of a quarter, or its change over a year.",
    grain=(
        "frequency_code",
        "currency_code",
        "borrower_area_code",
        "borrower_sector_code",
        "lender_sector_code",
        "position_code",
        "instrument_code",
        "measure_code",
        "time_period",
    ),
    columns=(
        _code("frequency_code", "FREQ", "Frequency of the series. Q is quarterly."),
        _code("currency_code", "CURR_DENOM", "Currency of the credit."),
        _code("borrower_area_code", "BORROWERS_CTY", "Where borrowers reside. 3P is outside the United States."),
        _code("borrower_sector_code", "BORROWERS_SECTOR", "Sector of the borrowers. N is non-banks."),
        _code("lender_sector_code", "LENDERS_SECTOR", "Sector of the lenders. A is all, B is banks."),
        _code("position_code", "L_POS_TYPE", "Where lenders are. I is cross-border and local together."),
        _code("instrument_code", "L_INSTR", "Kind of credit. B is all, G bank loans, D debt securities."),
        _code("measure_code", "UNIT_MEASURE", "What the value is. USD is a stock, 771 its change over a year."),
        _code("time_period", "TIME_PERIOD", "Quarter at whose end the credit was outstanding, such as 2026-Q1."),
        Column(
            name="obs_value",
            field="OBS_VALUE",
            type="DOUBLE",
            unit="USD million or percent, by measure",
            description="The published value. Millions of US dollars for a stock, percent for a change over a year; "
            "null where missing.",
        ),
        Column(
            name="unit_exponent",
            field="UNIT_MULT",
            type="SMALLINT",
            unit="power of ten",
            required=True,
            description="Power of ten that the value is to be multiplied by. 6 for stocks: they are in millions.",
        ),
        Column(
            name="obs_status_code",
            field="OBS_STATUS",
            type="VARCHAR",
            description="The publisher's mark of the value. A is normal, B a break, E estimated, P provisional, M and "
            "L missing.",
        ),
        Column(
            name="obs_pre_break",
            field="OBS_PRE_BREAK",
            type="DOUBLE",
            unit="USD million or percent, by measure",
            description="The value of a quarter with a break as it was before the break. Null in all others.",
        ),
        Column(
            name="confidentiality_code",
            field="OBS_CONF",
            type="VARCHAR",
            description="Whether the value may be published. F is free.",
        ),
        Column(
            name="title",
            field="TITLE",
            type="VARCHAR",
            is_versioned=False,
            description="The publisher's title of the series.",
        ),
    ),
    cadence=Cadence(
        cron="0 12 * * 4",
        stale_after_days=240,
        due=Due(
            every="quarter",
            calendar="always",
            lag_days=125,
            at="12:00",
            grace_hours=24 * 30,
            schedule="bis_gli",
            not_due="A quarter is published some four months after its end.",
        ),
    ),
    licence=Licence(
        name="BIS terms for statistics: free use with attribution",
        url="https://data.bis.org/help/legal",
        redistribution="attribution",
        attribution="Source: Bank for International Settlements, Global liquidity indicators, WS_GLI 1.0 (data set), "
        "https://data.bis.org/topics/GLI.",
    ),
    known_at=KnownAt(
        sql=f"least(new_york(coalesce(scheduled_release('bis_gli', {QUARTER_END}), "
        f"last_day({QUARTER_END} + interval 4 month)), time '16:00'), fetched_at)",
        pit_quality=f"case when fetched_at < new_york(last_day({QUARTER_END} + interval 7 month), "
        "time '16:00') then 'lagged' else 'current_vintage' end",
        description="The day of release where the schedule lists it, else the end of the fourth month after the "
        "quarter, 16:00 New York, or when fetched if that was earlier. The API has no vintages and quarters are "
        "revised, so all but what was fetched before the next quarter's release are of today's vintage.",
    ),
    partitions=partitions,
    extract=csv_records,
    ignored=frozenset({"DECIMALS", "COLLECTION", "AVAILABILITY"}),
    new_fields="add",
    nulls=frozenset({"", "NaN"}),
    units=(
        UnitCheck(
            column="obs_value",
            holds="bool_and(unit_exponent = 6) filter (measure_code = 'USD') "
            "and max(obs_value) filter (measure_code = 'USD') between 1e6 and 1e8",
            because="Stocks are millions of dollars: 14 trillion in all at the end of September 2025.",
        ),
        UnitCheck(
            column="obs_value",
            holds="max(abs(obs_value)) filter (measure_code = '771') between 1 and 100",
            because="Changes over a year are percent: 7 for all dollar credit at the end of September 2025.",
        ),
    ),
    rules=(
        RowRule(
            name="period_is_a_quarter",
            holds="regexp_full_match(time_period, '[12][0-9]{3}-Q[1-4]')",
            because="Every series asked for is quarterly.",
        ),
        RowRule(
            name="stock_is_positive",
            holds="measure_code <> 'USD' or obs_value > 0",
            because="Credit outstanding is above zero.",
        ),
    ),
    proven="documented",
    estimate=Estimate(requests=1, rows=105, megabytes=0.02),
    about=(QUARTER_END, QUARTER_END),
)

SOURCE = Source(
    code="bis",
    title="Bank for International Settlements",
    homepage="https://data.bis.org/topics/GLI",
    tables=(GLOBAL_LIQUIDITY,),
    requests_per_second=1,
)
