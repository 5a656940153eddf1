"""Generate what others need from the declarations: dbt's sources and doc blocks, the catalogue, the claims, datasets.

Contracts give what is landed; the dbt project's YAML and seeds give a release's tables, the metrics and the claims.

Nothing generated is edited by hand, and nothing written by hand is in a generated file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from warehouse import datasets, declarations, sources
from warehouse.contract import BOOKKEEPING, PARSER_SAW

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from warehouse.contract import Column, Source, Table
    from warehouse.declarations import Measured, Published

_FROM_DBT = "<!-- Generated from dbt_project/{of} by `make generate`. Do not edit. -->"
_NOTE = "Generated from warehouse/sources/{code}.py by `make generate`. Do not edit."

_ON_MARTS = (
    "In every release as `marts.<table>` and as `parquet/marts/<table>/*.parquet`. Of a table that keeps states of "
    "knowledge, the rows `where known_until is null` are what is known now. Each says its version, status, owner and "
    "who is known to read it; what those mean is in [decision 19](../decisions/0019-contracts.md)."
)
_ON_METRICS = (
    "Their values are rows of one long table. See also [how to ask](../metrics.md) and [the claims](../claims.md)."
)
_ON_CLAIMS = (
    "What the thesis claims, and how each claim is put to the data. `metrics.claim_scorecard` has the verdict of every "
    "weekday since 2016, `metrics.claim_conditions_daily` the figures behind it. Thresholds are assumptions, in the "
    "metric's unit."
)
_ON_VERDICTS = (
    "A claim is untestable outside its scope. In it, a claim is supported when every condition that supports it holds "
    "and none that contradicts it does, and contradicted when one that contradicts it holds and not all that support "
    "it do. Else one unknown condition makes it untestable, and what is left is mixed."
)
_ON_RAW = (
    "Landed tables are in schema `raw` of the builder's file. They are not in a release: marts and metrics are made of "
    "them, and who reads a release cannot query them."
)


def generated(project: Path) -> dict[Path, str]:
    """Return every generated file's path and text."""
    files: dict[Path, str] = {}
    for source in sources.sources().values():
        staging = project / "dbt_project" / "models" / "staging" / source.code
        files[staging / f"_{source.code}__sources.yml"] = _sources_yaml(source)
        files[staging / f"_{source.code}__columns.md"] = _doc_blocks(source)
        files[project / "docs" / "catalogue" / f"{source.code}.md"] = _page(source)
    dbt, docs = project / "dbt_project", project / "docs"
    # The blocks of this run, and not those on disk, which may be stale.
    by_hand = [p.read_text() for p in sorted(dbt.rglob("*.md")) if p not in files and "target" not in p.parts]
    blocks = declarations.doc_blocks([*by_hand, *(text for path, text in files.items() if path.suffix == ".md")])
    metrics = declarations.metrics(dbt)
    marts = declarations.tables(dbt, "marts", blocks)
    of_metrics = declarations.tables(dbt, "metrics", blocks)
    files[docs / "catalogue" / "marts.md"] = _marts_page(marts)
    macros = declarations.macros(dbt, blocks)
    files[docs / "catalogue" / "metrics.md"] = _metrics_page(of_metrics, macros, metrics)
    files[docs / "catalogue" / "README.md"] = _index(marts, of_metrics, metrics)
    files |= datasets.generated(project, [*marts, *of_metrics, *macros])
    files |= datasets.events(project, declarations.seed(dbt, "events"))
    files[docs / "claims.md"] = _claims_page(
        declarations.seed(dbt, "claims"), declarations.seed(dbt, "claim_conditions"), {m.name: m for m in metrics}
    )
    return files


def write(project: Path) -> list[Path]:
    """Write what differs and return it."""
    texts = generated(project)
    changed = [p for p, text in texts.items() if not p.is_file() or p.read_text() != text]
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[path])
    return changed


def stale(project: Path) -> list[Path]:
    """Return the generated files that are missing or differ from what is declared."""
    return [p for p, text in generated(project).items() if not p.is_file() or p.read_text() != text]


def _described(column: Column) -> str:
    return f"{column.description} Unit: {column.unit}." if column.unit else column.description


