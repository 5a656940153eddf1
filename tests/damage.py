"""A DuckDB file spoilt as a write that was cut off, or a bad disk, would."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BLOCKS = 3 * 4096  # where they begin, after three headers
BLOCK = 262_144


def damage(path: Path, first: int = 0, count: int | None = None) -> None:
    """Overwrite blocks of the file, all from the first on unless told how many."""
    with path.open("r+b") as file:
        end = path.stat().st_size if count is None else BLOCKS + (first + count) * BLOCK
        file.seek(BLOCKS + first * BLOCK)
        file.write(b"\xff" * (end - file.tell()))
