"""The services of docker-compose.yml, run as an engine would run them, without one.

Each gets namespaces of its own for mounts, processes and its name; a root made of what its Dockerfile copies, its
volumes and its memory file systems; its user, no capability, and a read-only root where the file says so. All share
the network namespace of this process, where each service's name is 127.0.0.1 and nothing leads out. PostgreSQL and
Redis are Debian's, in the place of the official images. Limits of memory and processors are not enforced. All have one
clock on the wall, which a test may move (tests/services/clock.py).

It takes root. When this process ends, however it ends, the kernel ends them all.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.compose import Image, environment, image, interpolated, mounts, raw
from tests.services.clock import Clock
from warehouse.settings import PROJECT_ROOT

ENTER = Path(__file__).with_name("enter.py")
CLONE_NEWNET = 0x40000000
SECONDS = 420.0
"""How long a start may take: seconds on an idle machine, minutes on a busy one."""


class Failed(Exception):
    """A service did not do what the file says of it; the message ends with its log."""


def leave_the_network() -> None:
    """Move this process into a network namespace of its own, with loopback alone."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise Failed(f"No network namespace: {os.strerror(ctypes.get_errno())}. These tests take root.")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        fcntl.ioctl(probe, 0x8914, struct.pack("16sH14x", b"lo", 0x1))  # SIOCSIFFLAGS, IFF_UP


def _interpreter(venv: Path) -> list[str]:
    """Return the folder of the Python that an environment was made with, where it is none of Debian's."""
    lines = dict(line.split(" = ", 1) for line in (venv / "pyvenv.cfg").read_text().splitlines() if " = " in line)
    prefix = Path(lines["home"]).resolve().parent
    return [] if prefix == Path("/usr") else [str(prefix)]


def _postgres() -> tuple[str, Path]:
    folder = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=None)
    if folder is None:
        raise Failed("There is no PostgreSQL: `make test-services` installs it.")
    # What the official image's entry point does at the first start, and then.
    start = """
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        printf '%s\\n' "$POSTGRES_PASSWORD" > /tmp/password
        initdb --username postgres --pwfile /tmp/password $POSTGRES_INITDB_ARGS || exit 1
    fi
    exec postgres -c fsync=off
    """
    return start, folder


