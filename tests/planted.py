"""What publishers get wrong, planted into the bytes that they send: tests/integration/test_planted_faults.py serves them.

A fault edits the body of an answer that landed well before. How a body is opened is that of its wire format alone; how
figures are spoilt is plain arithmetic on rows.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

Edit = Callable[[bytes], bytes]
Rows = list[dict[str, str]]

REFUSED = "contract at landing"
ASIDE = "row rule"
GATE = "incoming gate"
CLIENT = "client"
NONE = "accepted"
MISSED = "not caught"


@dataclass(frozen=True, kw_only=True)
class Planted:
    """One fault, where it is planted, and what has to come of it.

    `finding` is the expectation, rule or word that has to be said; `severity` is critical where it stops the fetch.
    """

    name: str
    table: str
    url: str
    """Part of the address whose answer is spoilt."""
    edit: Edit
    gate: str
    severity: str = "critical"
    finding: str = ""
    partition: str = "all"
    serves: str = "the last good rows"
    because: str = ""

    @property
    def stops(self) -> bool:
        """Whether nothing of the fetch may reach `raw`."""
        return self.gate in {REFUSED, CLIENT} or (self.gate == GATE and self.severity == "critical")


# ----------------------------------------------------------------------------------------------------- wire formats


def of_fiscal(change: Callable[[Rows], Rows]) -> Edit:
    """Edit the rows of a page of Fiscal Data, its counts made to fit."""

    def edit(body: bytes) -> bytes:
        document = json.loads(body)
        document["data"] = change(document["data"])
        document["meta"] = {**document["meta"], "count": len(document["data"]), "total-count": len(document["data"])}
        return json.dumps(document, separators=(",", ":")).encode() + b"\n"

    return edit


def of_list(*path: str, change: Callable[[list], list]) -> Edit:
    """Edit the list that stands at a path of a JSON document."""

    def edit(body: bytes) -> bytes:
        document = holder = json.loads(body)
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = change(holder[path[-1]])
        return json.dumps(document, separators=(",", ":")).encode() + b"\n"

    return edit


def of_csv(change: Callable[[list[str], list[list[str]]], tuple[list[str], list[list[str]]]]) -> Edit:
    """Edit header and rows of a plain CSV without quotes."""

    def edit(body: bytes) -> bytes:
        header, *rows = [line.split(",") for line in body.decode().splitlines()]
        header, rows = change(header, rows)
        return ("\n".join(",".join(row) for row in [header, *rows]) + "\n").encode()

    return edit


def of_rows(change: Callable[[list[list[str]]], list[list[str]]]) -> Edit:
    """Edit the rows of a plain CSV and leave its header."""
    return of_csv(lambda header, rows: (header, change(rows)))


def of_member(change: Callable[[str], str]) -> Edit:
    """Edit the text of the only member of a zip."""

    def edit(body: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            (name,) = archive.namelist()
            text = archive.read(name).decode()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:  # of no date, so that equal text is equal bytes
            archive.writestr(zipfile.ZipInfo(name), change(text), zipfile.ZIP_DEFLATED)
        return packed.getvalue()

    return edit


def of_series(name: str, change: Callable[[list[tuple[str, str]]], list[tuple[str, str]]]) -> Edit:
    """Edit the (day, value) pairs of one series of a release of the Board."""

    pattern = re.compile(r'<frb:Obs OBS_STATUS="A" OBS_VALUE="([^"]*)" TIME_PERIOD="([^"]*)" />\n')
    written = '<frb:Obs OBS_STATUS="A" OBS_VALUE="{1}" TIME_PERIOD="{0}" />\n'.format

    def edit(text: str) -> str:
        start = text.index(f'SERIES_NAME="{name}"')
        end = text.index("</kf:Series>", start)
        changed = dict(change([(day, value) for value, day in pattern.findall(text[start:end])]))

        def replaced(match: re.Match[str]) -> str:
            day = match[2]
            return written(day, changed.pop(day)) if day in changed else ""

        block = pattern.sub(replaced, text[start:end])  # what has no value stays as it is
        return text[:start] + block + "".join(written(*pair) for pair in changed.items()) + text[end:]

    return of_member(edit)


def copied_series(name: str, as_name: str) -> Edit:
    """Let one series of a release of the Board say what another says, as far as both go."""

    def edit(body: bytes) -> bytes:
        taken: dict[str, str] = {}

        def remember(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
            taken.update(pairs)
            return pairs

        of_series(as_name, remember)(body)
        return of_series(name, lambda pairs: [(day, taken.get(day, value)) for day, value in pairs])(body)

    return edit


def with_series(name: str, pairs: Sequence[tuple[str, str]], like: str) -> Edit:
    """Add a series to a release of the Board, declared like another."""

    def edit(text: str) -> str:
        start = text.rindex("<kf:Series ", 0, text.index(f'SERIES_NAME="{like}"'))
        end = text.index("</kf:Series>", start) + len("</kf:Series>\n")
        head = text[start : text.index("<frb:Obs ", start)].replace(like, name)
        observed = "".join(f'<frb:Obs OBS_STATUS="A" OBS_VALUE="{v}" TIME_PERIOD="{d}" />\n' for d, v in pairs)
        return f"{text[:end]}{head}{observed}</kf:Series>\n{text[end:]}"

    return of_member(edit)


def without_series(name: str) -> Edit:
    """Leave a series of a release of the Board out."""

    def edit(text: str) -> str:
        start = text.rindex("<kf:Series ", 0, text.index(f'SERIES_NAME="{name}"'))
        return text[:start] + text[text.index("</kf:Series>", start) + len("</kf:Series>\n") :]

    return of_member(edit)


def of_text(*changes: tuple[str, str]) -> Edit:
    """Replace each old part of a text, which has to be there."""

    def edit(body: bytes) -> bytes:
        text = body.decode()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        return text.encode()

    return edit


# ------------------------------------------------------------------------------------------------------ arithmetic


def times(factor: float, digits: int, text: str) -> str:
    """Return a figure times a factor; what is no figure stays."""
    try:
        return f"{float(text) * factor:.{digits}f}"
    except ValueError:
        return text


def scaled(factor: float, *fields: str, digits: int = 2, when: Callable[[dict], bool] = lambda _: True) -> Callable:
    """Multiply fields of the rows for which `when` holds."""
    return lambda rows: [
        {k: times(factor, digits, v) if k in fields and when(row) else v for k, v in row.items()} for row in rows
    ]


def columns_scaled(factor: float, *places: int, digits: int = 3, when: Callable[[list], bool] = lambda _: True):
    """Multiply columns, by place, of the rows of a CSV for which `when` holds."""
    return lambda rows: [
        [times(factor, digits, v) if place in places and when(row) else v for place, v in enumerate(row)]
        for row in rows
    ]


def moved_down(rows: list[list[str]]) -> list[list[str]]:
    """Let every day say what the day before said."""
    return [rows[0], *([row[0], *before[1:]] for before, row in pairwise(rows))]


def without(first: str, last: str, day: Callable = lambda row: row[0]) -> Callable[[list], list]:
    """Leave out the rows of the days from first to last."""
    return lambda rows: [row for row in rows if not first <= day(row) <= last]


def straightened(values: list[float], first: int, last: int) -> list[float]:
    """Return values with those between two places drawn as a straight line."""
    step = (values[last] - values[first]) / (last - first)
    return [values[first] + step * (n - first) if first < n < last else v for n, v in enumerate(values)]


def later(day: str, days: int = 1) -> str:
    """Return an ISO date some days later."""
    return str(date.fromisoformat(day) + timedelta(days=days))
