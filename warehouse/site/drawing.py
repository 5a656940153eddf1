"""Where the strokes of a plot go: plain geometry, which a template sets into SVG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A line over time in a frame of `width` by `height` units."""

    width: float
    height: float
    path: str
    """The line in SVG's words; it is broken where there was no value."""
    dots: tuple[tuple[float, float], ...]
    """Values that stand alone between two that are missing: a line of one point would not be seen."""
    zero: float | None
    """Height of zero, where it lies inside."""
    lowest: float
    highest: float
    first: date
    last: date
    newest: float


def plot(points: Sequence[tuple[date, float | None]], width: float, height: float) -> Plot | None:
    """Return the line through these points, oldest first; None where fewer than two of them have a value."""
    values = [(day, value) for day, value in points if value is not None]
    if len(values) < 2:  # noqa: PLR2004
        return None
    lowest, highest = min(v for _, v in values), max(v for _, v in values)
    first, last = values[0][0], values[-1][0]
    days, spread = max((last - first).days, 1), (highest - lowest) or 1.0

    def x(day: date) -> float:
        return round((day - first).days / days * width, 1)

    def y(value: float) -> float:
        return round(height - (value - lowest) / spread * height, 1) if highest > lowest else height / 2

    runs = _runs(points)
    return Plot(
        width=width,
        height=height,
        path="".join("M" + "L".join(f"{x(d):g} {y(v):g}" for d, v in run) for run in runs if len(run) > 1),
        dots=tuple((x(run[0][0]), y(run[0][1])) for run in runs if len(run) == 1),
        zero=y(0.0) if lowest < 0 < highest else None,
        lowest=lowest,
        highest=highest,
        first=first,
        last=last,
        newest=values[-1][1],
    )


def _runs(points: Sequence[tuple[date, float | None]]) -> list[list[tuple[date, float]]]:
    """Return the stretches without a missing value."""
    found: list[list[tuple[date, float]]] = [[]]
    for day, value in points:
        if value is None:
            found.append([])
        else:
            found[-1].append((day, value))
    return [run for run in found if run]


def shares(parts: Sequence[int], width: float = 100.0, least: float = 2.0) -> list[float]:
    """Return the widths of the parts of a bar; a part above zero is never too narrow to be seen."""
    total = sum(parts)
    if not total:
        return [0.0 for _ in parts]
    raised = [max(part / total * width, least) if part else 0.0 for part in parts]
    return [round(each * width / sum(raised), 1) for each in raised]


def number(value: float | None) -> str:
    """Write a figure for a reader, to six digits."""
    return "" if value is None else f"{value:,.6g}" if abs(value) < 1e15 or value == 0 else f"{value:.6g}"  # noqa: PLR2004
