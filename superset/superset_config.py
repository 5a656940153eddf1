"""Superset's settings, from the environment alone.

SUPERSET_SECRET_KEY is needed always. With SUPERSET_DATABASE_URI and SUPERSET_REDIS_URL it is the production shape
(docker-compose.yml); without them one process on one machine (`make up`), with SQLite under SUPERSET_HOME.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

# Last, so that no package of Superset's is hidden: what stands beside this file, and what that uses of warehouse/.
_here = Path(__file__).resolve().parent
sys.path += [path for path in (str(_here), str(_here.parent)) if path not in sys.path]
from knowledge import as_of, earlier, parameter_set  # noqa: E402

# ------------------------------------------------------------------------------------------------- secrets
# `drypowder secrets --rotate` keeps the key before behind a comma; superset-init encrypts anew what it had encrypted.
SECRET_KEY, _, _previous = os.environ.get("SUPERSET_SECRET_KEY", "").partition(",")
PREVIOUS_SECRET_KEY = _previous or None
_LEAST = 32
if len(SECRET_KEY) < _LEAST:
    raise SystemExit(f"SUPERSET_SECRET_KEY has to be {_LEAST} characters or more. `make secrets` writes one into .env.")


def _derived(purpose: str) -> str:
    return hashlib.sha256(f"{purpose}:{SECRET_KEY}".encode()).hexdigest()


# Of features that are off; Superset's own defaults are known to everyone.
GUEST_TOKEN_JWT_SECRET = _derived("guest")
GLOBAL_ASYNC_QUERIES_JWT_SECRET = _derived("async")

# -------------------------------------------------------------------------------- where it keeps what it knows
_home = Path(os.environ.get("SUPERSET_HOME") or Path.home() / ".superset")
_database, _redis = os.environ.get("SUPERSET_DATABASE_URI"), os.environ.get("SUPERSET_REDIS_URL")
DATA_DIR = str(_home)
UPLOAD_FOLDER = str(_home / "uploads")
SQLALCHEMY_DATABASE_URI = _database or f"sqlite:///{_home / 'superset.db'}?check_same_thread=false"

PREFIX = "superset:"
"""Of every key in Redis: its user may touch no other (deploy/redis.sh)."""


def _cache(name: str, seconds: int) -> dict[str, object]:
    key = {"CACHE_DEFAULT_TIMEOUT": seconds, "CACHE_KEY_PREFIX": f"{PREFIX}{name}:"}
    if _redis:
        return {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": _redis, **key}
    return {"CACHE_TYPE": "SimpleCache", "CACHE_THRESHOLD": 500, **key}


CACHE_CONFIG = _cache("metadata", 3600)
DATA_CACHE_CONFIG = _cache("data", 86400)
DATA_CACHE_CONFIG["CACHE_TYPE"] = f"release_cache.{DATA_CACHE_CONFIG['CACHE_TYPE']}"  # keyed by release: see there
FILTER_STATE_CACHE_CONFIG = _cache("filters", 90 * 86400)
EXPLORE_FORM_DATA_CACHE_CONFIG = _cache("explore", 7 * 86400)


class CeleryConfig:
    """What the worker takes its work from."""

    broker_url = _redis
    result_backend = _redis
    broker_transport_options = {"global_keyprefix": PREFIX}  # noqa: RUF012  (read by Celery, never changed)
    result_backend_transport_options = {"global_keyprefix": PREFIX}  # noqa: RUF012
    broker_connection_retry_on_startup = True
    imports = ("superset.sql_lab", "superset.tasks.cache")
    worker_prefetch_multiplier = 1
    task_acks_late = False


CELERY_CONFIG = CeleryConfig if _redis else None
if _redis:
    from flask_caching.backends.rediscache import RedisCache
    from redis import Redis

    RESULTS_BACKEND = RedisCache(Redis.from_url(_redis), key_prefix=f"{PREFIX}results:")

# --------------------------------------------------------------------------------------------- who may come in
AUTH_USER_REGISTRATION = False
PUBLIC_ROLE_LIKE = None
WTF_CSRF_ENABLED = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# Behind a proxy that speaks TLS: cookies go nowhere else, and the proxy's headers are believed.
SESSION_COOKIE_SECURE = ENABLE_PROXY_FIX = bool(os.environ.get("SUPERSET_HTTPS"))
RATELIMIT_ENABLED = True
AUTH_RATE_LIMITED = True
AUTH_RATE_LIMIT = "20 per minute"
RATELIMIT_STORAGE_URI = _redis or "memory://"
RATELIMIT_STORAGE_OPTIONS = {"key_prefix": f"{PREFIX}limits"} if _redis else {}


def _colleagues(query):  # noqa: ANN001, ANN202
    """Who may make charts may share them with others; who may not has no need to know who there is."""
    from superset.utils.core import get_user_id

    from superset import security_manager

    if security_manager.can_access("can_write", "Chart"):
        return query
    return query.filter(security_manager.user_model.id == get_user_id())


EXTRA_RELATED_QUERY_FILTERS = {"user": _colleagues}

if "superset.config" in sys.modules:  # it is Superset that reads this, and not the worker's health check
    import private_queries

    CUSTOM_SECURITY_MANAGER = private_queries.SecurityManager

ENABLE_CORS = False  # no page of another's may read what this answers

# Pages load from here alone: no telemetry, no map tiles, no fonts of others.
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "default-src": ["'self'"],
        "base-uri": ["'self'"],
        "connect-src": ["'self'"],
        "font-src": ["'self'", "data:"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "object-src": "'none'",
        "script-src": ["'self'", "'strict-dynamic'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "worker-src": ["'self'", "blob:"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,  # the proxy's to do
    "session_cookie_secure": SESSION_COOKIE_SECURE,
}

# ------------------------------------------------------------------------------------------------ what it does
FEATURE_FLAGS = {
    "ALERT_REPORTS": False,
    "CSS_TEMPLATES": False,
    "EMBEDDABLE_CHARTS": False,
    "EMBEDDED_SUPERSET": False,
    "ENABLE_TEMPLATE_PROCESSING": True,  # datasets ask for the knowledge of a day
}
JINJA_CONTEXT_ADDONS = {"as_of": as_of, "earlier": earlier, "parameter_set": parameter_set}
EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {
        "id": "okabeIto",
        "description": "Okabe and Ito (2008): told apart by whoever is colour-blind, too.",
        "label": "Okabe-Ito",
        "isDefault": True,
        "colors": ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#F0E442"],
    }
]
# Who asks for more gets this many rows. How long and how large a query may be: release_reader.py.
SQL_MAX_ROW = ROW_LIMIT = 50_000
DEFAULT_SQLLAB_LIMIT = 1000
SQLLAB_TIMEOUT = SUPERSET_WEBSERVER_TIMEOUT = 60  # ends after release_reader's, whose message says more
SQLLAB_CTAS_NO_LIMIT = False
CSV_EXTENSIONS: set[str] = set()
EXCEL_EXTENSIONS: set[str] = set()
COLUMNAR_EXTENSIONS: set[str] = set()
ALLOWED_EXTENSIONS: set[str] = set()
LOG_LEVEL = "INFO"


# ------------------------------------------------------------------------------------------------- what it asks of
def DB_CONNECTION_MUTATOR(uri, params, username, security_manager, source):  # noqa: ANN001, ANN201, ARG001, N802
    """Let every engine for DuckDB open the release, and every statement be judged."""
    from release_reader import guarded

    return guarded(uri, params)


def FLASK_APP_MUTATOR(app):  # noqa: ANN001, ANN201, N802
    """Let SQL Lab hand over all that was typed at once, so that two statements are seen as two, and judge templates.

    And serve the release's own pages, and let no login be undone by the page that it came from.
    """
    import login_race
    import release_pages
    import strict_templates
    from superset.db_engine_specs.duckdb import DuckDBEngineSpec

    DuckDBEngineSpec.run_multiple_statements_as_one = True
    app.config["CUSTOM_TEMPLATE_PROCESSORS"] = {"duckdb": strict_templates.TemplateProcessor}
    app.register_blueprint(release_pages.blueprint())
    app.before_request(login_race.lose_no_login)
