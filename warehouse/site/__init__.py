"""The pages that go with every release: its catalogue and its quality report, static, of nothing but what it holds.

They are made while a release is published, from the contracts, dbt's manifest and YAML, and the release's own file, so
that no page says what the figures beside it do not. They load nothing from anywhere else and open from a folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from warehouse.site import pages, reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from warehouse.settings import Settings

CATALOGUE = "catalogue"
"""Folder of the catalogue in a release; open its index.html."""
QUALITY = "quality"
"""Folder of the quality report in a release, above Great Expectations' own."""


def write(
    settings: Settings,
    building: Path,
    release_id: str,
    now: datetime,
    tables: Mapping[str, Mapping[str, Any]],
    *,
    accepted: Sequence[Mapping[str, Any]] = (),
) -> int:
    """Write the pages of the release that is in folder `building`; return how many.

    Its file must be there and settled; `tables` are its rows by table, and `accepted` who accepted warnings of it, as
    in its manifest. A page links to what else
    lies in the folder by then (changes, attribution, Great Expectations' and dbt's pages), so call this after those.
    """
    facts = reading.read(settings, building / "warehouse.duckdb", release_id, now, tables, accepted=accepted)
    texts = pages.rendered(facts, pages.Beside.of(building))
    for name, text in texts.items():
        path = building / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return len(texts)
