"""The one HTTP client: identity, timeouts, retries, a rate budget shared by all processes, refusal of non-answers."""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import urlsplit

from warehouse import clock
from warehouse.contract import Response
from warehouse.errors import ConfigurationError, SourceUnavailable
from warehouse.recording import Recording, canonical_url, headers_that_matter, without_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pyrate_limiter import Limiter

    from warehouse.settings import Settings

log = logging.getLogger(__name__)

ATTEMPTS = 5
"""Tries at one request within one task; longer outages are Airflow's to wait for."""
LONGEST_WAIT_SECONDS = 60.0
"""A Retry-After beyond this ends the task instead: a worker is not for sleeping in."""
_HTML = re.compile(rb"^\s*(<!doctype\s+html|<html[\s>])", re.IGNORECASE)
_OK = range(200, 300)
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a transport brought, before anyone judged it."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    fetched_at: datetime
    origin: Literal["live", "recorded", "reconstructed"]


class Transport(Protocol):
    """Where answers come from."""

    def send(self, url: str, *, per_second: float) -> Answer:
        """Return the answer to GET `url`, whatever its status; raise SourceUnavailable when there is none."""
        ...


class RecordedTransport:
    """Answers from a recorded folder. The recorded fetch time is the fetch time; nothing is waited for."""

    def __init__(self, recording: Recording, now: datetime) -> None:
        """Answer from `recording` as it stood at `now`."""
        self._recording, self._now = recording, now

    def send(self, url: str, *, per_second: float) -> Answer:  # noqa: ARG002  (no budget on a disk)
        """Return the newest recorded answer not after the clock."""
        entry = self._recording.find("GET", url, self._now)
        return Answer(
            url=canonical_url(url),
            status=entry.status,
            headers=entry.headers,
            body=self._recording.body(entry),
            fetched_at=entry.fetched_at,
            origin="reconstructed" if entry.origin == "reconstructed" else "recorded",
        )


