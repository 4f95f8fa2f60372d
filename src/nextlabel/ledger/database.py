"""The ledger's tables, how a database is reached, and what its errors mean.

SQLite in a file, or PostgreSQL by URL. Knows nothing of what the events say.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Double,
    Engine,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    insert,
    inspect,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError
from sqlalchemy.pool import QueuePool

from nextlabel.errors import (
    BusyError,
    ConfigurationError,
    DamagedLedgerError,
    LedgerError,
    SchemaError,
    listed,
)

__all__ = [
    "EVENTS",
    "ITEMS",
    "ROWS_A_TRIP",
    "SCHEMA",
    "chunks",
    "engine_for",
    "insert_events",
    "path_of",
    "prepare",
    "rows_after",
    "translate_errors",
    "write_lock",
]

SCHEMA = 1
"""The number of the tables' and events' form; it grows when an older nextlabel could misread them."""

BUSY_SECONDS = 30.0

SYNCHRONOUS = "FULL"
"""SQLite waits for the disk at every commit: neither a kill nor a power cut loses what was committed."""

ROWS_A_TRIP = 10_000
"""Rows that are read or written at a time: it bounds memory, and more are no faster."""

T = TypeVar("T")

_tables = MetaData()
_META = Table("meta", _tables, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))
ITEMS = Table(
    "items",
    _tables,
    Column("id", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    sqlite_with_rowid=False,  # the ids are stored once, not once in the table and once in its index
)
EVENTS = Table(
    "events",
    _tables,
    # no counter of the database: the writer, who holds the lock, gives the next number, so that there are no
    # gaps, the order is that of the commits, and the primary key refuses two writers at once
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("cycle", Integer, nullable=False),
    Column("item", Text),
    Column("value", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Double, nullable=False),
)


def _once(name: str, kind: str, *columns: str) -> None:
    where = EVENTS.c.kind == kind
    Index(
        name,
        *(EVENTS.c[column] for column in columns),
        unique=True,
        sqlite_where=where,
        postgresql_where=where,
    )


_once("opened_once", "opened", "kind")
_once("asked_once", "asked", "item")
_once("told_once", "told", "item")
_once("measured_once", "measured", "cycle", "item")


def path_of(target: Path | str) -> Path | None:
    """Return the file that the target names, or None where it is the URL of a server.

    Raises:
        ConfigurationError: The URL cannot be read, names no SQLite file, or another kind of database.
    """
    if isinstance(target, Path) or "://" not in target:
        return Path(target)
    try:
        url = make_url(target)
    except ArgumentError as error:
        raise ConfigurationError(f"expected a path or a database URL, but got '{target}'") from error
    kind = url.get_backend_name()
    if kind not in ("sqlite", "postgresql"):
        # the unique indexes over a part of the events exist in these two only
        raise ConfigurationError(f"expected a path or a URL of sqlite or postgresql, but got one of '{kind}'")
    if kind == "postgresql":
        return None
    if not url.database or url.database == ":memory:" or url.query:
        raise ConfigurationError(f"expected a ledger in a file, sqlite:///path/of.db, but got '{target}'")
    return Path(url.database)


def engine_for(target: Path | str, *, read_only: bool) -> tuple[Engine, str]:
    """Return an engine for the target and the target's name for messages, without its password.

    Raises:
        ConfigurationError: As :func:`path_of`, or the URL needs a driver that is not installed.
        LedgerError: The file's folder cannot be made, or there is nothing to read.
    """
    path = path_of(target)
    if path is None:
        try:
            engine = create_engine(str(target))
        except (ImportError, NoSuchModuleError) as error:
            raise ConfigurationError(
                f"'{make_url(str(target))!r}' needs a driver: {error}; install it"
            ) from error
        return engine, engine.url.render_as_string(hide_password=True)
    if read_only:
        if not path.is_file():
            raise LedgerError(f"expected a ledger to read at {path}, but there is no such file")
        engine = create_engine("sqlite://", creator=lambda: _connect_reader(path), poolclass=QueuePool)
    else:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerError(f"the folder of the ledger {path} cannot be made: {error}") from error
        engine = create_engine("sqlite://", creator=lambda: _connect_writer(path), poolclass=QueuePool)
    event.listen(engine, "begin", _begin)
    return engine, str(path)


def _begin(connection: Connection) -> None:
    # a writer takes SQLite's one write lock at once, where waiting works; a reader that turns into a writer
    # half-way is refused without waiting
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _connect(uri: str) -> sqlite3.Connection:
    # the connection pool lends a connection to one thread at a time, so the driver need not check;
    # isolation_level None leaves BEGIN to _begin
    return sqlite3.connect(uri, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=True)


def _connect_writer(path: Path) -> sqlite3.Connection:
    connection = _connect(path.absolute().as_uri())
    try:
        connection.execute(f"PRAGMA synchronous={SYNCHRONOUS}")
        try:
            # readers and the writer do not wait for each other; the file remembers it
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            # another process is at work in the new file and will do it, or a later connection; until then
            # the rollback journal is as safe
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _connect_reader(path: Path) -> sqlite3.Connection:
    uri = path.absolute().as_uri()
    connection = _connect(f"{uri}?mode=ro")
    try:
        connection.execute("SELECT count(*) FROM sqlite_master")
        return connection
    except sqlite3.Error as error:
        connection.close()
        log = path.with_name(path.name + "-wal")
        overlooked = log.exists() and log.stat().st_size > 0  # events in the log would be, below
        if overlooked or not isinstance(error, sqlite3.OperationalError) or "locked" in str(error):
            raise
    # SQLite cannot make its shared-memory file next to a file on a read-only disk; where nobody can write,
    # it needs none
    return _connect(f"{uri}?mode=ro&immutable=1")


def prepare(engine: Engine, name: str, *, read_only: bool) -> None:
    """Make the tables where the database is empty, and check that it holds a ledger that we can read.

    Raises:
        SchemaError: A newer nextlabel wrote it.
        LedgerError: It is something else than a ledger.
    """
    with translate_errors(name), engine.begin() as connection:
        empty = not inspect(connection).get_table_names()
    if empty and not read_only:
        with translate_errors(name), engine.execution_options(writes=True).begin() as connection:
            if not inspect(connection).get_table_names():  # another process may have been faster
                _tables.create_all(connection)
                about = {"application": "nextlabel", "schema": str(SCHEMA)}
                connection.execute(
                    insert(_META), [{"key": key, "value": value} for key, value in about.items()]
                )
    with translate_errors(name), engine.begin() as connection:
        tables = inspect(connection).get_table_names()
        columns = {c["name"] for c in inspect(connection).get_columns("meta")} if "meta" in tables else set()
        about = (
            {row.key: row.value for row in connection.execute(select(_META.c.key, _META.c.value))}
            if columns == {"key", "value"}
            else {}
        )
    if about.get("application") != "nextlabel" or not about.get("schema", "").isdigit():
        raise LedgerError(
            f"expected a ledger of nextlabel in {name}, but it holds {listed(tables) or 'no tables'}; "
            "give the ledger a file or a database of its own"
        )
    if int(about["schema"]) > SCHEMA:
        raise SchemaError(
            f"expected a ledger of schema {SCHEMA} or older in {name}, but a newer nextlabel wrote it with "
            f"schema {about['schema']}; upgrade nextlabel"
        )


def write_lock(connection: Connection) -> None:
    """Wait until this transaction is the only one that writes; SQLite's BEGIN IMMEDIATE has seen to it."""
    connection.execute(select(_META.c.value).where(_META.c.key == "schema").with_for_update())


