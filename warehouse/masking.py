"""Secrets leave no trace in text: whatever is logged, told or raised passes through `masked` on its way out.

Two nets: the secrets that this process holds, wherever they stand, and what looks like a credential in an address or
a header, whoever it belongs to.
"""

from __future__ import annotations

import os
import re
from functools import cache

CREDENTIALS = frozenset({"api_key", "apikey", "key", "token", "access_token", "signature"})
"""Query fields of an address that carry keys."""

STARS = "*****"
_SHORTEST = 6
"""A shorter value is no secret, and stars in the place of every `data` or `7` would hide what happened."""

_HOLDS_A_SECRET = re.compile(r"(^|_)(KEY|KEY_ID|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS)$|_PWD$")
_NAMED = "password|passwd|pwd|client_secret|api_key|apikey|access_token|secret_access_key|session_token"
_PATTERNS = (
    # https://user:password@host, also of databases and brokers: the user stays, which is no secret.
    (("@",), re.compile(r"(?<=://)([^/\s:@'\"]*):[^/\s@'\"]+@"), rf"\1:{STARS}@"),
    (
        ("?", "&"),
        re.compile(
            rf"(?i)(?<=[?&])({'|'.join(sorted(CREDENTIALS))}|x-amz-(?:\w+-)?(?:signature|credential|token))=[^&\s'\"]+"
        ),
        rf"\1={STARS}",
    ),
    (
        tuple(_NAMED.split("|")),
        re.compile(rf"(?i)({_NAMED})(['\"]?\s*[=:]\s*['\"]?)(?!\*)[^&\s'\",;)}}\]]+"),
        rf"\1\2{STARS}",
    ),
    (
        ("authorization",),
        re.compile(r"(?i)(authorization['\"]?\s*[=:]\s*['\"]?)(?:[a-z]+\s+)?[^\s'\",]+"),
        rf"\1{STARS}",
    ),
    (("akia", "asia"), re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), STARS),
)
"""What has to stand in a text, in small letters, for it to be worth a look; how a credential looks; what to write."""

_learnt: set[str] = set()


def learn(*secrets: str | None) -> None:
    """Mask these values from now on in this process; one with spaces is a list of them."""
    _learnt.update(each for some in secrets if some for each in some.split() if len(each) >= _SHORTEST)


def known() -> set[str]:
    """Return the secrets of this process: what it learnt, and the values of variables that are named so."""
    held = {value for name, value in os.environ.items() if len(value) >= _SHORTEST and _is_secret(name)}
    return held | _learnt


@cache
def _is_secret(variable: str) -> bool:
    return bool(_HOLDS_A_SECRET.search(variable))


def masked(text: str) -> str:
    """Return the text with stars in the place of every secret."""
    for secret in sorted(known(), key=len, reverse=True):  # a secret may hold a shorter one
        text = text.replace(secret, STARS)
    small = text.lower()
    for needles, pattern, instead in _PATTERNS:
        if any(needle in small for needle in needles):
            text = pattern.sub(instead, text)
    return text
