"""docker-compose.yml and the Dockerfiles as what an engine would make of them, read for tests."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dotenv import dotenv_values

from warehouse import yaml_files
from warehouse.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

COMPOSE = PROJECT_ROOT / "docker-compose.yml"
VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+)(?:(?P<how>:?[-+?])(?P<word>[^}]*))?\}|\$(?P<plain>\w+)")


class Refused(Exception):
    """A demanded variable has no value."""


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Put values in, as Compose does."""

    def value(found: re.Match[str]) -> str:
        if found.group() == "$$":
            return "$"
        name, how, word = found["name"] or found["plain"], found["how"] or "", found["word"] or ""
        given = variables.get(name, "")
        if how.endswith("?") and not given:
            raise Refused(f"{name}: {word}")
        if how.endswith("+"):
            return word if given else ""
        return given or (word if how.endswith("-") else "")

    return VARIABLE.sub(value, text)


def interpolated(node: Any, variables: Mapping[str, str]) -> Any:
    """Put values into every string of a tree."""
    if isinstance(node, dict):
        return {key: interpolated(value, variables) for key, value in node.items()}
    if isinstance(node, list):
        return [interpolated(value, variables) for value in node]
    return interpolate(node, variables) if isinstance(node, str) else node


def raw() -> dict[str, Any]:
    """Return the file with its anchors resolved and its variables as they are written."""
    return yaml_files.read(COMPOSE)


def variables(node: Any) -> Iterator[tuple[str, str]]:
    """Yield each variable of a tree and how it is asked for: '', ':-', ':+' or ':?'."""
    if isinstance(node, dict):
        for value in node.values():
            yield from variables(value)
    elif isinstance(node, list):
        for value in node:
            yield from variables(value)
    elif isinstance(node, str):
        for found in VARIABLE.finditer(node):
            if found["name"] or found["plain"]:
                yield found["name"] or found["plain"], found["how"] or ""


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A place in a container: a volume's name or a path of the project, or nothing for memory."""

    target: str
    source: str = ""
    kind: str = "volume"
    read_only: bool = False
    options: str = ""


def mounts(service: Mapping[str, Any]) -> list[Mount]:
    """Return what a service has mounted, the short and the long way."""
    found = []
    for told in service.get("volumes", []):
        if isinstance(told, dict):
            found.append(
                Mount(
                    target=told["target"],
                    source=told["source"],
                    kind=told["type"],
                    read_only=told.get("read_only", False),
                )
            )
            continue
        source, target, *mode = told.split(":")
        kind = "bind" if source.startswith((".", "/")) else "volume"
        found.append(Mount(target=target, source=source, kind=kind, read_only=mode == ["ro"]))
    for told in service.get("tmpfs", []):
        target, _, options = told.partition(":")
        found.append(Mount(target=target, kind="tmpfs", options=options))
    return found


def environment(service: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """Return what a service finds in its environment: its files, then its own; null takes what is given, if any."""
    found: dict[str, str] = {}
    for file in service.get("env_file", []):
        found |= {k: v or "" for k, v in dotenv_values(PROJECT_ROOT / file, interpolate=False).items()}
    for name, value in service.get("environment", {}).items():
        if value is not None:
            found[name] = str(value)
        elif name in given:
            found[name] = given[name]
    return found


@dataclass(kw_only=True)
class Image:
    """What a Dockerfile's last stage says that a container starts with."""

    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "0:0"
    copied: list[tuple[str, str]] = field(default_factory=list)
    """From the project, to the image."""
    taken: list[str] = field(default_factory=list)
    """Paths from the stage before."""
    owned: dict[str, str] = field(default_factory=dict)
    """Folders that are made for a user, and its name; a new volume mounted there is that user's."""
    users: dict[str, str] = field(default_factory=dict)
    """User id by name."""


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """Return the instructions, continued lines joined."""
    text = re.sub(r"(?m)^\s*#.*\n", "", dockerfile.read_text()).replace("\\\n", " ")
    return [
        (word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line.strip())
    ]


def image(dockerfile: Path) -> Image:
    """Read the last stage of one of our Dockerfiles."""
    made = Image()
    for word, rest in instructions(dockerfile):
        if word == "FROM":
            made = Image()
        elif word == "ENV":
            made.environment |= dict(part.split("=", 1) for part in shlex.split(rest))
        elif word == "WORKDIR":
            made.folder = rest
        elif word == "USER":
            made.user = rest
        elif word == "COPY":
            _copy(made, rest)
        elif word == "RUN":
            made.users |= {n: uid for uid, n in re.findall(r"useradd --uid (\d+) [^&]*?(\w+)\s*(?=&&|$)", rest)}
            for owner, folders in re.findall(r"install -d -o (\w+) -g \w+ ([^&]+)", rest):
                made.owned |= dict.fromkeys(folders.split(), owner)
    return made


def _copy(made: Image, rest: str) -> None:
    if rest.startswith("--from"):
        made.taken.append(rest.rsplit(maxsplit=1)[-1])
        return
    *sources, target = rest.split()
    if target == "./":
        made.copied += [(source, source) for source in sources]
    elif target.endswith("/"):  # files, each under its own name
        made.copied += [(source, f"{target}{source.rpartition('/')[2]}") for source in sources]
    else:
        made.copied += [(source, target) for source in sources]
