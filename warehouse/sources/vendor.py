"""The user's own price vendor: files of daily prices that the user puts into a drop folder (docs/prices.md)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from warehouse import wire
from warehouse.contract import Cadence, Column, Due, Estimate, KnownAt, Licence, Partition, RowRule, Source, Table
from warehouse.errors import ContractViolation
from warehouse.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from warehouse.contract import Expect, Get, Response, Row

FOLDER = "prices"
"""Sub-folder of the drop folder (WAREHOUSE_DROP) that is looked into."""

GUIDE = "docs/prices.md"
"""What such a file has to look like, how to make one, and what one may do with it."""

_BATCH = 50_000


def extract(response: Response) -> Iterator[Row]:
    """Yield the rows of a file, CSV or Parquet as its name says."""
    if _is_parquet(unquote(urlsplit(response.url).path)):
        yield from _parquet(response)
    else:
        yield from wire.csv_records(response)


def _is_parquet(name: str) -> bool:
    return name.lower().endswith(".parquet")


def _parquet(response: Response) -> Iterator[Row]:
    """Yield the rows of a Parquet file, every value as text; dates and numbers in their usual spelling."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with response.open() as body:
            for batch in parquet.ParquetFile(body).iter_batches(batch_size=_BATCH):
                if len(set(batch.schema.names)) < len(batch.schema.names):
                    raise ContractViolation(
                        f"{response.url} names columns twice", expected="distinct names", got=batch.schema.names
                    )
                for row in batch.to_pylist():
                    yield {name: None if value is None else str(value) for name, value in row.items()}
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise ContractViolation(
            f"{response.url} is no Parquet file that can be read", expected="Parquet", got=str(error)[:200]
        ) from error


def fetch(get: Get, *, name: str) -> Iterator[Response]:
    """Ask for one file of the folder."""
    expect: Expect = "parquet" if _is_parquet(name) else "text"
    yield get(f"drop://{FOLDER}/{quote(name, safe='')}", expect=expect)


def partitions(_: datetime) -> list[Partition]:
    """Name the files that are in the folder now: none where there is no folder. Hidden files are passed over."""
    drop = Settings.from_environment().drop
    folder = drop / FOLDER if drop else None
    if folder is None or not folder.is_dir():
        return []
    names = sorted(
        path.name
        for path in folder.iterdir()
        if path.suffix.lower() in {".csv", ".parquet"} and not path.name.startswith(".") and path.is_file()
    )
    return [Partition(key=name, fetch=partial(fetch, name=name)) for name in names]


def _price(name: str, field: str, description: str, *, required: bool = False) -> Column:
    return Column(
        name=name,
        field=field,
        type="DOUBLE",  # vendors send the noise of binary floats
        unit="currency_code",
        required=required,
        is_rebased=True,
        absent="freeze" if required else "add",
        description=description,
    )


_END_OF_DAY = "new_york(price_date, time '23:59:59')"

DAILY_PRICES = Table(
    name="daily_prices",
    description="Price of one security on one day as the user's own vendor gives it. For this installation alone: "
    "rows never enter a release.",
    grain=("vendor_name", "symbol", "price_date"),
    columns=(
        Column(
            name="vendor_name",
            field="vendor",
            type="VARCHAR",
            required=True,
            description="Vendor that the file is from, as the file writes it.",
        ),
        Column(
            name="symbol",
            type="VARCHAR",
            required=True,
            description="Security as the file writes it; for a company that is followed, its ticker.",
        ),
        Column(
            name="price_date",
            field="date",
            type="DATE",
            required=True,
            description="Trading day at the exchange, YYYY-MM-DD.",
        ),
        Column(
            name="currency_code",
            field="currency",
            type="VARCHAR",
            required=True,
            description="ISO 4217 code of the currency of the prices. Pence and cents are to be converted before.",
        ),
        _price("open_price", "open", "First price of the day. Null or absent where not given."),
        _price("high_price", "high", "Highest price of the day. Null or absent where not given."),
        _price("low_price", "low", "Lowest price of the day. Null or absent where not given."),
        _price("close_price", "close", "Last price of the day, adjusted for splits alone.", required=True),
        _price(
            "adjusted_close_price",
            "adjusted_close",
            "Last price adjusted for splits and dividends; a vendor rewrites its past with each dividend. Null or "
            "absent where not given.",
        ),
        Column(
            name="volume",
            type="DOUBLE",
            unit="units of the security",
            is_rebased=True,
            absent="add",
            description="Units traded on the day. Null or absent where not given.",
        ),
    ),
    cadence=Cadence(
        cron="0 19 * * 1-5",
        stale_after_days=10,
        due=Due(
            every="irregular",
            not_due="It lands what you put into the drop folder; nothing of it is ever due.",
        ),
    ),
    licence=Licence(
        name="Your agreement with your vendor; for use inside this installation only",
        url=GUIDE,
        redistribution="internal",
        attribution="Source: the vendor named in vendor_name. Not to be passed on.",
    ),
    known_at=KnownAt(
        sql=f"least({_END_OF_DAY}, fetched_at)",
        pit_quality="case when fetched_at < new_york(price_date + 7, time '23:59:59') then 'dated' "
        "else 'current_vintage' end",
        description="The end of the trading day in New York, or when we read the file where that was earlier. Only "
        "what was read within a week is 'dated': a vendor rewrites its past.",
    ),
    partitions=partitions,
    extract=extract,
    estimate=Estimate(requests=1, rows=10_000, megabytes=1),
    about=("price_date", "price_date"),
    proven="documented",
    nulls=frozenset({"", "NA", "N/A", "NaN", "nan", "null", "None"}),
    rules=(
        RowRule(name="close_above_zero", holds="close_price > 0", because="A price is positive."),
        RowRule(
            name="high_not_below_low",
            holds="high_price >= low_price",
            because="The highest price of a day is not below the lowest.",
        ),
        RowRule(
            name="close_within_the_day",
            holds="close_price between low_price * 0.999 and high_price * 1.001",
            because="The last price lies between the lowest and the highest; a thousandth is for rounding.",
        ),
        RowRule(name="volume_not_negative", holds="volume >= 0", because="Nobody trades less than nothing."),
        RowRule(
            name="currency_is_a_code",
            holds="regexp_full_match(currency_code, '[A-Z]{3}')",
            because="An ISO 4217 code has three capitals; 'GBp' or 'ZAc' is a hundredth, to be converted before.",
        ),
    ),
    is_snapshot=False,
)

SOURCE = Source(
    code="vendor",
    title="Your own price vendor",
    homepage=GUIDE,
    tables=(DAILY_PRICES,),
    requests_per_second=100,
)
