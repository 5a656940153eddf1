"""Superset on this machine: its own Python, its secrets, its database, and its dashboards as git says them.

What it shows is in superset/assets; superset/sync.py, which Superset's Python runs, brings the two together.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import subprocess
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from warehouse.airflow_api import OrchestrationFailed
from warehouse.airflow_settings import write_private
from warehouse.errors import ConfigurationError
from warehouse.processes import last_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from warehouse.settings import Settings

ROLES = ("viewer", "analyst", "engineer", "admin")
"""What users may be: the roles of superset/roles.yaml, and Superset's own Admin."""


class Superset:
    """The Superset of one home; nothing is started here."""

    def __init__(self, settings: Settings) -> None:
        """Find out where everything is.

        Raises:
            ConfigurationError: it is not installed.
        """
        self._settings = settings.resolved()
        self.folder = self._settings.home / "superset"
        self.python = self._settings.project / ".venv" / "superset" / "bin" / "python"
        self.url = f"http://127.0.0.1:{settings.superset_port}"
        self.secrets = self.folder / "secrets.json"
        if not (self.python.parent.parent / ".installed").exists():
            raise ConfigurationError(
                "Superset is not installed", expected=str(self.python), remedy="Run `make up`, which installs it."
            )

    @property
    def command(self) -> Sequence[str]:
        """What serves its pages."""
        bind = self.url.removeprefix("http://")
        options = ["--workers", "1", "--worker-class", "gthread", "--threads", "8", "--timeout", "120"]
        return [str(self.python), "-m", "gunicorn", "--bind", bind, *options, "superset.app:create_app()"]

    @property
    def environment(self) -> dict[str, str]:
        """What it alone finds in its environment."""
        return {
            "PYTHONPATH": "",
            "SUPERSET_HOME": str(self.folder),
            "SUPERSET_CONFIG_PATH": str(self._settings.project / "superset" / "superset_config.py"),
            "SUPERSET_SECRET_KEY": json.loads(self.secrets.read_text())["secret_key"],
            "WAREHOUSE_HOME": str(self._settings.home),
            "TZ": "UTC",  # the time zone of DuckDB's sessions, and so what `current_date` is
        }

    def make_secrets(self) -> str | None:
        """Make its key and the password of `admin`, once; return the password when it is new."""
        if self.secrets.exists():
            return None
        made = {"secret_key": secrets.token_urlsafe(48), "admin_password": secrets.token_urlsafe(15)}
        write_private(self.secrets, made)
        return made["admin_password"]

    def prepare(self, tell: Callable[[str], None]) -> None:
        """Make or migrate its database and its administrator, and bring in the dashboards, where any of it is new.

        Raises:
            OrchestrationFailed: it was not done; the message ends with the log's last lines.
        """
        project = self._settings.project
        locked = [project / "requirements" / "superset.txt"]
        assets = sorted(path for kind in ("py", "yaml") for path in (project / "superset").rglob(f"*.{kind}"))
        for note, files, what, do in (
            ("migrated-by.txt", locked, "database", self._migrate),
            ("synced.txt", [*locked, *assets], "dashboards", partial(self.sync, "apply")),
        ):
            # The home is part of it: Superset's database has the release's address.
            content = b"".join([str(self.folder).encode(), *(path.read_bytes() for path in files)])
            stamp, written = hashlib.sha256(content).hexdigest(), self.folder / note
            if not written.exists() or written.read_text() != stamp:
                tell(f"preparing Superset's {what} (half a minute)")
                do()
                written.write_text(stamp)

    def _migrate(self) -> None:
        password = json.loads(self.secrets.read_text())["admin_password"]
        user = ["--username", "admin", "--firstname", "Admin", "--lastname", "Admin", "--email", "admin@localhost"]
        superset = str(self.python.with_name("superset"))
        self._run([superset, "db", "upgrade"])
        self._run([superset, "fab", "create-admin", *user], said=f"{password}\n" * 2)
        self._run([superset, "init"])

    def sync(self, verb: str) -> str:
        """Bring Superset to what git says (`apply`), or git to what was edited in a browser (`export`).

        Raises:
            ConfigurationError: Superset has never been started here.
            OrchestrationFailed: it was not done.
        """
        self._demand()
        return self._run([str(self.python), str(self._settings.project / "superset" / "sync.py"), verb])

    def add_user(self, name: str, role: str) -> str:
        """Make a user with a role of superset/roles.yaml, and return the password, which is kept nowhere.

        Raises:
            ConfigurationError: there is no such role, or Superset has never been started here.
            OrchestrationFailed: it was not done, such as where there is such a user.
        """
        if role not in ROLES:
            raise ConfigurationError(
                "That role is none of Superset's",
                expected=f"one of {', '.join(ROLES)}",
                got=repr(role),
                remedy="superset/roles.yaml says what each may do.",
            )
        self._demand()
        password = secrets.token_urlsafe(15)
        user = ["--username", name, "--firstname", name, "--lastname", role, "--email", f"{name}@localhost"]
        superset, theirs = str(self.python.with_name("superset")), role.replace("admin", "Admin")
        said = self._run([superset, "fab", "create-user", "--role", theirs, *user], said=f"{password}\n" * 2)
        if "created" not in said:  # it ends with 0 also where it was not
            raise OrchestrationFailed(
                "The user was not made",
                got=said.strip().rpartition("\n")[2],
                remedy="Take another name, or see the web page's list.",
            )
        if role == "engineer":
            self.sync("apply")  # makes the user an owner of ours
        return password

    def answers(self) -> bool:
        """Whether its pages are served."""
        import httpx

        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/health", trust_env=False).is_success
        return False

    def _demand(self) -> None:
        if not self.secrets.exists():
            raise ConfigurationError(
                "This home has no Superset yet", expected=str(self.secrets), remedy="`make up` makes it."
            )

    def _run(self, words: Sequence[str], said: str = "") -> str:
        log = self._settings.home / "services" / "superset-prepare.log"
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with log.open("a") as complained:
            done = subprocess.run(  # noqa: S603
                words,
                env={**os.environ, **self.environment},
                input=said,
                stdout=subprocess.PIPE,
                stderr=complained,
                text=True,
                cwd=self.folder,
                start_new_session=True,  # without a terminal a password is read from its input
                check=False,
            )
        if done.returncode:
            raise OrchestrationFailed(
                f"`{' '.join(words[:3])}` failed", got=f"exit {done.returncode}", remedy=last_lines(log)
            )
        return done.stdout
