"""Counters, gauges and timers, sent as StatsD datagrams to WAREHOUSE_STATSD; without that variable nothing happens.

What there is stands in `METRICS`, and in docs/observability.md. A datagram is sent and forgotten: nobody waits for a
collector, and none that is dead, slow or unknown disturbs a run. Tags are in DogStatsD's form (`|#host:sec.gov`),
which statsd_exporter, Telegraf and the OpenTelemetry collector read.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from warehouse.settings import Settings

log = logging.getLogger(__name__)

PREFIX = "drypowder"
_NOT_IN_A_TAG = re.compile(r"[^A-Za-z0-9_./@-]")


@dataclass(frozen=True)
class Metric:
    """One name that is sent, with its tags."""

    name: str
    kind: Literal["counter", "gauge", "timer"]
    tags: tuple[str, ...]
    meaning: str

    def send(self, value: float, **tags: str) -> None:
        """Send a value with these tags: what a counter grows by, or a timer's seconds, sent in milliseconds."""
        if _address is None or (client := _client(_address)) is None:
            return
        name = "|".join([self.name, *(f"{tag}:{_NOT_IN_A_TAG.sub('_', tags[tag])}" for tag in self.tags)])
        if self.kind == "counter":
            client.incr(name, value)
        elif self.kind == "timer":
            client.timing(name, 1000 * value)
        else:
            client.gauge(name, value)


STEP = Metric("step", "timer", ("step", "outcome"), "A verb from beginning to end, and how it ended.")
FETCH = Metric("fetch", "timer", ("host", "outcome"), "One request: its status, or `failed` where none came.")
FETCHED_BYTES = Metric("fetch.bytes", "counter", ("host",), "Bytes of bodies, unpacked.")
RETRIES = Metric("fetch.retries", "counter", ("host",), "Requests that were sent again.")
BUDGET_WAIT = Metric("fetch.budget_wait", "timer", ("host",), "Wait until the rate budget let a request pass.")
LANDED_ROWS = Metric("landed.rows", "counter", ("source", "table"), "Rows written to landing.")
REFUSED = Metric("landed.refused", "counter", ("source", "table"), "Payloads that broke their contract.")
QUARANTINED = Metric("quarantine.rows", "counter", ("source", "table", "rule"), "Rows set aside.")
FINDINGS = Metric("gate.findings", "counter", ("border", "severity", "result"), "Expectations judged.")
LOCK_WAIT = Metric("lock.wait", "timer", ("step",), "Wait for the builder's lock.")
MODEL = Metric("build.model", "timer", ("model", "status"), "One dbt model.")
PUBLISHED_BYTES = Metric("publish.new_bytes", "counter", (), "Bytes of a release that no other release shares.")
RELEASE_LAG = Metric(
    "release.lag", "gauge", ("source", "table"), "Seconds from when a period was due to the release that has it first."
)

METRICS = tuple(each for each in globals().values() if isinstance(each, Metric))

_address: str | None = None


def configure(settings: Settings) -> None:
    """Send to where the settings say from now on, in this process."""
    global _address  # noqa: PLW0603  (a process has one collector)
    _address = settings.statsd


def is_on() -> bool:
    """Whether there is somebody to send to: for what it would cost to find out a value."""
    return _address is not None


@cache
def _client(address: str) -> Any | None:  # noqa: ANN401  (of a library without types)
    """Return the sender, or None when the address cannot be resolved: a run goes on without."""
    from statsd import StatsClient  # type: ignore[import-untyped]

    class Tagged(StatsClient):  # type: ignore[misc]
        """The library's client, which knows no tags: a name brings them along."""

        def _prepare(self, stat: str, value: str, rate: float) -> str | None:
            name, *tags = stat.split("|")
            datagram = super()._prepare(name, value, rate)
            return f"{datagram}|#{','.join(tags)}" if datagram and tags else datagram

    host, _, port = address.rpartition(":")
    try:
        return Tagged(host.strip("[]"), int(port), prefix=PREFIX, ipv6=host.startswith("["))
    except OSError as error:
        log.warning("no metrics: address=%s cannot be resolved: %s", address, error)
        return None
