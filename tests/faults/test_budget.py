"""Four processes at once stay within a publisher's budget, as the publisher itself sees it."""

from __future__ import annotations

from multiprocessing import get_context

import pytest

from tests.fault_server import FaultServer
from warehouse.http import Budget, Client, LiveTransport
from warehouse.settings import Settings

PROCESSES, EACH = 4, 5


def _ask(folder, port, host, per_second, start):
    server = f"http://127.0.0.1:{port}/"
    link = LiveTransport(
        Settings(home=folder, contact="Test test@example.org"),
        budget=Budget(folder),
        rewrite=lambda url: server + url.replace("/", "%2F"),
    )
    client = Client(link, per_second=per_second)
    client("https://warm.example/up", expect="json")  # imports and connects, so that all are ready to rush
    start.wait()
    for _ in range(EACH):
        client(f"https://{host}/a", expect="json")


@pytest.mark.parametrize("per_second", [8])
def test_four_processes_stay_within_a_hosts_budget(tmp_path, per_second):
    server = FaultServer()
    server.serves("https://warm.example/up", b"[]")
    server.serves("https://busy.example/a", b"[1]")
    spawn = get_context("spawn")
    start = spawn.Barrier(PROCESSES)
    try:
        workers = [
            spawn.Process(target=_ask, args=(tmp_path, server.port, "busy.example", per_second, start))
            for _ in range(PROCESSES)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        assert [worker.exitcode for worker in workers] == [0] * PROCESSES
        assert len([a for a in server.asked if a.host == "busy.example"]) == PROCESSES * EACH
        assert 2 <= server.busiest("busy.example") <= per_second
    finally:
        server.close()
