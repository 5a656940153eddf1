"""What a person reads in a terminal: the release's figures, the state of the home, the list of releases."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from warehouse import backup, calendar, clock, landing, release, sources
from warehouse.archive import Archive
from warehouse.errors import ConfigurationError, NoRelease

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import duckdb
    from rich.console import Console

    from warehouse.contract import Source, Table
    from warehouse.settings import Settings

_ROWS = 5
_OLD_DAYS = 120
"""Older than a quarter and its filing: a reader is told."""
_LATEST = """
select entity_id, period_end, value, unit, known_at, origin, null_reason from metrics.latest
where metric_id = $metric and entity_type = $entity_type
qualify row_number() over (partition by entity_id order by period_end desc) = 1
order by value desc nulls last limit $limit
"""
# The newest quarter that most members have reported: the one that has just ended says little.
_GROUP = """
select entity_id, period_end, value, unit, known_at, origin,
    null_reason || ' (coverage ' || (100 * coverage)::integer || ' %)'
from metrics.latest where metric_id = 'capex_ttm' and entity_id = 'ai_core'
order by coverage desc, period_end desc limit 1
"""
_AUCTIONS = """
select auctions.security_term || ' ' || auctions.security_type || ' ' || entity_id, period_end, value, unit,
    latest.known_at, latest.origin, null_reason
from metrics.latest
inner join marts.fct_auctions as auctions
    on latest.entity_id = auctions.cusip and latest.period_end = auctions.auction_date and auctions.known_until is null
