"""The data cache, by release: what one release answered is not shown of another, and a new one needs no waiting."""

from __future__ import annotations

from typing import Any

from flask_caching.backends import rediscache, simplecache
from release_reader import edition


class _ByRelease:
    """The methods that Superset uses, with the request's release in every key."""

    def get(self, key: str) -> Any:  # noqa: ANN401
        return super().get(f"{edition()}:{key}")  # type: ignore[misc]

    def set(self, key: str, *rest: Any, **options: Any) -> Any:  # noqa: ANN401
        return super().set(f"{edition()}:{key}", *rest, **options)  # type: ignore[misc]

    def add(self, key: str, *rest: Any, **options: Any) -> Any:  # noqa: ANN401
        return super().add(f"{edition()}:{key}", *rest, **options)  # type: ignore[misc]

    def has(self, key: str) -> bool:
        return super().has(f"{edition()}:{key}")  # type: ignore[misc]

    def delete(self, key: str) -> Any:  # noqa: ANN401
        return super().delete(f"{edition()}:{key}")  # type: ignore[misc]


class SimpleCache(_ByRelease, simplecache.SimpleCache):
    """In this process."""


class RedisCache(_ByRelease, rediscache.RedisCache):
    """In Redis."""
