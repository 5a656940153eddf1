"""A reader that asks the current release without pause, in a process of its own: `reader.py KIND HOME STOP OUT`.

It runs in any environment that has its driver, and writes one JSON line per query: when it began, what it saw.
"""

import json
import sys
import time
from pathlib import Path

ASKED = """
    select
        (select min(value) from marts.first), (select max(value) from marts.first),
        (select min(value) from marts.second), (select max(value) from marts.second),
        (select count(*) from marts.first), (select count(*) from marts.second)
"""


def asker(kind, home):
    """Return what asks once: as a program with DuckDB alone does, or as Superset and others through SQLAlchemy."""
    if kind == "duckdb":
        import duckdb

        hardened = {"enable_external_access": False, "lock_configuration": True}

        def ask():
            path = (Path(home) / "current").resolve() / "warehouse.duckdb"
            with duckdb.connect(str(path), read_only=True, config=hardened) as connection:
                return connection.execute(ASKED).fetchone()

        return ask

    import sqlalchemy
    from sqlalchemy.pool import NullPool

    # One address for good, which is what a dashboard is set up with.
    url = f"duckdb:///{Path(home).resolve() / 'current' / 'warehouse.duckdb'}"
    engine = sqlalchemy.create_engine(url, poolclass=NullPool, connect_args={"read_only": True})

    def ask_through_sqlalchemy():
        with engine.connect() as connection:
            return tuple(connection.execute(sqlalchemy.text(ASKED)).fetchone())

    return ask_through_sqlalchemy


def main():
    kind, home, stop, out = sys.argv[1:]
    ask = asker(kind, home)
    with Path(out).open("w") as file:
        while not Path(stop).exists():
            began = time.monotonic()
            try:
                line = {"began": began, "saw": [int(v) for v in ask()]}
            except Exception as error:  # noqa: BLE001  (whatever it is, a reader must not meet it)
                line = {"began": began, "error": f"{type(error).__name__}: {error}"}
            print(json.dumps(line), file=file, flush=True)


if __name__ == "__main__":
    main()