where metric_id = 'bid_to_cover' and value is not null
order by period_end desc, entity_id limit 3
"""
_QUESTION = (
    "query \"select period_end, value from metrics.as_of(date '2025-02-25') "
    "where metric_id = 'capex_ttm' and entity_id = 'NVDA' order by period_end desc limit 4\""
)


@dataclass(frozen=True)
class _Line:
    """One printed figure."""

    subject: str
    figure: str
    period: str
    known_at: str
    origin: str


def _instant(value: datetime | None) -> str:
    return "" if value is None else f"{value:%Y-%m-%d %H:%M}"


def _line(row: tuple[Any, ...], figure: Callable[[tuple[Any, ...]], str], subject: str | None = None) -> _Line:
    """Return a row of _LATEST as it is printed; a value that is missing says why instead."""
    shown = figure(row) if row[2] is not None else f"none, {row[6]}"
    return _Line(subject or row[0], shown, str(row[1]), _instant(row[4]), row[5] or "")


def _figures(connection: duckdb.DuckDBPyConnection) -> dict[str, list[_Line]]:
    """Return the figures by heading, read from the release and from nothing else."""

    def latest(metric: str, entity_type: str, limit: int = _ROWS) -> list[tuple[Any, ...]]:
        return connection.execute(_LATEST, {"metric": metric, "entity_type": entity_type, "limit": limit}).fetchall()

    growth = {row[0]: row[2] for row in latest("capex_yoy", "company", 1000)}

    def with_growth(row: tuple[Any, ...]) -> str:
        change = growth.get(row[0])
        return f"{row[2]:,.1f} bn USD" + ("" if change is None else f", {change:+.0%} yoy")

    return {
        "AI capex, trailing twelve months": [
            *(_line(r, with_growth) for r in latest("capex_ttm", "company", 8)),
            *(
                _line(r, lambda r: f"{r[2]:,.1f} bn USD", "hyperscalers together")
                for r in connection.execute(_GROUP).fetchall()
            ),
        ],
        "Last Treasury auctions": [
            _line(r, lambda r: f"bid-to-cover {r[2]:.2f}") for r in connection.execute(_AUCTIONS).fetchall()
        ],
        "Net liquidity": _net_liquidity(connection),
        "Financial stress": [
            _line(r, lambda r: f"{r[2]:+.3f} (0 is average)", "OFR FSI") for r in latest("ofr_fsi", "system")
        ],
        "Foreign holders of Treasuries": [
            _line(r, lambda r: f"{r[2]:,.1f} bn USD") for r in latest("foreign_treasury_holdings", "country")
        ],
        "Bitcoin": [
            *(_line(r, lambda r: f"{-r[2]:.1%} below its peak") for r in latest("btc_drawdown", "asset")),
            *(
                _line(r, lambda r: f"{r[2]:.0%} a year", f"{r[0]} 30-day volatility")
                for r in latest("realised_vol_30d", "asset")
            ),
        ],
    }


def _net_liquidity(connection: duckdb.DuckDBPyConnection) -> list[_Line]:
    """Return the parts of net liquidity that the release has, each of its own day; say of those it lacks that it does.

    They are not summed here: a sum of one Wednesday, and not of three days, is a metric of its own.
    """
    parts = {
        "fed_total_assets": "Fed total assets",
        "treasury_general_account": "Treasury account, TGA",
        "rrp_usd_bn": "overnight reverse repo",
    }
    lines = []
    for metric, subject in parts.items():
        rows = connection.execute(_LATEST, {"metric": metric, "entity_type": "system", "limit": 1}).fetchall()
        lines += [_line(r, lambda r: f"{r[2]:,.1f} bn USD", subject) for r in rows] or [
            _Line(subject, "not landed yet", "", "", "")
        ]
    return lines


def print_release(settings: Settings, console: Console) -> None:
    """Print the release's main figures, each with its period, when it was known and its origin."""
    found = release.current(settings)
    with release.connect(settings.home) as connection:
        figures = _figures(connection)
    console.print(f"[bold]Release {found.id}[/], as of {clock.now(settings):%Y-%m-%d %H:%M}Z", highlight=False)
    for heading, lines in figures.items():
        notes = sorted({each.origin for each in lines} - {""})
        ends = [date.fromisoformat(each.period) for each in lines if each.period]
        age = (clock.now(settings).date() - max(ends)).days if ends else 0
        if age > _OLD_DAYS:
            notes.append(f"newest is {age} days old")
        console.print(f"\n[bold]{heading}[/]" + (f" ({', '.join(notes)})" if notes else ""), highlight=False)
        grid = Grid(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        for width in (22, 25, 10, 16):
            grid.add_column(min_width=width, max_width=width, overflow="fold")
        for each in lines:
            grid.add_row(each.subject, each.figure, each.period, each.known_at)
        console.print(grid, highlight=False)
    console.print("\n[dim]What, figure, end of its period, known since (UTC); origin in brackets.[/]")
    held = found.manifest["held_back"]
    if held:
        console.print(f"Held back: {', '.join(h['source'] + '.' + h['table'] for h in held)}", style="yellow")
    home = _shown(settings.home)
    console.print(f"\nThe release is in {home / 'current'} ({found.path.name}). Go on with", highlight=False)
    command = f"  .venv/bin/drypowder --home {home}"
    for rest in (_QUESTION, "status"):
        console.print(f"{command} {rest}", markup=False, highlight=False, soft_wrap=True)


def _shown(home: Path) -> Path:
    """Return the home as one would type it here."""
    home = home.resolve()
    return home.relative_to(Path.cwd()) if home.is_relative_to(Path.cwd()) else home


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How one registered table stands."""

    source: str
    table: str
    state: str
    reason: str
    newest_period_end: date | None
    age_days: int | None
    next_due_at: datetime | None
    last_asked_at: datetime | None
    origin: str
    proven: str
    held_back: tuple[Mapping[str, str], ...]
    quarantined: Mapping[str, int]
    """Rows set aside, by the rule that they break."""
    affected: tuple[Mapping[str, str | None], ...]
    """Metrics that rest on what a gate holds back, each with when what is used in its place was fetched."""


STATES = {
    "fresh": "green",
    "due": "yellow",
    "late": "red",
    "held back": "bold red",
    "not due": "cyan",
    "never landed": "magenta",
    "unproven": "magenta",
    "off": "dim",
}
"""Every state of a table, in the order of the summary, with its colour."""

_SHOWN_METRICS = 12

SAW_IN_SHORT = {"recorded": "real bytes", "documented": "documents"}
"""What a table's parser has read, in words that are not also those of where a row came from."""

_WIDTHS = {
    "Table": 24,
    "State": 12,
    "Newest": 10,
    "Age": 6,
    "Next due (UTC)": 16,
    "Asked": 10,
    "Origin": 13,
    "Parser saw": 10,
}
"""Columns of the status, which with two spaces between them fit 120."""


def standings(settings: Settings) -> list[Standing]:
    """Return how every registered table stands: by the release, or before there is one by what has landed."""
    found = _current(settings)
    published = found.manifest["sources"] if found else {}
    held = _held_back(settings, found)
    quarantined = _quarantined(settings) if found else {}
    affected = found.manifest.get("affected_metrics", []) if found else []
    now = clock.now(settings)
    return [
        _standing(
            settings,
            source,
            table,
            now,
            published.get(name := f"{source.code}.{table.name}"),
            held=tuple(each for each in held if f"{each['source']}.{each['table']}" == name),
            quarantined=quarantined.get(name, {}),
            affected=tuple(each for each in affected if f"{each['source']}.{each['table']}" == name),
        )
        for source, table in sources.tables()
    ]


def _current(settings: Settings) -> release.Release | None:
    try:
        return release.current(settings)
    except NoRelease:
        return None


def _standing(
    settings: Settings,
    source: Source,
    table: Table,
    now: datetime,
    published: Mapping[str, Any] | None,
    *,
    held: tuple[Mapping[str, str], ...],
    quarantined: Mapping[str, int],
    affected: tuple[Mapping[str, str | None], ...],
) -> Standing:
    asked = [
        Archive(settings.archive).last_checked(source.code, table.name),
        datetime.fromisoformat(published["last_checked_at"]) if published and published["last_checked_at"] else None,
    ]
    newest, origin, note = None, "", ""
    if published and published["last_changed_at"]:
        newest = published["newest_period_end"] and date.fromisoformat(published["newest_period_end"])
        origin, has_landed = published["origin"] or "", True
    elif has_landed := bool(landing.files(settings, source.code, table.name)):
        newest = _newest_landed(settings, source, table)
        note = (
            " Its licence keeps it out of releases." if table.is_internal else " What has landed is not published yet."
        )
    state, reason = calendar.state_of(table.cadence, newest, now, has_landed)
    coming = calendar.next_due(table.cadence, now)
    return Standing(
        source=source.code,
        table=table.name,
        **_state(settings, source, table, state, reason + note, held=held),
        newest_period_end=newest,
        age_days=(now.date() - newest).days if newest else None,
        next_due_at=coming.due_at if coming else None,
        last_asked_at=max(filter(None, asked), default=None),
        origin=origin,
        proven=table.proven,
        held_back=held,
        quarantined=quarantined,
        affected=affected,
    )


def _state(
    settings: Settings, source: Source, table: Table, state: str, reason: str, *, held: Sequence[Mapping[str, str]]
) -> dict[str, str]:
    """Return state and reason, with what weighs more than the calendar."""
    if held:
        return {"state": "held back", "reason": reason}
    if table.credential and not getattr(settings, table.credential, None):
        spec = settings.__dataclass_fields__.get(table.credential)
        variable = spec.metadata["variable"] if spec else table.credential
        return {"state": "off", "reason": f"It is optional and needs a key: set {variable} to turn it on."}
    if state == "never landed" and table.proven == "documented":
        from warehouse.pipeline import live_checks

        if settings.sources == "live" and f"{source.code}.{table.name}" not in live_checks(settings):
            command = f"drypowder check-live {source.code}.{table.name}"
            return {"state": "unproven", "reason": f"No real answer was seen yet: run `{command}` first."}
    return {"state": state, "reason": reason}


def _newest_landed(settings: Settings, source: Source, table: Table) -> date | None:
    """Return the newest period in the landed files; None where they do not tell, as after a change of the contract."""
    import duckdb

    paths = [str(path) for path in landing.files(settings, source.code, table.name)]
    with duckdb.connect(config=settings.duckdb_config) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            row = connection.execute(
                f"select max(({table.about[1]})::date) from read_parquet(?, union_by_name = true)", [paths]
            ).fetchone()
        except duckdb.Error:
            return None
    return row[0] if row else None


def _held_back(settings: Settings, found: release.Release | None) -> list[dict[str, str]]:
    """Return what is held back: by a gate as of the release, at landing as of now."""
    held = list(found.manifest["held_back"]) if found else []
    if not settings.refused.is_dir():
        return held
    refused = [
        {"source": f.source, "table": f.table, "partition": f.partition, "border": "landing", "reason": reason}
        for f, reason in landing.refusals(settings)
    ]
    return [each for each in held if each["border"] != "landing"] + refused


def _quarantined(settings: Settings) -> dict[str, dict[str, int]]:
    """Return the rows set aside and not discarded, by table and rule; nothing from a release of before there were."""
    counts: dict[str, dict[str, int]] = {}
    with release.connect(settings.home) as connection:
        if not connection.execute(
            "select 1 from duckdb_tables() where schema_name = 'ops' and table_name = 'quarantine'"
        ).fetchone():
            return {}
        for table, rule, rows in connection.execute(
            "select source || '.' || table_name, rule, sum(row_count)::bigint from ops.quarantine "
            "where discarded_at is null group by all order by all"
        ).fetchall():
            counts.setdefault(table, {})[rule] = rows
    return counts


def print_status(settings: Settings, console: Console, as_json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Print how every table stands: state, newest period, what is due next, what is held back, and why."""
    now, found, tables = clock.now(settings), _current(settings), standings(settings)
    count = Counter(each.state for each in tables)
    summary = {state: count[state] for state in STATES if count[state]}
    if as_json:
        document = {
            "home": str(settings.home),
            "now": now.isoformat(),
            "release": found and {"id": found.id, "created_at": found.manifest["created_at"], "rows": found.rows},
            "summary": summary,
            "backup": backup.trouble(settings),
            "tables": [asdict(each) for each in tables],
        }
        text = json.dumps(document, indent=1, default=lambda value: value.isoformat())
        console.print(text, markup=False, highlight=False, soft_wrap=True)
        return
    published = (
        f"{found}, published {found.manifest['created_at']}"
        if found
        else f"{settings.home} has no release: nothing is published. `drypowder run` makes one; after `make demo` "
        "it is in --home data/demo"
    )
    console.print(f"{published}; the clock says {now:%Y-%m-%d %H:%M}Z", markup=False, highlight=False)
    console.print(_grid([[f"[bold]{name}[/]" for name in _WIDTHS]]), highlight=False)
    for source in sources.sources().values():
        mine = [each for each in tables if each.source == source.code]
        console.print(f"[bold]{source.code}[/] [dim]{escape(source.title)}[/]", highlight=False)
        console.print(_grid([_cells(each) for each in mine]), highlight=False)
        for each in mine:
            for text in _remarks(each):
                lines = Padding(Text(f"{each.table}: {text}", style=STATES[each.state]), (0, 0, 0, 4), expand=False)
                console.print(lines, highlight=False)
    if not any(each.held_back for each in tables):
        console.print("Nothing is held back.", style="green")
    console.print(", ".join(f"[{STATES[state]}]{number} {state}[/]" for state, number in summary.items()))
    if problem := backup.trouble(settings):
        console.print(f"BACKUP: {problem}", style="red", markup=False, highlight=False, soft_wrap=True)


def _grid(rows: Iterable[Sequence[str]]) -> Grid:
    grid = Grid(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for width in _WIDTHS.values():
        grid.add_column(min_width=width, max_width=width, overflow="fold")
    for row in rows:
        grid.add_row(*row)
    return grid


def _cells(each: Standing) -> list[str]:
    return [
        each.table,
        f"[{STATES[each.state]}]{each.state}[/]",
        str(each.newest_period_end or ""),
        "" if each.age_days is None else f"{each.age_days} d",
        _instant(each.next_due_at),
        f"{each.last_asked_at:%Y-%m-%d}" if each.last_asked_at else "",
        each.origin,
        SAW_IN_SHORT[each.proven],
    ]


def _remarks(each: Standing) -> Iterator[str]:
    """Yield what a reader has to know of a table that is not simply fresh."""
    if each.state not in {"fresh", "never landed"}:  # of what never landed the next due date is all there is to say
        yield each.reason
    for held in each.held_back:
        yield f"HELD BACK {held['partition']} at {held['border']}: {held['reason']}"
    if each.affected:
        yield _affected_in_words(each.affected)
    if each.quarantined:
        rules = ", ".join(f"{rule} {rows:,}" for rule, rows in each.quarantined.items())
        yield f"{sum(each.quarantined.values()):,} row(s) in quarantine ({rules}); see `drypowder quarantine list`."


def _affected_in_words(affected: Sequence[Mapping[str, str | None]]) -> str:
    """Say which metrics are affected, and how old the rows are that they are made of meanwhile."""
    ages = sorted({(a["partition"], a["last_good_at"]) for a in affected}, key=str)
    rows = ", ".join(
        f"{partition} of {at[:10]}" if at else f"{partition} has none that passed" for partition, at in ages
    )
    newest: dict[str, str] = {str(a["metric"]): a["newest_period_end"] or "no value" for a in affected}
    shown = [f"{metric} ({period})" for metric, period in sorted(newest.items())]
    more = f" and {len(shown) - _SHOWN_METRICS} more in ops.affected_metrics" if len(shown) > _SHOWN_METRICS else ""
    return (
        f"AFFECTS {len(shown)} metric(s), newest period in brackets: {', '.join(shown[:_SHOWN_METRICS])}{more}. "
        f"Rows used meanwhile: {rows}."
    )


def print_tables(settings: Settings, console: Console, name: str = "") -> None:
    """Print the tables of the current release with their rows and descriptions, or the columns of one.

    Raises:
        ConfigurationError: the release has no such table.
    """
    tables = release.current(settings).manifest["tables"]
    rows = {each: spec["rows"] for each, spec in tables.items()}
    contracts = {each: spec.get("contract") for each, spec in tables.items()}  # none in ops, and in older releases
    chosen = [each for each in rows if name in {"", each, each.partition(".")[2]}]
    if not chosen:
        raise ConfigurationError(
            f"The release has no table {name}", expected="one that `drypowder tables` lists", got=name
        )
    with release.connect(settings.home) as connection:
        said = dict(
            connection.execute("select schema_name || '.' || table_name, comment from duckdb_tables()").fetchall()
        )
        columns = connection.execute(
            "select column_name, data_type, comment from duckdb_columns() "
            "where schema_name || '.' || table_name = ? order by column_index",
            [chosen[0]],
        ).fetchall()
    if name:
        console.print(f"[bold]{chosen[0]}[/], {rows[chosen[0]]:,} rows", highlight=False)
        console.print(said[chosen[0]] or "", markup=False, highlight=False)
        for line in _contract(contracts[chosen[0]]):
            console.print(line, markup=False, highlight=False)
        grid = Grid("Column", "Type", "Meaning", box=None, pad_edge=False)
        for column, kind, meaning in columns:
            grid.add_row(Text(column), Text(kind), Text(meaning or ""))
    else:
        grid = Grid("Table", "Rows", "Version", "What it holds", box=None, pad_edge=False)
        grid.columns[1].justify = grid.columns[2].justify = "right"
        for each in chosen:
            first, _, more = (said[each] or "").partition(". ")
            what = f"{first}." if more else first
            contract = contracts[each] or {"version": "", "deprecation_date": None}
            if contract["deprecation_date"]:
                what = f"Goes on {contract['deprecation_date']}: use {contract['use_instead']} instead. {what}"
            grid.add_row(Text(each), f"{rows[each]:,}", str(contract["version"]), Text(what))
    grid.columns[0].no_wrap = True
    console.print(grid)
    if not name:
        console.print("metrics.as_of(ts) and metrics.compare(ts1, ts2) are read like tables.", highlight=False)
        console.print("`drypowder tables <table>` says more of one.", markup=False, highlight=False)


def _contract(contract: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield what a reader may rely on: version, status and owner, key, who else reads it."""
    if contract is None:
        return
    removal = contract["deprecation_date"]
    goes = f": goes on {removal}, use {contract['use_instead']} instead" if removal else ""
    yield f"Version {contract['version']}, {contract['status']}{goes}. Owner: {contract['owner']}."
    if contract["key"]:
        yield f"A row is one ({', '.join(contract['key'])})."
    yield f"Read by: {', '.join(contract['consumers']) or 'nobody known'}."


def print_releases(settings: Settings, console: Console) -> None:
    """Print every release, oldest first: how old, how large, how much of that is its own, whether current or pinned."""
    from warehouse import retention

    shown, now, pinned = release.current(settings), clock.now(settings), retention.pins(settings)
    grid = Grid("Release", "Created (clock)", "Age", "Rows", "Held back", "MB", "its own", "Commit", "")
    for each in release.releases(settings):
        created = datetime.fromisoformat(each.manifest["created_at"])
        marks = ["current"] if each.id == shown.id else []
        if pin := pinned.get(each.id):
            marks.append(f"pinned: {pin.reason}" if pin.reason else "pinned")
        grid.add_row(
            each.id,
            f"{created:%Y-%m-%d %H:%M}",
            f"{(now - created).days} d",
            f"{each.rows:,}",
            str(len(each.manifest["held_back"])),
            f"{sum(path.stat().st_size for path in each.path.rglob('*') if path.is_file()) / 1e6:,.1f}",
            f"{retention.bytes_of_their_own(each) / 1e6:,.1f}",
            (each.manifest["git_commit"] or "")[:12],
            Text(", ".join(marks)),
        )
    console.print(grid)


def print_backups(settings: Settings, target: str | None, console: Console) -> None:
    """Print every backup in one place, oldest first: how old, how large, what it added, and what it lacks."""
    from warehouse.snapshots import Repository

    repository, now = Repository.of(settings, target), datetime.now(UTC)
    grid = Grid("Backup", "Made (UTC)", "Age", "Files", "MB", "new", "current", "Databases", "")
    for each in repository.all():
        grid.add_row(
            each.id,
            f"{each.made_at:%Y-%m-%d %H:%M}",
            f"{(now - each.made_at).days} d",
            f"{len(each.entries):,}",
            f"{each.size / 1e6:,.1f}",
            f"{each.new_bytes / 1e6:,.1f}",
            each.release or "none",
            str(len(each.dumps)),
            Text("; ".join(each.problems), style="red"),
        )
    if grid.row_count:
        console.print(grid)
    console.print(f"{grid.row_count} backup(s) in {repository.target}", markup=False, highlight=False, soft_wrap=True)
    if problem := backup.trouble(settings):
        console.print(problem, style="red", markup=False, highlight=False, soft_wrap=True)
