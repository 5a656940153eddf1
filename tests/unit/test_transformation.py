"""Where dbt writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from warehouse import transformation


def test_dbt_writes_into_the_home_and_not_into_the_project(settings, monkeypatch):
    class Started(Exception):
        pass

    def start(arguments, **_):
        raise Started(arguments)

    monkeypatch.setattr(transformation.subprocess, "Popen", start)
    with pytest.raises(Started) as started:
        transformation.run_dbt(settings, "run", "parse")
    (arguments,) = started.value.args
    for option in ("--target-path", "--log-path"):
        assert Path(arguments[arguments.index(option) + 1]).is_relative_to(settings.home)
