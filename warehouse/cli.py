"""The `drypowder` command: every verb of the pipeline, each useful alone."""

from __future__ import annotations

import csv
import json
import logging
import math
import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid
from rich.text import Text

from warehouse.errors import ConfigurationError, NothingNew, NotRecorded, QueryFailed, WarehouseError
from warehouse.logs import configure as configure_logs
from warehouse.settings import PROJECT_ROOT, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

app = typer.Typer(
    name="drypowder",
    help="Is AI capital expenditure draining the world's idle capital? A point-in-time warehouse you can question.\n\n"
    "A run is: [bold]land[/] (fetch, keep the bytes, cast), [bold]load[/] and [bold]validate[/] (judge what came in), "
    "[bold]build[/] (dbt), [bold]check[/] (judge what goes out), [bold]publish[/]. [bold]run[/] does all of it; "
    "Airflow's DAGs call the same verbs.\n\n"
    "Start with [bold]make demo[/], then [bold]drypowder --home data/demo tables[/] and "
    '[bold]drypowder --home data/demo query "select entity_id, period_end, value, known_at from metrics.latest '
    "where metric_id = 'capex_ttm' order by period_end desc limit 10\"[/].",
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
quarantine = typer.Typer(
    help="See and mend what did not get into `raw`: list, show, replay, discard.", no_args_is_help=True
)
app.add_typer(quarantine, name="quarantine")
metrics = typer.Typer(
    help="What is measured, and how: list, explain, query (through MetricFlow).", no_args_is_help=True
)
app.add_typer(metrics, name="metrics")
contracts = typer.Typer(help="What readers of curated tables are promised: check, release.", no_args_is_help=True)
app.add_typer(contracts, name="contracts")
superset = typer.Typer(
    help="Superset's dashboards: bring them to what git says, or git to what was edited.", no_args_is_help=True
)
app.add_typer(superset, name="superset")
log = logging.getLogger("warehouse.cli")
out = Console(width=None if sys.stdout.isatty() else 120)
err = Console(stderr=True)


class Format(StrEnum):
    """How `query` prints."""

    table = "table"
    csv = "csv"
    json = "json"


class _Globals:
    home: Path | None = None
    sources: str | None = None


def _print_version(asked: bool) -> None:  # noqa: FBT001  (typer's way)
    if asked:
        out.print(version("drypowder"))
        raise typer.Exit


@app.callback()
def _options(
    home: Annotated[
        Path | None, typer.Option(help="Folder that holds all a run writes [WAREHOUSE_HOME, ./data].")
    ] = None,
    sources: Annotated[
        str | None, typer.Option(help="'live' or 'recorded:<folder>' [WAREHOUSE_SOURCES, live].")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every step to standard error.")] = False,  # noqa: FBT002
    _version: Annotated[  # noqa: FBT002
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    form = Settings.from_environment().log
    configure_logs(form, verbose=verbose)
    err.quiet = form == "json"  # nothing else stands among the lines
    _Globals.home, _Globals.sources = home, sources


def _settings() -> Settings:
    """Return the settings: the options, then the environment, then what the home remembers of its transport."""
    settings = Settings.from_environment()
    if _Globals.home is not None:
        settings = replace(settings, home=_Globals.home)
    sources = _Globals.sources
    if sources is None and not os.environ.get("WAREHOUSE_SOURCES"):
        sources = settings.remembered_transport
    return settings if sources is None else replace(settings, sources=sources)


def _tell(line: str) -> None:
    err.print(f"  {line}", style="dim", markup=False, highlight=False, soft_wrap=True)


def _run(verb: Callable[..., Any], *arguments: object, **options: object) -> None:
    """Run a verb with a spinner and print its one line."""
    with err.status(verb.__name__):
        result = verb(*arguments, settings=_settings(), progress=_tell, **options)
    out.print(str(result), markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _bytes_moved(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal, and give who moves bytes what to tell: those done and those in all."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    ) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@app.command()
def land(
    source: Annotated[str, typer.Argument(help="Source code, such as 'sec'; all sources when left out.")] = "",
    table: Annotated[str, typer.Argument(help="Table, such as 'company_facts'; all of the source when left out.")] = "",
    *,
    refetch: Annotated[bool, typer.Option(help="Ask again also for years that no longer change.")] = False,
) -> None:
    """Fetch what is due, keep the bytes, and land what changed as typed Parquet."""
    from warehouse import pipeline, sources

    wanted = [
        (s.code, t.name)
        for s, t in sources.tables()
        if (not source or s.code == source) and (not table or t.name == table)
    ]
    if not wanted:
        raise ConfigurationError(
            "No such source or table",
            expected=f"one of {', '.join(f'{s.code} {t.name}' for s, t in sources.tables())}",
            got=f"{source} {table}".strip(),
        )
    failures = 0
    for code, name in wanted:
        try:
            _run(pipeline.land, code, name, refetch=refetch)
        except (NothingNew, NotRecorded) as outcome:
            out.print(str(outcome), markup=False, highlight=False, soft_wrap=True)
        except WarehouseError as error:
            failures += 1
            _explain(error)
    if failures:
        raise typer.Exit(1)


@app.command()
def backfill(
    source: Annotated[str, typer.Argument(help="Source code, such as 'fiscaldata'.")],
    table: Annotated[str, typer.Argument(help="Table, such as 'auctions'.")],
    *,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day; the start when left out.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day; today when left out.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Say what it will cost, and ask for nothing.")] = False,
    bulk: Annotated[
        bool, typer.Option(help="Take the publisher's one large download instead, where it has one.")
    ] = False,
) -> None:
    """Fetch a table over any range, politely and in chunks; run again, it goes on where it stopped.

    It says first what it will cost: requests, rows, megabytes, minutes. What is there already is not asked for.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from warehouse import backfill as backfilling

    settings = _settings()
    made = backfilling.plan(
        source, table, first.date() if first else None, last.date() if last else None, settings, bulk=bulk
    )
    out.print(str(made), markup=False, highlight=False, soft_wrap=True)
    if dry_run or not made.partitions:
        out.print("A dry run: nothing was asked for." if dry_run else "All of it is there.", style="dim")
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        disable=not err.is_terminal,
    ) as bar:
        task = bar.add_task(f"{source}.{table}", total=len(made.partitions))
        for step in backfilling.backfill(made, settings, _tell):
            if isinstance(step, int):
                bar.update(task, completed=step)
                continue
            out.print(str(step), markup=False, highlight=False, soft_wrap=True)
            if step.failed:
                err.print("Run it again: what came is not asked for a second time.", style="red")
                raise typer.Exit(1)


@app.command()
def load(
    *,
    retry_held_back: Annotated[bool, typer.Option(help="Judge again what a gate held back, as after a fix.")] = False,
) -> None:
    """Fill `incoming` with landed files that `raw` does not have, of each partition the oldest."""
    from warehouse import nightly

    _run(nightly.load, retry_held_back=retry_held_back)


@app.command()
def validate() -> None:
    """Judge `incoming` with Great Expectations; promote what passes, hold the rest back."""
    from warehouse import pipeline

    _run(pipeline.validate)


@app.command()
def build(
    *,
    anew: Annotated[bool, typer.Option("--anew", help="Build every table, also where it could grow.")] = False,
) -> None:
    """Transform `raw` into marts and metrics with dbt, and run dbt's tests.

    Tables grow by what became known since the last build; all are built where that build failed, or code changed.
    """
    from warehouse import pipeline

    _run(pipeline.build, anew=anew)


@app.command()
def check() -> None:
    """Judge marts and metrics as they would go out; needed before `publish`."""
    from warehouse import pipeline

    _run(pipeline.check)


@app.command()
def publish() -> None:
    """Publish what `check` let through as a new release and make it current."""
    from warehouse import pipeline

    _run(pipeline.publish)


@app.command()
def run() -> None:
    """Do all of it in one process, without Airflow."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from warehouse import nightly, report, sources

    settings = _settings()
    styles = {"done": "green", "nothing new": "dim", "not recorded": "dim", "unavailable": "yellow", "failed": "red"}
    failed: list[nightly.Step] = []
    absent = 0
    last = ""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    ) as bar:
        task = bar.add_task("starting", total=len(sources.tables()) + 5)
        for step in nightly.steps(settings, lambda line: bar.update(task, description=escape(line[:70]))):
            err.print(
                f"{step.name:32} [{styles[step.outcome]}]{step.outcome:12}[/] {step.rows:>9,} rows "
                f"{step.seconds:6.1f} s",
                highlight=False,
            )
            if step.error:
                failed.append(step)
                err.print(f"    {step.detail}", markup=False, highlight=False, soft_wrap=True)
            bar.advance(task)
            absent += step.outcome == "not recorded"
            last = step.outcome
    if absent:
        err.print(f"{absent} tables are not in the recording; --verbose names the addresses.", style="dim")
    if last == "nothing new":
        out.print("Nothing new came in; nothing was published." if not failed else "Nothing was published.")
    else:
        report.print_release(settings, out)
    if failed:
        err.print(f"{len(failed)} of the tables did not come in: {', '.join(f.name[5:] for f in failed)}.", style="red")
        raise typer.Exit(1)


@app.command()
def accept(
    *,
    by: Annotated[str, typer.Option(help="Who accepts it.")],
    because: Annotated[str, typer.Option(help="Why; the release says so.")],
    question: Annotated[
        str | None, typer.Option(help="Id of the findings that were shown, where that was some time ago.")
    ] = None,
) -> None:
    """Let a release with new warnings pass (WAREHOUSE_APPROVAL=warnings); what is critical nobody can accept."""
    from warehouse import approval, pipeline

    accepted = approval.accept(pipeline.settings_of_home(_settings()), by=by, because=because, question=question)
    out.print(str(accepted), markup=False, highlight=False, soft_wrap=True)
    for each in accepted.findings:
        out.print(f"  {each}", markup=False, highlight=False, soft_wrap=True)
    out.print("Go on with `drypowder publish`.", style="dim")


@app.command()
def incidents(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for a machine.")] = False,
) -> None:
    """Say what is wrong now: since when, what it affects, what to type. Ends with 1 where something critical is."""
    from warehouse import incidents as watching

    entries = watching.look(_settings())
    still = [each for each in entries if each.over_at is None]
    shown = entries if everything else still
    if as_json:
        out.print(json.dumps([watching.document(each) for each in shown], indent=1), markup=False, soft_wrap=True)
    else:
        watching.print_entries(shown, out)
    if any(each.incident.severity == "critical" for each in still):
        raise typer.Exit(1)


@app.command()
def demo() -> None:
    """Run the main job for real under Airflow's own scheduler, on the sample, in a home of its own."""
    from warehouse.demo import demo as run_demo

    run_demo(_settings(), out)


@app.command()
def up() -> None:
    """Start Airflow and Superset on this machine, on the publishers' schedules; run again, say how they are.

    They listen on loopback alone and ask for a password, which is made and printed the first time.
    """
    from warehouse import serving

    serving.up(_settings(), out)


@app.command()
def down() -> None:
    """Stop what `up` started in this home."""
    from warehouse import serving

    serving.down(_settings(), out)


@app.command()
def logs(
    service: Annotated[str, typer.Argument(help="Service, such as 'scheduler'; all when left out.")] = "",
    *,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many of the last lines of each.")] = 40,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes next.")] = False,
) -> None:
    """Show the logs of what `up` started."""
    from warehouse import serving

    serving.logs(_settings(), service, lines=lines, follow=follow)


@app.command()
def status(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for a machine.")] = False,
) -> None:
    """Show of every table whether it is fresh, due, late or held back, and why."""
    from warehouse import report

    report.print_status(_settings(), out, as_json=as_json)


@app.command()
def terms() -> None:
    """List what every source allows, and what whoever passes its figures on has to write beside them."""
    from warehouse import sources

    grid = Grid("Table", "May be passed on", "Licence", "Write beside it", box=None, pad_edge=False)
    words = {"free": "freely", "attribution": "with attribution", "internal": "NO, internal.duckdb only"}
    for source, table in sources.tables():
        licence = table.licence
        grid.add_row(
            f"{source.code}.{table.name}", words[licence.redistribution], Text(licence.name), Text(licence.attribution)
        )
    Console(width=max(out.width, 160), file=out.file).print(grid)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT over marts, metrics or ops.")],
    *,
    internal: Annotated[
        bool, typer.Option(help="Ask internal.duckdb instead: raw tables that may not be passed on.")
    ] = False,
    style: Annotated[
        Format, typer.Option("--format", "-f", help="How to print: a table, CSV, or one JSON object a line.")
    ] = Format.table,
    limit: Annotated[int, typer.Option(min=1, help="Rows to print in a table; csv and json print all.")] = 100,
    expanded: Annotated[
        bool | None,
        typer.Option("--expanded/--wide", help="One column a line, or one row; the default is what fits the width."),
    ] = None,
) -> None:
    """Ask the release, read-only: "select period_end, value from metrics.latest where metric_id = 'rrp_usd_bn'".

    A NULL is printed as NULL (in csv as nothing). `drypowder tables` says what there is to ask.
    """
    import duckdb

    from warehouse.querying import guard
    from warehouse.release import connect

    connection = connect(_settings().home, internal=internal)
    try:
        cursor = connection.execute(guard(connection, sql))
        names = [column[0] for column in cursor.description or []]
        rows = cursor.fetchall()
    except duckdb.Error as error:
        raise QueryFailed("The query failed", got=str(error)) from error
    finally:
        connection.close()
    if style is Format.csv:
        writer = csv.writer(sys.stdout)
        writer.writerows([names, *rows])
    elif style is Format.json:
        for row in rows:
            clean = (None if isinstance(value, float) and not math.isfinite(value) else value for value in row)
            sys.stdout.write(json.dumps(dict(zip(names, clean, strict=True)), default=str) + "\n")
    else:
        print_rows(names, rows[:limit], expanded=expanded)
        shown = f" (first {limit} shown)" if len(rows) > limit else ""
        out.print(f"{len(rows):,} row(s){shown}", style="dim")


def print_rows(names: list[str], rows: list[tuple[Any, ...]], *, expanded: bool | None = None) -> None:
    """Print a table, or each row as a list of fields where the table is wider than the line: nothing is cut off."""
    grid = Grid(*map(escape, names))
    for row in rows:
        grid.add_row(*map(_shown, row))
    needed = out.measure(grid, options=out.options.update(max_width=100_000)).maximum
    if expanded is None:
        expanded = needed > out.width
    if not expanded:
        Console(width=max(needed, out.width), file=out.file).print(grid)
        return
    widest = max(map(len, names))
    for number, row in enumerate(rows, 1):
        out.rule(f"row {number}", align="left")
        for name, value in zip(names, row, strict=True):
            out.print(Text(f"{name:{widest}}  ").append(_shown(value)), soft_wrap=True)


def _shown(value: object) -> Text:
    """Return a value as it is printed; a NULL by its name, so that it is not taken for an empty text."""
    return Text("NULL", style="dim") if value is None else Text(str(value))


@app.command()
def tables(
    table: Annotated[str, typer.Argument(help="Table, such as marts.fct_auctions; all when left out.")] = "",
) -> None:
    """List what the current release holds: tables with rows and description, or the columns of one."""
    from warehouse import report

    report.print_tables(_settings(), out, table)


@contracts.command("check")
def check_contracts() -> None:
    """Compare what is declared of curated tables with what was released: what is new, what breaks, what goes when."""
    from warehouse import clock, lifecycle

    settings = _settings()
    found = lifecycle.check(settings.project, clock.now(settings).date())
    for each in (*found.differences, *found.deprecations):
        style = "red" if each.breaks else "yellow" if each in found.deprecations else "dim"
        out.print(str(each), style=style, markup=False, highlight=False, soft_wrap=True)
    if found.broken:
        err.print(f"{len(found.broken)} break(s) of the contract of release {found.release}.", style="red")
        raise typer.Exit(1)
    out.print(f"Nothing breaks the contract of release {found.release}.", highlight=False)


@contracts.command("release")
def release_contracts() -> None:
    """Write what is declared now as the released contract, when the project is released (not at a data release)."""
    from warehouse import clock, lifecycle

    settings = _settings()
    found = lifecycle.release(settings.project, clock.now(settings).date())
    for each in found.differences if found else ():
        out.print(str(each), markup=False, highlight=False, soft_wrap=True)
    out.print(f"{lifecycle.RELEASED} is written. Commit it.", highlight=False)


@app.command()
def explain(
    metric: Annotated[str, typer.Argument(help="Metric, such as capex_ttm.")],
    entity: Annotated[str, typer.Argument(help="Ticker, country, CUSIP, symbol, ai_core, or US for the system.")],
    period: Annotated[str, typer.Argument(help="Last day of the period, or 'latest'.")] = "latest",
    *,
    as_of: Annotated[
        str | None, typer.Option(help="As known then: a day (its end in New York), or an instant with an offset.")
    ] = None,
    grain: Annotated[
        str | None, typer.Option(help="Grain, such as month; needed where periods of several end on one day.")
    ] = None,
    parameters: Annotated[str, typer.Option(help="Parameter set.")] = "default",
    depth: Annotated[int, typer.Option(min=0, help="How many metrics deep to look.")] = 6,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a tree.")] = False,
) -> None:
    """Show what a figure was made of, down to filings, auctions, series and archived bytes; or why there is none."""
    from warehouse import metric_report, provenance
    from warehouse.release import connect

    connection = connect(_settings().home)
    try:
        node = provenance.explain(
            connection, metric, entity, period, as_of=as_of, grain=grain, parameter_set=parameters, depth=depth
        )
    finally:
        connection.close()
    if as_json:
        sys.stdout.write(json.dumps(node.as_json(), default=str) + "\n")
    else:
        metric_report.print_provenance(node, out)


@metrics.command("list")
def list_metrics(
    claim: Annotated[str, typer.Option(help="Only metrics of a claim, such as C3.")] = "",
) -> None:
    """List every metric: unit, kind, claims, for how many entities it has a value, and up to when."""
    from warehouse import metric_report, provenance
    from warehouse.release import connect

    connection = connect(_settings().home)
    try:
        found = provenance.declared_metrics(connection)
    finally:
        connection.close()
    metric_report.print_metrics(provenance.of_claim(found, claim) if claim else found, out)


@metrics.command("explain")
def explain_metric(metric: Annotated[str, typer.Argument(help="Metric, such as capex_ttm.")]) -> None:
    """Show a metric's definition: formula, inputs, claims, caveats, and how fresh it is."""
    from warehouse import metric_report, provenance
    from warehouse.release import connect

    connection = connect(_settings().home)
    try:
        (found,) = provenance.declared_metrics(connection, metric)
        below = {m.metric_id: m for m in provenance.declared_metrics(connection)}
    finally:
        connection.close()
    metric_report.print_metric(found, below, out)


@metrics.command("query")
def query_metrics(
    names: Annotated[list[str], typer.Argument(help="Metrics, such as capex_ttm ocf_ttm.")],
    *,
    group_by: Annotated[
        str, typer.Option(help="Dimensions, separated by commas: observation__entity_id, metric_time__quarter.")
    ] = "observation__entity_id,metric_time__quarter",
    where: Annotated[
        str | None, typer.Option(help="Filter: \"{{ Dimension('observation__entity_id') }} = 'NVDA'\".")
    ] = None,
    grain: Annotated[
        str | None, typer.Option(help="Grain, such as month; needed where periods of several would be added up.")
    ] = None,
    order: Annotated[
        str, typer.Option(help="Columns to sort by, a minus before one to turn it round; newest first when left out.")
    ] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="Rows at most.")] = None,
) -> None:
    """Ask MetricFlow, dbt's semantic layer, on a private copy of the current release. Prints CSV."""
    from warehouse import release, semantics

    settings = _settings()
    rows = semantics.query(
        settings,
        release.current(settings).path,
        names,
        group_by=[g for g in group_by.split(",") if g],
        where=where,
        grain=grain,
        order=[o for o in order.split(",") if o],
        limit=limit,
    )
    csv.writer(sys.stdout).writerows(rows)