def _sources_yaml(source: Source) -> str:
    import yaml

    def table(declared: Table) -> dict[str, Any]:
        return {
            "name": declared.name,
            "identifier": f"{source.code}__{declared.name}",
            "description": declared.description,
            "config": {
                "meta": {
                    "grain": list(declared.grain),
                    "known_at": declared.known_at.description,
                    "cadence": f"{declared.cadence.cron} {declared.cadence.timezone}",
                    "licence": declared.licence.name,
                    "proven": declared.proven,
                }
            },
            "columns": [
                {
                    "name": column.name,
                    "data_type": column.type,
                    "description": "{{ doc('" + f"{source.code}__{declared.name}__{column.name}" + "') }}"
                    if column not in BOOKKEEPING
                    else column.description,
                }
                for column in (*declared.columns, *BOOKKEEPING)
            ],
        }

    document = {
        "version": 2,
        "sources": [
            {
                "name": source.code,
                "schema": "raw",
                "description": f"{source.title}, {source.homepage}.",
                "tables": [table(t) for t in source.tables],
            }
        ],
    }
    body = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
    return f"# {_NOTE.format(code=source.code)}\n{body}"


def _doc_blocks(source: Source) -> str:
    blocks = [f"<!-- {_NOTE.format(code=source.code)} -->"]
    for table in source.tables:
        for column in table.columns:
            name = f"{source.code}__{table.name}__{column.name}"
            blocks.append(f"{{% docs {name} %}}\n{_described(column)}\n{{% enddocs %}}")
    return "\n\n".join(blocks) + "\n"


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|")


def _page(source: Source) -> str:
    lines = [
        f"<!-- {_NOTE.format(code=source.code)} -->",
        "",
        f"# {source.title}",
        "",
        f"<{source.homepage}>. At most {source.requests_per_second:g} request(s) a second, all processes together.",
    ]
    for table in source.tables:
        stale = f"stale after {table.cadence.stale_after_days} days"
        lines += [
            "",
            f"## `raw.{source.code}__{table.name}`",
            "",
            table.description,
            "",
            f"- **A row is** one version of a ({', '.join(table.grain)}).",
            f"- **Known at:** {table.known_at.description}",
            f"- **Fetched:** `{table.cadence.cron}` {table.cadence.timezone}; {stale}.",
            f"- **Licence:** {table.licence.name}, <{table.licence.url}>.",
            f"- **Parser saw:** {PARSER_SAW[table.proven]}.",
            "",
            "| Column | Type | Unit | Meaning |",
            "| --- | --- | --- | --- |",
        ]
        for c in table.columns:
            kind = f"{c.type} not null" if c.required else c.type
            lines.append(f"| `{c.name}` | {kind} | {_cell(c.unit or '')} | {_cell(c.description)} |")
        lines += [
            "",
            "Each row also carries " + ", ".join(f"`{c.name}`" for c in BOOKKEEPING) + " ([what they are](README.md)).",
        ]
    return "\n".join(lines) + "\n"


def _table(published: Published) -> list[str]:
    lines = ["", f"### `{published.name}`", "", published.description, ""]
    if published.key:
        versions = " and state of knowledge (`known_at`, `known_until`)" if published.has_versions else ""
        lines += [f"**A row is** one ({', '.join(published.key)}){versions}.", ""]
    if published.owner:  # macros have none: they go with the tables that they read
        lines += [_contract(published), ""]
    if not published.columns:
        return lines[:-1]
    lines += ["| Column | Type | Unit | Meaning |", "| --- | --- | --- | --- |"]
    lines += [f"| `{c.name}` | {c.type} | {_cell(c.unit)} | {_cell(c.description)} |" for c in published.columns]
    return lines


def _contract(published: Published) -> str:
    words = f"Version {published.version}, {published.status}, {published.owner}."
    if published.deprecation_date:
        words += f" **Goes on {published.deprecation_date}: use `{published.use_instead}` instead.**"
    return f"{words} Read by: {', '.join(published.consumers) or 'nobody known'}."


def _marts_page(marts: list[Published]) -> str:
    lines = [
        _FROM_DBT.format(of="models/marts"),
        "",
        "# Marts",
        "",
        _ON_MARTS,
    ]
    for subject in sorted({each.subject for each in marts}):
        lines += ["", f"## {subject.capitalize()}"]
        for each in marts:
            lines += _table(each) if each.subject == subject else []
    return "\n".join(lines) + "\n"


