"""A collector of StatsD datagrams on loopback."""

from __future__ import annotations

import re
import socket
import threading
from dataclasses import dataclass

DATAGRAM = re.compile(r"(?P<name>[\w.]+):(?P<value>[\d.e+-]+)\|(?P<kind>c|g|ms)(\|#(?P<tags>.*))?")


@dataclass(frozen=True)
class Sent:
    """One value as it came over the wire."""

    name: str
    kind: str
    value: float
    tags: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, datagram: str) -> Sent:
        """Read a datagram; one of another form fails."""
        found = DATAGRAM.fullmatch(datagram)
        assert found, datagram
        tags = tuple(tuple(tag.split(":", 1)) for tag in (found["tags"] or "").split(",") if tag)
        return cls(found["name"], found["kind"], float(found["value"]), tags)


class StatsD:
    """A UDP port that keeps what comes, until `received` says that all of it is wanted."""

    _END = b"end"

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._datagrams: list[str] = []
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        while (datagram := self._socket.recv(65535)) != self._END:
            self._datagrams.append(datagram.decode())

    def received(self) -> list[str]:
        """Return every datagram that was sent before this call; none is taken after it."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:  # loopback keeps the order
            last.sendto(self._END, self._socket.getsockname())
        self._thread.join()
        self._socket.close()
        return self._datagrams
