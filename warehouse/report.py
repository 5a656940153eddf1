"""What a person reads in a terminal: the release's figures, the state of the home, the list of releases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table as Grid

from warehouse import clock, release

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import duckdb
    from rich.console import Console

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
    """Return the parts of net liquidity that the release has; without any, say so rather than leave a gap."""
    parts = connection.execute(
        "select metric_id, period_end, value, unit, known_at, origin from metrics.latest "
        "where metric_id in ('fed_total_assets', 'treasury_general_account', 'rrp_usd_bn') "
        "qualify row_number() over (partition by metric_id order by period_end desc) = 1"
    ).fetchall()
    if not parts:
        return [_Line("total assets, TGA, RRP", "not landed, no source yet", "", "", "")]
    return [_Line(p[0], f"{p[2]:,.1f} {p[3]}", str(p[1]), _instant(p[4]), p[5]) for p in parts]


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


def print_status(settings: Settings, console: Console) -> None:
    """Print what is published, how old each table's newest figure is by the one clock, and what is held back."""
    found = release.current(settings)
    now = clock.now(settings)
    console.print(f"{found}, published {found.manifest['created_at']}; the clock says {now:%Y-%m-%d %H:%M}Z")
    grid = Grid("Table", "Newest", "Age", "Asked", "Origin", box=None, pad_edge=False)
    for name, source in sorted(found.manifest["sources"].items()):
        newest = source["newest_period_end"]
        days = (now.date() - date.fromisoformat(newest)).days if newest else None
        age = "never landed" if days is None else f"{days} d"
        if days is not None and days > source["stale_after_days"]:
            age = f"[yellow]{age}, stale[/]"
        grid.add_row(name, newest or "", age, (source["last_checked_at"] or "")[:10], source["origin"] or "")
    console.print(grid)
    for held in found.manifest["held_back"]:
        console.print(
            f"HELD BACK {held['source']}.{held['table']} {held['partition']} at {held['border']}: {held['reason']}",
            style="red",
            markup=False,
        )
    if not found.manifest["held_back"]:
        console.print("Nothing is held back.", style="green")


def print_releases(settings: Settings, console: Console) -> None:
    """Print every release, oldest first."""
    now = release.current(settings)
    grid = Grid("Release", "Created (clock)", "Rows", "Held back", "Commit", "")
    for each in release.releases(settings):
        grid.add_row(
            each.id,
            str(each.manifest["created_at"])[:19],
            f"{each.rows:,}",
            str(len(each.manifest["held_back"])),
            (each.manifest["git_commit"] or "")[:12],
            "current" if each.id == now.id else "",
        )
    console.print(grid)