def _metrics_page(tables: list[Published], macros: list[Published], metrics: list[Measured]) -> str:
    lines = [
        _FROM_DBT.format(of="models/metrics"),
        "",
        "# Metrics: tables and declarations",
        "",
        f"{len(metrics)} metrics are declared. {_ON_METRICS}",
        "",
        "## Tables",
    ]
    for each in [*tables, *macros]:
        lines += _table(each)
    lines += ["", "## Declarations"]
    for subject in sorted({metric.subject for metric in metrics}):
        lines += [
            "",
            f"### {subject.capitalize()}",
            "",
            "| Metric | What | Unit | Kind | Grain | Claims | Formula |",
            "| --- | --- | --- | --- | --- | --- | --- |",
        ]
        lines += [_declaration(metric) for metric in metrics if metric.subject == subject]
    return "\n".join(lines) + "\n"


def _declaration(metric: Measured) -> str:
    meta = metric.meta
    cells = (
        f"{metric.label}. {metric.description}",
        meta["unit"],
        meta.get("kind", "reported"),
        ", ".join(meta["grain"]),
        ", ".join(meta["claim"]),
        meta["formula"],
    )
    return f"| `{metric.name}` | " + " | ".join(_cell(each) for each in cells) + " |"


_SIDES = {"supports": "supports", "contradicts": "contradicts", "scope": "is the scope"}
_MEASURES = {
    "level": "level",
    "change_1y": "change over a year",
    "change_5y": "change over five years",
    "lowest_1y": "lowest level of a year",
}


def _claims_page(
    claims: Iterable[Mapping[str, str]], conditions: list[dict[str, str]], metrics: Mapping[str, Measured]
) -> str:
    lines = [
        _FROM_DBT.format(of="seeds/claims.csv and claim_conditions.csv"),
        "",
        "# The claims",
        "",
        _ON_CLAIMS,
        "",
        _ON_VERDICTS,
    ]
    for claim in claims:
        lines += [
            "",
            f"## {claim['claim_id']}: {claim['statement']}",
            "",
            f"- **Supported when:** {claim['supported_when']}.",
            f"- **Contradicted when:** {claim['contradicted_when']}.",
            "",
            "| Condition | What it does | Metric | Of | Holds with |",
            "| --- | --- | --- | --- | --- |",
        ]
        lines += [_condition(c, metrics.get(c["metric_id"])) for c in conditions if c["claim_id"] == claim["claim_id"]]
    return "\n".join(lines) + "\n"


def _condition(condition: Mapping[str, str], metric: Measured | None) -> str:
    grain = f", {condition['grain']}" if condition["grain"] else ""
    unit = f" {metric.meta['unit']}" if metric else ""
    name = f"`{condition['metric_id']}`" + ("" if metric else " (not computed)")
    holds = f"{_MEASURES[condition['measure']]} {condition['comparison']} {condition['threshold']}{unit}"
    side = _SIDES[condition["side"]]
    return f"| {condition['condition_id']} | {side} | {name} | {condition['entity_id']}{grain} | {holds} |"


def _index(marts: list[Published], of_metrics: list[Published], metrics: list[Measured]) -> str:
    lines = [
        "<!-- Generated from warehouse/sources/ and dbt_project/ by `make generate`. Do not edit. -->",
        "",
        "# Catalogue",
        "",
        "## What a release has",
        "",
        "| Schema | What it holds |",
        "| --- | --- |",
        f"| [`marts`](marts.md) | {len(marts)} tables, one a subject |",
        f"| [`metrics`](metrics.md) | {len(of_metrics)} tables, {len(metrics)} metrics, `as_of` and `compare` |",
        "| `ops` | The builder's records: what was loaded, judged, held back, and on which terms |",
        "",
        "`drypowder tables` lists them with their rows, `drypowder tables marts.fct_auctions` the columns of one.",
        "",
        "## What is landed",
        "",
        _ON_RAW,
        "",
        "| Table | What it holds | Licence |",
        "| --- | --- | --- |",
    ]
    lines += [
        f"| [`{s.code}.{t.name}`]({s.code}.md) | {_cell(t.description)} | {_cell(t.licence.name)} |"
        for s, t in sources.tables()
    ]
    lines += [
        "",
        "Columns of every `raw` table after its own:",
        "",
        "| Column | Type | Meaning |",
        "| --- | --- | --- |",
    ]
    lines += [f"| `{c.name}` | {c.type} | {_cell(c.description)} |" for c in BOOKKEEPING]
    return "\n".join(lines) + "\n"
