"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Folder of real recorded responses, which a stranger's clone does not have."""
    folder = Path(os.environ.get("DRYPOWDER_RECORDINGS") or PROJECT.parent / "shared" / "data")
    if not (folder / "sec").is_dir():
        pytest.skip(f"no recorded responses in {folder}: set DRYPOWDER_RECORDINGS to their folder")
    return folder