@app.command()
def releases() -> None:
    """List the releases, newest last: age, size, what of it no other shares; the current and pinned ones are marked."""
    from warehouse import report

    report.print_releases(_settings(), out)


@app.command()
def diff(
    before: Annotated[
        str, typer.Argument(help="Release, `current`, or `previous`, which is what current was published over.")
    ] = "previous",
    after: Annotated[str, typer.Argument(help="The same; what is told is how it differs from the other.")] = "current",
    *,
    table: Annotated[str, typer.Option(help="Only this table, such as metrics.metric_observations.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Moved values that are named of each table.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for a machine.")] = False,
) -> None:
    """Show what changed between two releases: schema, rows, and past values that moved, with the reason."""
    from warehouse import change_report

    found = change_report.compare(_settings(), before, after, table=table, limit=limit)
    change_report.print_changes(found, out, as_json=as_json)


@app.command()
def rollback(
    to: Annotated[str | None, typer.Argument(help="Release to make current; the one before it when left out.")] = None,
) -> None:
    """Point `current` back at an earlier release; nothing is deleted."""
    from warehouse import upkeep

    found = upkeep.rollback(to, _settings())
    out.print(f"current is now {found.id} in {found.path}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def pin(
    release_id: Annotated[str, typer.Argument(help="Release, such as 2026.09.12.1.")],
    reason: Annotated[str, typer.Option(help="Why; `releases` shows it.")] = "",
) -> None:
    """Keep a release until it is unpinned, here and in the bucket."""
    from warehouse import retention

    retention.pin(_settings(), release_id, reason)
    out.print(f"{release_id} stays until `drypowder unpin {release_id}`.", highlight=False)


