# Superset: its web pages, its worker and its first start.
FROM python:3.11.13-slim-bookworm AS environment
WORKDIR /build
COPY requirements/bootstrap.txt requirements/superset.txt ./
RUN python -m venv /opt/uv \
    && /opt/uv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes -r bootstrap.txt \
    && python -m venv --without-pip /opt/venv \
    && /opt/uv/bin/uv pip sync --no-cache --compile-bytecode --python /opt/venv/bin/python --require-hashes superset.txt

# Another user than Airflow's, so that what the builder keeps to itself in the volume stays closed to it.
FROM python:3.11.13-slim-bookworm
RUN groupadd --gid 50001 superset && useradd --uid 50001 --gid superset --no-create-home superset
COPY --from=environment /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    SUPERSET_HOME=/tmp/superset \
    SUPERSET_CONFIG_PATH=/opt/drypowder/superset/superset_config.py
WORKDIR /opt/drypowder
COPY superset superset
# The guard of typed SQL, and what it imports.
COPY warehouse/__init__.py warehouse/errors.py warehouse/masking.py warehouse/querying.py warehouse/
COPY deploy deploy
USER 50001:50001
