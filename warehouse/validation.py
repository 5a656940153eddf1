"""Judging tables of the warehouse with Great Expectations, inside DuckDB: no copy of a row leaves the engine.

What is expected stands in expectations/. Here it is run, and its outcome is split by severity, which Great
Expectations' own `success` ignores: a `critical` finding stops what it judges, any other is only said.
"""

from __future__ import annotations

import logging
import re
import warnings
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any

from warehouse import calendar, stores
from warehouse.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from great_expectations.core import ExpectationValidationResult
    from great_expectations.data_context import AbstractDataContext
    from great_expectations.expectations.expectation import Expectation

    from warehouse.contract import Calendar
    from warehouse.gx_duckdb import DuckDBDatasource, DuckDBExecutionEngine

log = logging.getLogger(__name__)

NEVER = "false"
"""`Suite.may_be_empty` of a table that must have rows."""

_SAMPLES = 3
_REMOTE = re.compile(
    r"""<script[^>]*\ssrc="https?://.*?</script>|<(?:link|img)[^>]*"https?://[^>]*>|url\(['"]?https?://[^)]*\)""",
    re.DOTALL,
)
_HEAD_END = "</head>"
_STYLE = """<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 1.5rem auto; max-width: 78rem; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0; }
td, th { border: 1px solid #bbb; padding: .25rem .6rem; }
pre, code { white-space: pre-wrap; } .ge-navigation-sidebar-container, #ge-cta-footer, .modal, .navbar-brand,
.tooltip-text, .btn { display: none; } .text-success { color: #176f2c; } .text-danger { color: #a61b1b; }
.fa-check-circle::before { content: "\\2713"; } .fa-times::before { content: "\\2717"; }
</style>
"""


