"""From a figure to what it was made of: the metrics and series it reads, the rows behind them, the archived bytes.

Lineage is read from each metric's declaration (`inputs`) and resolved by the same law as the figures themselves: of an
input the version counts that was known when the figure was.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from warehouse.errors import QueryFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import duckdb

MOST_ROWS = 24
"""Rows shown of one input; the count of the rest is said."""

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
    has_filings: bool = False
    """Whether its rows are made of a company's filings, which are then named."""


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
        shown=("capex_ttm_usd_bn", "external_funding_ttm_usd_bn", "funding_gap_ttm_usd_bn", "missing_lines_ttm"),
        has_filings=True,
    ),
    "marts.fct_ai_funding_calendar_quarterly": Lineage(
        entity="ticker",
        period="quarter_end",
        shown=("capex_usd_bn", "alignment_error_days", "null_reason"),
        has_filings=True,
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
    `as_of` is what `metrics.as_of` takes: an instant with an offset, or a day, which means its end in New York.
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
    found = _observation(connection, metric, entity, period, as_of, grain, parameter_set)
    return _explained(connection, declared, found, depth, frozenset())


def _declarations(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, ...]]:
    rows = connection.execute("select metric_id, inputs from metrics.dim_metric").fetchall()
    return {name: tuple(i.strip() for i in (inputs or "").split(",") if i.strip()) for name, inputs in rows}


_COLUMNS = (
    "metric_id, entity_type, entity_id, grain, period_start, period_end, value, unit, coverage, null_reason, "
    "pit_quality, parameter_set, known_at, origin, source_url"
)


def _observation(
    connection: duckdb.DuckDBPyConnection,
    metric: str,
    entity: str,
    period: str,
    as_of: str | None,
    grain: str | None,
    parameter_set: str,
) -> dict[str, Any]:
    import duckdb

    table = "metrics.as_of(?, parameters := ?)" if as_of else "metrics.metric_observations"
    given: list[Any] = [as_of, parameter_set] if as_of else []
    where = "metric_id = ? and entity_id = ?"
    given += [metric, entity]
    if not as_of:
        where += " and parameter_set = ? and known_until is null"
        given.append(parameter_set)
    if period != "latest":
        where += " and period_end = ?::date"
        given.append(_day(period))
    if grain:
        where += " and grain = ?"
        given.append(grain)
    try:
        found = connection.execute(f"select distinct grain from {table} where {where}", given).fetchall()
    except duckdb.InvalidInputException as error:  # metrics.as_of says what is no instant, or no set of parameters
        raise QueryFailed(f"{metric} of {entity} as of {as_of} was not asked for", got=str(error)) from error
    grains = [name for (name,) in found]
    if len(grains) > 1:  # a month and a quarter that end on one day are two figures
        raise QueryFailed(
            f"There are several {metric} of {entity} for {period}",
            expected=f"a grain, one of {', '.join(sorted(grains))}",
            remedy="Say which with --grain.",
        )
    rows = _rows(
        connection,
        f"select {_COLUMNS} from {table} where {where} order by value is null, period_end desc limit 1",
        given,
    )
    if rows:
        return rows[0]
    what = f"There is no {metric} of {entity} for {period}" + (f" by {grain}" if grain else "")
    what += f" as of {as_of}" if as_of else ""
    there = connection.execute(
        "select list(distinct entity_id order by entity_id)[:12], min(period_end)::varchar, max(period_end)::varchar, "
        "list(distinct parameter_set), list(distinct grain order by grain) from metrics.metric_observations "
        "where metric_id = ?",
        [metric],
    ).fetchone()
    entities, first, last, sets, grains = there or ([], None, None, [], [])
    raise QueryFailed(
        what,
        expected=f"an entity such as {', '.join(entities or [])}, a period that ends between {first} and {last}, "
        f"a parameter set of {', '.join(sets or [])}, a grain of {', '.join(grains or [])}",
        got=", ".join([entity, period, parameter_set, *([grain] if grain else [])]),
        remedy="Give the last day of the period, or 'latest'.",
    )


def _day(period: str) -> date:
    try:
        return date.fromisoformat(period)
    except ValueError:
        raise QueryFailed(
            "The period is no date", expected="its last day, such as 2025-12-31, or 'latest'", got=period
        ) from None


def _explained(
    connection: duckdb.DuckDBPyConnection,
    declared: dict[str, tuple[str, ...]],
    found: dict[str, Any],
    depth: int,
    above: frozenset[str],
) -> Node:
    name = found["metric_id"]
    inputs: list[Node] = []
    if depth > 0 and name not in above:
        for each in declared.get(name, ()):
            kind, _, reference = each.rpartition(":")
            if kind == "series":
                inputs += _series(connection, reference, found)
            elif kind == "table":
                inputs += _mart(connection, reference, found)
            else:
                inputs += [
                    _explained(connection, declared, row, depth - 1, above | {name})
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
                or ($entity = 'ai_core' and entity_type = 'company' and entity_id in ({_MEMBERS}))
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
    return found or _rows(
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


def _mart(connection: duckdb.DuckDBPyConnection, table: str, of: dict[str, Any]) -> list[Node]:
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
    if lineage.entity and of["entity_type"] != "system":
        where.append(f"({lineage.entity} = $entity_id or $entity_id = 'ai_core' and {lineage.entity} in ({_MEMBERS}))")
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
    nodes = []
    for row in rows:
        details = {column: row[column] for column in lineage.shown}
        if lineage.has_filings:
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


_MEMBERS = "select ticker from marts.dim_company where contains(universes, 'ai_hyperscalers')"
"""Members of the group ai_core."""


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
            select metric_id, regexp_replace(null_reason, ':.*', '') as reason, count(*) as n
            from latest where value is null group by all
        )
        select
            d.*,
            (select count(distinct entity_id) from latest where metric_id = d.metric_id and value is not null)
                as entities,
            (select max(period_end) from latest where metric_id = d.metric_id and value is not null)
                as newest_period_end,
            (select max(known_at) from latest where metric_id = d.metric_id and value is not null) as newest_known_at,
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
    names = set(Declared.__dataclass_fields__)
    return [
        Declared(
            **{
                **{k: v for k, v in row.items() if k in names},
                "inputs": tuple(i for i in re.split(r",\s*", row["inputs"] or "") if i),
            }
        )
        for row in rows
    ]


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
