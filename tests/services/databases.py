"""PostgreSQL and Redis as a service asks them: over the network, by name and password."""

from __future__ import annotations


def psql(compose, role, database, sql, password=None):
    """Ask as a role would from another container: over the network, with a password."""
    name = "POSTGRES_PASSWORD" if role == "postgres" else f"POSTGRES_{role.upper()}_PASSWORD"
    secret = compose.given[name] if password is None else password
    return compose.running["postgres"].run(
        "psql", "--no-psqlrc", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1", "--host", "127.0.0.1",
        "--username", role, "--dbname", database, "--command", sql, PGPASSWORD=secret, PGCONNECT_TIMEOUT="10",
    )  # fmt: skip


def redis(compose, user, *command, password=None):
    name = f"REDIS_{user.upper()}_PASSWORD"
    secret = compose.given[name] if password is None else password
    return compose.running["redis"].run("redis-cli", "--user", user, *command, REDISCLI_AUTH=secret).stdout
