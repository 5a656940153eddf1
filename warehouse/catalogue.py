"""Generate what others need from the contracts: dbt's sources and doc blocks, and the catalogue's pages.

Nothing generated is edited by hand, and nothing written by hand is in a generated file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from warehouse import sources
from warehouse.contract import BOOKKEEPING

if TYPE_CHECKING:
    from pathlib import Path

    from warehouse.contract import Column, Source, Table

_NOTE = "Generated from warehouse/sources/{code}.py by `make generate`. Do not edit."


def generated(project: Path) -> dict[Path, str]:
    """Return every generated file's path and text."""
    files: dict[Path, str] = {}
    for source in sources.sources().values():
        staging = project / "dbt_project" / "models" / "staging" / source.code
        files[staging / f"_{source.code}__sources.yml"] = _sources_yaml(source)
        files[staging / f"_{source.code}__columns.md"] = _doc_blocks(source)
        files[project / "docs" / "catalogue" / f"{source.code}.md"] = _page(source)
    files[project / "docs" / "catalogue" / "README.md"] = _index()
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
    """Return the generated files that are missing or differ from what the contracts say."""
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
            f"- **Parser proven on:** {table.proven} responses.",
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


def _index() -> str:
    lines = [
        "<!-- Generated from warehouse/sources/ by `make generate`. Do not edit. -->",
        "",
        "# Catalogue of landed tables",
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
