"""People with each role, at Airflow's REST API."""

from __future__ import annotations

import time
from typing import Any

import httpx

from warehouse.sources import tables
from warehouse.superset import ROLES

ADDRESS = "http://127.0.0.1:8080"
INGESTS = [f"ingest__{source.code}__{table.name}" for source, table in tables()]
DONE = {"success", "failed", "skipped", "upstream_failed", "removed"}


class People:
    """Clients that are logged in; `admin` has made the others."""

    def __init__(self, password: str) -> None:
        self._passwords = {"admin": password} | {role: f"{role}-password" for role in ROLES[:-1]}
        self._of: dict[str, httpx.Client] = {"admin": log_in("admin", password)}
        for role in ROLES[:-1]:
            user = {
                "username": role, "password": self._passwords[role], "email": f"{role}@example.org",
                "first_name": role, "last_name": "Tester", "roles": [{"name": role}],
            }  # fmt: skip
            self["admin"].post("/auth/fab/v1/users", json=user).raise_for_status()
            self._of[role] = log_in(role, user["password"])

    def __getitem__(self, role: str) -> httpx.Client:
        return self._of[role]

    def come_again(self) -> None:
        """Log in once more: a login is for hours of the servers' clock."""
        self.close()
        self._of = {role: log_in(role, password) for role, password in self._passwords.items()}

    def close(self) -> None:
        for client in self._of.values():
            client.close()

    # ------------------------------------------------------------------------------------- what the engineer does

    def get(self, path: str, **params: Any) -> Any:
        answer = self["engineer"].get(f"/api/v2/{path}", params=params)
        answer.raise_for_status()
        return answer.json()

    def slots(self, number: int) -> None:
        """Open the builder's pool, or close it with none."""
        body = {"pool": "duckdb_writer", "slots": number, "include_deferred": False}
        self["engineer"].patch(
            "/api/v2/pools/duckdb_writer", params={"update_mask": "slots"}, json=body
        ).raise_for_status()

    def pause(self, dags: str, *, paused: bool = True) -> None:
        """Pause all DAGs whose names are like this, or let them go on."""
        self["engineer"].patch(
            "/api/v2/dags", params={"dag_id_pattern": dags, "limit": 200}, json={"is_paused": paused}
        ).raise_for_status()

    def trigger(self, dag: str) -> str:
        """Start a run and return its id."""
        answer = self["engineer"].post(f"/api/v2/dags/{dag}/dagRuns", json={"logical_date": None})
        answer.raise_for_status()
        return answer.json()["dag_run_id"]

    def runs(self, dag: str) -> list[dict[str, Any]]:
        """Return the runs of a DAG, oldest first."""
        return self.get(f"dags/{dag}/dagRuns", order_by="run_after", limit=100)["dag_runs"]

    def ended(self, dag: str, run: str, seconds: float = 1800) -> dict[str, str]:
        """Wait for a run and return the states of its tasks."""
        wait_until(lambda: self.get(f"dags/{dag}/dagRuns/{run}")["state"] in DONE, seconds, f"{dag} {run} to end")
        return {t["task_id"]: t["state"] for t in self.tasks(dag, run)}

    def tasks(self, dag: str, run: str) -> list[dict[str, Any]]:
        return self.get(f"dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"]


def log_in(name: str, password: str) -> httpx.Client:
    client = httpx.Client(base_url=ADDRESS, timeout=60, trust_env=False)
    answer = client.post("/auth/token", json={"username": name, "password": password})
    answer.raise_for_status()
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return client


def wait_until(condition: Any, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.5)
