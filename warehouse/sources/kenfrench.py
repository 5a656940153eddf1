"""Kenneth R. French's data library: daily returns of the five factors and of momentum in US stocks, in percent."""

from __future__ import annotations

import io
import re
from functools import partial
from typing import TYPE_CHECKING

from warehouse import wire
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
from warehouse.errors import ContractViolation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from warehouse.contract import Get, Response, Row

FOLDER = "https://mba.tuck.dartmouth.edu/pages/faculty/ken.french/ftp/"
FACTORS_URL = f"{FOLDER}F-F_Research_Data_5_Factors_2x3_daily_CSV.zip"
MOMENTUM_URL = f"{FOLDER}F-F_Momentum_Factor_daily_CSV.zip"

_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)


def extract(response: Response, *, first: str) -> Iterator[Row]:
    """Yield one row per trading day of the one table in the file, whose columns begin with factor `first`.

    Before it stands prose of any length, after it a line of copyright.
    """
    records = wire.delimited(
        io.StringIO(_text(response), newline=""),
        response.url,
        header=lambda fields: fields[:2] == ["", first],
        until=lambda fields: fields[0].lower().startswith("copyright"),
        must_end=False,  # a zip that opens is whole
    )
    for record in records:
        day = record.pop("") or ""
        found = _DAY.fullmatch(day)
        yield {"trading_date": "-".join(found.groups()) if found else day, **record}


def _text(response: Response) -> str:
    """Return the text of the one CSV file in the zip."""
    with wire.unzipped(response, "*.[cC][sS][vV]") as file:
        data = file.read()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ContractViolation(f"{response.url} holds no text", expected="UTF-8", got=str(error)) from error


def fetch(get: Get, *, url: str) -> Iterator[Response]:
    """Ask for the whole file."""
    yield get(url, expect="zip")


def _partitions(url: str) -> Callable[[datetime], list[Partition]]:
    """Name the one file."""
    return lambda _: [Partition(key="all", fetch=partial(fetch, url=url))]


def _return(name: str, field: str, description: str) -> Column:
    return Column(
        name=name,
        field=field,
        type="DECIMAL(9, 4)",
        unit="percent",
        description=f"{description} Percent of the day: 1.00 is one per cent. Null where missing.",
    )


_TRADING_DATE = Column(name="trading_date", type="DATE", required=True, description="Trading day of the return.")
_CADENCE = Cadence(
    cron="0 7 * * 1",
    stale_after_days=110,
    due=Due(
        every="month",
        lag_days=45,
        at="18:00",
        grace_hours=24 * 30,
        not_due="The files are cut anew about once a month, some weeks after the month that they end with.",
    ),
)
_LICENCE = Licence(
    name="Copyright Fama and French; free on their page, no terms of redistribution stated (unverified)",
    url="https://mba.tuck.dartmouth.edu/pages/faculty/ken.french/data_library.html",
    redistribution="attribution",
    attribution="Source: Kenneth R. French, Data Library. Copyright Eugene F. Fama and Kenneth R. French.",
)
_KNOWN_AT = KnownAt(
    sql="least(new_york(last_day(trading_date) + 45, time '18:00'), fetched_at)",
    pit_quality="'current_vintage'",
    description="Forty-five days after the month, 18:00 New York (our assumption), or when we fetched it if that "
    "was earlier. The whole history is cut anew each month, so none of it is point-in-time.",
)
_NULLS = frozenset({"-99.99", "-99.9900", "-999", "-999.00", "-999.0000"})
_PERCENT = "one day's return in percent is a few tenths: as a fraction it would be a hundredth of that"

FACTORS = Table(
    name="factors",
    description="Daily returns of the five Fama-French factors of US stocks (2x3 sorts) and of the risk-free rate.",
    grain=("trading_date",),
    columns=(
        _TRADING_DATE,
        _return("mkt_rf_pct", "Mkt-RF", "Return of the whole market less the risk-free rate."),
        _return("smb_pct", "SMB", "Small stocks less big ones."),
        _return("hml_pct", "HML", "High book-to-market (value) less low (growth); negative where long duration wins."),
        _return("rmw_pct", "RMW", "Robust operating profitability less weak."),
        _return("cma_pct", "CMA", "Conservative investment less aggressive."),
        _return("rf_pct", "RF", "Return of the one-month Treasury bill for the day; a simple daily rate."),
    ),
    cadence=_CADENCE,
    licence=_LICENCE,
    known_at=_KNOWN_AT,
    partitions=_partitions(FACTORS_URL),
    extract=partial(extract, first="Mkt-RF"),
    estimate=Estimate(requests=1, rows=15_900, megabytes=0.3),
    about=("trading_date", "trading_date"),
    proven="documented",
    nulls=_NULLS,
    units=(UnitCheck(column="mkt_rf_pct", holds="median(abs(mkt_rf_pct)) between 0.1 and 3", because=_PERCENT),),
    rules=(
        RowRule(
            name="possible_market_return",
            holds="abs(mkt_rf_pct) < 30",
            because="The market never moved by 30 % in a day; 17 % in 1987 is the most.",
        ),
    ),
)

MOMENTUM = Table(
    name="momentum",
    description="Daily return of the momentum factor of US stocks: past winners less past losers (2 to 12 months).",
    grain=("trading_date",),
    columns=(_TRADING_DATE, _return("momentum_pct", "Mom", "Past winners less past losers.")),
    cadence=_CADENCE,
    licence=_LICENCE,
    known_at=_KNOWN_AT,
    partitions=_partitions(MOMENTUM_URL),
    extract=partial(extract, first="Mom"),
    estimate=Estimate(requests=1, rows=26_200, megabytes=0.2),
    about=("trading_date", "trading_date"),
    proven="documented",
    nulls=_NULLS,
    units=(UnitCheck(column="momentum_pct", holds="median(abs(momentum_pct)) between 0.05 and 3", because=_PERCENT),),
    rules=(
        RowRule(
            name="possible_momentum_return",
            holds="abs(momentum_pct) < 40",
            because="No day's return of momentum came near 40 %.",
        ),
    ),
)

SOURCE = Source(
    code="kenfrench",
    title="Kenneth R. French, Data Library",
    homepage="https://mba.tuck.dartmouth.edu/pages/faculty/ken.french/data_library.html",
    tables=(FACTORS, MOMENTUM),
    requests_per_second=1,
)
