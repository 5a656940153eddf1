"""Become a container's first process: its own root, of what its image and mounts hold, its user, and no privilege.

Started in new namespaces (tests/services/containers.py) with the path of its description.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


def bind(source: str | Path, target: Path, *, read_only: bool) -> None:
    if Path(source).is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount("--bind", source, target)
    if read_only:
        mount("-o", "remount,bind,ro", target)


def system(root: Path, etc: dict[str, str]) -> None:
    """Put Debian's programs there, and nothing of this machine's own."""
    mount("-t", "tmpfs", "-o", "mode=0755", "root", root)
    bind("/usr", root / "usr", read_only=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        if Path("/", name).is_symlink():  # Debian's merged /usr
            (root / name).symlink_to(f"usr/{name}")
        elif Path("/", name).exists():
            bind(Path("/", name), root / name, read_only=True)
    for name in ("proc", "tmp", "run", "dev", "var/run", "var/lib", "var/log", "var/cache", "opt"):
        (root / name).mkdir(parents=True)
    for name in (
        "alternatives",
        "ld.so.cache",
        "localtime",
        "nsswitch.conf",
        "mime.types",
        "ssl",
        "services",
        "protocols",
    ):
        if Path("/etc", name).exists():
            bind(Path("/etc", name).resolve(), root / "etc" / name, read_only=True)
    for name, text in etc.items():
        (root / "etc" / name).write_text(text)
    mount("-t", "proc", "proc", root / "proc")
    mount("--rbind", "/dev", root / "dev")
    mount("-t", "tmpfs", "-o", "mode=1777,size=64m", "shm", root / "dev/shm")


def build(told: dict) -> None:
    """Put the root together, go there, and let nobody change it any more."""
    root = Path(told["root"])
    system(root, told["etc"])
    for made in told["mounts"]:
        target = root / made["target"].lstrip("/")
        if made["kind"] == "tmpfs":
            target.mkdir(parents=True, exist_ok=True)
            # As an engine does, which lets nothing be executed there.
            mount("-t", "tmpfs", "-o", f"noexec,nosuid,nodev,{made['options'] or 'mode=1777'}", "tmpfs", target)
        else:
            bind(made["source"], target, read_only=made["read_only"])
    for name, target in told["links"].items():
        (root / name.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        (root / name.lstrip("/")).symlink_to(target)
    if told["read_only"]:
        mount("-o", "remount,ro", root)
    os.chroot(root)
    os.chdir(told["folder"])


def main() -> None:
    told = json.loads(Path(sys.argv[1]).read_text())
    build(told)
    program = ["env", *told["clock"], "setpriv", *told["privileges"], "--", *told["command"]]
    os.execvpe(program[0], program, told["environment"])  # noqa: S606


if __name__ == "__main__":
    main()
