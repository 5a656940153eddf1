"""Superset's settings: from the environment alone, and refused where a secret lacks."""

from __future__ import annotations

import runpy

import pytest

from warehouse.settings import PROJECT_ROOT

KEY = "k" * 44


@pytest.fixture
def settings(monkeypatch, tmp_path):
    """Read the file as Superset does, with these variables alone."""

    def read(**variables):
        for name in ("SECRET_KEY", "DATABASE_URI", "REDIS_URL", "HTTPS", "HOME"):
            monkeypatch.delenv(f"SUPERSET_{name}", raising=False)
        for name, value in {"SUPERSET_HOME": str(tmp_path), **variables}.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(PROJECT_ROOT / "superset" / "superset_config.py"))

    return read


@pytest.mark.parametrize("variables", [{}, {"SUPERSET_SECRET_KEY": ""}, {"SUPERSET_SECRET_KEY": "thisismysecret"}])
def test_without_a_key_it_does_not_start(settings, variables):
    with pytest.raises(SystemExit, match="SUPERSET_SECRET_KEY has to be 32 characters or more"):
        settings(**variables)


def test_on_one_machine_it_keeps_all_in_its_home_and_in_its_process(settings, tmp_path):
    read = settings(SUPERSET_SECRET_KEY=KEY)
    assert read["SQLALCHEMY_DATABASE_URI"] == f"sqlite:///{tmp_path}/superset.db?check_same_thread=false"
    kinds = {name: read[name]["CACHE_TYPE"] for name in read if name.endswith("CACHE_CONFIG")}
    assert kinds.pop("DATA_CACHE_CONFIG") == "release_cache.SimpleCache"
    assert set(kinds.values()) == {"SimpleCache"}
    assert read["CELERY_CONFIG"] is None
    assert "RESULTS_BACKEND" not in read
    assert read["RATELIMIT_STORAGE_URI"] == "memory://"


def test_of_a_replaced_key_the_one_before_is_known(settings):
    read = settings(SUPERSET_SECRET_KEY=f"{KEY},{'o' * 44}")
    assert (read["SECRET_KEY"], read["PREVIOUS_SECRET_KEY"]) == (KEY, "o" * 44)
    assert settings(SUPERSET_SECRET_KEY=KEY)["PREVIOUS_SECRET_KEY"] is None


def test_secrets_of_features_that_are_off_are_not_superset_s_own(settings):
    read = settings(SUPERSET_SECRET_KEY=KEY)
    derived = {read["GUEST_TOKEN_JWT_SECRET"], read["GLOBAL_ASYNC_QUERIES_JWT_SECRET"], KEY}
    assert len(derived) == 3
    assert not any("change-me" in secret for secret in derived)


def test_pages_load_from_here_alone_and_the_cookie_follows_the_proxy(settings):
    read = settings(SUPERSET_SECRET_KEY=KEY)
    sources = {word for words in read["TALISMAN_CONFIG"]["content_security_policy"].values() for word in words}
    assert not any("://" in word or "." in word or word == "*" for word in sources)
    assert read["TALISMAN_ENABLED"]
    assert not read["SESSION_COOKIE_SECURE"]
    read = settings(SUPERSET_SECRET_KEY=KEY, SUPERSET_HTTPS="1")
    assert read["SESSION_COOKIE_SECURE"]
    assert read["TALISMAN_CONFIG"]["session_cookie_secure"]
    assert read["ENABLE_PROXY_FIX"]
