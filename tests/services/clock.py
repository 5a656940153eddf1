"""One clock on the wall for all services, which a test moves as ntpd, a person or a resumed machine does.

The machine's own stays as it is. clock.c is put before libc in every process (LD_PRELOAD) and adds seconds to what the
kernel says. libfaketime, Debian's 0.9.10, would do that too, but lets Python's `time.sleep` fail where it leaves the
monotonic clock alone, and a monotonic clock that jumps along is no jump that a machine knows. What stays true: the
times of files, which the kernel writes.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar


class Clock:
    """The clock of all that has its folder at `INSIDE` and its environment."""

    INSIDE: ClassVar[str] = "/opt/clock"

    def __init__(self, folder: Path) -> None:
        """Make it, on time."""
        compiler = shutil.which("cc")
        assert compiler, "There is no C compiler: `make test-services` installs one."
        folder.mkdir()
        self.folder = folder
        self._moved = folder / "moved"
        self._moved.write_bytes(struct.pack("q", 0))
        subprocess.run(
            [compiler, "-O2", "-shared", "-fPIC", "-o", folder / "clock.so", Path(__file__).with_suffix(".c"), "-ldl"],
            check=True,
        )

    @property
    def environment(self) -> list[str]:
        """What a process is started with, as `env` takes it."""
        return [f"LD_PRELOAD={self.INSIDE}/clock.so", f"CLOCK_MOVED_BY={self.INSIDE}/moved"]

    def now(self) -> datetime:
        """Return what it shows."""
        (moved,) = struct.unpack("q", self._moved.read_bytes())
        return datetime.now(UTC) + timedelta(seconds=moved)

    def move(self, by: timedelta) -> None:
        """Let it jump."""
        (moved,) = struct.unpack("q", self._moved.read_bytes())
        with self._moved.open("r+b") as file:  # in place: all processes have mapped it
            file.write(struct.pack("q", moved + round(by.total_seconds())))
