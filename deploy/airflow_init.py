"""What Airflow needs before its first start and after an upgrade; done again, it leaves what is right as it is.

Its database, the roles of roles.yml, the builder's pool, and the user `admin` with the password that `.env` says.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from typing import Any

ROLES = Path(__file__).with_name("roles.yml")
BUILDER_POOL = "duckdb_writer"


def permissions() -> dict[str, set[tuple[str, str]]]:
    """Return what each role of the file may do, with what it takes over, as pairs of action and resource."""
    told: dict[str, dict[str, Any]] = yaml.safe_load(ROLES.read_text())
    found: dict[str, set[tuple[str, str]]] = {}
    for role, parts in told.items():
        own = {(action, resource) for action, resources in parts.items() if action != "as" for resource in resources}
        found[role] = own | found.get(parts.get("as", ""), set())
    return found


def set_roles(security: Any) -> None:  # noqa: ANN401  (FAB's security manager has no public type)
    """Let each role have what the file says and no more. Airflow's own import leaves roles that exist as they are."""
    for name, wanted in permissions().items():
        role = security.add_role(name)
        given = {(p.action.name, p.resource.name): p for p in role.permissions}
        for key in given.keys() - wanted:
            security.remove_permission_from_role(role, given[key])
        for action, resource in wanted - given.keys():
            if security.get_resource(resource) is None or security.get_action(action) is None:
                sys.exit(f"{ROLES}: {name}: this Airflow knows no {action} of {resource!r}.")
            security.add_permission_to_role(role, security.create_permission(action, resource))
    admin = security.add_role("admin")
    for permission in set(security.find_role("Admin").permissions) - set(admin.permissions):
        security.add_permission_to_role(admin, permission)


def set_admin(security: Any, password: str) -> None:  # noqa: ANN401
    """Let the user `admin` have this password: `.env` owns it, so that replacing it there replaces it here."""
    user = security.find_user("admin")
    if user is None:
        security.add_user("admin", "Warehouse", "Admin", "admin@localhost", security.find_role("admin"), password)
    elif not security.reset_password(user.id, password):
        sys.exit("The password of admin could not be set.")


def main() -> None:
    """Do all of it, or end with what could not be done."""
    subprocess.run(["airflow", "db", "migrate"], check=True)
    from airflow.models.pool import Pool
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    with get_application_builder() as appbuilder:
        appbuilder.add_permissions(update_perms=True)
        appbuilder.sm.sync_roles()
        set_roles(appbuilder.sm)
        set_admin(appbuilder.sm, os.environ["AIRFLOW_ADMIN_PASSWORD"])
    Pool.create_or_update_pool(BUILDER_POOL, slots=1, description="DuckDB takes one writer.", include_deferred=False)
    if "," in os.environ["AIRFLOW__CORE__FERNET_KEY"]:  # the one before, which `drypowder secrets --rotate` keeps
        subprocess.run(["airflow", "rotate-fernet-key"], check=True)
    print("Airflow's database, roles, pool and admin are as they should be.")


if __name__ == "__main__":
    main()