_MEANINGS: tuple[tuple[tuple[str, ...], type[LedgerError], str], ...] = (
    (
        ("locked", "busy", "lock timeout"),
        BusyError,
        f"another process has held it for {BUSY_SECONDS:.0f} s; try again when it is done",
    ),
    (
        ("readonly", "read-only"),
        LedgerError,
        "its file or disk is read-only; make it writable or work on a copy (it can still be read)",
    ),
    (("disk is full", "no space"), LedgerError, "the disk is full; free some space and do it again"),
    (
        ("not a database",),
        DamagedLedgerError,
        "it is damaged, or no ledger; restore it from a copy, or give the ledger a file of its own",
    ),
    (("malformed",), DamagedLedgerError, "the file is damaged; restore it from a copy"),
    (("unable to open",), LedgerError, "it cannot be opened; check that its folder may be read and written"),
)


@contextmanager
def translate_errors(name: str) -> Iterator[None]:
    """Turn the database's errors into sentences.

    Raises:
        BusyError: Another process held the ledger for too long.
        DamagedLedgerError: Its file is damaged, or is something else.
        LedgerError: The ledger could not be read or written; what was written before is safe.
    """
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig)
        found = next((m for m in _MEANINGS if any(sign in reason.lower() for sign in m[0])), None)
        kind, meaning = (found[1], found[2]) if found else (LedgerError, "see the database's own words")
        if isinstance(error, IntegrityError):
            meaning = "another writer was faster; look at the state and do it again"
        safe = "" if kind is DamagedLedgerError else " and all earlier events are safe"
        raise kind(
            f"the ledger {name} could not be read or written ({reason}), so nothing new was recorded{safe}: "
            f"{meaning}"
        ) from error


def rows_after(connection: Connection, seq: int) -> list[Any]:  # Any: tuples of the table's columns
    """Return the next events behind the one numbered ``seq``, in order, at most :data:`ROWS_A_TRIP`."""
    found = connection.execute(
        select(EVENTS).where(EVENTS.c.seq > seq).order_by(EVENTS.c.seq).limit(ROWS_A_TRIP)
    )
    return list(found)


def insert_events(connection: Connection, rows: Iterable[tuple[object, ...]]) -> None:
    """Insert events in this transaction."""
    names = EVENTS.columns.keys()
    for chunk in chunks(rows, ROWS_A_TRIP):
        connection.execute(insert(EVENTS), [dict(zip(names, row, strict=True)) for row in chunk])


def chunks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Return the values in lists of ``size``, the last one shorter."""
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk
