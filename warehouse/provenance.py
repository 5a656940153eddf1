"""From a figure to what it was made of: the metrics and series it reads, the rows behind them, the archived bytes.

Lineage is read from each metric's declaration (`inputs`) and resolved by the same law as the figures themselves: of an
input the version counts that was known when the figure was.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from warehouse.clock import parse_instant
from warehouse.errors import ConfigurationError, QueryFailed
from warehouse.estimators.frames import CUTOFF_HOUR

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    import duckdb

MOST_ROWS = 24
"""Rows shown of one input; the count of the rest is said."""

GROUP = "ai_core"
"""An entity that is of the system, and yet made of its members alone."""
_MEMBERS = "select ticker from marts.dim_company where contains(universes, 'ai_hyperscalers')"

MOST_MEMBERS = 6
"""Securities or other members shown of an input that has none of the figure's own entity."""


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """How rows of a mart are found for an entity and a stretch of time, and what of them a reader wants to see."""

    entity: str | None
    """Column that names the entity; None where the mart is of the system as a whole."""
    period: str
    shown: tuple[str, ...]
    where: str = "true"
    """Which of its rows a metric reads; `$metric` is the metric."""
    url: str = "source_url"
    is_versioned: bool = True
    """Whether its rows have known_until; the rest are states of a day, and never change."""
    is_statement: bool = False
    """Whether its rows are a company's statement: made of filings, which are then named, with a column for each line
    that a metric's formula names."""


_THIRTEENF = ("filer_name", "value_usd_bn", "active_flow_usd_bn", "new_count", "exit_count", "null_reason")
MARTS = {
    "marts.fct_company_cash_flows_quarterly": Lineage(
        entity="ticker",
        period="period_end",
        shown=("concept", "tag", "value_usd", "ttm_usd", "accession_number"),
        where="concept = split_part($metric, '_', 1)",
    ),
    "marts.fct_ai_funding_quarterly": Lineage(
        entity="ticker",
        period="period_end",
        shown=("missing_lines_ttm",),
        is_statement=True,
    ),
    "marts.fct_ai_funding_calendar_quarterly": Lineage(
        entity="ticker",
        period="quarter_end",
        shown=("alignment_error_days", "null_reason"),
        is_statement=True,
    ),
    "marts.fct_auctions": Lineage(
        entity="cusip", period="auction_date", shown=("cusip", "security_term", "issue_date", "total_accepted_usd")
    ),
    "marts.fct_auction_demand": Lineage(
        entity="cusip", period="auction_date", shown=("tenor", "auction_demand_score", "score_null_reason")
    ),
    "marts.fct_treasury_supply": Lineage(
        entity=None,
        period="period_end",
        shown=("grain", "private_gross_usd_bn", "buybacks_usd_bn", "net_new_cash_usd_bn", "net_null_reason"),
        where="grain = $grain",
    ),
    "marts.fct_capital_balance_weekly": Lineage(
        entity=None,
        period="period_end",
        shown=("demand_external_usd_bn", "supply_insensitive_usd_bn", "balance_usd_bn", "balance_null_reason"),
        where="parameter_set = 'default'",
        is_versioned=False,
    ),
    "marts.fct_duration_supply_monthly": Lineage(
        entity=None,
        period="month_end",
        shown=("private_duration_supply_usd_bn", "fed_duration_absorption_usd_bn", "net_null_reason"),
        where="parameter_set = $parameter_set",
    ),
    "marts.fct_foreign_treasury_holdings_monthly": Lineage(
        entity="entity_id", period="month_end", shown=("holder_name", "survey_basis", "holdings_usd_bn")
    ),
    "marts.fct_sovereign_treasury_flows_monthly": Lineage(
        entity="entity_id",
        period="month_end",
        shown=("holdings_usd_bn", "holdings_before_usd_bn", "price_return_pct", "flow_basis", "null_reason"),
    ),
    "marts.fct_thirteenf_filers_quarterly": Lineage(entity="entity_id", period="quarter_end", shown=_THIRTEENF),
    "marts.fct_thirteenf_flows_quarterly": Lineage(
        entity="entity_id",
        period="quarter_end",
        shown=("cusip", "issuer_name", "position_state", "shares_before", "shares", "active_flow_usd"),
    ),
    "marts.fct_commitments_vs_capacity": Lineage(
        entity="entity_id",
        period="as_of_date",
        shown=("obligor_name", "commitment_run_rate_usd_bn", "capacity_on_record_usd_bn", "certainty"),
        where="parameter_set = $parameter_set",
        url="source_urls",
        is_versioned=False,
    ),
    "marts.fct_crypto_prices_daily": Lineage(entity="asset", period="price_date", shown=("venue", "close_usd")),
    "marts.fct_crypto_canary_daily": Lineage(
        entity="asset",
        period="price_date",
        shown=("liquidated_usd_bn", "open_interest_change_24h_ratio", "funding_8h_ratio", "stablecoin_supply_usd_bn"),
    ),
    "marts.fct_asset_returns_daily": Lineage(
        entity="asset_id", period="return_date", shown=("grain", "return_kind", "level", "return_ratio")
    ),
    "marts.fct_event_studies": Lineage(
        entity=None, period="event_date", shown=("event_id", "title", "series_id"), is_versioned=False
    ),
    "marts.fct_financial_stress_daily": Lineage(entity=None, period="observation_date", shown=("ofr_fsi_points",)),
}
"""Marts whose rows a reader can follow to documents."""

STANDS_FOR = {
    "stg_binance__funding_rates": "marts.fct_crypto_canary_daily",
    "stg_binance__futures_metrics": "marts.fct_crypto_canary_daily",
    "stg_defillama__stablecoins": "marts.fct_crypto_canary_daily",
    "stg_deribit__liquidations": "marts.fct_crypto_canary_daily",
    "stg_fiscaldata__buybacks": "marts.fct_treasury_supply",
    "stg_okx__liquidations": "marts.fct_crypto_canary_daily",
}
"""Tables that are in no release, and the mart that carries their figures. Logs kept by hand have none: what is shown
of them is the address that the figure names."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """Bytes that a figure rests on: where they came from, and which body of the archive they are.

    `sha256` is None where the archive holds no answer from that address: a seed's row names its page.
    """

    url: str
    sha256: str | None
    fetched_at: datetime | None
    origin: str | None


@dataclass(frozen=True, kw_only=True)
class Node:
    """One figure, or one row, and what it was made of."""

    name: str
    entity: str | None
    period_end: date | None
    value: float | None
    unit: str | None
    known_at: datetime | None
    null_reason: str | None = None
    since: date | None = None
    """The earlier day from which on it is NULL for the same reason, where one row says it of all days since."""
    details: dict[str, Any] = field(default_factory=dict)
    sources: tuple[Document, ...] = ()
    inputs: tuple[Node, ...] = ()

    def documents(self) -> Iterator[Document]:
        """Yield every document below, each address once."""
        seen = set()
        for node in self.walk():
            for each in node.sources:
                if each.url not in seen:
                    seen.add(each.url)
                    yield each

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it."""
        yield self
        for each in self.inputs:
            yield from each.walk()

    def as_json(self) -> dict[str, Any]:
        """Return it all as plain values."""
        return asdict(self)


def explain(
    connection: duckdb.DuckDBPyConnection,
    metric: str,
    entity: str,
    period: str,
    *,
    as_of: str | None = None,
    grain: str | None = None,
    parameter_set: str = "default",
    depth: int = 6,
) -> Node:
    """Return an observation with the metrics, series, rows and documents it was made of.

    `period` is the last day of the period (2025-12-31) or 'latest', the newest with a value, else the newest at all.
    `as_of` is what `metrics.as_of` takes: an instant with an offset, or a day, which means its end in New York; after
    the release's clock nothing is known, and without one the clock is meant.
    `grain` may be left out where only one answers.

    Raises:
        QueryFailed: there is no such metric, entity, period or grain, or there are several grains, with those that
            there are.
    """
    declared = _declarations(connection)
    if metric not in declared:
        near = [name for name in declared if set(metric.split("_")) & set(name.split("_"))]
        raise QueryFailed(
            f"There is no metric {metric!r}",
            expected=f"one of {', '.join(sorted(near or declared))}",
            remedy="`drypowder metrics list` shows them all.",
        )
    kind = declared[metric].kind
    found = _observation(connection, kind, metric, entity, period, as_of, grain, parameter_set)
    return _explained(connection, declared, found, depth, frozenset())


class _Declaration(NamedTuple):
    """What of a metric's declaration leads further."""

    kind: str
    formula: str
    inputs: tuple[str, ...]


def _declarations(connection: duckdb.DuckDBPyConnection) -> dict[str, _Declaration]:
    rows = connection.execute("select metric_id, kind, formula, inputs from metrics.dim_metric").fetchall()
    return {
        name: _Declaration(kind, formula, tuple(i.strip() for i in (inputs or "").split(",") if i.strip()))
        for name, kind, formula, inputs in rows
    }


def _under(connection: duckdb.DuckDBPyConnection, parameter_set: str, line: str) -> str:
    """Return the line that a parameter set reads where a formula names `line`: capex may include leases."""
    kind, _, period = line.partition("_")
    if kind != "capex" or period not in {"q", "ttm"} or parameter_set == "default":
        return line
    found = connection.execute(
        "select include_finance_leases = 1 from metrics.parameter_sets where parameter_set = ?", [parameter_set]
    ).fetchone()
    return f"capex_with_leases_{period}" if found and found[0] else line


_COLUMNS = (
    "metric_id, entity_type, entity_id, grain, period_start, period_end, value, unit, coverage, null_reason, "
    "pit_quality, parameter_set, known_at, origin, source_url"
)


def _instant(connection: duckdb.DuckDBPyConnection, as_of: str | None) -> datetime:
    """Return the release's clock, or the earlier instant that is asked about: later ones are not known yet."""
    given: date | datetime | None = None
    if as_of is not None:
        try:
            given = date.fromisoformat(as_of)
        except ValueError:
            given = _time(as_of)
    row = connection.execute(
        "select coalesce(max(known_at), now()) as clock, "
        "case when $given is null then clock else least(clock, metrics.instant_of($given)) end from metrics.latest",
        {"given": given},
    ).fetchone()
    instant: datetime = row[1]  # type: ignore[index]
    return instant


def _time(as_of: str) -> datetime:
    try:
        return parse_instant(as_of)
    except ConfigurationError:
        raise QueryFailed(
            "--as-of is no instant",
            expected="a day such as 2026-02-04, which means its end in New York, or a time with its offset such as "
            "2026-02-04T22:00Z",
            got=repr(as_of),
            remedy="A time without an offset could mean any instant: write Z after one in UTC.",
        ) from None


_STATE_DAYS = {"day": range(5), "week": (4,)}
"""Weekdays that have a state, by its grain: from Monday to Friday, or Fridays."""


def _held(row: dict[str, Any], kind: str, until: date, known_at: datetime) -> dict[str, Any]:
    """Return a state as of the last of its days up to `until`: its unchanged NULL is stored once, when it began."""
    days = _STATE_DAYS.get(row["grain"], ()) if kind == "state" and row["value"] is None else ()
    for day in (until - timedelta(days=back) for back in range(8) if days):
        cutoff = datetime.combine(day, time(CUTOFF_HOUR), tzinfo=UTC)
        if day.weekday() in days and cutoff <= known_at and day > row["period_end"]:
            later = day - row["period_end"]
            start = row["period_start"] and row["period_start"] + later
            return {**row, "period_start": start, "period_end": day, "known_at": cutoff, "since": row["period_end"]}
    return row


def _observation(
    connection: duckdb.DuckDBPyConnection,
    kind: str,
    metric: str,
    entity: str,
    period: str,
    as_of: str | None,
    grain: str | None,
    parameter_set: str,
) -> dict[str, Any]:
    import duckdb

    instant = _instant(connection, as_of)
    day = None if period == "latest" else _day(period)
    given = {"instant": instant, "parameter_set": parameter_set, "metric": metric, "entity": entity, "grain": grain}
    try:
        rows = _rows(
            connection,
            f"""
            select {_COLUMNS} from metrics.as_of($instant, parameters := $parameter_set)
            where metric_id = $metric and entity_id = $entity and ($grain is null or grain = $grain)
                and ($day::date is null or period_end <= $day)
            qualify row_number() over (
                partition by grain order by $day::date is null and value is null, period_end desc) = 1
            order by grain
            """,
            {**given, "day": day},
        )
    except duckdb.InvalidInputException as error:  # metrics.as_of says that there is no such set of parameters
        raise QueryFailed(f"{metric} of {entity} as of {instant} was not asked for", got=str(error)) from error
    rows = [_held(row, kind, day or instant.astimezone(UTC).date(), instant) for row in rows]
    rows = [row for row in rows if day in {None, row["period_end"]}]
    if len(rows) > 1:  # a month and a quarter that end on one day are two figures
        raise QueryFailed(
            f"There are several {metric} of {entity} for {period}",
            expected=f"a grain, one of {', '.join(row['grain'] for row in rows)}",
            remedy="Say which with --grain.",
        )
    if rows:
        return rows[0]
    (about,) = declared_metrics(connection, metric)
    if not about.has_rows:
        raise QueryFailed(
            f"{metric} has {about.nulls_because}", remedy="`drypowder status` says of every table when it is due."
        )
    what = f"There is no {metric} of {entity} for {period}" + (f" by {grain}" if grain else "")
    raise QueryFailed(
        what + (f" as of {as_of}" if as_of else ""),
        expected=_there(connection, kind, given),
        got=", ".join([entity, period, parameter_set, *([grain] if grain else [])]),
        remedy="Give the last day of the period, or 'latest'"
        + ("; a state is of a day from Monday to Friday, or by week of a Friday." if kind == "state" else "."),
    )


def _there(connection: duckdb.DuckDBPyConnection, kind: str, asked: dict[str, Any]) -> str:
    """Return what there is of a metric: of the first thing asked for that it does not have, else its periods."""
    clock = _instant(connection, None)
    rows = _rows(
        connection,
        """
        select entity_id as entity, parameter_set, grain, min(period_end) as first, max(period_end) as last,
            max_by(value is null, period_end) as is_null, min(known_at) as known_at
        from metrics.metric_observations where metric_id = ? and known_at <= ?
        group by all order by all
        """,
        [asked["metric"], clock],
    )
    for name, said in (
        ("entity", "an entity such as"),
        ("parameter_set", "a parameter set of"),
        ("grain", "a grain of"),
    ):
        fitting = [row for row in rows if asked[name] in {None, row[name]}]
        if not fitting:
            return f"{said} {', '.join(list(dict.fromkeys(row[name] for row in rows))[:12])}"
        rows = fitting
    periods = []
    for row in rows:
        is_held = kind == "state" and row["is_null"] and row["grain"] in _STATE_DAYS
        last = clock.astimezone(UTC).date() if is_held else row["last"]
        periods.append(f"between {row['first']} and {last} ({row['grain']}, known from {row['known_at']:%Y-%m-%d} on)")
    return "a period that ends " + ", or ".join(periods)


def _day(period: str) -> date:
    try:
        return date.fromisoformat(period)
    except ValueError:
        raise QueryFailed(
            "The period is no date", expected="its last day, such as 2025-12-31, or 'latest'", got=period
        ) from None


def _explained(
    connection: duckdb.DuckDBPyConnection,
    declared: dict[str, _Declaration],
    found: dict[str, Any],
    depth: int,
    above: frozenset[str],
) -> Node:
    name = found["metric_id"]
    inputs: list[Node] = []
    if depth > 0 and name not in above:
        for each in declared[name].inputs:
            kind, _, reference = each.rpartition(":")
            if kind == "series":
                inputs += _series(connection, reference, found)
            elif kind == "table":
                inputs += _mart(connection, reference, found, declared[name].formula)
            else:
                under = _under(connection, found["parameter_set"], reference)
                reference = under if under in declared else reference
                inputs += [
                    _explained(
                        connection,
                        declared,
                        _held(row, declared[reference].kind, found["period_end"], found["known_at"]),
                        depth - 1,
                        above | {name},
                    )
                    for row in _input_metric(connection, reference, found)
                ] or [_missing(reference)]
    return Node(
        name=name,
        entity=found["entity_id"],
        period_end=found["period_end"],
        value=found["value"],
        unit=found["unit"],
        known_at=found["known_at"],
        null_reason=found["null_reason"],
        since=found.get("since"),
        details={k: found[k] for k in ("grain", "coverage", "pit_quality", "parameter_set")},
        sources=_documents(connection, found["source_url"], found["origin"]),
        inputs=tuple(inputs),
    )


_GRAINS = "['announcement', 'auction', 'day', 'week', 'month', 'calendar_quarter', 'fiscal_quarter', 'fiscal_year']"
"""From short to long."""
_LONGER = f"(coalesce(list_position({_GRAINS}, grain), 0) - coalesce(list_position({_GRAINS}, $grain), 0))"
_MISFIT = f"case when grain = $grain then 0 when {_LONGER} < 0 then -{_LONGER} else 100 + {_LONGER} end"
"""How ill an input's grain fits a figure's: the same is best, then the longest that is shorter, then the shortest."""


def _input_metric(connection: duckdb.DuckDBPyConnection, metric: str, of: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what was known of an input: its own period, else the newest before; of a group, each of its members.

    Of an input with several grains the figure's own is taken, else the one that fits it best. Where the input has
    nothing of the figure's entity, such as auctions behind a figure of the system, the newest of its members.
    """
    given = {
        "metric": metric,
        "period_end": of["period_end"],
        "known_at": of["known_at"],
        "entity": of["entity_id"],
        "parameter_set": of["parameter_set"],
        "grain": of["grain"],
    }
    found = _rows(
        connection,
        f"""
        with known as (
            select {_COLUMNS} from metrics.metric_observations
            where metric_id = $metric and period_end <= $period_end and known_at <= $known_at
                and (known_until is null or known_until > $known_at)
                and parameter_set in ($parameter_set, 'default')
        ), near as (
            select * from known
            where entity_id = $entity
                or ($entity = '{GROUP}' and entity_type = 'company' and entity_id in ({_MEMBERS}))
                or not exists (from known where entity_id = $entity) and entity_type = 'system'
        )
        select * from near
        where entity_id = $entity or not exists (from near where entity_id = $entity)
        qualify row_number() over (
            partition by entity_id
            order by parameter_set = $parameter_set desc, {_MISFIT}, period_end desc) = 1
        order by entity_id
        """,
        given,
    )
    if found or of["entity_id"] == GROUP:  # others are no part of the group
        return found
    return _rows(
        connection,
        f"""
        select {_COLUMNS} from metrics.metric_observations
        where metric_id = $metric and period_end <= $period_end and known_at <= $known_at
            and (known_until is null or known_until > $known_at) and parameter_set in ($parameter_set, 'default')
            and entity_id <> $entity
        qualify row_number() over (
            partition by entity_id
            order by parameter_set = $parameter_set desc, {_MISFIT}, period_end desc) = 1
        order by period_end desc, entity_id limit {MOST_MEMBERS}
        """,
        given,
    )


def _series(connection: duckdb.DuckDBPyConnection, series: str, of: dict[str, Any]) -> list[Node]:
    rows = _rows(
        connection,
        """
        select *, count(*) over () as versions from marts.fct_observations
        where series_id = ? and period_end <= ? and known_at <= ? and (known_until is null or known_until > ?)
        order by period_end desc limit 1
        """,
        [series, of["period_end"], of["known_at"], of["known_at"]],
    )
    if not rows:
        known = connection.execute(
            "select count(*) from marts.fct_observations where series_id = ?", [series]
        ).fetchone()
        return [_missing(f"series:{series}", "nothing was known then" if known and known[0] else "not landed")]
    (row,) = rows
    return [
        Node(
            name=f"series:{series}",
            entity=row["entity_id"],
            period_end=row["period_end"],
            value=row["value"],
            unit=row["unit"],
            known_at=row["known_at"],
            details={k: row[k] for k in ("source_table", "source_key", "revision_number", "pit_quality")},
            sources=(
                Document(
                    url=row["source_url"],
                    sha256=row["source_sha256"],
                    fetched_at=row["ingested_at"],
                    origin=row["origin"],
                ),
            ),
        )
    ]


def _mart(connection: duckdb.DuckDBPyConnection, table: str, of: dict[str, Any], formula: str) -> list[Node]:
    table = table.rpartition(".")[2]
    name = STANDS_FOR.get(table, f"marts.{table}")
    lineage = MARTS.get(name)
    if lineage is None:  # a log kept by hand, or a table that no release carries: the figure itself names the page
        return [
            Node(
                name=f"table:{table}",
                entity=None,
                period_end=None,
                value=None,
                unit=None,
                known_at=None,
                details={"see": of["source_url"]},
                sources=_documents(connection, of["source_url"], of["origin"]),
            )
        ]
    where = [lineage.where, "known_at <= $known_at"]
    if lineage.is_versioned:
        where.append("(known_until is null or known_until > $known_at)")
    if lineage.entity and of["entity_id"] == GROUP:
        where.append(f"{lineage.entity} in ({_MEMBERS})")
    elif lineage.entity and of["entity_type"] != "system":
        where.append(f"{lineage.entity} = $entity_id")
    within = f"{lineage.period} between $period_start and $period_end"
    newest = f"{lineage.period} = (select max({lineage.period}) from known where {lineage.period} <= $period_end)"
    given = {**of, "metric": of["metric_id"], "period_start": of["period_start"] or of["period_end"]}
    rows: list[dict[str, Any]] = []
    for period in (within, newest):  # what is known of a day may end before it
        sql = f"""
            with known as (select * from {name} where {" and ".join(where)})
            select *, count(*) over () as found from known where {period}
            order by {lineage.period} desc limit {MOST_ROWS}
        """
        rows = rows or _rows(connection, sql, {k: v for k, v in given.items() if re.search(rf"\${k}\b", sql)})
    lines = _lines(connection, formula, of["parameter_set"], rows[0]) if lineage.is_statement and rows else []
    nodes = []
    for row in rows:
        details = {column: row[column] for column in (*lines, *lineage.shown)}
        if lineage.is_statement:
            details["filings"] = _filings(connection, row["ticker"], row[lineage.period], of["known_at"])
        nodes.append(
            Node(
                name=f"table:{name}",
                entity=str(row[lineage.entity]) if lineage.entity else of["entity_id"],
                period_end=row[lineage.period],
                value=None,
                unit=None,
                known_at=row["known_at"],
                details=details,
                sources=_documents(connection, row[lineage.url], row["origin"]),
            )
        )
    hidden = rows[0]["found"] - len(rows) if rows else 0
    if hidden:
        nodes.append(_missing(f"table:{name}", f"{hidden:,} more row(s)"))
    return nodes or [_missing(f"table:{name}")]


def _lines(
    connection: duckdb.DuckDBPyConnection, formula: str, parameter_set: str, columns: Container[str]
) -> list[str]:
    """Return the columns of a statement that hold the lines of a formula; that of a quarter has no suffix."""
    named = dict.fromkeys(re.findall(r"[a-z_]+", formula))
    lines = [f"{_under(connection, parameter_set, line).removesuffix('_q')}_usd_bn" for line in named]
    return [line for line in lines if line in columns]


def _filings(connection: duckdb.DuckDBPyConnection, ticker: str, last: date, known_at: datetime) -> str | None:
    """Return the accession numbers of the filings that a company's row of a quarter was read from."""
    row = connection.execute(
        "select string_agg(distinct accession_number, ' ' order by accession_number) "
        "from marts.fct_company_cash_flows_quarterly where ticker = ? and period_end between ? - interval 92 day and ? "
        "and known_at <= ? and (known_until is null or known_until > ?)",
        [ticker, last, last, known_at, known_at],
    ).fetchone()
    return row[0] if row else None


def _missing(name: str, reason: str = "nothing was known") -> Node:
    return Node(name=name, entity=None, period_end=None, value=None, unit=None, known_at=None, null_reason=reason)


def _documents(connection: duckdb.DuckDBPyConnection, urls: str | None, origin: str | None) -> tuple[Document, ...]:
    """Return the newest archived answer from each address. A row outlives the answer that it first came in."""
    found = []
    for url in re.split(r",\s+(?=https?://)", urls or ""):
        if url:
            row = connection.execute(
                "select body_sha256, fetched_at from ops.documents where url = ? order by fetched_at desc limit 1",
                [url],
            ).fetchone()
            found.append(
                Document(url=url, sha256=row[0] if row else None, fetched_at=row[1] if row else None, origin=origin)
            )
    return tuple(found)


def _rows(
    connection: duckdb.DuckDBPyConnection, sql: str, given: Sequence[Any] | dict[str, Any]
) -> list[dict[str, Any]]:
    cursor = connection.execute(sql, given)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A metric as declared, with how fresh it is in this release."""

    metric_id: str
    label: str
    description: str
    unit: str
    polarity: int
    additivity: str
    kind: str
    claims: str
    grains: str
    formula: str
    inputs: tuple[str, ...]
    metric_version: int
    owner: str
    expected_lag_days: int
    freshness_sla_days: int
    caveats: str
    entities: int
    """Entities with a value today."""
    newest_period_end: date | None
    newest_known_at: datetime | None
    null_reasons: str
    """Why there are nulls among the newest periods, most frequent first; empty where there are none."""
    has_rows: bool
    not_landed: tuple[str, ...]
    """Of a metric without rows the inputs that have none either."""

    @property
    def nulls_because(self) -> str:
        """Why there are nulls among the newest periods, or no rows at all; empty where there is neither."""
        if self.has_rows:
            return self.null_reasons
        missing = ", ".join(self.not_landed)
        return "no rows yet: " + (f"{missing} not landed" if missing else "what has landed does not suffice")


def declared_metrics(connection: duckdb.DuckDBPyConnection, metric: str | None = None) -> list[Declared]:
    """Return every metric's declaration and freshness, or those of one.

    Raises:
        QueryFailed: there is no such metric.
    """
    rows = _rows(
        connection,
        """
        with latest as (
            select metric_id, entity_id, period_end, value, known_at, null_reason from metrics.latest
            qualify row_number() over (partition by metric_id, entity_id, value is null order by period_end desc) = 1
        ), reasons as (
            select
                metric_id,
                -- 'missing_input: capex' says why first; 'capex_ttm: missing_prior_year' names an input first.
                split_part(null_reason, ': ', if(is_named, 2, 1)) as reason,
                count(*) as n
            from (
                select *, split_part(null_reason, ': ', 1) in (select metric_id from metrics.dim_metric)
                    or starts_with(null_reason, 'denominator: ') as is_named
                from latest where value is null
            )
            group by all
        )
        select
            d.*,
            (select count(distinct entity_id) from latest where metric_id = d.metric_id and value is not null)
                as entities,
            (select max(period_end) from latest where metric_id = d.metric_id and value is not null)
                as newest_period_end,
            (select max(known_at) from latest where metric_id = d.metric_id and value is not null) as newest_known_at,
            exists (from latest where metric_id = d.metric_id) as has_rows,
            coalesce((select string_agg(reason, ', ' order by n desc, reason) from reasons
                where metric_id = d.metric_id), '') as null_reasons
        from metrics.dim_metric as d
        where ? is null or d.metric_id = ?
        order by d.metric_id
        """,
        [metric, metric],
    )
    if metric is not None and not rows:
        raise QueryFailed(f"There is no metric {metric!r}", remedy="`drypowder metrics list` shows them all.")
    declared = _declarations(connection)
    names = set(Declared.__dataclass_fields__)
    return [
        Declared(
            **{
                **{k: v for k, v in row.items() if k in names},
                "inputs": declared[row["metric_id"]].inputs,
                "not_landed": () if row["has_rows"] else _not_landed(connection, declared, row["metric_id"]),
            }
        )
        for row in rows
    ]


def _not_landed(
    connection: duckdb.DuckDBPyConnection, declared: dict[str, _Declaration], metric: str
) -> tuple[str, ...]:
    """Return the series and tables without a row that a metric is made of, however deep."""
    seen, empty, left = set(), [], [metric]
    while left:
        for each in declared[left.pop()].inputs:
            kind, _, reference = each.rpartition(":")
            if each in seen:
                continue
            seen.add(each)
            if not kind:
                left.append(reference)
            elif not _has_rows(connection, kind, reference):
                empty.append(each)
    return tuple(empty)


def _has_rows(connection: duckdb.DuckDBPyConnection, kind: str, reference: str) -> bool:
    if kind == "series":
        found = connection.execute("select 1 from marts.fct_observations where series_id = ? limit 1", [reference])
        return found.fetchone() is not None
    table = reference.rpartition(".")[2]
    staged = re.fullmatch(r"stg_([a-z]+)__(\w+)", table)
    if staged:
        landed = connection.execute(
            "select last_changed_at is not null from ops.freshness where source = ? and table_name = ?", staged.groups()
        ).fetchone()
        return landed is None or bool(landed[0])
    # A seed, or a log kept by hand, is in no release: it is not what lacks.
    name = f"marts.{table}"
    return name not in MARTS or connection.execute(f"select 1 from {name} limit 1").fetchone() is not None


def of_claim(found: Iterable[Declared], claim: str) -> list[Declared]:
    """Return the metrics of a claim, in upper case or lower.

    Raises:
        QueryFailed: no metric is of it.
    """
    by_claim: dict[str, list[Declared]] = {}
    for each in found:
        for name in filter(None, each.claims.split(", ")):
            by_claim.setdefault(name, []).append(each)
    if claim.upper() not in by_claim:
        raise QueryFailed(
            "No metric is of that claim",
            expected=f"one of {', '.join(sorted(by_claim, key=lambda name: (len(name), name)))}",
            got=claim,
        )
    return by_claim[claim.upper()]
