"""Which landed tables each metric rests on, and so which metrics are affected when one of them is held back.

From a metric's declared inputs down: another metric is followed, a series names its table in seed `series`, and a model
is followed along dbt's lineage. `marts.fct_observations` has every series; what counts is what its reader names.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

    from warehouse.settings import Settings

EVERY_SERIES = "model.drypowder.fct_observations"
_WORD = re.compile(r"'(\w+)'|\"(\w+)\"")


class Lineage:
    """What lies behind models, series and metrics: landed tables as `<source>.<table>`."""

    def __init__(
        self, manifest: Mapping[str, Any], series: Mapping[str, str], inputs: Mapping[str, Sequence[str]]
    ) -> None:
        """Take dbt's manifest, each series' table, and each metric's declared inputs."""
        self._nodes = manifest["nodes"]
        self._series = series
        self._inputs = inputs
        self._models: dict[str, tuple[frozenset[str], bool]] = {}
        self._metrics: dict[str, frozenset[str]] = {}

    def of_metric(self, metric: str) -> frozenset[str]:
        """Return the landed tables that a metric rests on."""
        if metric not in self._metrics:
            self._metrics[metric] = frozenset()  # a metric that names itself adds nothing
            found = [self._of_input(each) for each in self._inputs.get(metric, ())]
            self._metrics[metric] = frozenset().union(*found)
        return self._metrics[metric]

    def of_model(self, name: str) -> frozenset[str]:
        """Return the landed tables behind a model; none behind a seed."""
        tables, has_every_series = self._behind(f"model.drypowder.{name}")
        return tables | frozenset(self._series.values()) if has_every_series else tables

    def _of_input(self, text: str) -> frozenset[str]:
        kind, _, reference = text.rpartition(":")
        if not kind:
            return self.of_metric(reference)
        if kind == "series":
            return frozenset({self._series[reference]})
        return self.of_model(reference.rpartition(".")[2])

    def _behind(self, node: str) -> tuple[frozenset[str], bool]:
        """Return the tables behind a node, and whether it passes on every series, whichever that is."""
        if node.startswith("source."):
            return frozenset({".".join(node.split(".")[2:])}), False
        if node == EVERY_SERIES:
            return frozenset(), True
        if node not in self._models and node in self._nodes:
            found = [self._behind(parent) for parent in self._nodes[node]["depends_on"].get("nodes", ())]
            tables = frozenset().union(*(each for each, _ in found))
            has_every_series = any(every for _, every in found)
            named = self._named(node) if has_every_series else frozenset()
            self._models[node] = (tables | named, has_every_series and not named)
        return self._models.get(node, (frozenset(), False))

    def _named(self, node: str) -> frozenset[str]:
        words = {word for pair in _WORD.findall(self._nodes[node].get("raw_code") or "") for word in pair}
        return frozenset(self._series[word] for word in words & set(self._series))


def note_sources(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Write into ops.metric_sources what each metric rests on, by the project that was just built in full."""
    manifest = json.loads((settings.home / "dbt" / "manifest.json").read_text())
    series = dict(connection.execute("select series_id, source_table from staging.series").fetchall())
    declared = connection.execute("select metric_id, inputs from metrics.dim_metric").fetchall()
    inputs = {metric: [each.strip() for each in (text or "").split(",") if each.strip()] for metric, text in declared}
    lineage = Lineage(manifest, series, inputs)
    rows = [(metric, *table.split(".")) for metric in sorted(inputs) for table in sorted(lineage.of_metric(metric))]
    connection.execute("delete from ops.metric_sources")
    connection.execute(
        "insert into ops.metric_sources select unnest(?::varchar[]), unnest(?::varchar[]), unnest(?::varchar[])",
        [list(column) for column in zip(*rows, strict=True)] or [[], [], []],
    )


def note_affected(connection: duckdb.DuckDBPyConnection) -> None:
    """Write into ops.affected_metrics which metrics rest on what is held back now, and how old what they have is."""
    connection.execute(
        """
        delete from ops.affected_metrics;
        insert into ops.affected_metrics by name
        with held as (select distinct source, table_name, partition_key, border from ops.held_back),
        newest as (
            select metric_id, max(period_end) as newest_period_end, max(known_at) as newest_known_at
            from metrics.latest where value is not null group by metric_id
        )
        select
            held.*,
            metric_sources.metric_id,
            (
                select max(loads.fetched_at) from ops.loads
                where (loads.source, loads.table_name, loads.partition_key)
                    = (held.source, held.table_name, held.partition_key)
            ) as last_good_at,
            newest.newest_period_end,
            newest.newest_known_at
        from held
        inner join ops.metric_sources using (source, table_name)
        left join newest using (metric_id)
        order by all
        """
    )
