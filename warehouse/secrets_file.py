"""The secrets that docker-compose.yml demands, in `.env`: made once, never printed, replaced one at a time.

Which there are is read from the compose file, whose `${NAME:?...}` refuses to start without one.
"""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from warehouse import yaml_files
from warehouse.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

COMPOSE, SECRETS = "docker-compose.yml", ".env"
_DEMANDED = re.compile(r"(?<!\$)\$\{([A-Z][A-Z0-9_]*):\?[^}]*\}")
_KEEPS_OLD = frozenset({"AIRFLOW_FERNET_KEY", "SUPERSET_SECRET_KEY"})
"""Keys that something stored was encrypted with: the one before stays behind a comma until that is encrypted anew."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """What became of the file. It holds names alone."""

    path: Path
    made: tuple[str, ...]
    kept: tuple[str, ...]
    restart: tuple[str, ...] = ()
    """Services that read a replaced secret."""

    def __str__(self) -> str:
        """Say it in a few lines."""
        lines = [f"{name}: made" for name in self.made] + [f"{name}: kept" for name in self.kept]
        lines.append(f"{len(self.made)} made, {len(self.kept)} kept; they are in {self.path}, for your eyes alone.")
        if self.restart:
            lines.append(f"To use it: docker compose up --detach    (starts anew: {', '.join(self.restart)})")
        elif passwords := [name for name in self.made if name.endswith("_ADMIN_PASSWORD")]:
            lines.append(f"To log in as admin: grep -E '{'|'.join(passwords)}' {self.path}")
        return "\n".join(lines)


def demanded(compose: Path) -> tuple[str, ...]:
    """Return the variables without which the compose file refuses to start, in its order.

    Raises:
        ConfigurationError: there is no such file, or it demands nothing.
    """
    text = compose.read_text() if compose.is_file() else ""
    names = tuple(dict.fromkeys(_DEMANDED.findall(re.sub(r"(?m)^\s*#.*$", "", text))))
    if not names:
        raise ConfigurationError(
            f"No secret is demanded by {compose}",
            expected="a compose file with ${NAME:?...}",
            got="none" if text else "no such file",
            remedy="Run it in a checkout, or set WAREHOUSE_PROJECT to one.",
        )
    return names


def write(project: Path) -> Written:
    """Make every demanded secret that `.env` lacks; one that is there is never overwritten.

    Raises:
        ConfigurationError: there is no compose file.
    """
    path, names = project / SECRETS, demanded(project / COMPOSE)
    there = _values(path)
    lacking = tuple(name for name in names if not there.get(name))
    _put(path, {name: _secret() for name in lacking})
    return Written(path=path, made=lacking, kept=tuple(n for n in names if n not in lacking))


def rotate(project: Path, name: str) -> Written:
    """Replace one secret, and say which services have to start anew for it.

    Raises:
        ConfigurationError: the compose file demands no such secret.
    """
    path, compose = project / SECRETS, project / COMPOSE
    if name not in demanded(compose):
        raise ConfigurationError(
            f"{COMPOSE} demands no {name}", expected=f"one of {', '.join(demanded(compose))}", got=name
        )
    fresh, old = _secret(), (_values(path).get(name) or "").partition(",")[0]
    _put(path, {name: f"{fresh},{old}" if old and name in _KEEPS_OLD else fresh})
    return Written(path=path, made=(name,), kept=(), restart=readers(compose, name))


def readers(compose: Path, name: str) -> tuple[str, ...]:
    """Return the services whose description mentions a variable."""
    services: dict[str, Any] = yaml_files.read(compose)["services"]
    return tuple(service for service, told in services.items() if f"${{{name}:" in str(told))


def _secret() -> str:
    """Return 32 random bytes, spelled so that Fernet, an address, a shell and `.env` all take them as they are."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def _values(path: Path) -> dict[str, str | None]:
    from dotenv import dotenv_values

    return dotenv_values(path, interpolate=False) if path.is_file() else {}


def _put(path: Path, values: dict[str, str]) -> None:
    """Set these lines of the file and leave its others as they are; nobody but its owner may read it from now on."""
    lines = path.read_text().splitlines() if path.is_file() else []
    for name, value in values.items():
        line = f"{name}={value}"
        places = [n for n, old in enumerate(lines) if re.match(rf"\s*(export\s+)?{name}\s*=", old)]
        if places:
            lines[places[-1]] = line  # of several the last one counts
        else:
            lines.append(line)
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("".join(f"{line}\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
