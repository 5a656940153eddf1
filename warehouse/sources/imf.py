"""International Monetary Fund: the currencies of the world's official foreign exchange reserves (COFER), by quarter."""

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

URL = "https://api.imf.org/external/sdmx/3.0/data/dataflow/IMF.STA/COFER/+/"
"""The agency has to be IMF.STA: under /IMF/ the API answers 204. `+` is the newest version of the dataflow."""
MEDIA_TYPE = "application/vnd.sdmx.data+csv"

CURRENCIES = ("USD", "EUR", "JPY", "GBP", "CNY", "CAD", "AUD", "CHF", "OTHC")
"""USD first; OTHC is all others. AUD and CAD are apart since 2012Q4, CNY since 2016Q4; before, they are in OTHC."""
KEYS = (*(f"G001.AFXRA.CI_{currency}.SHRO_PT.Q" for currency in CURRENCIES), "G001.AFXRA.CI_T.NV_USD.Q")
"""World's reserves: each currency's share, and all of them in dollars."""
QUARTER_END = "last_day(make_date(left(time_period, 4)::integer, right(time_period, 1)::integer * 3, 1))"


def fetch(get: Get, key: str) -> Iterator[Response]:
    """Ask for the whole history of one series; the API ignores a start."""
    yield get(f"{URL}{key}", expect="text", accept=MEDIA_TYPE)


def partitions(_: datetime) -> list[Partition]:
    """Name each series: the API resets connections now and then, and a currency may come later than the others."""
    return [Partition(key=key, fetch=partial(fetch, key=key)) for key in KEYS]


def _code(name: str, field: str, description: str) -> Column:
    return Column(name=name, field=field, type="VARCHAR", required=True, description=description)


COFER = Table(
    name="cofer",
    description="One value of one series of the IMF's Currency Composition of Official Foreign Exchange Reserves: a "
    "currency's share of the world's reserves, or all reserves in dollars, at the end of a quarter.",
    grain=("area_code", "indicator_code", "currency_code", "transformation_code", "frequency_code", "time_period"),
    columns=(
        _code("area_code", "COUNTRY", "Area that holds the reserves. G001 is the world."),
        _code("indicator_code", "INDICATOR", "What is measured. AFXRA is allocated foreign exchange reserves."),
        _code(
            "currency_code",
            "FXR_CURRENCY",
            "Currency of the claims. CI_USD and so on; CI_OTHC is all others, CI_T all together.",
        ),
        _code(
            "transformation_code",
            "TYPE_OF_TRANSFORMATION",
            "What the value is. SHRO_PT is a share in percent, NV_USD a nominal value in US dollars.",
        ),
        _code("frequency_code", "FREQUENCY", "Frequency of the series. Q is quarterly."),
        _code("time_period", "TIME_PERIOD", "Quarter at whose end the reserves were held, such as 2026-Q2."),
        Column(
            name="obs_value",
            field="OBS_VALUE",
            type="DOUBLE",
            unit="percent or US dollars, by transformation",
            description="The published value. Percent of all reserves for SHRO_PT, US dollars for NV_USD; null where "
            "not published.",
        ),
        Column(
            name="structure_id",
            field="STRUCTURE_ID",
            type="VARCHAR",
            required=True,
            description="Dataflow and its version, such as IMF.STA:COFER(7.0.1). Values of different versions may "
            "rest on different methods.",
        ),
        Column(
            name="published_at",
            field="PUBLICATION_DATE",
            type="TIMESTAMPTZ",
            is_versioned=False,
            description="Publication of the release that this version was first seen in. From December 2025 on, "
            "shares are of all reserves including those the IMF imputes, back to 2000Q1: not comparable with before.",
        ),
        Column(
            name="updated_at",
            field="UPDATE_DATE",
            type="TIMESTAMPTZ",
            is_versioned=False,
            description="The publisher's note of when the data set was changed. Null where not stated.",
        ),
    ),
    cadence=Cadence(
        cron="0 12 * * 3",
        stale_after_days=200,
        due=Due(
            every="quarter",
            calendar="always",
            lag_days=93,
            at="12:00",
            grace_hours=24 * 14,
            schedule="imf_cofer",
            not_due="A quarter is published at the end of the one after it.",
        ),
    ),
    licence=Licence(
        name="IMF terms for statistical data: reproduction with attribution",
        url="https://www.imf.org/en/about/copyright-and-terms",
        redistribution="attribution",
        attribution="Source: International Monetary Fund, Currency Composition of Official Foreign Exchange Reserves "
        "(COFER), https://data.imf.org/en/Datasets/COFER.",
    ),
    known_at=KnownAt(
        sql="least(case "
        "when published_at is null then "
        f"new_york(coalesce(scheduled_release('imf_cofer', {QUARTER_END}), {QUARTER_END} + 93), time '23:59:59') "
        "when (published_at at time zone 'UTC')::time = time '00:00:00' "
        "then new_york((published_at at time zone 'UTC')::date, time '23:59:59') "
        "else published_at end, fetched_at)",
        pit_quality="case when published_at is null then 'current_vintage' "
        "when (published_at at time zone 'UTC')::time = time '00:00:00' then 'dated' else 'exact' end",
        description="The publication date that the API states: its instant, or the end of that day in New York where "
        "it is a date alone; where it states none, the schedule's, or 93 days after the quarter. When fetched, if that "
        "was earlier. Earlier releases are not served, so nothing is known before the first one that we saw.",
    ),
    partitions=partitions,
    extract=csv_records,
    # Attributes of the data set, its methodology notes among them, are repeated on every row and change at will.
    new_fields="ignore",
    nulls=frozenset({"", "NaN"}),
    units=(
        UnitCheck(
            column="obs_value",
            holds="max(obs_value) filter (currency_code = 'CI_USD' and transformation_code = 'SHRO_PT') "
            "between 40 and 100",
            because="The dollar's share is percent: 56.7 in 2026Q2, 71 in 2000.",
        ),
        UnitCheck(
            column="obs_value",
            holds="max(obs_value) filter (transformation_code = 'NV_USD') between 1e12 and 1e14",
            because="The world's reserves are whole dollars: 12.9 trillion at the end of 2021.",
        ),
    ),
    rules=(
        RowRule(
            name="period_is_a_quarter",
            holds="regexp_full_match(time_period, '[12][0-9]{3}-Q[1-4]')",
            because="Every series asked for is quarterly.",
        ),
        RowRule(
            name="share_within_bounds",
            holds="transformation_code <> 'SHRO_PT' or obs_value between 0 and 100",
            because="A share in percent lies between 0 and 100.",
        ),
    ),
    proven="documented",
    estimate=Estimate(requests=1, rows=110, megabytes=0.4),
    about=(QUARTER_END, QUARTER_END),
)

SOURCE = Source(
    code="imf",
    title="International Monetary Fund",
    homepage="https://data.imf.org/",
    tables=(COFER,),
    requests_per_second=1,
)
