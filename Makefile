# One definition of every command, for people, pre-commit and CI. `make` alone prints this help.
VENV := .venv
BIN := $(VENV)/bin
# The first Python that we support, unless one is given: make PYTHON=python3.12 setup
PYTHON ?= $(shell for p in python3 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && echo $$p && break; done)
# One more than there are cores, since tests of services wait.
WORKERS ?= 3
export DRYPOWDER_RECORDINGS ?= $(abspath ../shared/data)
# Of hundreds of short processes each would compile us anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo up down logs secrets audit setup setup-dev lint lint-python lint-sql check test test-root test-services servers browser chromium \
	drill drill-root bench generate lock sample format clean dbt

help:  ## Print this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: setup  ## Run the whole pipeline for real under Airflow on the sample, and print its figures
	@$(BIN)/drypowder --home data/demo --sources recorded:sample demo

up: setup $(VENV)/superset/.installed  ## Start Airflow and Superset on this machine, in the background; again: how they are
	@$(BIN)/drypowder up

down:  ## Stop what `make up` started
	@$(BIN)/drypowder down

logs:  ## Follow the logs of what `make up` started
	@$(BIN)/drypowder logs --follow

secrets: setup  ## Write the secrets that docker-compose.yml demands into .env, where they lack (ARGS="--rotate NAME" replaces one)
	@$(BIN)/drypowder secrets $(ARGS)

lint: setup-dev
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint-python lint-sql

lint-python:
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >$(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }
	@$(BIN)/drypowder generate --check
	@$(BIN)/drypowder contracts check

lint-sql:
	@$(BIN)/sqlfluff lint --processes $(WORKERS) --nocolor --disable-progress-bar dbt_project/models dbt_project/tests \
		>$(VENV)/sqlfluff.log 2>&1 || { cat $(VENV)/sqlfluff.log; exit 1; }
	@$(BIN)/dbt --quiet --warn-error parse --project-dir dbt_project --profiles-dir dbt_project \
		--target-path $(abspath $(VENV))/dbt-parse --no-partial-parse

check: lint  ## Lint, types, generated files, contracts, dbt parse, unit, dag and convention tests: before every commit
	@$(BIN)/pytest -q -n $(WORKERS) --dist worksteal -m "not slow" tests/unit tests/faults tests/dags tests/conventions

test: lint  ## All tests: what `make check` runs, and the slow ones (real scheduler, kills, recorded goldens)
	@$(BIN)/pytest -q -n $(WORKERS) --dist worksteal --durations=40 --durations-min=20 \
		tests/integration tests/faults tests/dags tests/conventions tests/unit
	@echo "Left out: make test-root and make test-services, which take root, and make browser."

test-root: setup-dev  ## What takes root: a disk that is full or cannot be written to, at every step (mounts one in memory)
	@$(BIN)/pytest -q -m root tests/root

test-services: setup-dev $(VENV)/production/.installed $(VENV)/superset/.installed servers  ## The services of docker-compose.yml on real PostgreSQL and Redis, which it installs (root)
	@test "$$(id -u)" = 0 || { echo "It takes root: namespaces, mounts and users of each service's own."; exit 1; }
	@$(BIN)/pytest -q -n 0 --timeout 1800 --durations=20 --durations-min=10 -m services tests/services

browser: setup-dev $(VENV)/superset/.installed chromium  ## A release's pages and Superset's dashboards in a real Chromium, which it installs as root
	@$(BIN)/pytest -q -n 0 --durations=20 --durations-min=10 -m browser tests/browser

