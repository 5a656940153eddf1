"""Bring Superset to what git says (`apply`), or git to what was edited in a browser (`export`).

Superset's own Python runs it; `drypowder superset` and the services start it. What is ours has a UUID of version 5;
what analysts make in a browser has one of version 4, and stays as it is.
"""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ASSETS = Path(__file__).resolve().parent / "assets"
KINDS = ("databases", "datasets", "charts", "dashboards")
"""In the order in which one refers to the other."""

HOME = "{WAREHOUSE_HOME}"
"""What stands in git for the folder that has the releases."""

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
        if kind not in KINDS or UUID(document["uuid"]).version != 5:  # noqa: PLR2004
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
            if UUID(document["uuid"]).version == 5:  # noqa: PLR2004
                found[kind, document["uuid"]] = canonical(kind, document)
    return found


def canonical(kind: str, exported: dict[str, Any]) -> dict[str, Any]:
    """Return an export without numbers of one installation, and without what is empty."""
    document = _without_nothing(exported)
    if kind == "databases":
        home = os.environ.get("WAREHOUSE_HOME", "")
        document["sqlalchemy_uri"] = document["sqlalchemy_uri"].replace(f"//{home}/", f"//{HOME}/")
    if kind == "datasets":
        document.pop("cache_timeout", None)  # an export has the database's in its place
        document["metrics"] = [_without_nothing(each) for each in document.get("metrics", [])]
        document["columns"] = [_without_nothing(each) for each in document.get("columns", [])]
        for part, name in (("metrics", "metric_name"), ("columns", "column_name")):
            document[part].sort(key=lambda each: each[name])
    if kind == "charts":
        document.pop("query_context", None)  # the browser makes it of the parameters
        document["params"] = _without_nothing(document["params"])
        for name in ("datasource", "slice_id", "dashboards"):
            document["params"].pop(name, None)
    if kind == "dashboards":
        document["metadata"] = _without_nothing(document["metadata"])
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
    gone = [key for key in there if key not in wanted]
    if changed:
        _import(wanted)
    for key in sorted(gone, key=lambda each: KINDS.index(each[0]), reverse=True):
        _delete(*key)
    for key in changed:
        print(f"{'changed' if key in there else 'added  '} {_name(key[0], wanted[key])}")
    for key in gone:
        print(f"deleted {_name(key[0], there[key])}")
    after = in_superset()
    wrong = [key for key in {*wanted, *after} if wanted.get(key) != after.get(key)]
    if wrong:
        sys.stdout.flush()
        told = "\n".join(_difference(key, wanted.get(key), after.get(key)) for key in wrong)
        sys.exit(f"Superset does not take these as git says them; `export` writes what it makes of them:\n{told}")
    print(f"{len(wanted)} assets, {len(changed)} added or changed, {len(gone)} deleted.")
    return len(changed) + len(gone)


def export() -> int:
    """Write what was edited in a browser into git's files; say each, and return how many there were."""
    files, written = in_git(), 0
    for key, document in in_superset().items():
        path, before = files.get(key, (None, None))
        if path is None or canonical(key[0], before) == document:
            continue
        if key[0] == "datasets":
            print(
                f"{path.relative_to(ASSETS)} is generated: change the declarations or superset/measures.yaml instead."
            )
            continue
        order = list(before)
        kept = dict(sorted(document.items(), key=lambda each: order.index(each[0]) if each[0] in order else len(order)))
        path.write_text(yaml.safe_dump(kept, sort_keys=False, width=120, allow_unicode=True), encoding="utf-8")
        print(f"wrote {path.relative_to(ASSETS)}")
        written += 1
    print(f"{written} file(s) written.")
    return written


def _name(kind: str, document: dict[str, Any]) -> str:
    title = next(document[k] for k in ("dashboard_title", "slice_name", "table_name", "database_name") if k in document)
    return f"{kind[:-1]} {title!r}"


def _difference(key: Key, wanted: dict[str, Any] | None, after: dict[str, Any] | None) -> str:
    if wanted is None or after is None:
        return f"{key}: {'is there' if wanted is None else 'is not there'}"
    parts = [name for name in {*wanted, *after} if wanted.get(name) != after.get(name)]
    return "\n".join(f"{key} {name}: {wanted.get(name)!r} became {after.get(name)!r}" for name in parts)


def _import(wanted: dict[Key, dict[str, Any]]) -> None:
    from superset.commands.importers.v1.assets import ImportAssetsCommand

    contents = {"metadata.yaml": yaml.safe_dump({"version": "1.0.0", "type": "assets"})}
    for (kind, uuid), document in wanted.items():
        told = deepcopy(document)
        if kind == "databases":
            told["sqlalchemy_uri"] = told["sqlalchemy_uri"].replace(HOME, os.environ["WAREHOUSE_HOME"])
        if kind == "dashboards":
            for number, each in enumerate(_charts(told)):
                each["meta"]["chartId"] = number  # the import wants one, and puts its own in its place
        contents[f"{kind}/{uuid}.yaml"] = yaml.safe_dump(told, sort_keys=False)
    ImportAssetsCommand(contents).run()


def _delete(kind: str, uuid: str) -> None:
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.core import Database
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    from superset import db

    model = {"databases": Database, "datasets": SqlaTable, "charts": Slice, "dashboards": Dashboard}[kind]
    db.session.delete(db.session.query(model).filter_by(uuid=uuid).one())
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
