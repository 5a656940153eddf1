"""Airflow with its web page on this machine, in the foreground: for looking around, not for production."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from warehouse.errors import ConfigurationError
from warehouse.headless_airflow import HeadlessAirflow

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from warehouse.settings import Settings

_STOP_SECONDS = 60.0


def _note(settings: Settings) -> Path:
    return settings.home / "serving.pid"


def up(settings: Settings, console: Console) -> None:
    """Run Airflow on its schedules until interrupted, or until `down` from another terminal.

    Its run history starts anew each time; what it landed and published stays in the home.
    """
    settings = replace(settings, home=settings.home.resolve(), project=settings.project.resolve())
    with HeadlessAirflow(
        home=settings.home / "airflow",
        project=settings.project,
        environment=settings.as_environment(),
        parallel_tasks=max(2, settings.threads),
        told=lambda line: console.print(line, highlight=False),
    ) as airflow:
        _note(settings).write_text(str(os.getpid()))
        console.print(f"Open {airflow.url} (this machine only, no password). Stop with Ctrl-C or `make down`.")
        try:
            while True:
                airflow.check_alive()
                time.sleep(1)
        except KeyboardInterrupt:
            console.print("stopping Airflow")
        finally:
            _note(settings).unlink(missing_ok=True)


def down(settings: Settings, console: Console) -> None:
    """Stop what `up` started in this home, and wait for its end.

    Raises:
        ConfigurationError: it does not end.
    """
    try:
        process = int(_note(settings).read_text())
        os.kill(process, signal.SIGTERM)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        console.print(f"Nothing runs in {settings.home}.", highlight=False)
        return
    deadline = time.monotonic() + _STOP_SECONDS
    while _note(settings).exists():
        if time.monotonic() > deadline:
            raise ConfigurationError(
                f"Process {process} does not end", expected=f"its end within {_STOP_SECONDS:.0f} s", got="none"
            )
        time.sleep(0.2)
    console.print("Airflow has stopped.")
