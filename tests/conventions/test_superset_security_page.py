"""docs/superset-security.md says of every trial what the tests say, and of nothing else."""

from __future__ import annotations

from tests.browser.test_superset_security import REFUSERS, TRIALS
from warehouse.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "superset-security.md"


def test_the_table_is_that_of_the_trials():
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
    assert rows == [("Trial", "As a viewer", "As an analyst"), *((t.what, t.viewer, t.analyst) for t in TRIALS)]
    assert len(TRIALS) == len({trial.what for trial in TRIALS}) > 80


def test_each_is_refused_by_what_the_page_explains():
    text = PAGE.read_text()
    used = {by for trial in TRIALS for by in (trial.viewer, trial.analyst)}
    assert used == set(REFUSERS)
    for by in used:
        assert f"**{by}**" in text, by
