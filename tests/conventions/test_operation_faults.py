"""docs/operation-faults.md names a test for every fault, and every test of faults on real services has a row there."""

from __future__ import annotations

import re

from warehouse.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "operation-faults.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
FUNCTION = re.compile(r"^def (\w+)\(", re.MULTILINE)


def rows():
    """Return the rows of the table, by cell."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_every_row_is_whole_and_names_tests_that_there_are():
    assert len(rows()) >= 12
    for row in rows():
        assert len(row) == 5, row
        assert all(row), row
        named = NAMED.findall(row[-1])
        assert named, row
        for file, name in named:
            assert name in FUNCTION.findall((PROJECT_ROOT / file).read_text()), (file, name)


def test_every_fault_on_real_services_has_a_row():
    file = "tests/services/test_faults.py"
    named = {name for row in rows() for path, name in NAMED.findall(row[-1]) if path == file}
    tests = {name for name in FUNCTION.findall((PROJECT_ROOT / file).read_text()) if name.startswith("test_")}
    assert tests
    assert tests == named