# Debian starts servers as it installs them: these tests start their own.
servers:
	@{ ls /usr/lib/postgresql/*/bin/initdb && command -v redis-server && command -v cc; } >/dev/null 2>&1 || { apt-get -qq update && \
		DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq install --yes --no-install-recommends \
		postgresql redis-server gcc libc6-dev >/dev/null; }

# As root it installs what is missing, as CI does; anyone else is told what to type.
chromium:
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && apt-get -qq update && \
		DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends chromium >/dev/null; } || \
		{ echo "There is no chromium. Install it, as root: apt-get install chromium"; exit 1; }

drill: setup-dev  ## Long drills: kills, broken data, growth, days replayed and unattended, readers; as root also disks, services, dashboards
	@DRYPOWDER_DRILL=long $(BIN)/pytest -q --timeout 0 tests/integration/test_kill.py tests/unit/sources/test_fuzz.py \
		tests/integration/test_clean_replay.py tests/integration/test_readers.py tests/integration/test_unattended.py \
		tests/integration/test_point_in_time.py tests/integration/test_generated.py tests/integration/test_increments.py \
		tests/integration/test_lifecycle.py tests/integration/test_backup.py tests/integration/test_airflow.py
	@if [ "$$(id -u)" = 0 ]; then $(MAKE) --no-print-directory drill-root; \
		else echo "Not root: failing disks, faults of services and people at dashboards are left out." >&2; fi

drill-root: setup-dev $(VENV)/production/.installed $(VENV)/superset/.installed servers chromium
	@DRYPOWDER_DRILL=long $(BIN)/pytest -q --timeout 0 -m root tests/root
	@DRYPOWDER_DRILL=long $(BIN)/pytest -q --timeout 0 -m services tests/services/test_faults.py
	@DRYPOWDER_DRILL=long $(BIN)/pytest -q --timeout 0 -m browser tests/browser/test_superset_load.py tests/browser/test_charts.py

bench: setup-dev  ## Measure: landing against DuckDB, a bulk download, parsing of the DAG folder, growth of the metrics layer, the gates
	@$(BIN)/python benchmarks/landing.py --bulk
	@$(BIN)/python benchmarks/dag_parsing.py
	@$(BIN)/python -m benchmarks.metrics
	@$(BIN)/python -m benchmarks.gates

# Strict, because a package that could not be asked about is not one without a known vulnerability.
AUDIT ?=
audit: setup-dev  ## Known vulnerabilities of every locked package (asks the public index; AUDIT="-s osv" asks OSV)
	@for set in core production superset; do echo "requirements/$$set.txt"; \
		$(BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off $(AUDIT) \
			-r requirements/$$set.txt || failed=1; done; test -z "$$failed"

generate: setup-dev  ## Write what derives from the declarations: dbt sources, doc blocks, catalogue, claims
	@$(BIN)/drypowder generate

sample: setup-dev  ## Write sample/ anew from recorded responses (needs DRYPOWDER_RECORDINGS)
	@$(BIN)/python sample/write.py $(DRYPOWDER_RECORDINGS)

format: setup-dev  ## Format Python and fix what lint can fix
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

dbt: setup  ## Run dbt by hand on the builder's file: make dbt ARGS="run -s dim_company"
	@WAREHOUSE_DUCKDB=$(abspath $(or $(WAREHOUSE_HOME),data))/warehouse.duckdb \
		$(BIN)/dbt $(ARGS) --project-dir dbt_project --profiles-dir dbt_project

lock: $(VENV)/bin/uv  ## Write the lock files anew from requirements/*.in (hashes, no index addresses)
	@for set in bootstrap core dev production superset superset-reader; do \
		$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
			--custom-compile-command "make lock" requirements/$$set.in -o requirements/$$set.txt; done

clean:  ## Remove the virtual environment and caches; data/ stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dbt_project/target

# ---------------------------------------------------------------------------------------------- environments
# core for those who run it, dev on top for those who change it; a stamp says which lock is installed.
setup: $(VENV)/.core  ## Install the locked environment into .venv
setup-dev: $(VENV)/.dev $(VENV)/superset-reader/.installed

$(VENV)/bin/uv: requirements/bootstrap.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or 3.12 found. Install one, or: make PYTHON=/path/to/python3.12 setup"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || \
		{ echo "$(PYTHON) is no Python 3.11 or 3.12, which is what the lock files are for."; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { echo "python3 needs its venv module: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@touch $@

# A developer's environment holds all of core: `make demo` in it must not take the tools away again.
$(VENV)/.core: requirements/core.txt pyproject.toml | $(VENV)/bin/uv
	@if test -f $(VENV)/.dev; then $(MAKE) --no-print-directory $(VENV)/.dev; \
	else echo "Installing the locked environment into $(VENV) ..."; \
		$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements/core.txt && \
		$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; fi
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/bin/uv
	@echo "Installing the locked environment for developers into $(VENV) ..."
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.core

# Superset itself; `make up` starts it.
$(VENV)/superset/.installed: requirements/superset.txt | $(VENV)/bin/uv
	@echo "Installing Superset into $(VENV)/superset ..."
	@$(PYTHON) -m venv --clear --without-pip $(VENV)/superset
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(VENV)/superset/bin/python --require-hashes requirements/superset.txt
	@touch $@

# Superset's driver needs an older SQLAlchemy than the platform: what it reads releases with has a place of its own.
$(VENV)/superset-reader/.installed: requirements/superset-reader.txt | $(VENV)/.dev
	@$(BIN)/python -m venv --without-pip $(VENV)/superset-reader
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(VENV)/superset-reader/bin/python --require-hashes requirements/superset-reader.txt
	@touch $@

# What Airflow's image is made of, for tests without an engine.
$(VENV)/production/.installed: requirements/production.txt pyproject.toml | $(VENV)/.dev
	@echo "Installing what production runs Airflow with into $(VENV)/production ..."
	@$(PYTHON) -m venv --clear --without-pip $(VENV)/production
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(VENV)/production/bin/python --require-hashes requirements/production.txt
	@$(BIN)/uv pip install --quiet --python $(VENV)/production/bin/python --no-deps --no-build-isolation -e .
	@touch $@
