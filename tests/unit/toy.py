"""A publisher on loopback whose answers a test scripts, and a source that reads it."""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from warehouse.contract import (
    Cadence,
    Column,
    Due,
    Estimate,
    KnownAt,
    Licence,
    Partition,
    Source,
    Table,
)
from warehouse.errors import ContractViolation


@dataclass
class Reply:
    """One scripted answer; `cut` closes the connection after that many bytes of the promised body."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None


class Publisher:
    """A real HTTP server on 127.0.0.1: each path answers with its replies in turn, the last one for ever."""

    def __init__(self) -> None:
        self.replies: dict[str, deque[Reply]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                publisher.requests.append((self.path, dict(self.headers)))
                queue = publisher.replies.get(self.path.partition("?")[0])
                if queue is None:
                    reply = Reply(b"no such page", 404)
                else:
                    reply = queue.popleft() if len(queue) > 1 else queue[0]
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body if reply.cut is None else reply.body[: reply.cut])
                if reply.cut is not None:
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def says(self, path: str, *replies: Reply | bytes) -> None:
        """Script the answers to a path."""
        self.replies[path] = deque(r if isinstance(r, Reply) else Reply(r) for r in replies)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def rates_json(*rows: dict) -> bytes:
    return json.dumps({"rates": list(rows)}).encode()


def rate(day: str, value: object, **more: object) -> dict:
    return {"day": day, "rate": value, **more}


def _extract(response):
    try:
        found = json.loads(response.text())["rates"]
    except (ValueError, KeyError) as error:
        raise ContractViolation(f"{response.url} is no table of rates", got=str(error)) from error
    for row in found:
        yield {
            "day": row.get("day"),
            "rate_pct": row.get("rate"),
            **{k: v for k, v in row.items() if k not in {"day", "rate"}},
        }


def toy_source(url: str, keys: tuple[str, ...] = ("all",)) -> Source:
    """Return a source with one table, `rates`, a partition for each key, each at `<url>/rates/<key>`."""

    def partition(key: str) -> Partition:
        return Partition(key=key, fetch=lambda get: [get(f"{url}/rates/{key}", expect="json")])

    table = Table(
        name="rates",
        description="A rate a day.",
        grain=("day",),
        columns=(
            Column(name="day", type="DATE", required=True, description="Day of the rate."),
            Column(name="rate_pct", type="DECIMAL(9, 4)", unit="percent", description="The rate."),
        ),
        cadence=Cadence(
            cron="0 9 * * *",
            stale_after_days=5,
            due=Due(every="day", calendar="always", at="16:00", not_due="A day is due at four in the afternoon."),
        ),
        licence=Licence(name="Public domain", url=url, redistribution="free", attribution="Toy."),
        known_at=KnownAt(
            sql="new_york(day, time '16:00')", pit_quality="'dated'", description="The same day at 16:00 New York."
        ),
        partitions=lambda _: [partition(key) for key in keys],
        extract=_extract,
        estimate=Estimate(requests=1, rows=1, megabytes=0.001),
        about=("day", "day"),
    )
    return Source(code="toy", title="Toy", homepage=url, tables=(table,), requests_per_second=1000)
