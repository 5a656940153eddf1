"""What docs/runbook.md tells people to type, typed: every block, on a copy of a home of the sample."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.conftest import environment
from warehouse.settings import PROJECT_ROOT

pytestmark = pytest.mark.slow

PAGE = (PROJECT_ROOT / "docs" / "runbook.md").read_text()
FENCE = re.compile(r"```sh\n(.*?)```", re.DOTALL)
MAY_END_WITH_1 = {
    "drypowder incidents": "",  # something is wrong in a home of old figures
    "drypowder doctor": "",  # it has something to say of this machine
    "drypowder rollback": "has no release before it",
    "drypowder logs --lines 5": "Start the services with `make up`",  # tests/integration/test_serving.py has some
}
"""And what it then has to say."""


@dataclass(frozen=True)
class Block:
    """The commands of one block, and the heading over it."""

    heading: str
    commands: tuple[str, ...]


def blocks():
    """Return the blocks that hold a command of ours, in order; the first one only makes ready."""
    found = []
    for fence in FENCE.finditer(PAGE):
        heading = re.findall(r"^#+ (.*)$", PAGE[: fence.start()], re.MULTILINE)[-1]
        lines = [line.split("  #")[0].strip() for line in fence.group(1).splitlines()]
        commands = tuple(line for line in lines if line.startswith("drypowder"))
        if commands:
            found.append(Block(heading, commands))
    return found


def typed(text, settings, tmp_path):
    """Run a line in a shell in the project's folder, with `drypowder` on the path as in an active environment."""
    home = settings.home
    given = {
        **environment(settings),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "BACKUPS": str(tmp_path / "backups"),
        "EMPTY": str(tmp_path / "empty"),
        "WAREHOUSE_HOME": str(home),
    }
    return subprocess.run(["bash", "-c", text], env=given, cwd=PROJECT_ROOT, capture_output=True, text=True)


def test_every_kind_of_incident_has_a_section():
    from warehouse.incidents import SEVERITY

    headings = set(re.findall(r"^### (.*)$", PAGE, re.MULTILINE))
    assert set(SEVERITY) <= headings


def test_the_page_has_the_procedures_that_people_look_for():
    headings = re.findall(r"^### (.*)$", PAGE, re.MULTILINE)
    for word in ("release back", "past", "restore", "new machine", "Upgrade", "secrets", "source"):
        assert any(word in heading for heading in headings), word


def test_its_commands_do_what_they_say(built, copied, tmp_path):
    settings = copied(built)
    assert len(blocks()) >= 12
    for block in blocks():
        for command in block.commands:
            done = typed(command, settings, tmp_path)
            words = f"{block.heading}: {command}\n{done.stdout}{done.stderr}"
            if done.returncode == 1 and command in MAY_END_WITH_1:
                assert MAY_END_WITH_1[command] in words
            else:
                assert done.returncode == 0, words
    here, restored = settings.home / "current", tmp_path / "empty" / "current"
    assert restored.resolve().name == here.resolve().name
    assert (restored / "manifest.json").read_bytes() == (here / "manifest.json").read_bytes()
