"""docs/questions.md holds: every query runs on the release of the sample, and says what the page says that it says."""

from __future__ import annotations

import datetime as dt
import os
import re
import shlex
from itertools import pairwise

import pytest

from tests.integration.conftest import cli
from warehouse.querying import guard
from warehouse.release import connect
from warehouse.settings import PROJECT_ROOT

pytestmark = pytest.mark.slow

PAGE = PROJECT_ROOT / "docs" / "questions.md"
QUESTION = re.compile(
    r"^## (?P<number>\d+)\. (?P<title>[^\n]+)\n\n"
    r"```(?P<language>sql|sh)\n(?P<query>(?:(?!```).)*)```\n\n"
    r"```text\n(?P<answer>(?:(?!```).)*)```\n\n"
    r"(?P<reading>(?!```|#)\S.*?)(?=\n## |\Z)",
    re.DOTALL | re.MULTILINE,
)
MOST_LINES = 24
"""Of a query: each must be short."""


def questions() -> list[re.Match[str]]:
    return list(QUESTION.finditer(PAGE.read_text()))


def test_there_are_twenty_four_and_each_is_short():
    found = questions()
    assert [int(each["number"]) for each in found] == list(range(1, 25))
    assert len(re.findall(r"^## ", PAGE.read_text(), re.MULTILINE)) == 24
    too_long = {each["number"]: n for each in found if (n := len(each["query"].splitlines())) > MOST_LINES}
    assert too_long == {}
    assert all(each["reading"].strip() for each in found)
    assert {each["number"] for each in found if each["language"] == "sh"} == {"20", "21"}


def test_every_answer_is_what_the_release_says(built):
    page = PAGE.read_text()
    with connect(built.home) as connection:
        answers = [answered(built, connection, each) for each in questions()]
    if os.environ.get("DRYPOWDER_WRITE_QUESTIONS"):
        PAGE.write_text(with_answers(page, answers))
    differing = {
        each["number"]: (each["answer"], answer)
        for each, answer in zip(questions(), answers, strict=True)
        if each["answer"] != answer
    }
    assert differing == {}


def with_answers(page: str, answers: list[str]) -> str:
    found = list(QUESTION.finditer(page))
    borders = [0, *(at for each in found for at in each.span("answer")), len(page)]
    kept = [page[a:b] for a, b in list(pairwise(borders))[::2]]
    return "".join(text + answer for text, answer in zip(kept, [*answers, ""], strict=True))


def answered(settings, connection, question: re.Match[str]) -> str:
    if question["language"] == "sh":
        typed = shlex.split(question["query"])
        assert typed[0] == "drypowder"
        done = cli(settings, *typed[1:])
        assert done.returncode == 0, done.stderr
        return "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"
    cursor = connection.execute(guard(connection, question["query"]))
    names = [column[0] for column in cursor.description]
    rows = cursor.fetchall()
    assert rows, f"question {question['number']} has no answer, and not even a reason"
    return table(names, rows)


def table(names: list[str], rows: list[tuple]) -> str:
    """Return rows in columns; of a NULL its name, so that it is not taken for an empty text."""
    cells = [names, *([shown(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n" for row in cells
    )


def shown(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, float):
        return f"{value + 0:.10g}" if value else "0"
    if isinstance(value, dt.datetime):
        return f"{value.astimezone(dt.UTC):%Y-%m-%d %H:%M}Z"
    return str(value)


def test_the_page_is_written_as_it_is_read():
    page = PAGE.read_text()
    assert with_answers(page, [each["answer"] for each in questions()]) == page
    assert table(["a", "number"], [(None, 1.5), ("longer", 0.0)]) == (
        "a       number\n------  ------\nNULL    1.5\nlonger  0\n"
    )