@app.command()
def unpin(release_id: Annotated[str, typer.Argument(help="Release, such as 2026.09.12.1.")]) -> None:
    """Let a pinned release go the way of the others."""
    from warehouse import retention

    retention.unpin(_settings(), release_id)
    out.print(f"{release_id} is no longer pinned.", highlight=False)


@app.command()
def prune(
    *,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be deleted.")] = False,
    keep: Annotated[
        int | None, typer.Option(min=1, help="How many of the newest stay [WAREHOUSE_KEEP_RELEASES, 14].")
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=0, help="Age in days up to which all stay [WAREHOUSE_KEEP_DAYS, 30].")
    ] = None,
) -> None:
    """Delete old releases; never the current one, the one before it, or a pinned one. `maintain` does so weekly."""
    from warehouse import upkeep

    settings = _settings()
    settings = replace(
        settings,
        keep_releases=settings.keep_releases if keep is None else keep,
        keep_days=settings.keep_days if days is None else days,
    )
    result = upkeep.prune(settings, dry_run=dry_run)
    out.print(str(result), markup=False, highlight=False, soft_wrap=True)


@app.command()
def upload(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RELEASE] [s3://BUCKET/PREFIX]", help="The current release, and WAREHOUSE_UPLOAD, when left out."
        ),
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be sent and deleted.")] = False,
    read_back: Annotated[bool, typer.Option(help="Read all of it back and compare, before readers see it.")] = False,
) -> None:
    """Put a release into object storage; what is there already is not sent again.

    Readers there see it once all of it is there, if it is the current one here. Run again, it goes on where it stopped.
    """
    from warehouse import upload as uploading

    targets = [each for each in what or () if "://" in each]
    ids = [each for each in what or () if "://" not in each]
    if len(targets) > 1 or len(ids) > 1:
        raise ConfigurationError(
            "Too much to upload at once", expected="one release and one target", got=f"{len(what or ())} words"
        )
    with _bytes_moved("upload") as moved:
        result = uploading.upload(
            next(iter(ids), None),
            next(iter(targets), None),
            _settings(),
            moved=moved,
            dry_run=dry_run,
            read_back=read_back,
        )
    out.print(str(result), markup=False, highlight=False, soft_wrap=True)


