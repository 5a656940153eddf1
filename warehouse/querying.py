"""SQL that users type against a release: one SELECT, judged by DuckDB's own parser before it runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from warehouse.errors import UnsafeQuery

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

TABLE_FUNCTIONS = frozenset(
    {
        "as_of",
        "compare",
        "duckdb_columns",
        "duckdb_schemas",
        "duckdb_tables",
        "duckdb_views",
        "generate_series",
        "range",
        "summary",
        "unnest",
    }
)
"""Table functions that a typed query may call. Everything else is refused, also what DuckDB adds later."""

_SCALARS_REFUSED = frozenset({"getenv", "getvariable", "write_log", "current_setting", "query", "query_table"})


def guard(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """Return the query if it may run.

    The parser is DuckDB's (`json_serialize_sql`), so that what is judged is what would run.

    Raises:
        UnsafeQuery: it is not one SELECT, or calls a table function off the allow-list, or reads a file.
    """
    remedy = "Ask for one SELECT over marts, metrics or ops; for more, open the release in a tool of your own."
    row = connection.execute("select json_serialize_sql(?)", [sql]).fetchone()
    tree = json.loads(row[0]) if row else {"error": True}
    if tree.get("error"):
        raise UnsafeQuery(
            "The query was not run",
            expected="one SELECT statement",
            got=tree.get("error_message", "something else"),
            remedy=remedy,
        )
    if len(tree["statements"]) != 1:
        raise UnsafeQuery(
            "The query was not run",
            expected="one SELECT statement",
            got=f"{len(tree['statements'])}",
            remedy=remedy,
        )
    for node in _nodes(tree):
        if node.get("type") == "TABLE_FUNCTION":
            name = str((node.get("function") or {}).get("function_name", "")).lower()
            if name not in TABLE_FUNCTIONS:
                raise UnsafeQuery(
                    "The query was not run",
                    expected=f"table functions among {', '.join(sorted(TABLE_FUNCTIONS))}",
                    got=f"{name}()",
                    remedy=remedy,
                )
        elif node.get("type") == "BASE_TABLE":
            name = str(node.get("table_name", ""))
            if not name.replace("_", "").isalnum():
                raise UnsafeQuery("The query was not run", expected="names of tables", got=repr(name), remedy=remedy)
        elif str(node.get("function_name", "")).lower() in _SCALARS_REFUSED:
            raise UnsafeQuery(
                "The query was not run",
                expected="functions over the release's own data",
                got=f"{node['function_name']}()",
                remedy=remedy,
            )
    return sql


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401  (parsed JSON)
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)
