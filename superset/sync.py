"""Bring Superset to what git says (`apply`), or git to what was edited in a browser (`export`).

Superset's own Python runs it; `drypowder superset` and the services start it. What is ours has a UUID of version 5;
what analysts make in a browser has one of version 4, and stays as it is.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import redirect_stdout
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import thesis_events
import yaml
from roles import set_owners, set_roles

if TYPE_CHECKING:
    from collections.abc import Iterator

ASSETS = Path(__file__).resolve().parent / "assets"
KINDS = ("databases", "datasets", "charts", "dashboards")
"""In the order in which one refers to the other."""

PARTS = (("metrics", "metric_name"), ("columns", "column_name"))
"""What a dataset has, and by which name."""

BY_NUMBER = (
    *("chart_configuration", "global_chart_configuration", "expanded_slices", "timed_refresh_immune_slices"),
    *("filter_scopes", "default_filters", "map_label_colors", "shared_label_colors", "color_scheme_domain"),
)
"""What a dashboard keeps by the numbers that charts have in one installation, or makes itself when it is opened."""

HOME = "{WAREHOUSE_HOME}"
"""What stands in git for the folder that has the releases."""

if yaml.__with_libyaml__:  # a sixth of the time, for Superset's own reading and writing too, which is most of a sync
    yaml.SafeLoader, yaml.SafeDumper = yaml.CSafeLoader, yaml.CSafeDumper

Key = tuple[str, str]
"""Kind and UUID."""


# ------------------------------------------------------------------------------------------------------ what git says


def in_git() -> dict[Key, tuple[Path, dict[str, Any]]]:
    """Return every asset of git, with its file."""
    found: dict[Key, tuple[Path, dict[str, Any]]] = {}
    for path in sorted(ASSETS.rglob("*.yaml")):
        kind = path.relative_to(ASSETS).parts[0]
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        key = (kind, document["uuid"])
        if kind not in KINDS or not _is_ours(document["uuid"]):
            sys.exit(f"{path}: expected one of {', '.join(KINDS)} with a UUID of version 5, got {key}.")
        if key in found:
            sys.exit(f"{path} has the UUID of {found[key][0]}.")
        found[key] = path, document
    return found


# -------------------------------------------------------------------------------------------------- what Superset has


def in_superset() -> dict[Key, dict[str, Any]]:
    """Return every asset of ours that is there, as git would have it."""
    from superset.commands.export.assets import ExportAssetsCommand

    found: dict[Key, dict[str, Any]] = {}
    for name, content in ExportAssetsCommand().run():
        kind = name.partition("/")[0]
        if kind in KINDS:
            document = yaml.safe_load(content())
            if _is_ours(document["uuid"]):
                found[kind, document["uuid"]] = canonical(kind, document)
    return found


def canonical(kind: str, exported: dict[str, Any]) -> dict[str, Any]:
    """Return an export without numbers of one installation, and without what is empty."""
    document = _without_nothing(exported)
    if kind == "databases":
        home = os.environ["WAREHOUSE_HOME"]
        document["sqlalchemy_uri"] = document["sqlalchemy_uri"].replace(f"//{home}/", f"//{HOME}/")
    if kind == "datasets":
        document.pop("cache_timeout", None)  # an export has the database's in its place
        for part, name in PARTS:
            document[part] = sorted(map(_without_nothing, document.get(part, [])), key=lambda each: each[name])
    if kind == "charts":
        document.pop("query_context", None)  # the browser makes it of the parameters
        document["params"] = _without_nothing(document["params"])
        for name in ("datasource", "slice_id", "dashboards"):
            document["params"].pop(name, None)
        thesis_events.name(document["params"])
    if kind == "dashboards":
        document.pop("theme_uuid", None)  # a matter of the installation
        metadata = _without_nothing(document["metadata"])
        document["metadata"] = {name: value for name, value in metadata.items() if name not in BY_NUMBER}
        for each in document["metadata"].get("native_filter_configuration", []):
            for name in ("chartsInScope", "tabsInScope"):
                each.pop(name, None)
        for each in _charts(document):
            each["meta"].pop("chartId", None)
    return document


def _without_nothing(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value not in (None, "", {}, [])}


def _charts(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for each in dashboard["position"].values():
        if isinstance(each, dict) and each.get("type") == "CHART":
            yield each


# ---------------------------------------------------------------------------------------------------------- the verbs


def apply() -> int:
    """Add, change and delete until Superset has what git says; say each, and return how many there were."""
    wanted = {key: canonical(key[0], document) for key, (_, document) in in_git().items()}
    there = in_superset()
    changed = [key for key, document in wanted.items() if there.get(key) != document]
    gone = sorted((key for key in there if key not in wanted), key=lambda each: KINDS.index(each[0]), reverse=True)
    refuse_to_harm(wanted, there, gone)
    marked = thesis_events.bring_in()
    if changed:
        _import(_with_what_they_name(changed, wanted), there)
    for key in gone:
        _delete(*key)
    after = in_superset()
    wrong = [key for key in {*wanted, *after} if wanted.get(key) != after.get(key)]
    if wrong:
        told = "\n".join(_difference(key, wanted.get(key), after.get(key)) for key in wrong)
        sys.exit(f"Superset does not take these as git says them; `export` writes what it makes of them:\n{told}")
    for key in changed:
        what = "changed" if key in there else "added  "
        print(f"{what} {_name(key[0], wanted[key])}{_lost(wanted[key], there.get(key))}")
    for key in gone:
        print(f"deleted {_name(key[0], there[key])}")
    ours = [each for kind in KINDS[1:] for each in _query(kind) if _is_ours(str(each.uuid))]
    of_people = [*set_roles(), *set_owners(ours)]
    for line in [*marked, *of_people]:
        print(line)
    print(f"{len(wanted)} assets, {len(changed)} added or changed, {len(gone)} deleted.")
    return len(changed) + len(gone) + len(marked) + len(of_people)


def refuse_to_harm(wanted: dict[Key, Any], there: dict[Key, Any], gone: list[Key]) -> None:
    """Stop before anything is done that would replace or break what analysts made themselves."""
    models, found = _models(), []
    for (kind, uuid), document in wanted.items():
        named = {"databases": "database_name", "dashboards": "slug"}.get(kind)
        if named:
            same = _query(kind).filter_by(**{named: document[named]})
        elif kind == "datasets":
            database = models["databases"].uuid == document["database_uuid"]
            same = _query(kind).join(models["databases"]).filter(database)
            same = same.filter(
                models[kind].table_name == document["table_name"], models[kind].schema == document["schema"]
            )
        else:
            continue
        found += [f"{_title(each)} has the name of ours: rename it" for each in same if str(each.uuid) != uuid]
    for kind, uuid in gone:
        asset = _query(kind).filter_by(uuid=uuid).one()
        for each in _users(kind, asset):
            if not _is_ours(str(each.uuid)):
                found.append(f"{_title(each)} uses {_name(kind, there[kind, uuid])}, which git no longer has")
    if found:
        sys.exit("Nothing was changed, since it would harm what is not ours:\n" + "\n".join(found))


def export() -> int:
    """Write what was edited in a browser into git's files; say each, and return how many there were."""
    files, written = in_git(), 0
    for key, document in in_superset().items():
        path, before = files.get(key, (None, None))
        if path is None or canonical(key[0], before) == document:
            continue
        if key[0] == "datasets":
            print(f"{path.relative_to(ASSETS)} is generated: change what it is made of instead.")
            continue
        if key[0] == "dashboards" and (others := [c for c in _charts(document) if not _is_ours(c["meta"]["uuid"])]):
            names = ", ".join(each["meta"]["sliceName"] for each in others)
            print(f"{path.relative_to(ASSETS)} is left as it is: {names} on it is not in git.")
            continue
        kept = yaml.safe_dump(_in_order(document, before), sort_keys=False, width=120, allow_unicode=True)
        path.write_text(kept, encoding="utf-8")
        print(f"wrote {path.relative_to(ASSETS)}")
        written += 1
    print(f"{written} file(s) written.")
    return written