@app.command()
def verify(
    release_id: Annotated[str | None, typer.Argument(help="Release; the current one when left out.")] = None,
    *,
    archive: Annotated[
        bool, typer.Option("--archive", help="Compare archived bodies with the digests of their fetches instead.")
    ] = False,
    sample: Annotated[int | None, typer.Option(min=1, help="With --archive: so many, drawn anew each time.")] = None,
) -> None:
    """Compare a release's files with the checksums in its manifest, or the archive with its log."""
    from warehouse import release, upkeep

    if archive:
        _print_line(str(upkeep.check_archive(_settings(), sample=sample)))
        return
    settings = _settings()
    known = {r.id: r for r in release.releases(settings)}
    chosen = release.current(settings) if release_id is None else known.get(release_id)
    if chosen is None:
        raise ConfigurationError(
            f"There is no release {release_id}", expected=f"one of {', '.join(known)}", got=release_id
        )
    problems = release.verify(chosen)
    for problem in problems:
        err.print(problem, style="red", markup=False)
    if problems:
        raise typer.Exit(1)
    out.print(f"{chosen.id}: {len(chosen.manifest['files'])} files are as published.")


@app.command()
def backup(
    target: Annotated[
        str, typer.Argument(metavar="[TARGET]", help="Folder or s3://bucket/prefix [WAREHOUSE_BACKUP].")
    ] = "",
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Make none; read back all that are there and compare with their digests.")
    ] = False,
) -> None:
    """Copy archive, releases, notes and metadata databases to a folder or a bucket; what is there is not sent again.

    Killed, it leaves the backups that there were, and the next one goes on. It deletes the oldest beyond
    WAREHOUSE_BACKUP_KEEP.
    """
    from warehouse import backup as backing_up

    if not verify:
        with _bytes_moved("backup") as moved:
            backing_up.backup(target or None, _settings(), moved=moved, told=_print_line)
        return
    with _bytes_moved("verify") as moved:
        found = backing_up.verify(target or None, _settings(), moved=moved)
    _print_line(str(found))
    for what, why in found.wrong.items():
        err.print(f"{what}: {why}", style="red", markup=False, highlight=False, soft_wrap=True)
    for backup_id, paths in found.affected.items():
        shown = f"{', '.join(paths[:3])}{f' and {len(paths) - 3} more' if len(paths) > 3 else ''}"  # noqa: PLR2004
        err.print(f"backup {backup_id} lacks {shown}", style="red", markup=False, highlight=False, soft_wrap=True)
    if found.wrong:
        err.print("Back up again: what this home still has is written anew.", style="red")
        raise typer.Exit(1)


