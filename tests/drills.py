"""Whether this run is a drill (`make drill`), in which tests have their long form, and a mark for what runs in drills alone."""

from __future__ import annotations

import os

import pytest

LONG = os.environ.get("DRYPOWDER_DRILL") == "long"
in_drills = pytest.mark.skipif(not LONG, reason="a drill: make drill")
