"""The one HTTP client: identity, timeouts, retries, a rate budget shared by all processes, refusal of non-answers."""

from __future__ import annotations

import logging
import math
import re
import time
import zlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from errno import ENOENT
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import unquote, urlsplit

from warehouse import clock, telemetry
from warehouse.contract import Response
from warehouse.errors import ConfigurationError, SourceUnavailable
from warehouse.recording import (
    CHUNK,
    IN_MEMORY,
    Body,
    Recording,
    Spool,
    canonical_url,
    chunks_of,
    encoding_of,
    headers_that_matter,
    kind_of,
    spooled,
    without_credentials,
)
from warehouse.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import httpx

    from warehouse.contract import Expect

log = logging.getLogger(__name__)

ATTEMPTS = 5
"""Tries at one request within one task; longer outages are Airflow's to wait for."""
LONGEST_WAIT_SECONDS = 60.0
"""A Retry-After beyond this ends the task instead: a worker is not for sleeping in."""
RETRYING_SECONDS = 180.0
"""No try starts later than this after the first: what took minutes and broke is Airflow's to begin again."""
KEPT_OF_REFUSED = 1 << 20
"""Bytes that are kept of a refused answer: enough to see what it was."""
SEC_BLOCK_SECONDS = 600.0
"""How long the SEC limits access after too many requests; every further one begins the time anew."""
_DROP = "drop:"
_SEC = "sec.gov"
_NO_CONTENT, _BANNED, _TOO_MANY = 204, 418, 429
_ERROR = 400
_OK = range(200, 300)
_TRANSIENT = {408, 425, _TOO_MANY, 500, 502, 503, 504}
_EXCERPT = 120


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much of an answer is taken, and how long it may take to come."""

    in_memory: int = IN_MEMORY
    largest: int = 8 << 30
    """Bytes of a body, unpacked; the largest honest one known, the SEC's bulk file, has 1.5 GB."""
    seconds: float = 1800.0
    """From the first byte of a body to its last: the SEC's bulk file at 7 Mbit/s."""
    silent_seconds: float = 60.0
    """Without a single byte."""
    slow_seconds: float = 60.0
    slowest: float = 1000.0
    """Bytes a second, averaged over `slow_seconds`; below it an answer is dripping, not coming."""
    most_unpacked: int = 200
    """Times that a body may be larger than it was sent, once it has `packed_from` bytes; JSON packs 5 to 30 times."""
    packed_from: int = 16 << 20


class Transport(Protocol):
    """Where answers come from."""

    def send(
        self,
        url: str,
        *,
        per_second: float,
        accept: str | None = None,
        credential: str | None = None,
        again: Callable[[Response], str | None] = lambda _: None,
    ) -> Response:
        """Return the answer to GET `url`, whatever its status; raise SourceUnavailable when there is none.

        `again` says why an answer with a good status is worth another try, or None.
        """
        ...


class RecordedTransport:
    """Answers from a recorded folder. The recorded fetch time is the fetch time; nothing is waited for."""

    def __init__(
        self, recording: Recording, now: datetime, *, drop: Path | None = None, limits: Limits | None = None
    ) -> None:
        """Answer from `recording` as it stood at `now`, and `drop:` addresses from the folder `drop`."""
        self._recording, self._now, self._drop = recording, now, drop
        self._limits = limits or Limits()

    def send(
        self,
        url: str,
        *,
        per_second: float,  # noqa: ARG002  (no budget on a disk)
        accept: str | None = None,  # noqa: ARG002  (an address was recorded in one form)
        credential: str | None = None,  # noqa: ARG002  (recorded without)
        again: Callable[[Response], str | None] = lambda _: None,  # noqa: ARG002  (it would be the same)
    ) -> Response:
        """Return the newest recorded answer not after the clock."""
        if url.startswith(_DROP):
            return _dropped(url, self._drop, self._now, self._limits)
        entry = self._recording.find("GET", url, self._now)
        try:
            with self._recording.open_body(entry) as file:
                body = spooled(chunks_of(file), self._limits.in_memory)
        except (OSError, EOFError, zlib.error) as error:
            raise ConfigurationError(
                f"The recording {self._recording.folder} has lost a body",
                expected=f"the file {entry.body}",
                got=f"{type(error).__name__}: {error}",
                remedy="Record it anew with `drypowder record`.",
            ) from error
        origin: Literal["reconstructed", "recorded"] = (
            "reconstructed" if entry.origin == "reconstructed" else "recorded"
        )
        return _response(url, entry.status, entry.headers, body, entry.fetched_at, origin)


def _response(
    url: str,
    status: int,
    headers: Mapping[str, str],
    body: Body,
    fetched_at: datetime,
    origin: Literal["live", "recorded", "reconstructed"],
) -> Response:
    return Response(
        url=without_credentials(url),
        body=body.body,
        file=body.file,
        sha256=body.sha256,
        fetched_at=fetched_at,
        origin=origin,
        headers=headers_that_matter(headers),
        status=status,
    )


def _dropped(url: str, folder: Path | None, now: datetime, limits: Limits) -> Response:
    """Return what stands in a file of the user's own, `drop://<kind>/<file>`, as if a publisher had sent it now."""
    kind, name = unquote(urlsplit(url).netloc), unquote(urlsplit(url).path.removeprefix("/"))
    if folder is None:
        raise ConfigurationError(
            f"{url} cannot be read",
            expected="WAREHOUSE_DROP with the folder of your own files",
            got="none",
            remedy=f"Put WAREHOUSE_DROP=<folder> into .env, and {name} into its sub-folder {kind}.",
        )
    path = folder / kind / name
    is_plain = all(re.fullmatch(r"[^/\\\0]+", part) and part not in {".", ".."} for part in (kind, name))
    if not is_plain or not path.resolve().is_relative_to(folder.resolve()):
        raise SourceUnavailable(
            f"{url} leads out of the drop folder",
            expected=f"drop://<sub-folder>/<file>, both in {folder}",
            got=f"{kind!r} and {name!r}",
            remedy="Put the file itself into the sub-folder; a link to elsewhere is not followed.",
        )
    try:
        if not path.is_file():
            raise FileNotFoundError(ENOENT, "no such file")  # nor is it a folder or a pipe
        with path.open("rb") as file:
            body = spooled(chunks_of(file), limits.in_memory)
        modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        raise SourceUnavailable(
            f"{path} cannot be read",
            expected="a file that you put there",
            got=error.strerror or str(error),
            remedy=f"Put {name} there, or another folder into WAREHOUSE_DROP.",
        ) from error
    return _response(url, 200, {"Last-Modified": format_datetime(modified, usegmt=True)}, body, now, "live")