@app.command()
def backups(
    target: Annotated[
        str, typer.Argument(metavar="[TARGET]", help="Folder or s3://bucket/prefix [WAREHOUSE_BACKUP].")
    ] = "",
) -> None:
    """List the backups, newest last: age, files, size, what each added, and which release was current."""
    from warehouse import report

    report.print_backups(_settings(), target or None, out)


@app.command()
def restore(
    target: Annotated[
        str, typer.Argument(metavar="[TARGET]", help="Folder or s3://bucket/prefix [WAREHOUSE_BACKUP].")
    ] = "",
    *,
    backup_id: Annotated[str, typer.Option("--backup", help="Backup, as `backups` names it; the newest.")] = "",
    home: Annotated[Path | None, typer.Option(help="Empty folder to restore into [as before the verb].")] = None,
    allow_lacking: Annotated[
        bool, typer.Option("--allow-lacking", help="Restore the rest where content of the backup was lost.")
    ] = False,
) -> None:
    """Make an empty home what it was: the same releases, the same `current`, the archive. Then `replay`, or `run`.

    Every file is compared with its digest. Killed, it goes on when it is run again.
    """
    from warehouse import restore as restoring

    settings = _settings() if home is None else replace(_settings(), home=home)
    with _bytes_moved("restore") as moved:
        found = restoring.restore(
            target or None, settings, backup_id=backup_id or None, allow_lacking=allow_lacking, moved=moved
        )
    _print_line(str(found))
    for path in found.lacking:
        err.print(f"{path} is lost", style="red", markup=False, highlight=False, soft_wrap=True)
    for line in found.advice:
        _print_line(line)
    out.print(
        "Readers have their release. Go on with `drypowder replay`, which rebuilds the builder's files.", style="dim"
    )


