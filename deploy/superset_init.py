"""What Superset needs before its first start and after an upgrade; done again, it leaves what is right as it is.

Its database, its own roles, the user `admin` with the password of SUPERSET_ADMIN_PASSWORD, and the dashboards of
superset/assets. No example is loaded.
"""

from __future__ import annotations

import os
import subprocess
import sys


def main() -> None:
    """Do all of it, or end with what could not be done."""
    subprocess.run(["superset", "db", "upgrade"], check=True)
    from superset.app import create_app

    app = create_app()
    with app.app_context():
        from superset import appbuilder, security_manager

        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        password = os.environ["SUPERSET_ADMIN_PASSWORD"]
        user = security_manager.find_user("admin")
        if user is None:
            role = security_manager.find_role("Admin")
            if not security_manager.add_user("admin", "Warehouse", "Admin", "admin@localhost", role, password):
                sys.exit("The user admin could not be made.")
        else:  # `.env` owns it, so that replacing it there replaces it here
            security_manager.reset_password(user.id, password)
        if app.config["PREVIOUS_SECRET_KEY"]:
            from superset.utils.encrypt import SecretsMigrator

            SecretsMigrator(previous_secret_key=app.config["PREVIOUS_SECRET_KEY"]).run()
    subprocess.run([sys.executable, "superset/sync.py", "apply"], check=True)
    print("Superset's database, dashboards, roles and admin are as they should be.")


if __name__ == "__main__":
    main()
