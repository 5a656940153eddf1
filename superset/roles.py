"""Let each role of Superset have what roles.yaml says and no more, and let engineers own what is ours."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Collection

ROLES = Path(__file__).resolve().with_name("roles.yaml")
_NO_ACTIONS = ("as", "owns_ours")

Permission = tuple[str, str]
"""An action, and what it is done to."""


def told() -> dict[str, dict[str, Any]]:
    """Return the file."""
    return yaml.safe_load(ROLES.read_text(encoding="utf-8"))


def permissions() -> dict[str, set[Permission]]:
    """Return what each role of the file may do, with what it takes over."""
    found: dict[str, set[Permission]] = {}
    for role, parts in told().items():
        own = {(action, on) for action, resources in parts.items() if action not in _NO_ACTIONS for on in resources}
        found[role] = own | found.get(parts.get("as", ""), set())
    return found


def set_roles() -> list[str]:
    """Bring the roles to what the file says; return what was changed, a line each.

    Superset's own commands leave roles alone that are not its own.
    """
    from superset import security_manager

    changed = []
    for name, wanted in permissions().items():
        role = security_manager.find_role(name)
        if role is None:
            role = security_manager.add_role(name)
            changed.append(f"added   role {name!r}")
        given = {(each.permission.name, each.view_menu.name): each for each in role.permissions}
        needed = {(action, _address(on) if action == "database_access" else on) for action, on in wanted}
        for key in sorted(given.keys() - needed):
            security_manager.del_permission_role(role, given[key])
            changed.append(f"changed role {name!r}: without {' '.join(key)}")
        for action, on in sorted(needed - given.keys()):
            found = security_manager.find_permission_view_menu(action, on)
            if found is None:
                sys.exit(f"{ROLES}: {name}: this Superset knows no {action} of {on!r}.")
            security_manager.add_permission_role(role, found)
            changed.append(f"changed role {name!r}: with {action} {on}")
    return changed


def _address(database: str) -> str:
    from superset.models.core import Database

    from superset import db, security_manager

    found = db.session.query(Database).filter_by(database_name=database).one_or_none()
    if found is None:
        sys.exit(f"{ROLES}: there is no database {database!r}.")
    return security_manager.get_database_perm(found.id, found.database_name)


def set_owners(ours: Collection[Any]) -> list[str]:
    """Let `admin` and whoever is in a role that owns ours be the owners of our assets; return whom that changed."""
    from superset import db, security_manager

    roles = {name for name, parts in told().items() if parts.get("owns_ours")}
    users = security_manager.get_all_users()
    owners = {user for user in users if user.username == "admin" or roles & {role.name for role in user.roles}}
    before = {owner for asset in ours for owner in asset.owners}
    for asset in ours:
        if set(asset.owners) != owners:
            asset.owners = sorted(owners, key=lambda user: user.id)
    db.session.commit()
    lines = [f"changed owners of ours: with {user.username}" for user in owners - before]
    return sorted(lines + [f"changed owners of ours: without {user.username}" for user in before - owners])
