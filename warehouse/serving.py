"""Airflow with its web page on this machine, in the foreground: for looking around, not for production."""

from __future__ import annotations

import json
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from warehouse.errors import ConfigurationError
from warehouse.headless_airflow import HeadlessAirflow

if TYPE_CHECKING:
    from pathlib import Path

    import psutil
    from rich.console import Console

    from warehouse.settings import Settings

_STOP_SECONDS = 60.0


def _note(settings: Settings) -> Path:
    return settings.home / "serving.pid"


def up(settings: Settings, console: Console) -> None:
    """Run Airflow on its schedules until interrupted, or until `down` from another terminal.

    Its run history starts anew each time; what it landed and published stays in the home.
    """
    import psutil

    settings = replace(settings, home=settings.home.resolve(), project=settings.project.resolve())
    if settings.sources == "live" and not settings.contact:
        console.print(
            "WAREHOUSE_CONTACT is not set, so no publisher can be asked: see `drypowder doctor`.", style="yellow"
        )
    with HeadlessAirflow(
        home=settings.home / "airflow",
        project=settings.project,
        environment=settings.as_environment(),
        parallel_tasks=max(2, settings.threads),
        told=lambda line: console.print(line, highlight=False),
    ) as airflow:
        this = psutil.Process()
        _note(settings).write_text(json.dumps({"pid": this.pid, "created": this.create_time()}))
        console.print(f"Open {airflow.url} (this machine only, no password). Stop with Ctrl-C or `make down`.")
        try:
            while True:
                airflow.check_alive()
                time.sleep(1)
        except (KeyboardInterrupt, SystemExit):
            console.print("stopping Airflow")
        finally:
            _note(settings).unlink(missing_ok=True)


def _running(settings: Settings) -> psutil.Process | None:
    """Return the process that serves this home; a number that belongs to another process now is nobody's."""
    import psutil

    try:
        noted = json.loads(_note(settings).read_text())
        process = psutil.Process(noted["pid"])
    except (FileNotFoundError, psutil.NoSuchProcess):
        return None
    return process if abs(process.create_time() - noted["created"]) < 1 else None


def down(settings: Settings, console: Console) -> None:
    """Stop what `up` started in this home, and wait for its end.

    Raises:
        ConfigurationError: it does not end.
    """
    running = _running(settings)
    if running is None:
        _note(settings).unlink(missing_ok=True)
        console.print(f"Nothing runs in {settings.home}.", highlight=False)
        return
    running.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while _note(settings).exists():
        if time.monotonic() > deadline:
            raise ConfigurationError(
                f"Process {running.pid} does not end", expected=f"its end within {_STOP_SECONDS:.0f} s", got="none"
            )
        time.sleep(0.2)
    console.print("Airflow has stopped.")
