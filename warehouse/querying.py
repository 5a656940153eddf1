"""SQL that users type against a release: one SELECT, judged by DuckDB's own parser before it runs.

`drypowder query` asks it, and Superset (superset/release_reader.py), whose Python has duckdb and little else of ours.
"""

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

_FUNCTIONS_REFUSED = frozenset(
    {
        *("current_setting", "getenv", "getvariable"),  # what the process was told
        *("currval", "nextval", "write_log"),  # state
        *("json_serialize_plan", "query", "query_table"),  # SQL in a text, which nobody judged
        *("pg_sleep", "sleep_ms"),  # a connection held for nothing
    }
)

_OWN_VIEWS = ("duckdb_", "pg_settings", "pragma_")
"""How the names of DuckDB's views of itself begin: where its files lie, how it is set, what it logged."""

HARDENED = {
    "enable_external_access": False,
    "lock_configuration": True,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,  # or a name in SQL may be one of our own variables
}
"""What a release is opened with, by whomever: the second wall, for SQL that was not judged."""


def guard(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """Return the query if it may run.

    The parser is DuckDB's (`json_serialize_sql`), so that what is judged is what would run.

    Raises:
        UnsafeQuery: it is not one SELECT, or calls a table function off the allow-list, or reads a file.
    """
    row = connection.execute("select json_serialize_sql(?)", [sql]).fetchone()
    try:
        tree = json.loads(row[0]) if row else {"error": True}
    except RecursionError:
        tree = {"error": True, "error_message": "one that is too deeply nested"}
    if tree.get("error"):
        said = str(tree.get("error_message", ""))
        raise _refusal("one SELECT statement", "something else" if "can be serialized" in said else said or "nothing")
    if len(tree["statements"]) != 1:
        raise _refusal("one SELECT statement", f"{len(tree['statements'])}")
    for node in _nodes(tree):
        function = str(node.get("function_name", "")).lower()
        if node.get("type") == "TABLE_FUNCTION":
            name = str((node.get("function") or {}).get("function_name", "")).lower()
            if name not in TABLE_FUNCTIONS:
                raise _refusal(f"table functions among {', '.join(sorted(TABLE_FUNCTIONS))}", f"{name}()")
        elif node.get("type") == "BASE_TABLE":
            name = str(node.get("table_name", ""))
            own = name.lower().startswith(_OWN_VIEWS) and name.lower() not in TABLE_FUNCTIONS
            if own or not name.replace("_", "").isalnum():
                raise _refusal("names of tables", repr(name))
        elif function in _FUNCTIONS_REFUSED:
            raise _refusal("functions over the release's own data", f"{function}()")
    return sql


def _refusal(expected: str, got: str) -> UnsafeQuery:
    remedy = "Ask for one SELECT over marts, metrics or ops; for more, open the release in a tool of your own."
    return UnsafeQuery("The query was not run", expected=expected, got=got, remedy=remedy)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401  (parsed JSON)
    left = [tree]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            yield part
            left += part.values()
        elif isinstance(part, list):
            left += part
