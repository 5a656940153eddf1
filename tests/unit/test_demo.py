"""What the demonstration says of a table that the sample has nothing of: one short line, addresses in the log alone."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from warehouse import pipeline
from warehouse.demo import _Watch
from warehouse.errors import NotRecorded


def test_a_table_that_is_not_recorded_says_so_in_short_and_logs_the_address(settings, toy, tmp_path, caplog):
    (tmp_path / "recording").mkdir()
    (tmp_path / "recording" / "index.jsonl").write_text(
        '{"method": "GET", "url": "https://e.org/x", "status": 200, "headers": {}, '
        '"fetched_at": "2026-01-01T00:00:00Z", "body": "x", "origin": "recorded"}\n'
    )
    recorded = replace(settings, sources=f"recorded:{tmp_path / 'recording'}")
    with caplog.at_level(logging.INFO, "warehouse.pipeline"), pytest.raises(NotRecorded) as raised:
        pipeline.land("toy", "rates", recorded)
    assert str(raised.value) == f"toy.rates: {pipeline.NOT_RECORDED}."
    assert "the first is GET http" in caplog.text


def test_the_demonstration_prints_a_short_line_of_it(tmp_path):
    class Airflow:
        def task_log(self, *_):
            log = tmp_path / "attempt=1.log"
            log.write_text(json.dumps({"event": "skipped", "reason": f"toy.rates: {pipeline.NOT_RECORDED}."}) + "\n")
            return log

    console = Console(file=StringIO(), width=120)
    watch = _Watch(airflow=Airflow(), ingests=("ingest__toy__rates",), console=console)
    watch._note(  # noqa: SLF001
        {
            "dag_id": "ingest__toy__rates",
            "dag_run_id": "demo",
            "task_id": "land",
            "state": "skipped",
            "try_number": 1,
            "start_date": "2026-07-25T12:00:00Z",
            "duration": 0.4,
        }
    )
    assert console.file.getvalue() == "ingest__toy__rates.land skipped: not in the sample\n"