def _title(model: Any) -> str:  # noqa: ANN401  (SQLAlchemy's)
    names = ("dashboard_title", "slice_name", "table_name", "database_name", "label")
    return f"{type(model).__name__} {next(getattr(model, name) for name in names if hasattr(model, name))!r}"


def _name(kind: str, document: dict[str, Any]) -> str:
    title = next(document[k] for k in ("dashboard_title", "slice_name", "table_name", "database_name") if k in document)
    return f"{kind[:-1]} {title!r}"


def _difference(key: Key, wanted: dict[str, Any] | None, after: dict[str, Any] | None) -> str:
    if wanted is None or after is None:
        return f"{key}: {'is there' if wanted is None else 'is not there'}"
    parts = [name for name in {*wanted, *after} if wanted.get(name) != after.get(name)]
    return "\n".join(f"{key} {name}: {wanted.get(name)!r} became {after.get(name)!r}" for name in parts)


def _lost(wanted: dict[str, Any], there: dict[str, Any] | None) -> str:
    """Say which figures and columns somebody had added to a dataset."""
    lost = []
    for part, name in PARTS if there and "columns" in wanted else ():
        ours = {each[name] for each in wanted[part]}
        lost += [each[name] for each in there[part] if each[name] not in ours]
    return f", without {', '.join(lost)}" if lost else ""