class _Transient(Exception):
    """An answer worth another try, with the wait the publisher asked for."""

    def __init__(self, reason: str, answer: Answer, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.answer = answer
        self.retry_after = retry_after


class Refused(SourceUnavailable):
    """The publisher answered to the last try, but not with data; `answer` is what it said."""

    answer: Answer | None = None


def _retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that Retry-After asks for, from either of its two forms."""
    text = headers.get("retry-after", "").strip()
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError):
        return None


class Budget:
    """Requests a second per host, shared by every process of this user on this machine (a SQLite file per host)."""

    def __init__(self, folder: Path | None = None) -> None:
        """Keep the files in `folder`; the default is the user's cache folder."""
        from platformdirs import user_cache_path

        self._folder = folder or user_cache_path("drypowder", ensure_exists=True)
        self._limiters: dict[str, Limiter] = {}
        self._guard = Lock()

    def wait(self, host: str, per_second: float) -> None:
        """Return when a request to `host` is within the budget."""
        from pyrate_limiter import Limiter, Rate, SQLiteBucket

        with self._guard:
            if host not in self._limiters:
                rate = Rate(int(per_second), 1000) if per_second >= 1 else Rate(1, round(1000 / per_second))
                name = re.sub(r"[^A-Za-z0-9.-]", "_", host)
                bucket = SQLiteBucket.init_from_file(
                    [rate], db_path=str(self._folder / f"rate-{name}.sqlite"), use_file_lock=True
                )
                self._limiters[host] = Limiter(bucket)
            self._limiters[host].try_acquire("request")


class LiveTransport:
    """Answers from the network."""

    def __init__(
        self,
        settings: Settings,
        *,
        budget: Budget | None = None,
        rewrite: Callable[[str], str] = lambda url: url,
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
        self._budget = budget or Budget()
        self._unreachable: set[str] = set()
        stamina.instrumentation.set_on_retry_hooks([])  # ours says which address
        # It logs whole addresses, keys included; ours are logged without.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._rewrite = rewrite
        self._client = httpx.Client(
            headers={"User-Agent": f"Dry Powder {settings.contact}", "Accept-Encoding": "gzip, deflate"},
            timeout=httpx.Timeout(60.0, connect=15.0),
            follow_redirects=True,
        )

    def send(self, url: str, *, per_second: float) -> Answer:
        """Return the answer, having tried again on transport errors, 429 and 5xx as the publisher asks."""
        import httpx
        import stamina

        host = urlsplit(url).netloc
        failures: list[str] = []

        def wait(error: Exception) -> bool | float:
            log.warning("trying again url=%s reason=%s", without_credentials(url), error)
            if isinstance(error, _Transient):
                failures.append(str(error))
                if error.retry_after is not None:
                    return error.retry_after if error.retry_after <= LONGEST_WAIT_SECONDS else False
                return True
            if isinstance(error, httpx.TransportError):
                failures.append(f"{type(error).__name__}: {error}")
                return True
            return False

        try:
            attempts = 1 if host in self._unreachable else ATTEMPTS
            for attempt in stamina.retry_context(
                on=wait, attempts=attempts, timeout=180.0, wait_initial=0.5, wait_max=20.0
            ):
                with attempt:
                    return self._send_once(url, per_second)
        except (_Transient, httpx.HTTPError, httpx.InvalidURL) as error:
            if isinstance(error, httpx.ConnectError):
                self._unreachable.add(host)  # its other addresses get one try each, not all of them
            retry_after = getattr(error, "retry_after", None)
            asked = f", which asked to wait {retry_after:.0f} s" if retry_after else ""
            refusal = Refused(
                f"GET {without_credentials(url)} failed {len(failures) or 1} time(s){asked}",
                expected="an answer with data",
                got=str(error) or type(error).__name__,
                remedy="Is there a network? `drypowder check-live` asks every endpoint once.",
            )
            refusal.answer = getattr(error, "answer", None)
            raise refusal from error
        raise AssertionError("stamina ended without a result or an error")  # pragma: no cover

    def _send_once(self, url: str, per_second: float) -> Answer:
        self._budget.wait(urlsplit(url).netloc, per_second)
        response = self._client.get(self._rewrite(url))
        answer = Answer(
            url=url,
            status=response.status_code,
            headers=dict(response.headers),
            body=response.content,
            fetched_at=datetime.now(UTC),
            origin="live",
        )
        if answer.status in _TRANSIENT:
            raise _Transient(f"HTTP {answer.status}", answer, _retry_after(answer.headers, answer.fetched_at))
        if answer.status in _OK and not answer.body.strip():
            raise _Transient(f"HTTP {answer.status} with an empty body", answer)
        log.info("fetched url=%s status=%d bytes=%d", without_credentials(url), answer.status, len(answer.body))
        return answer


def transport(settings: Settings) -> Transport:
    """Return the transport that the settings name."""
    if settings.recordings:
        return RecordedTransport(Recording.open(settings.recordings), clock.now(settings))
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
        expect: Literal["json", "text"],
        params: Mapping[str, str] | None = None,
        is_fallback: bool = False,
    ) -> Response:
        """Return the answer to GET `url`.

        Raises:
            SourceUnavailable: no answer, an error status, an HTML page, an empty or a truncated body.
        """
        try:
            answer = self.transport.send(canonical_url(url, params), per_second=self.per_second)
        except Refused as refusal:
            if refusal.answer:
                self._keep(refusal.answer, is_fallback=is_fallback)
            raise
        response = self._keep(answer, is_fallback=is_fallback)
        got = _why_unusable(response, expect)
        if got:
            raise SourceUnavailable(
                f"GET {response.url} did not answer with data",
                expected=f"{expect} with status 200",
                got=got,
                remedy="The body is in the archive; try again later.",
            )
        return response

    def _keep(self, answer: Answer, *, is_fallback: bool) -> Response:
        response = Response(
            url=without_credentials(answer.url),
            body=answer.body,
            sha256=hashlib.sha256(answer.body).hexdigest(),
            fetched_at=answer.fetched_at,
            origin=answer.origin,
            headers=headers_that_matter(answer.headers),
            status=answer.status,
            is_fallback=is_fallback,
        )
        self.seen.append(response)
        return response


def _why_unusable(response: Response, expect: Literal["json", "text"]) -> str | None:
    """Return what is wrong with an answer, or None."""
    body = response.body
    if response.status not in _OK:
        return f"status {response.status}: {body[:200].decode('utf-8', 'replace').strip()!r}"
    if not body.strip():
        return f"status {response.status} with an empty body"
    if _HTML.match(body[:1000].removeprefix(b"\xef\xbb\xbf")):
        return f"an HTML page: {body[:120].decode('utf-8', 'replace')!r}"
    if expect == "json":
        text = body.removeprefix(b"\xef\xbb\xbf").strip()
        closing = {b"{": b"}", b"[": b"]"}.get(text[:1])
        if closing is None:
            return f"no JSON: {text[:120].decode('utf-8', 'replace')!r}"
        if text[-1:] != closing:
            return f"JSON cut off after {len(body)} bytes: ...{text[-60:].decode('utf-8', 'replace')!r}"
    return None
