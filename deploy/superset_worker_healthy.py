"""Exit with 0 where this machine's Superset worker answers: without Superset's imports."""

from __future__ import annotations

import os
import runpy
import socket
import sys

from celery import Celery

app = Celery()
app.config_from_object(runpy.run_path(os.environ["SUPERSET_CONFIG_PATH"])["CELERY_CONFIG"])
name = f"superset@{socket.gethostname()}"
sys.exit(0 if app.control.ping(destination=[name], timeout=10) else f"{name} does not answer.")