def _in_order(new: Any, old: Any) -> Any:  # noqa: ANN401  (YAML)
    """Return a document with the keys of the old one in their places, at every depth."""
    if not (isinstance(new, dict) and isinstance(old, dict)):
        return new
    names = [*(name for name in old if name in new), *(name for name in new if name not in old)]
    return {name: _in_order(new[name], old.get(name)) for name in names}


def _is_ours(uuid: str) -> bool:
    return UUID(uuid).version == 5  # noqa: PLR2004


def _users(kind: str, asset: Any) -> list[Any]:  # noqa: ANN401
    """Return what goes, or shows nothing any more, when an asset is deleted."""
    if kind == "databases":
        return [*asset.tables, *asset.saved_queries]
    if kind == "datasets":
        return _query("charts").filter_by(datasource_id=asset.id, datasource_type="table").all()
    return asset.dashboards if kind == "charts" else []


def _models() -> dict[str, Any]:
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.core import Database
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    return {"databases": Database, "datasets": SqlaTable, "charts": Slice, "dashboards": Dashboard}


def _query(kind: str) -> Any:  # noqa: ANN401  (SQLAlchemy's)
    from superset import db

    return db.session.query(_models()[kind])


def _import(wanted: dict[Key, dict[str, Any]], there: dict[Key, dict[str, Any]]) -> None:
    from superset.commands.importers.v1.assets import ImportAssetsCommand

    contents = {"metadata.yaml": yaml.safe_dump({"version": "1.0.0", "type": "assets"})}
    for (kind, uuid), document in wanted.items():
        told = _with_nothing(document, there.get((kind, uuid), {}))
        if kind == "databases":
            told["sqlalchemy_uri"] = told["sqlalchemy_uri"].replace(HOME, os.environ["WAREHOUSE_HOME"])
        if kind == "datasets":
            told["cache_timeout"] = None
            for part, name in PARTS:
                before = {each[name]: each for each in there.get((kind, uuid), {}).get(part, [])}
                told[part] = [_with_nothing(each, before.get(each[name], {})) for each in told[part]]
        if kind == "dashboards":
            for number, each in enumerate(_charts(told)):
                each["meta"]["chartId"] = number  # the import wants one, and puts its own in its place
        contents[f"{kind}/{uuid}.yaml"] = yaml.safe_dump(told, sort_keys=False)
    ImportAssetsCommand(contents).run()
    _mark(wanted)


def _with_what_they_name(changed: list[Key], wanted: dict[Key, dict[str, Any]]) -> dict[Key, dict[str, Any]]:
    """Return what changed and what it stands on, which an import has to hold as well, in the order of `wanted`."""
    found, new = set(), set(changed)
    while new:
        found |= new
        new = ({key for each in new for key in _named(wanted[each])} & wanted.keys()) - found
    return {key: document for key, document in wanted.items() if key in found}


def _named(document: dict[str, Any]) -> Iterator[Key]:
    if "database_uuid" in document:
        yield "databases", document["database_uuid"]
    if "dataset_uuid" in document:
        yield "datasets", document["dataset_uuid"]
    if "position" in document:
        yield from (("charts", each["meta"]["uuid"]) for each in _charts(document))
        filters = document["metadata"].get("native_filter_configuration", [])
        yield from (("datasets", t["datasetUuid"]) for each in filters for t in each["targets"] if "datasetUuid" in t)


def _mark(wanted: dict[Key, dict[str, Any]]) -> None:
    """Give charts the events that they show: an import leaves them out."""
    from superset import db

    for (kind, uuid), document in wanted.items():
        if kind == "charts" and "annotation_layers" in document["params"]:
            chart = _query(kind).filter_by(uuid=uuid).one()
            chart.params = json.dumps(json.loads(chart.params) | thesis_events.numbered(document["params"]))
    db.session.commit()


def _with_nothing(document: dict[str, Any], there: dict[str, Any]) -> dict[str, Any]:
    """Say of what is there and not in a document that it is nothing: an import leaves alone what is not said."""
    return dict.fromkeys(there) | deepcopy(document)


def _delete(kind: str, uuid: str) -> None:
    from superset import db

    db.session.delete(_query(kind).filter_by(uuid=uuid).one())
    db.session.commit()


def main() -> None:
    """Do what the command line says, as the user `admin`."""
    verbs = {"apply": apply, "export": export}
    if len(sys.argv) != 2 or sys.argv[1] not in verbs:  # noqa: PLR2004
        sys.exit(f"usage: sync.py {'|'.join(verbs)}")
    if not os.environ.get("WAREHOUSE_HOME"):
        sys.exit("WAREHOUSE_HOME has to name the folder that has the releases.")
    with redirect_stdout(sys.stderr):  # what it says of its own start
        from superset.app import create_app

        app = create_app()
    with app.app_context():
        from superset.utils.core import override_user

        from superset import security_manager

        with override_user(security_manager.find_user("admin")):
            verbs[sys.argv[1]]()


if __name__ == "__main__":
    main()
