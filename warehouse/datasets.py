"""Superset's datasets, generated: the columns from where they are declared, the figures from superset/measures.yaml.

A dataset has an identity of its own in every Superset, derived from its name (`identity`), so that charts can name it.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import yaml

from warehouse import stores
from warehouse.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from warehouse.declarations import Published

NOTE = "# Generated from the declarations and superset/measures.yaml by `make generate`. Do not edit.\n"
MEASURES = "superset/measures.yaml"
FOLDER = "superset/assets/datasets"

_OURS = uuid.UUID("5f1d7b6e-5d0c-5b58-9a3e-3f0f6a3f0d01")

ROWS = {"ops.validations": stores.LAST_RUNS}
"""Which rows of a table its dataset has, where those are not all."""

_TEMPORAL = ("DATE", "TIMESTAMP", "TIMESTAMPTZ")


def identity(kind: str, name: str) -> str:
    """Return the UUID of an asset of ours: of version 5, which no asset made in a browser has."""
    return str(uuid.uuid5(_OURS, f"{kind}/{name}"))


DATABASE = identity("databases", "release")


def generated(project: Path, published: Iterable[Published]) -> dict[Path, str]:
    """Return every dataset's path and text.

    Raises:
        ConfigurationError: measures.yaml names a table that is not in a release.
    """
    measures: dict[str, dict[str, Any]] = yaml.safe_load((project / MEASURES).read_text())
    tables = {each.name: each for each in published}
    files = {}
    for name, given in measures.items():
        more = given or {}
        schema, _, table = name.partition(".")
        if name in tables:
            description = tables[name].description
            columns = [_column(f.name, f.type, f.description, f.unit) for f in tables[name].columns]
        elif schema == "ops" and table in stores.OPS:
            description = stores.MEANINGS[table]
            columns = [_column(*column.split()[:2]) for column in stores.OPS[table].split(", ")]
        else:
            raise ConfigurationError(
                f"{MEASURES} names {name}",
                expected="a table of a release: marts, metrics or ops",
                got="none of that name",
            )
        columns += [
            _column(column, each["type"], each["description"], expression=each["expression"])
            for column, each in more.get("columns", {}).items()
        ]
        files[project / FOLDER / f"{schema}__{table}.yaml"] = _document(
            name, description, columns, more.get("metrics", {})
        )
    return files


def _column(name: str, kind: str, description: str = "", unit: str = "", expression: str = "") -> dict[str, Any]:
    told = f"{description} Unit: {unit}." if unit else description
    return {
        "column_name": name,
        "verbose_name": name.replace("_", " "),
        "is_dttm": kind.upper() in _TEMPORAL,
        "is_active": True,
        "type": kind.upper(),
        "groupby": True,
        "filterable": True,
        **({"expression": expression} if expression else {}),
        **({"description": told} if told else {}),
    }


def _document(name: str, description: str, columns: list[dict[str, Any]], metrics: Mapping[str, Any]) -> str:
    schema, _, table = name.partition(".")
    document = {
        "table_name": table,
        "description": description,
        "offset": 0,
        "schema": schema,
        **({"sql": ROWS[name]} if name in ROWS else {}),
        "filter_select_enabled": True,
        "normalize_columns": False,
        "always_filter_main_dttm": False,
        "uuid": identity("datasets", name),
        "metrics": [
            {
                "metric_name": metric,
                "verbose_name": metric.replace("_", " "),
                "expression": given["expression"],
                "description": given["description"],
                **({"d3format": given["format"]} if "format" in given else {}),
            }
            for metric, given in metrics.items()
        ],
        "columns": columns,
        "version": "1.0.0",
        "database_uuid": DATABASE,
    }
    return NOTE + yaml.safe_dump(document, sort_keys=False, width=120, allow_unicode=True)
