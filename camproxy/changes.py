"""Whether the database has changed, asked so cheaply that it can be asked every second."""

from __future__ import annotations

from sqlalchemy import Connection, Engine


class Changes:
    """Tells a commit by anybody, another process too. For one thread. Every method may raise SQLAlchemyError.

    SQLite counts commits, for each connection those of the others (https://sqlite.org/pragma.html#pragma_data_version).
    PostgreSQL has no such number: there it is as if everything changed all the time.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def version(self) -> object:
        """Equal to an earlier answer only if nothing was committed since."""
        if self._engine.dialect.name != "sqlite":
            return object()
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        return self._connection.exec_driver_sql("PRAGMA data_version").scalar()

    def close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None