class _Transient(Exception):
    """An answer worth another try, with the wait the publisher asked for."""

    def __init__(self, reason: str, answer: Response, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.answer = answer
        self.retry_after = retry_after


class Refused(SourceUnavailable):
    """The publisher answered to the last try, but not with data; `answer` is what it said."""

    answer: Response | None = None


def _retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that Retry-After asks for, from either of its two forms."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError):
        return None


class Budget:
    """Requests a second per host, shared by every process of this user on this machine (a file per host).

    A request passes when the one before it is long enough ago, whichever process made it. Who is late moves all that
    come after, so no burst reaches a publisher when a busy machine wakes its processes together.
    """

    _longest_gap_seconds = 60.0
    _slack = 1.25
    """Moments are this much farther apart than the budget says: what delays on the way may close up again."""

    def __init__(self, folder: Path | None = None) -> None:
        """Keep the files in `folder`; the default is the user's cache folder."""
        from platformdirs import user_cache_path

        self._folder = folder or user_cache_path("drypowder", ensure_exists=True)

    def wait(self, host: str, per_second: float) -> None:
        """Return when a request to `host` is within the budget."""
        from filelock import FileLock

        path = self._folder / f"rate-{re.sub(r'[^A-Za-z0-9.-]', '_', host)}"
        gap = self._slack / per_second
        started = time.monotonic()
        while True:
            with FileLock(f"{path}.lock", poll_interval=0.002):
                now = time.time()
                try:
                    free = float(path.read_text())
                except (OSError, ValueError):
                    free = now
                if not now < free < now + self._longest_gap_seconds:  # beyond: the machine's clock was set back
                    path.write_text(repr(now + gap))
                    telemetry.BUDGET_WAIT.send(time.monotonic() - started, host=host)
                    return
            time.sleep(free - now)


class _Unpacker:
    """Undoes gzip or deflate in pieces of bounded size, and knows whether the packed stream came to its end."""

    def __init__(self, coding: str) -> None:
        self._wbits = {"gzip": 31, "x-gzip": 31, "deflate": 15}.get(coding)
        self._unpack: Any = zlib.decompressobj(self._wbits) if self._wbits else None
        self._untouched = True

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield what a chunk of the wire unpacks to."""
        if self._unpack is None:
            yield data
            return
        if self._unpack.eof:
            data = self._next_member(data)
        piece = b""
        while data or len(piece) == CHUNK:
            piece = self._decompress(data)
            data = self._unpack.unconsumed_tail
            if piece:
                yield piece
            if self._unpack.eof:
                data = self._next_member(self._unpack.unused_data)

    def _decompress(self, data: bytes) -> bytes:
        try:
            found: bytes = self._unpack.decompress(data, CHUNK)
        except zlib.error:
            if self._wbits != 15 or not self._untouched:  # noqa: PLR2004
                raise
            self._unpack = zlib.decompressobj(-15)  # half of the world's servers mean raw deflate
            found = self._unpack.decompress(data, CHUNK)
        self._untouched = False
        return found

    def _next_member(self, data: bytes) -> bytes:
        """Return the data of a further gzip member; padding after the last one is nothing."""
        if self._wbits == 31 and data.startswith(b"\x1f\x8b"):  # noqa: PLR2004
            self._unpack = zlib.decompressobj(self._wbits)
            return data
        return b""

    @property
    def is_whole(self) -> bool:
        """Whether the packed stream ended, rather than stopped."""
        return self._unpack is None or self._untouched or bool(self._unpack.eof)


class LiveTransport:
    """Answers from the network."""

    def __init__(
        self,
        settings: Settings,
        *,
        budget: Budget | None = None,
        rewrite: Callable[[str], str] = lambda url: url,
        limits: Limits | None = None,
    ) -> None:
        """Open a connection pool.

        `budget` defaults to the one that all of this user's processes on this machine share.
        `rewrite` maps an address just before it is dialled, so that tests can serve publishers on loopback.

        Raises:
            ConfigurationError: WAREHOUSE_CONTACT is missing or holds no e-mail address.
        """
        import httpx
        import stamina

        if not settings.contact or "@" not in settings.contact:
            raise ConfigurationError(
                "Publishers need to know who asks (the SEC answers 403 otherwise)",
                expected="WAREHOUSE_CONTACT with a name and an e-mail address",
                got=repr(settings.contact),
                remedy="Put WAREHOUSE_CONTACT='Your Name you@example.org' into .env.",
            )
        self._settings = settings
        self._budget = budget or Budget()
        self._limits = limits or Limits()
        self._unreachable: set[str] = set()
        self._closed: dict[str, tuple[float, str]] = {}
        """Hosts that are not to be asked, until when by the monotonic clock, and why."""
        stamina.instrumentation.set_on_retry_hooks([])  # ours says which address
        for theirs in ("httpx", "httpcore"):  # they log addresses whole, keys included; ours are logged without
            logging.getLogger(theirs).setLevel(logging.WARNING)
        self._rewrite = rewrite
        self._client = httpx.Client(
            headers={"User-Agent": f"Dry Powder {settings.contact}", "Accept-Encoding": "gzip, deflate"},
            timeout=httpx.Timeout(self._limits.silent_seconds, connect=min(15.0, self._limits.silent_seconds)),
            follow_redirects=True,
        )

    def send(
        self,
        url: str,
        *,
        per_second: float,
        accept: str | None = None,
        credential: str | None = None,
        again: Callable[[Response], str | None] = lambda _: None,
    ) -> Response:
        """Return the answer, having tried again on transport errors, 429 and 5xx as the publisher asks."""
        import httpx
        import stamina

        if url.startswith(_DROP):
            return _dropped(url, self._settings.drop, clock.now(self._settings), self._limits)
        secret = _secret(self._settings, credential, url) if credential else None
        host = urlsplit(url).netloc
        failures: list[str] = []

        def wait(error: Exception) -> bool | float:
            if not isinstance(error, _Transient | httpx.TransportError):
                return False
            log.warning("trying again url=%s reason=%s", without_credentials(url), str(error))
            failures.append(str(error))
            asked = getattr(error, "retry_after", None)
            if asked is not None:
                return float(asked) if asked <= LONGEST_WAIT_SECONDS else False
            return True

        try:
            attempts = 1 if host in self._unreachable else ATTEMPTS
            for attempt in stamina.retry_context(
                on=wait, attempts=attempts, timeout=RETRYING_SECONDS, wait_initial=0.5, wait_max=20.0
            ):
                with attempt:
                    if attempt.num > 1:
                        telemetry.RETRIES.send(1, host=host)
                    return self._send_once(url, per_second, accept, secret, again)
        except (_Transient, httpx.HTTPError, httpx.InvalidURL) as error:
            if isinstance(error, httpx.ConnectError):
                self._unreachable.add(host)  # its other addresses get one try each, not all of them
            answer = getattr(error, "answer", None)
            retry_after = getattr(error, "retry_after", None)
            asked = f", which asked to wait {retry_after:.0f} s" if retry_after else ""
            refusal = Refused(
                f"GET {without_credentials(url)} failed {len(failures) or 1} time(s){asked}",
                expected="an answer with data",
                got=str(error) or type(error).__name__,
                remedy=_remedy(answer) if answer else _NO_NETWORK,
            )
            refusal.answer = answer
            raise refusal from error
        raise AssertionError("stamina ended without a result or an error")  # pragma: no cover

    def _send_once(
        self,
        url: str,
        per_second: float,
        accept: str | None,
        secret: str | None,
        again: Callable[[Response], str | None],
    ) -> Response:
        host = urlsplit(url).netloc
        self._refuse_closed(url, host)
        self._budget.wait(host, per_second)
        self._refuse_closed(url, host)  # another thread may have learnt it meanwhile
        dialled = self._rewrite(canonical_url(url, {"api_key": secret}) if secret else url)
        started, outcome = time.monotonic(), "failed"
        try:
            with self._client.stream("GET", dialled, headers={"Accept": accept} if accept else {}) as response:
                answer = self._receive(url, response, secret)
            outcome = str(answer.status)
            telemetry.FETCHED_BYTES.send(answer.size, host=host)
        finally:
            telemetry.FETCH.send(time.monotonic() - started, host=host, outcome=outcome)
        if answer.status in _OK:
            log.info("fetched url=%s status=%d bytes=%d", answer.url, answer.status, answer.size)
        if self._note_closed(host, answer):
            return answer
        if answer.status in _TRANSIENT:
            raise _Transient(f"HTTP {answer.status}", answer, _retry_after(answer.headers, answer.fetched_at))
        if answer.status in _OK and answer.status != _NO_CONTENT:
            reason = "an empty body" if _is_empty(answer) else again(answer)
            if reason:
                raise _Transient(f"HTTP {answer.status} with {reason}", answer)
        return answer

    def _refuse_closed(self, url: str, host: str) -> None:
        until, why = self._closed.get(_gate_of(host), (0.0, ""))
        if time.monotonic() < until:
            raise SourceUnavailable(
                f"GET {without_credentials(url)} was not sent",
                expected=f"a publisher that lets us ask {host}",
                got=why,
                remedy="Asking on makes it longer: wait, then run again.",
            )

    def _note_closed(self, host: str, answer: Response) -> bool:
        """Remember a publisher that has just shut us out, so that this process does not make it worse."""
        if answer.status == _BANNED:
            self._closed[_gate_of(host)] = (
                math.inf,
                f"status {_BANNED}: it has banned this address{_for_how_long(answer)}",
            )
        elif _is_sec_block(answer):
            why = f"status {answer.status}: the SEC limits our access for ten minutes"
            self._closed[_gate_of(host)] = (time.monotonic() + SEC_BLOCK_SECONDS, why)
        else:
            return False
        return True

    def _receive(self, url: str, response: httpx.Response, secret: str | None) -> Response:
        """Return the answer with its body, taken as it comes and unpacked within the limits.

        Raises:
            _Transient: the body stopped, was cut or dripped.
            Refused: it is larger than any honest body.
        """
        import httpx

        limits = self._limits
        headers = dict(response.headers)

        def answer(body: Body, note: str | None = None) -> Response:
            more = {"x-truncated": note} if note else {}
            return _response(url, response.status_code, {**headers, **more}, body, datetime.now(UTC), "live")

        def refused(got: str, spool: Spool) -> Refused:
            error = Refused(
                f"GET {without_credentials(url)} brings more than we take",
                expected=f"at most {limits.largest:,} bytes, and {limits.most_unpacked} times what is sent",
                got=got,
                remedy="See what the address serves now; the limits stand in warehouse/http.py.",
            )
            error.answer = answer(spool.abandon(KEPT_OF_REFUSED), f"{got}; what follows was not read")
            return error

        spool = Spool(limits.in_memory)
        coding = headers.get("content-encoding", "identity").strip().lower()
        if coding not in {"identity", "", "gzip", "x-gzip", "deflate"}:
            raise _unasked_coding(url, coding, answer(spool.finish(), f"a body in the coding {coding!r}, not read"))
        promised = headers.get("content-length", "")
        if promised.isdecimal() and int(promised) > limits.largest and response.status_code in _OK:
            raise refused(f"{int(promised):,} bytes promised", spool)
        try:
            for received, piece in _struck_out(self._pieces(response, coding), secret):
                spool.write(piece)
                if response.status_code >= _ERROR and spool.size > KEPT_OF_REFUSED:
                    return answer(spool.abandon(KEPT_OF_REFUSED), f"the first {KEPT_OF_REFUSED} bytes were read")
                if spool.size > limits.largest:
                    raise refused(f"more than {limits.largest:,} bytes", spool)
                if spool.size > limits.packed_from and spool.size > limits.most_unpacked * received:
                    raise refused(f"{spool.size:,} bytes out of {received:,}, so far: a bomb", spool)
        except (httpx.TransportError, zlib.error, _Stalled) as error:
            size = spool.size
            body = spool.abandon(KEPT_OF_REFUSED)
            kept = answer(body, f"the connection gave {size} bytes; the first {len(body.body)} are kept")
            name = "" if isinstance(error, _Stalled) else f"{type(error).__name__}: "
            raise _Transient(f"HTTP {response.status_code} cut off after {size} bytes: {name}{error}", kept) from error
        return answer(spool.finish())

    def _pieces(self, response: httpx.Response, coding: str) -> Iterator[tuple[int, bytes]]:
        """Yield the body's pieces, each with the number of bytes received by then."""
        limits = self._limits
        unpacker = _Unpacker(coding)
        promised = response.headers.get("content-length")
        received = marked = 0
        started = mark = time.monotonic()
        for chunk in response.iter_raw():
            received += len(chunk)
            now = time.monotonic()
            if now - started > limits.seconds:
                raise _Stalled(f"not whole after {limits.seconds:.0f} s")
            if now - mark >= limits.slow_seconds:
                if received - marked < limits.slowest * (now - mark):
                    raise _Stalled(f"{received - marked} bytes in {now - mark:.0f} s are a drip, not an answer")
                mark, marked = now, received
            for piece in unpacker.pieces(chunk):
                yield received, piece
            if str(received) == promised and _has_surplus(response):
                raise _Stalled(f"more came than the {received} bytes of its Content-Length")
        if not unpacker.is_whole:
            raise _Stalled(f"the {coding} stream stops before its end")


class _Stalled(Exception):
    """A body that does not come as it should."""


def _has_surplus(response: httpx.Response) -> bool:
    """Whether bytes wait behind a whole body: Content-Length was too small, and what we have is cut unseen.

    httpx has no public way to ask; where its insides are other ones, the answer is no.
    """
    found: Any = response
    for name in ("stream", "_stream", "_httpcore_stream", "_stream", "_connection", "_h11_state"):
        found = getattr(found, name, None)
    return bool(found is not None and found.trailing_data[0].strip())


def _struck_out(pieces: Iterator[tuple[int, bytes]], secret: str | None) -> Iterator[tuple[int, bytes]]:
    """Yield a body's pieces in which a key of ours, should the publisher repeat it, is starred out."""
    if not secret:
        yield from pieces
        return
    key, held, received = secret.encode(), b"", 0
    for received, piece in pieces:
        data = (held + piece).replace(key, b"*" * len(key))
        cut = max(0, len(data) - len(key) + 1)  # what follows may be the key's beginning
        yield received, data[:cut]
        held = data[cut:]
    yield received, held


def _unasked_coding(url: str, coding: str, answer: Response) -> Refused:
    error = Refused(
        f"GET {without_credentials(url)} is packed in a way that was not asked for",
        expected="gzip or deflate, once",
        got=repr(coding),
        remedy="Run `drypowder check-live`; if it stays, the publisher changed its server.",
    )
    error.answer = answer
    return error


def _secret(settings: Settings, credential: str, url: str) -> str:
    """Return the key that a setting holds.

    Raises:
        ConfigurationError: it holds none; the message says which variable to set.
    """
    variable = Settings.__dataclass_fields__[credential].metadata["variable"]
    value = getattr(settings, credential)
    if not value:
        raise ConfigurationError(
            f"{urlsplit(url).netloc} answers only to those who have its key",
            expected=f"{variable} with the key",
            got="none",
            remedy=f"Ask the publisher for one, then put {variable}=<key> into .env.",
        )
    return str(value)


def transport(settings: Settings) -> Transport:
    """Return the transport that the settings name."""
    if settings.recordings:
        return RecordedTransport(Recording.open(settings.recordings), clock.now(settings), drop=settings.drop)
    return LiveTransport(settings)


@dataclass
class Client:
    """What a source's `fetch` is given: GET, judged. `seen` keeps every answer, also those it refused."""

    transport: Transport
    per_second: float
    seen: list[Response] = field(default_factory=list)

    def __call__(
        self,
        url: str,
        /,
        *,
        expect: Expect,
        params: Mapping[str, str] | None = None,
        is_fallback: bool = False,
        accept: str | None = None,
        credential: str | None = None,
        throttled: Callable[[bytes], bool] | None = None,
    ) -> Response:
        """Return the answer to GET `url`.

        Raises:
            SourceUnavailable: no answer, an error status, an HTML page, an empty or a truncated body.
            ConfigurationError: a key or the drop folder is asked for and not set.
        """
        try:
            answer = self.transport.send(
                canonical_url(url, params),
                per_second=self.per_second,
                accept=accept,
                credential=credential,
                again=partial(_passing_fault, expect=expect, throttled=throttled),
            )
        except Refused as refusal:
            if refusal.answer:
                self.seen.append(_shortened(replace(refusal.answer, is_fallback=is_fallback)))
            raise
        response = replace(answer, is_fallback=is_fallback)
        got = _why_unusable(response, expect) or _passing_fault(response, expect, throttled)
        if got:
            self.seen.append(_shortened(response))
            raise SourceUnavailable(
                f"GET {response.url} did not answer with data",
                expected=f"{expect} with status 200",
                got=got,
                remedy=_remedy(response),
            )
        self.seen.append(response)
        return response


# ------------------------------------------------------------------------------------------- judging an answer

_SPELLED = {"text": "text", "json": "JSON", "xml": "XML", "zip": "zip", "parquet": "Parquet"}
_KEPT = "The body is in the archive"
_NO_NETWORK = "Is there a network? `drypowder check-live` asks every endpoint once."
_REMEDIES = {
    204: "The publisher knows of nothing at this address, as the IMF says for a wrong agency: "
    "run `drypowder check-live` to see whether it has moved.",
    401: "It wants to know who asks: check WAREHOUSE_CONTACT, and this source's key in .env.",
    403: "It refuses who asks, or from where: check WAREHOUSE_CONTACT, and this source's key in .env; "
    "some venues refuse whole countries.",
    404: "The address has moved, or what is asked for is not out yet: run `drypowder check-live`.",
    410: "The address is gone for good: run `drypowder check-live`, then change it in the source's contract.",
    418: "It bans who asks too fast, for longer each time: this process sends it nothing more. "
    "Wait until the ban is over, then lower the source's requests_per_second.",
    429: "It was asked too often. The next run asks again; if it stays so, lower the source's requests_per_second.",
    451: "The law bars it from answering to this place: use the fallback venue, or its bulk files.",
}
_SEC_BLOCK = (
    "The SEC limits access for ten minutes after too many requests, and asking on extends it: wait, then run again. "
    "WAREHOUSE_CONTACT has to hold a name and an e-mail address."
)


def _remedy(answer: Response) -> str:
    """Return what to do about an answer that is not data."""
    if _is_sec_block(answer):
        return _SEC_BLOCK
    if answer.status in _REMEDIES:
        return _REMEDIES[answer.status]
    if answer.status in _OK:
        return f"{_KEPT}: see what it says, then try again later. If it says 'too fast', lower requests_per_second."
    if answer.status in _TRANSIENT or answer.status not in range(300, 500):
        return "The publisher is in trouble: the next run asks again; `drypowder check-live` asks every endpoint once."
    return f"{_KEPT}: compare the request, and its key if it has one, with the publisher's documentation."


def _gate_of(host: str) -> str:
    """Return who shuts a host: the SEC counts the requests to all of its hosts together."""
    return _SEC if host == _SEC or host.endswith(f".{_SEC}") else host


def _is_sec_block(answer: Response) -> bool:
    is_sec = _gate_of(urlsplit(answer.url).netloc) == _SEC
    return is_sec and answer.status in {403, _TOO_MANY} and kind_of(_head(answer)) == "html"


def _for_how_long(answer: Response) -> str:
    seconds = _retry_after(answer.headers, answer.fetched_at)
    return ", for a time it does not say" if seconds is None else f" for {seconds:.0f} s"


def _shortened(response: Response) -> Response:
    """Return a refused answer with no more of its body than shows what it was."""
    if response.size <= KEPT_OF_REFUSED:
        return response
    with response.open() as file:
        body = spooled([file.read(KEPT_OF_REFUSED)])
    note = f"the first {KEPT_OF_REFUSED} of {response.size} bytes"
    headers = {**response.headers, "x-truncated": note}
    return replace(response, body=body.body, file=None, sha256=body.sha256, headers=headers)


def _head(response: Response) -> bytes:
    with response.open() as file:
        return file.read(4096)


def _tail(response: Response) -> bytes:
    """Return the last bytes: as many as a zip's directory may stand before its end."""
    with response.open() as file:
        file.seek(max(0, response.size - (1 << 16) - 22))
        return file.read()


def _is_empty(response: Response) -> bool:
    return response.file is None and not response.body.strip()


def _excerpt(data: bytes, encoding: str = "utf-8") -> str:
    return repr(data.decode(encoding, "replace").removeprefix("\ufeff").strip()[:_EXCERPT])


def _why_unusable(response: Response, expect: Expect) -> str | None:
    """Return what is wrong with an answer, or None."""
    head = _head(response)
    says = _excerpt(head, encoding_of(head))
    if response.status == _NO_CONTENT:
        return f"status {_NO_CONTENT}: no content"
    if response.status not in _OK:
        banned = f"banned{_for_how_long(response)}: " if response.status == _BANNED else ""
        return f"status {response.status}: {banned}{says}"
    if _is_empty(response):
        return f"status {response.status} with an empty body"
    kind = kind_of(head)
    if kind == "html":
        return f"an HTML page: {says}"
    is_expected = kind not in {"zip", "parquet"} if expect == "text" else kind == expect
    return None if is_expected else f"no {_SPELLED[expect]}: {says}"


def _passing_fault(response: Response, expect: Expect, throttled: Callable[[bytes], bool] | None = None) -> str | None:
    """Return why an answer that looks like data is none, and may be next time; or None."""
    if _why_unusable(response, expect):
        return None
    cut = None if expect == "text" else _where_cut(response, expect)
    if not cut and throttled and response.file is None and throttled(response.body):
        return f"'too fast' inside it: {_excerpt(response.body)}"
    return cut


def _where_cut(response: Response, expect: Expect) -> str | None:
    """Return what an answer of a format that says where it ends ends with instead, or None."""
    head, tail = _head(response), _tail(response)
    encoding = encoding_of(head)
    opening = head.decode(encoding, "replace").removeprefix("\ufeff").lstrip()[:1]
    end = tail[-256:].decode(encoding, "replace").rstrip()
    is_whole = {
        "json": end.endswith({"{": "}", "[": "]"}.get(opening, "]")),
        "xml": end.endswith(">"),
        "zip": b"PK\x05\x06" in tail,
        "parquet": tail.endswith(b"PAR1"),
    }[expect]
    return None if is_whole else f"{_SPELLED[expect]} cut off after {response.size} bytes: ...{end[-60:]!r}"
