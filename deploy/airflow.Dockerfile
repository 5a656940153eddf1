# Airflow with the warehouse: every Airflow service of docker-compose.yml, the builder and the backup.
FROM python:3.11.13-slim-bookworm AS environment
WORKDIR /build
COPY requirements/bootstrap.txt requirements/production.txt ./
RUN python -m venv /opt/uv \
    && /opt/uv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes -r bootstrap.txt \
    && python -m venv --without-pip /opt/venv \
    && /opt/uv/bin/uv pip sync --no-cache --compile-bytecode --python /opt/venv/bin/python --require-hashes production.txt

# pg_dump, for the backup; Debian 12 brings the major version that docker-compose.yml runs.
FROM python:3.11.13-slim-bookworm
RUN apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 50000 airflow && useradd --uid 50000 --gid airflow --no-create-home airflow \
    && install -d -o airflow -g airflow /opt/airflow /data /backup /var/log/airflow /var/cache/drypowder
COPY --from=environment /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/opt/drypowder \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    AIRFLOW_HOME=/opt/airflow \
    HOME=/tmp \
    XDG_CACHE_HOME=/var/cache
WORKDIR /opt/drypowder
COPY pyproject.toml README.md LICENSE ./
COPY warehouse warehouse
COPY expectations expectations
COPY dbt_project dbt_project
COPY dags dags
COPY deploy deploy
COPY sample sample
# What readers of curated tables were promised; the gate compares a build with it.
COPY docs/contracts docs/contracts
RUN --mount=type=bind,from=environment,source=/opt/uv,target=/opt/uv \
    /opt/uv/bin/uv pip install --no-cache --python /opt/venv/bin/python --no-deps --no-build-isolation --editable . \
    && /opt/venv/bin/python -m compileall -q warehouse expectations dags
USER 50000:50000
