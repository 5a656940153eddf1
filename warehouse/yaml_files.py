"""YAML of the project, read by libyaml where PyYAML was built with it: it takes a sixth of the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> Any:  # noqa: ANN401  (what the file holds)
    """Return what a file holds: mappings, lists and scalars; None of an empty one.

    Raises:
        yaml.YAMLError: it is no YAML.
    """
    return loaded(path.read_text(encoding="utf-8"))


def loaded(text: str) -> Any:  # noqa: ANN401
    """Return what a text holds."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(text, Loader=loader)  # noqa: S506  (safe ones both)
