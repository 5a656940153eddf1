"""Airflow's REST API, as a client that waits for a database which takes one writer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    import httpx

BUILDER_POOL = "duckdb_writer"


class OrchestrationFailed(WarehouseError):
    """Airflow did not start, stopped on its own, or ran something that failed; the message names the log."""


class _ServerError(Exception):  # never leaves this module
    """An answer of 500 and above, or none in time."""

    def __init__(self, answer: httpx.Response | None) -> None:
        super().__init__(answer.status_code if answer is not None else "no answer")
        self.answer = answer


def _log_retries() -> None:
    """Let tries again stand in the log, which a terminal shows with --verbose: structlog, where it is, prints them."""
    from stamina import instrumentation

    instrumentation.set_on_retry_hooks([instrumentation.LoggingOnRetryHook])


@dataclass(kw_only=True)
class AirflowApi:
    """One Airflow at `url`, asked as one user.

    `alive` raises where Airflow has ended, and is called before each request; `see` says where to read more.
    """

    url: str
    alive: Callable[[], None] = lambda: None
    see: Callable[[], str] = lambda: ""
    _client: httpx.Client | None = field(default=None, init=False)

    def log_in(self, user: str, password: str) -> bool:
        """Take a token for this user; False while the server does not answer.

        Raises:
            OrchestrationFailed: it answers, and refuses.
        """
        return self._take_token("POST", json={"username": user, "password": password})

    def log_in_as_anybody(self) -> bool:
        """Take a token where everybody is an administrator; False while the server does not answer."""
        return self._take_token("GET")

    def _take_token(self, method: str, **request: Any) -> bool:  # noqa: ANN401
        import httpx

        _log_retries()
        if self._client is None:
            self._client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        try:
            answer = self._client.request(method, "/auth/token", **request)
        except httpx.TransportError:
            return False
        if answer.is_server_error:
            return False
        if answer.is_error:
            raise OrchestrationFailed("Airflow refuses a log-in", got=f"{answer.status_code} {answer.text[:500]}")
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return True

    def close(self) -> None:
        """Close the connections."""
        if self._client:
            self._client.close()
            self._client = None

    def get(self, path: str, **params: str | int) -> Any:  # noqa: ANN401
        """Return the JSON at /api/v2/`path`, or None if there is no such thing."""
        return self.call("GET", path, params=params)

    def post(self, path: str, body: Mapping[str, object]) -> Any:  # noqa: ANN401
        """Create something at /api/v2/`path` and return its JSON."""
        return self.call("POST", path, json=body)

    def unwell(self, components: Collection[str]) -> list[str]:
        """Return those of the components that Airflow does not call healthy."""
        health = self.get("monitor/health") or {}
        return sorted(name for name in components if health.get(name, {}).get("status") != "healthy")

    def unknown_dags(self, expected: set[str]) -> set[str]:
        """Return the DAGs that Airflow does not know yet.

        Raises:
            OrchestrationFailed: a DAG file cannot be imported.
        """
        broken = (self.get("importErrors") or {}).get("import_errors", [])
        if broken:
            first = broken[0]
            raise OrchestrationFailed(f"Airflow cannot import {first['filename']}", got=first["stack_trace"].strip())
        return expected - {dag["dag_id"] for dag in self.get("dags", limit=100)["dags"]}

    def set_builder_pool(self, slots: int) -> None:
        """Give the builder's pool that many slots, and make it where it is not."""
        pool = {"pool": BUILDER_POOL, "slots": slots, "include_deferred": False}
        if self.get(f"pools/{BUILDER_POOL}"):
            self.call("PATCH", f"pools/{BUILDER_POOL}", params={"update_mask": "slots"}, json=pool)
        else:
            self.post("pools", {"name": BUILDER_POOL, "slots": slots, "description": "DuckDB takes one writer."})

    def call(self, method: str, path: str, **request: Any) -> Any:  # noqa: ANN401
        """Return an answer's JSON, having asked again while SQLite, which takes one writer, was locked for too long."""
        import httpx
        import stamina

        tries = stamina.retry_context(on=_ServerError, attempts=12, timeout=240.0, wait_initial=0.3, wait_max=5.0)
        try:
            for attempt in tries:
                with attempt:
                    answer = self._ask(method, path, request)
        except _ServerError as error:
            if error.answer is None:
                raise OrchestrationFailed(
                    f"Airflow's API server does not answer {method} {path}",
                    got=repr(error.__cause__),
                    remedy=self.see(),
                ) from error
            answer = error.answer
        if answer.status_code == httpx.codes.NOT_FOUND and method == "GET":
            return None
        if answer.status_code == httpx.codes.CONFLICT and attempt.num > 1:
            return None  # the try before did create it, and could only not say so
        if answer.is_error:
            raise OrchestrationFailed(
                f"Airflow refused {method} {path}",
                got=f"{answer.status_code} {answer.text[:500]}",
                remedy=self.see(),
            )
        return answer.json()

    def _ask(self, method: str, path: str, request: dict[str, Any]) -> httpx.Response:
        import httpx

        self.alive()
        if self._client is None:
            raise OrchestrationFailed("Airflow is not running", remedy="Start it, or log in.")
        try:
            answer = self._client.request(method, f"/api/v2/{path}", **request)
        except httpx.TransportError as error:
            self.alive()
            raise _ServerError(None) from error  # as it waits for SQLite
        if answer.is_server_error:
            raise _ServerError(answer)
        return answer