@dataclass(kw_only=True)
class Container:
    """A service that was started."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    told: dict[str, Any] = field(repr=False)
    healthy: bool = False

    @property
    def pid(self) -> int:
        """Its first process, as this machine counts; the one that was started only waits for it."""
        return psutil.Process(self.process.pid).children()[0].pid

    def processes(self) -> list[psutil.Process]:
        """Return all that runs in it."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def run(self, *command: str, timeout: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it, as `docker compose exec` does."""
        enter = [
            "nsenter",
            "--target",
            str(self.pid),
            "--mount",
            "--pid",
            "--uts",
            "--root",
            f"--wdns={self.told['folder']}",
        ]
        return subprocess.run(
            [*enter, "env", *self.told["clock"], "setpriv", *self.told["privileges"], "--", *command],
            env={**self.told["environment"], **environment},
            capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def tail(self) -> str:
        """Return the end of its log."""
        return f"{self.log}:\n" + "\n".join(self.log.read_text(errors="replace").splitlines()[-40:])


@dataclass(kw_only=True)
class Compose:
    """The services, and those of them that run."""

    folder: Path
    given: dict[str, str] = field(repr=False)
    """What `.env` and the files of sizes say."""
    environments: dict[str, Path]
    """Virtual environment by Dockerfile."""
    clock: Clock
    instead: dict[str, Path] = field(default_factory=dict)
    """What images hold in the place of a part of the project."""
    running: dict[str, Container] = field(default_factory=dict)
    services: dict[str, dict[str, Any]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read the file; Compose refuses it where a demanded variable has no value."""
        self.services = interpolated(raw(), self.given)["services"]

    def up(self, *names: str) -> None:
        """Start services with all that they depend on, in the order that the file says, and wait until they are well.

        Raises:
            Failed: one ended, or is not healthy in time.
        """
        wanted = self._with_dependencies(names)
        pending = [name for name in wanted if name not in self.running]
        deadline = time.monotonic() + SECONDS
        while pending:
            for name in list(pending):
                if all(self._fulfilled(other, how) for other, how in self._needs(name).items()):
                    self._start(name)
                    pending.remove(name)
            self._wait(deadline, f"what {pending} wait for")
        while unwell := [name for name in wanted if not self._well(name)]:
            self._wait(deadline, f"{unwell} to be well")

    def _wait(self, deadline: float, what: str) -> None:
        for container in self.running.values():
            code = container.process.poll()
            if code is not None and (code or self._is_lasting(container.name)):
                raise Failed(f"{container.name} ended with {code}. {container.tail()}")
        if time.monotonic() > deadline:
            tails = "\n\n".join(c.tail() for c in self.running.values() if not self._well(c.name))
            raise Failed(f"Waited {SECONDS:.0f} s for {what}.\n{tails}")
        time.sleep(0.2)

    def _needs(self, name: str) -> dict[str, str]:
        return {other: how["condition"] for other, how in self.services[name].get("depends_on", {}).items()}

    def _with_dependencies(self, names: tuple[str, ...]) -> list[str]:
        found: dict[str, None] = {}

        def add(name: str) -> None:
            for other in self._needs(name):
                add(other)
            found[name] = None

        for name in names:
            add(name)
        return list(found)

    def _is_lasting(self, name: str) -> bool:
        return "restart" in self.services[name]

    def _well(self, name: str) -> bool:
        condition = "service_healthy" if self._is_lasting(name) else "service_completed_successfully"
        return name in self.running and self._fulfilled(name, condition)

    def _fulfilled(self, name: str, condition: str) -> bool:
        container = self.running.get(name)
        if container is None:
            return False
        if condition == "service_completed_successfully":
            return container.process.poll() == 0
        container.healthy = container.healthy or self.health(name).returncode == 0
        return container.healthy

    def health(self, name: str) -> subprocess.CompletedProcess[str]:
        """Ask a service's health check now."""
        kind, *command = self.services[name]["healthcheck"]["test"]
        container = self.running[name]
        try:
            return container.run(*(("sh", "-c", *command) if kind == "CMD-SHELL" else command))
        except (psutil.Error, IndexError):  # not there yet, or not any more
            return subprocess.CompletedProcess(command, 1)

    def restart(self, name: str) -> None:
        """Start a service anew, whether it runs or has ended."""
        self.stop(name)
        self.up(name)

    def stop(self, name: str) -> None:
        """End a service with all its processes."""
        container = self.running.pop(name, None)
        if container:
            # The first process of its namespace by name: the kernel forgets to end it with its parent once it is another
            # user's. With it the kernel ends all of the namespace.
            with suppress(psutil.Error):  # one that has ended
                for process in psutil.Process(container.process.pid).children(recursive=True):
                    with suppress(psutil.Error):
                        process.kill()
            container.process.kill()
            container.process.wait()

    def kill(self, name: str) -> None:
        """End a service's first process as `kill -9` does, and with it all that runs there."""
        container = self.running[name]
        os.kill(container.pid, signal.SIGKILL)
        container.process.wait()

    def revive(self, *, but: tuple[str, ...] = ()) -> None:
        """Start anew what has ended, as an engine does that was told `restart: unless-stopped`."""
        for name, container in list(self.running.items()):
            if container.process.poll() is not None and self._is_lasting(name) and name not in but:
                self.stop(name)
                self._start(name)

    def down(self) -> None:
        """End them all."""
        for name in list(self.running):
            self.stop(name)

    def _start(self, name: str) -> None:
        service = self.services[name]
        made, command, program_folder = Image(), service.get("command"), None
        made.environment["PATH"] = "/usr/local/bin:/usr/bin:/bin"
        links: dict[str, str] = {}
        inside = [{"target": m.target, "kind": m.kind, "options": m.options, "read_only": m.read_only,
                   "source": self._source(name, m.kind, m.source, m.target)} for m in mounts(service)]  # fmt: skip
        if "build" in service:
            dockerfile = service["build"]["dockerfile"]
            made = image(PROJECT_ROOT / dockerfile)
            venv = self.environments[dockerfile]
            links[str(venv)] = "/opt/venv"  # its scripts name the interpreter by where it was made
            files = [
                {"target": f"{made.folder}/{target}", "source": str(self.instead.get(source, PROJECT_ROOT / source))}
                for source, target in made.copied
            ]
            files += [{"target": path, "source": str(venv)} for path in made.taken]
            files += [{"target": path, "source": path} for path in _interpreter(venv)]
            inside = [{"kind": "bind", "read_only": True, **file} for file in files] + inside
        elif service["image"].startswith("postgres:"):
            start, program_folder = _postgres()
            command = command or ["sh", "-c", start]
        if program_folder:
            made.environment["PATH"] = f"{program_folder}:{made.environment['PATH']}"
        inside.append({"kind": "bind", "read_only": True, "source": str(self.clock.folder), "target": Clock.INSIDE})
        user, _, group = service["user"].partition(":")
        privileges = ["--reuid", user, "--regid", group, "--clear-groups"]
        if "no-new-privileges:true" in service["security_opt"]:
            privileges.append("--no-new-privs")
        if service["cap_drop"] == ["ALL"]:
            privileges += ["--bounding-set=-all", "--inh-caps=-all"]
        mine = set(service.get("networks", []))
        known = [n for n, other in self.services.items() if n != name and mine & set(other.get("networks", []))]
        told = {
            "root": str(self._folder("roots", name)),
            "etc": {
                "hosts": f"127.0.0.1 localhost {' '.join(known)}\n127.0.1.1 {name}\n",
                "hostname": f"{name}\n",
                "passwd": f"root:x:0:0::/:/bin/sh\nservice:x:{user}:{group}::/tmp:/bin/sh\n",
                "group": f"root:x:0:\nservice:x:{group}:\n",
            },
            "links": links,
            "mounts": inside,
            "read_only": service["read_only"],
            "folder": made.folder,
            "environment": {**made.environment, "HOSTNAME": name, **environment(service, self.given)},
            "clock": self.clock.environment,
            "privileges": privileges,
            "command": command,
        }  # fmt: skip
        description = self._folder("told") / f"{name}.json"
        description.touch(mode=0o600)
        description.write_text(json.dumps(told))
        log = self._folder("logs") / f"{name}.log"
        apart = ["--net"] if service.get("network_mode") == "none" else []
        with log.open("ab") as out:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--uts", *apart, "--fork",
                 "--kill-child", "--propagation", "private", "--", "sh", "-c", f'hostname {name}; exec "$@"', "sh",
                 sys.executable, str(ENTER), str(description)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.running[name] = Container(name=name, process=process, log=log, told=told)

    def _source(self, name: str, kind: str, source: str, target: str) -> str:
        """Return the folder behind a mount; a new volume belongs to whom its place in the image belongs to."""
        if kind == "tmpfs":
            return ""
        if kind == "bind":
            return str((PROJECT_ROOT / source).resolve())
        volume = self.folder / "volumes" / source
        if not volume.exists():
            volume.mkdir(parents=True)
        if not any(volume.iterdir()):
            owner = self._owner(name, target)
            if owner:
                os.chown(volume, *owner)
        return str(volume)

    def _owner(self, name: str, target: str) -> tuple[int, int] | None:
        service = self.services[name]
        if "build" in service:
            made = image(PROJECT_ROOT / service["build"]["dockerfile"])
            known = {folder: int(made.users[owner]) for folder, owner in made.owned.items()}
        else:  # as the official images have it
            known = dict.fromkeys(("/var/lib/postgresql/data", "/var/run/postgresql", "/data"), 999)
        return (known[target], known[target]) if target in known else None

    def _folder(self, *parts: str) -> Path:
        folder = self.folder.joinpath(*parts)
        folder.mkdir(parents=True, exist_ok=True)
        return folder
