"""The events of the thesis that charts mark: a layer of Superset's annotations, brought to what events.yaml has."""

from __future__ import annotations

from datetime import datetime, time
from pathlib import Path
from typing import Any

import yaml

EVENTS = Path(__file__).resolve().with_name("thesis_events.yaml")
LAYER = "Events of the thesis"
"""What Superset calls the layer, and by what charts in git name it: in Superset they have its number."""


def bring_in() -> list[str]:
    """Add and delete events until there are those of the file; return what was changed, a line each."""
    from superset.models.annotations import Annotation

    from superset import db

    layer, changed = _layer(), []
    wanted = {(each["title"], each["day"]): each["told"] for each in yaml.safe_load(EVENTS.read_text(encoding="utf-8"))}
    for each in list(layer.annotation):
        key = each.short_descr, each.start_dttm.date()
        if key in wanted and wanted[key] == each.long_descr:
            del wanted[key]
        else:
            db.session.delete(each)
            changed.append(f"deleted event {each.short_descr!r}")
    for (title, day), told in wanted.items():
        at = datetime.combine(day, time())
        db.session.add(
            Annotation(layer=layer, short_descr=title, long_descr=told, start_dttm=at, end_dttm=at, json_metadata="{}")
        )
        changed.append(f"added   event {title!r}")
    db.session.commit()
    return changed


def name(params: dict[str, Any]) -> None:
    """Call the layer by its name in a chart's parameters."""
    for each in params.get("annotation_layers", []):
        if each["value"] == _layer().id:
            each["value"] = LAYER


def numbered(params: dict[str, Any]) -> dict[str, Any]:
    """Return the layers of a chart's parameters by the number that this Superset knows ours by."""
    number = _layer().id
    layers = [{**each, "value": number} if each["value"] == LAYER else each for each in params["annotation_layers"]]
    return {"annotation_layers": layers}


def _layer() -> Any:  # noqa: ANN401  (SQLAlchemy's)
    from superset.models.annotations import AnnotationLayer

    from superset import db

    found = db.session.query(AnnotationLayer).filter_by(name=LAYER).one_or_none()
    if found is None:
        found = AnnotationLayer(name=LAYER, descr="Dated events of the thesis, which dbt seeds.")
        db.session.add(found)
        db.session.commit()
    return found