def _print_line(line: str) -> None:
    out.print(line, markup=False, highlight=False, soft_wrap=True)


@app.command()
def replay(
    *,
    allow_fewer: Annotated[bool, typer.Option(help="Also when a table ends with fewer rows than it has now.")] = False,
) -> None:
    """Rebuild landing and raw from the archive alone; build, check and publish come after."""
    from warehouse import upkeep

    _run(upkeep.replay, allow_fewer=allow_fewer)


@app.command()
def migrate(
    *,
    apply: Annotated[
        bool, typer.Option(help="Rebuild those tables from the archive; without it they are shown.")
    ] = False,
    allow_fewer: Annotated[bool, typer.Option(help="Also when a table ends with fewer rows than it has now.")] = False,
) -> None:
    """Show which raw tables differ from their contract of today, and rebuild them from the archive."""
    from warehouse import upkeep

    settings = _settings()
    found = upkeep.changes(settings)
    for change in found:
        out.print(str(change), markup=False, highlight=False, soft_wrap=True)
    if not found:
        out.print("Every raw table is as its contract says.", style="green")
    elif apply:
        _run(upkeep.migrate, allow_fewer=allow_fewer)
        out.print("Go on with `drypowder run`.", style="dim")
    else:
        out.print("Nothing was changed: `drypowder migrate --apply` does it.", style="dim")