@dataclass(frozen=True, kw_only=True)
class Suite:
    """What is expected of one table.

    `may_be_empty` is an SQL condition, asked only when the table has no rows: when it holds that is right.
    """

    name: str
    table: str
    expectations: tuple[Expectation, ...]
    may_be_empty: str = NEVER
    shared: Mapping[str, str] = field(default_factory=dict)
    """Tables that several expectations read, made once and in this order, each a SELECT; `{batch}` is the table."""
    calendars: frozenset[Calendar] = frozenset()
    """Whose closed days the expectations read: `closed_days (calendar_name, closed_day)`, weekdays only."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The outcome of one expectation. One that could not be judged counts as failed."""

    suite: str
    table: str
    expectation: str
    column: str | None
    severity: str
    success: bool
    observed: str | None
    unexpected_count: int | None
    row_count: int
    detail: str

    def __str__(self) -> str:
        """Say what failed where, in a line."""
        column = f".{self.column}" if self.column else ""
        observed = f" (observed {self.observed})" if self.observed else ""
        return f"{self.table}{column}: {self.expectation}: {self.detail}{observed}"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The outcome of one suite."""

    suite: str
    table: str
    row_count: int
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing critical failed."""
        return not self.failures

    @property
    def failures(self) -> tuple[Finding, ...]:
        """Return what failed and stops."""
        return tuple(f for f in self.findings if not f.success and f.severity == "critical")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Return what failed and is only said."""
        return tuple(f for f in self.findings if not f.success and f.severity != "critical")


class Judge:
    """Who judges in one run: its report is of all that was judged, in as many files and calls as it took.

    `config` are DuckDB settings such as `threads` and `memory_limit`.
    """

    def __init__(self, config: Mapping[str, str | bool | int | float | list[str]] | None = None) -> None:
        """Start with nothing judged."""
        self._config = config or {}
        self._context = _context()
        self._verdicts: list[Verdict] = []
        self._calls = 0

    def judge(self, database: Path, suites: Sequence[Suite]) -> list[Verdict]:
        """Run every suite against the file and return one verdict each, in the order given.

        The file is opened read-only and closed again; nobody else in this process may hold it open meanwhile. A suite
        that was judged before gets a number behind its name.

        Raises:
            ConfigurationError: the file is not there or is held open, or two suites share a name.
            DamagedFile: DuckDB cannot read what is in the file, which is no verdict on rows.
        """
        if not database.is_file():
            raise ConfigurationError("There is nothing to judge", expected="a DuckDB file", got=str(database))
        names = [suite.name for suite in suites]
        if len(set(names)) < len(names):
            raise ConfigurationError("Suites need distinct names", got=sorted(names))
        self._calls += 1
        known = {verdict.suite for verdict in self._verdicts}
        verdicts: list[Verdict] = []
        with stores.damage_noted(database):
            datasource = _open(self._context, f"warehouse_{self._calls}", database, self._config)
            try:
                calendars = frozenset().union(*(suite.calendars for suite in suites))
                _give_calendars(datasource.get_execution_engine(), calendars)
                for suite in suites:
                    one = replace(suite, name=f"{suite.name}.{self._calls}") if suite.name in known else suite
                    verdicts.append(_judge_table(self._context, datasource, one))
                    for finding in verdicts[-1].findings:
                        stores.refuse_damage(database, "" if finding.success else finding.detail)
            finally:
                datasource.close()
        for verdict in verdicts:
            log.info(
                "judged suite=%s rows=%d expectations=%d failures=%d warnings=%d",
                *(verdict.suite, verdict.row_count, len(verdict.findings)),
                *(len(verdict.failures), len(verdict.warnings)),
            )
        self._verdicts += verdicts
        return verdicts

    def write_docs(self, folder: Path, title: str) -> None:
        """Write the static report of all that was judged (`index.html`), which loads nothing from the network."""
        _write_docs(self._context, folder, title, self._verdicts)


def judge(
    database: Path,
    suites: Sequence[Suite],
    *,
    docs: Path | None = None,
    title: str = "",
    config: Mapping[str, str | bool | int | float | list[str]] | None = None,
) -> list[Verdict]:
    """Judge one file in one call, and write the report where `docs` names a folder: see `Judge`."""
    one = Judge(config)
    verdicts = one.judge(database, suites)
    if docs is not None:
        one.write_docs(docs, title or "Dry Powder")
    return verdicts


def _context() -> AbstractDataContext:
    for name in ("great_expectations", "great_expectations._docs_decorators"):
        logging.getLogger(name).setLevel(logging.ERROR)  # importing it prints hundreds of lines under Airflow
    import great_expectations
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    import warehouse.gx_duckdb  # noqa: F401 - importing it registers `add_duckdb`

    return great_expectations.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            progress_bars=ProgressBarsConfig(globally=False),
            analytics_enabled=False,
        ),
    )


def _open(
    context: AbstractDataContext, name: str, database: Path, config: Mapping[str, str | bool | int | float | list[str]]
) -> DuckDBDatasource:
    from great_expectations.datasource.fluent.interfaces import TestConnectionError

    try:
        datasource: DuckDBDatasource = context.data_sources.add_duckdb(
            name,
            connection_string=f"duckdb:///{database}",
            create_temp_table=False,
            kwargs={"connect_args": {"read_only": True, "config": dict(config)}},
        )
    except TestConnectionError as error:
        raise ConfigurationError(
            f"{database} cannot be opened for reading",
            got=str(error),
            remedy="Close every connection that this or another process has to it.",
        ) from error
    return datasource


def _give_calendars(engine: DuckDBExecutionEngine, calendars: frozenset[Calendar]) -> None:
    """Give the connection, not the file, the days on which publishers are closed."""
    days = ", ".join(f"('{c}', date '{day}')" for c in sorted(calendars) for day in calendar.closed_days(c))
    _keep(engine, "closed_days", f"from (values {days or '(null, null)'}) as t(calendar_name, closed_day)")


def _keep(engine: DuckDBExecutionEngine, name: str, query: str) -> None:
    """Keep what a query finds in a table of the connection."""
    import sqlalchemy

    with engine.get_connection() as connection:
        connection.execute(sqlalchemy.text(f"create or replace temp table {name} as {query}"))
        connection.commit()  # what fails later must not take it along


def _judge_table(context: AbstractDataContext, datasource: DuckDBDatasource, suite: Suite) -> Verdict:
    from great_expectations import ExpectationSuite, ValidationDefinition
    from great_expectations.expectations import ExpectTableRowCountToBeBetween

    schema, table = suite.table.split(".")
    engine = datasource.get_execution_engine()
    in_file = "select count(*) from information_schema.tables where table_schema = '{}' and table_name = '{}'"
    if not _scalar(engine, in_file.format(schema, table)):
        return _verdict_on_missing_table(suite)

    row_count = int(_scalar(engine, f"select count(*) from {suite.table}"))
    must_have_rows = row_count > 0 or not _scalar(engine, f"select {suite.may_be_empty}")
    not_empty = ExpectTableRowCountToBeBetween(
        min_value=1 if must_have_rows else 0,
        severity="critical",
        description="The table has rows." if must_have_rows else "The table is empty, and may be.",
        meta={"name": "not_empty"},
    )
    problems = _share(engine, suite) if row_count else ()
    # On an empty table most expectations pass and the others repeat that it is empty.
    asked = [e for e in suite.expectations if row_count or e.expectation_type.startswith("expect_table_row_count")]
    with warnings.catch_warnings():
        # It wants a schema per data source since 1.14, which here would be a connection per schema.
        warnings.simplefilter("ignore", DeprecationWarning)
        asset = datasource.add_table_asset(suite.name, table_name=table, schema_name=schema)
    definition = ValidationDefinition(
        name=suite.name,
        data=asset.add_batch_definition_whole_table("all rows"),
        suite=context.suites.add(
            ExpectationSuite(
                # Copies, since adding an expectation to a suite gives it that suite's identity.
                suite.name,
                expectations=[not_empty, *(e.copy(update={"id": None}) for e in asked)],
            )
        ),
    )
    results = context.validation_definitions.add(definition).run(
        result_format={"result_format": "SUMMARY", "partial_unexpected_count": _SAMPLES}
    )
    order = {e.id: position for position, e in enumerate(definition.suite.expectations)}
    findings = [
        _finding(suite, result, row_count, engine)
        for result in sorted(results.results, key=lambda r: order[r.expectation_config.id])
    ]
    for name in suite.shared:
        _keep(engine, name, "select 1 where false")  # the next suite must not find what this one made
    return Verdict(suite=suite.name, table=suite.table, row_count=row_count, findings=(*problems, *findings))


def _share(engine: DuckDBExecutionEngine, suite: Suite) -> tuple[Finding, ...]:
    """Make the tables that a suite shares; what cannot be made is a finding, and so is all that reads it."""
    from sqlalchemy.exc import DBAPIError

    for name, query in suite.shared.items():
        try:
            _keep(engine, name, query.format(batch=suite.table))
        except DBAPIError as error:
            return (_unjudged(suite, f"shared_{name}", " ".join(str(error.orig).split())[:500]),)
    return ()


def _verdict_on_missing_table(suite: Suite) -> Verdict:
    finding = _unjudged(suite, "table_exists", "The table is not in the file.")
    return Verdict(suite=suite.name, table=suite.table, row_count=0, findings=(finding,))


def _unjudged(suite: Suite, name: str, detail: str) -> Finding:
    return Finding(
        suite=suite.name,
        table=suite.table,
        expectation=name,
        column=None,
        severity="critical",
        success=False,
        observed=None,
        unexpected_count=None,
        row_count=0,
        detail=detail,
    )


def _finding(
    suite: Suite, result: ExpectationValidationResult, row_count: int, engine: DuckDBExecutionEngine
) -> Finding:
    expectation = result.expectation_config
    arguments: dict[str, Any] = expectation.kwargs
    outcome: dict[str, Any] = result.result or {}
    success = bool(result.success)
    unexpected = outcome.get("unexpected_count")
    observed = outcome.get("observed_value")
    detail = expectation.description or ""
    samples = outcome.get("partial_unexpected_list") or []
    query = arguments.get("unexpected_rows_query")
    raised = sorted(set(_exceptions(result.exception_info)))
    if raised:
        detail = f"{detail} It could not be judged: {'; '.join(raised)}".strip()
    elif query:
        unexpected, observed = observed, None
        if not success:
            samples = _rows(engine, f"select * from ({query.format(batch=suite.table)}) limit {_SAMPLES}")
    if not success and samples:
        detail = f"{detail} For example {'; '.join(map(str, samples[:_SAMPLES]))}.".strip()
    columns = [arguments[k] for k in ("column", "column_A", "column_B") if k in arguments]
    return Finding(
        suite=suite.name,
        table=suite.table,
        expectation=(expectation.meta or {}).get("name") or expectation.type,
        column=", ".join(columns or arguments.get("column_list") or []) or None,
        severity=expectation.severity.value,
        success=success,
        observed=None if observed is None else str(observed),
        unexpected_count=None if unexpected is None else int(unexpected),
        row_count=row_count,
        detail=detail,
    )


def _exceptions(info: Mapping[str, Any]) -> Iterator[str]:
    """Yield the text of every exception: either the only one, or one for each metric."""
    for entry in [info] if "raised_exception" in info else info.values():
        if entry.get("raised_exception"):
            yield " ".join(str(entry.get("exception_message")).split())[:500]


def _rows(engine: DuckDBExecutionEngine, sql: str) -> list[str]:
    import sqlalchemy

    return [
        ", ".join(f"{name}={value}" for name, value in row.items())
        for row in engine.execute_query(sqlalchemy.text(sql)).mappings()
    ]


def _scalar(engine: DuckDBExecutionEngine, sql: str) -> Any:  # noqa: ANN401 - whatever the query gives
    import sqlalchemy

    return engine.execute_query(sqlalchemy.text(sql)).scalar()


def _write_docs(context: AbstractDataContext, folder: Path, title: str, verdicts: Sequence[Verdict]) -> None:
    """Write Great Expectations' static report, without what its pages would load from other hosts.

    Its own index is drawn by a script of another host; ours is a table that needs none.
    """
    context.add_data_docs_site(
        site_name="report",
        site_config={
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "store_backend": {
                "class_name": "TupleFilesystemStoreBackend",
                "base_directory": str(folder.absolute()),
            },
            "site_section_builders": {
                **{section: {"view": _view("PageView")} for section in ("expectations", "validations")},
                "profiling": "None",
            },
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder", "view": _view("IndexPageView")},
        },
    )
    context.build_data_docs(site_names=["report"])
    for page in [*folder.rglob("*.html"), *folder.rglob("*.css")]:
        text = _REMOTE.sub("", page.read_text(encoding="utf-8"))
        page.write_text(text.replace(_HEAD_END, _STYLE + _HEAD_END, 1), encoding="utf-8")
    for ornament in [*folder.glob("static/images/*.gif"), *folder.glob("static/fonts/**/*.otf")]:
        ornament.unlink()  # 4 MB in every release, for pages that say the same without
    (folder / "index.html").write_text(_index(folder, title, verdicts), encoding="utf-8")


def _view(name: str) -> dict[str, str]:
    return {"module_name": "warehouse.gx_pages", "class_name": name}


def _index(folder: Path, title: str, verdicts: Sequence[Verdict]) -> str:
    rows = []
    for verdict in verdicts:
        pages = sorted(folder.glob(f"validations/{verdict.suite.replace('.', '/')}/**/*.html"))
        name = escape(verdict.suite)
        link = f'<a href="{pages[-1].relative_to(folder)}">{name}</a>' if pages else name
        said = "".join(
            f"<li>{escape(finding.severity)}: {escape(str(finding))}</li>"
            for finding in (*verdict.failures, *verdict.warnings)
        )
        mark = "fa-check-circle text-success" if verdict.passed else "fa-times text-danger"
        word = "passed" if verdict.passed else "stopped"
        rows.append(
            f'<tr><td>{link}</td><td class="{mark}"> {word}</td><td>{verdict.row_count:,}</td>'
            f"<td>{len(verdict.findings)}</td><td><ul>{said}</ul></td></tr>\n"
        )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n{_STYLE}'
        f"</head><body><h1>{escape(title)}</h1>\n<table>\n<tr><th>Suite</th><th>Verdict</th><th>Rows</th>"
        f"<th>Expectations</th><th>What failed</th></tr>\n{''.join(rows)}</table></body></html>\n"
    )
