"""Exit with 0 where Airflow's API server says that these parts are well: `python deploy/healthy.py scheduler`.

A container's health is asked for every half minute; `airflow jobs check` would import Airflow each time, for seconds.
"""

from __future__ import annotations

import json
import os
import sys
from urllib.parse import urljoin
from urllib.request import urlopen


def main(parts: list[str]) -> str | None:
    """Return what is not well, or None."""
    address = urljoin(os.environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"], "/api/v2/monitor/health")
    with urlopen(address, timeout=10) as answer:  # noqa: S310  (our own server)
        health = json.load(answer)
    told = {part: health.get(part) or {"status": "unknown"} for part in parts}
    return "; ".join(f"{part}: {said['status']}" for part, said in told.items() if said["status"] != "healthy") or None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