@quarantine.command("list")
def quarantine_list(
    table: Annotated[str | None, typer.Argument(help="Table, such as 'sec.company_facts'; all when left out.")] = None,
) -> None:
    """List what is not in `raw`, by table, partition and rule, with the first reason."""
    from warehouse import quarantine as quarantined

    found = quarantined.entries(_settings(), table)
    names = ["table", "partition", "border", "rule", "rows", "since", "reason"]
    values = [tuple(str(getattr(e, n))[:19] if n == "since" else getattr(e, n) for n in names) for e in found]
    if values:
        print_rows(names, values)
    else:
        out.print("Nothing is in quarantine.", style="green")


@quarantine.command("show")
def quarantine_show(
    table: Annotated[str, typer.Argument(help="Table, such as 'sec.company_facts'.")],
    limit: Annotated[int, typer.Option(min=1, help="Rows to print.")] = 20,
) -> None:
    """Show a table's quarantined rows as text: the rule, the reason, the row, and where its body is in the archive."""
    from warehouse import quarantine as quarantined

    names, values = quarantined.rows(table, _settings(), limit=limit)
    if values:
        print_rows(names, values)
    else:
        out.print(f"{table} has no row in quarantine.", style="green")


@quarantine.command("replay")
def quarantine_replay(
    table: Annotated[str | None, typer.Argument(help="Table, such as 'sec.company_facts'; all when left out.")] = None,
    *,
    allow_fewer: Annotated[bool, typer.Option(help="Also when a table ends with fewer rows than it has now.")] = False,
) -> None:
    """Read the refused, the held back and the rows set aside again, as after a contract or a rule was mended.

    It rebuilds the tables that they are of from the archive, so that what is recovered is known since when it could be.
    """
    from warehouse import quarantine as quarantined

    _run(quarantined.replay, table, allow_fewer=allow_fewer)


@quarantine.command("discard")
def quarantine_discard(
    table: Annotated[str, typer.Argument(help="Table, such as 'sec.company_facts'.")],
) -> None:
    """Leave a table's quarantined rows out for good; their bytes stay in the archive."""
    from warehouse import quarantine as quarantined

    count = quarantined.discard(table, _settings())
    out.print(f"{count:,} row(s) of {table} are left out; the archive keeps their bytes.", highlight=False)


@app.command()
def record(
    source: Annotated[str, typer.Argument(help="Source code, such as 'sec'.")],
    folder: Annotated[Path, typer.Argument(help="Folder of the recording; made when it is not there.")],
) -> None:
    """Write a source's live responses as a recording, without credentials, for tests and for `recorded:`."""
    from warehouse import live

    _run(live.record, source, folder)


@app.command("check-live")
def check_live(
    source: Annotated[
        str | None, typer.Argument(help="Source code, or 'source.table'; every table when left out.")
    ] = None,
) -> None:
    """Ask every endpoint live for its newest partition: shape, latency, drift. Nothing is kept.

    A pass unlocks a table whose parser was written to documentation alone.
    """
    from warehouse import live

    failures = passes = 0
    for found in live.check_live(source, _settings()):
        mark, style = ("ok", "green") if found.passed else ("off", "dim") if found.is_skipped else ("WRONG", "red")
        cost = f"{found.seconds:5.1f} s {found.requests:>3} requests {found.megabytes:8.2f} MB"
        out.print(f"[{style}]{mark:5}[/] {found.table:34} {cost}  ", end="", highlight=False)
        out.print(found.detail, markup=False, highlight=False, soft_wrap=True)
        if found.drift:
            out.print(f"      new fields: {', '.join(found.drift)}", style="yellow", markup=False, highlight=False)
        if found.quarantined:
            out.print(f"      {found.quarantined:,} row(s) would go to quarantine", style="yellow", highlight=False)
        failures += not found.passed and not found.is_skipped
        passes += found.passed
    out.print(f"{passes} as promised, {failures} not.", highlight=False)
    if failures:
        raise typer.Exit(1)


@app.command()
def generate(
    *,
    check_only: Annotated[bool, typer.Option("--check", help="Write nothing; fail when a file is stale.")] = False,
) -> None:
    """Write what derives from the declarations: dbt sources, doc blocks, the catalogue and the claims."""
    from warehouse import catalogue

    project = _settings().project
    changed = catalogue.stale(project) if check_only else catalogue.write(project)
    for path in changed:
        out.print(f"{'stale' if check_only else 'wrote'} {path.relative_to(project)}", highlight=False)
    if check_only and changed:
        err.print("Run `make generate` and commit what it writes.", style="red")
        raise typer.Exit(1)


@app.command()
def secrets(
    *,
    rotate: Annotated[str, typer.Option(help="Replace this one, and say which services have to start anew.")] = "",
) -> None:
    """Write the secrets that docker-compose.yml demands into .env, where they lack; never print one."""
    from warehouse import secrets_file

    project = _settings().project
    done = secrets_file.rotate(project, rotate) if rotate else secrets_file.write(project)
    out.print(str(done), markup=False, highlight=False, soft_wrap=True)


@superset.command("sync")
def superset_sync() -> None:
    """Add, change and delete until Superset has the dashboards that git has; what analysts made themselves stays.

    `make up` does it where something is new, and the services of docker-compose.yml at every start.
    """
    from warehouse.superset import Superset

    out.print(Superset(_settings()).sync("apply"), end="", markup=False, highlight=False, soft_wrap=True)


@superset.command("export")
def superset_export() -> None:
    """Write into superset/assets what was edited in a browser; `git diff` shows it."""
    from warehouse.superset import Superset

    out.print(Superset(_settings()).sync("export"), end="", markup=False, highlight=False, soft_wrap=True)


@superset.command("user")
def superset_user(
    name: str,
    role: Annotated[str, typer.Option("--role", help="viewer, analyst, engineer or admin: superset/roles.yaml.")],
) -> None:
    """Make a user of Superset, and print the password, once."""
    from warehouse.superset import Superset

    password = Superset(_settings()).add_user(name, role)
    out.print(f"{name} is {role}, with the password {password}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def doctor() -> None:
    """Say what is wrong with this installation and what to type."""
    from warehouse.doctor import examine

    problems = 0
    for finding in examine(_settings()):
        mark, style = {"ok": ("ok  ", "green"), "note": ("note", "yellow"), "wrong": ("WRONG", "red")}[finding.state]
        out.print(f"[{style}]{mark:5}[/] {finding.what}", highlight=False)
        if finding.remedy:
            out.print(f"      {finding.remedy}", style="dim", markup=False, highlight=False, soft_wrap=True)
        problems += finding.state == "wrong"
    if problems:
        raise typer.Exit(1)


def _explain(error: WarehouseError) -> None:
    if err.quiet:
        log.error("%s: %s", type(error).__name__, error)
    err.print(f"{type(error).__name__}: {error}", style="red", markup=False, highlight=False, soft_wrap=True)


def main() -> None:
    """Run the command; an error of ours is explained, any other keeps its traceback."""
    from dotenv import load_dotenv

    load_dotenv(PROJECT_ROOT / ".env")
    try:
        app()
    except NothingNew as outcome:
        out.print(str(outcome), markup=False, highlight=False, soft_wrap=True)
    except WarehouseError as error:
        _explain(error)
        sys.exit(1)


if __name__ == "__main__":
    main()
