"""The ledger's tables, its connections to SQLite or PostgreSQL, and the meaning of database errors."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Table, Text, make_url
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

SCHEMA = 1
"""The version of the tables and events; it grows when an older nextlabel could misread them."""

BUSY_SECONDS = 30.0

SYNCHRONOUS = "FULL"
"""SQLite waits for the disk at every commit: neither a kill nor a power cut loses what was committed."""

ROWS_PER_QUERY = 10_000
"""Rows that are read or written at a time: it bounds memory, and more are no faster."""

IDS_PER_QUERY = 500
"""SQLite before 3.32 takes at most 999 parameters in a statement."""

IDS_TO_COMPARE = 10_000
"""Pools up to this size are searched as a whole for the nearest id, which takes some 0.1 s."""

_tables = sa.MetaData()
_META = Table(
    "meta", _tables, sa.Column("key", Text, primary_key=True), sa.Column("value", Text, nullable=False)
)
ITEMS = Table(
    "items",
    _tables,
    sa.Column("id", Text, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sqlite_with_rowid=False,  # the ids are stored once, not once in the table and once in its index
)
EVENTS = Table(
    "events",
    _tables,
    # not a counter of the database: the writer holds the lock and sets the next number, so that there are no
    # gaps, the order is that of the commits, and the primary key refuses two writers at once
    sa.Column(
        "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False
    ),
    sa.Column("kind", Text, nullable=False),
    sa.Column("cycle", sa.Integer, nullable=False),
    sa.Column("item", Text),
    sa.Column("value", Text, nullable=False),
    sa.Column("by", Text, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
)


for _name, _keys in (("opened", "kind"), ("asked", "item"), ("labelled", "item"), ("measured", "cycle item")):
    _columns, _where = [EVENTS.c[key] for key in _keys.split()], EVENTS.c.kind == _name
    sa.Index(f"{_name}_once", *_columns, unique=True, sqlite_where=_where, postgresql_where=_where)


def path_of(target: Path | str) -> Path | None:
    """Return the file that the target names, or None if it is the URL of a server.

    Raises:
        ConfigurationError: It is a URL, but not one of PostgreSQL or a file of SQLite.
    """
    if isinstance(target, Path) or "://" not in target:
        return Path(target)
    try:
        url = make_url(target)
    except ArgumentError as error:
        raise ConfigurationError(f"a ledger must be a path or a database URL, got '{target}'") from error
    kind = url.get_backend_name()
    if kind not in ("sqlite", "postgresql"):  # the only two with unique indexes over a part of the rows
        raise ConfigurationError(f"a ledger must be a path or a URL of sqlite or postgresql, got '{kind}'")
    if kind == "postgresql":
        return None
    if not url.database or url.database == ":memory:" or url.query:
        raise ConfigurationError(
            f"a ledger of sqlite must be in a file, sqlite:///path/of.db, got '{target}'"
        )
    return Path(url.database)


def engine_for(target: Path | str, *, read_only: bool) -> tuple[Engine, str]:
    """Return an engine for the target, and its name for messages, without a password."""
    path = path_of(target)
    if path is None:
        url = make_url(str(target))  # its repr hides the password
        try:
            return sa.create_engine(url), repr(url)
        except (ImportError, NoSuchModuleError) as error:
            raise ConfigurationError(f"{url!r} needs a driver: {error}; install it") from error
    if read_only and not path.is_file():
        raise LedgerError(f"ledger not found: {path}")
    if not read_only:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerError(f"the folder of the ledger {path} cannot be created: {error}") from error
    connect = _connect_reader if read_only else _connect_writer
    engine = sa.create_engine("sqlite://", creator=lambda: connect(path), poolclass=QueuePool)
    sa.event.listen(engine, "begin", _begin)
    return engine, str(path)


def _begin(connection: Connection) -> None:
    # a writer takes SQLite's one write lock at once, where waiting works; a reader that turns into a writer
    # half-way is refused without waiting
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _connect(path: Path, query: str = "") -> sqlite3.Connection:
    # the connection pool lends a connection to one thread at a time, so the driver need not check;
    # isolation_level None leaves BEGIN to _begin
    uri = path.absolute().as_uri() + query
    return sqlite3.connect(uri, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=True)


def _connect_writer(path: Path) -> sqlite3.Connection:
    connection = _connect(path)
    try:
        connection.execute(f"PRAGMA synchronous={SYNCHRONOUS}")
        try:
            # readers and the writer do not wait for each other; the file remembers it
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            # another process uses the new file and will set it, or a later connection; until then the
            # rollback journal is as safe
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _connect_reader(path: Path) -> sqlite3.Connection:
    connection = _connect(path, "?mode=ro")
    try:
        connection.execute("SELECT count(*) FROM sqlite_master")
        return connection
    except sqlite3.Error as error:
        connection.close()
        log = path.with_name(path.name + "-wal")
        overlooked = log.exists() and log.stat().st_size > 0  # immutable, below, ignores events in the log
        if overlooked or not isinstance(error, sqlite3.OperationalError) or "locked" in str(error):
            raise
    # SQLite cannot make its shared-memory file next to a file on a read-only disk; where nobody can write,
    # it needs none
    return _connect(path, "?mode=ro&immutable=1")


def prepare(engine: Engine, name: str, *, read_only: bool) -> None:
    """Create the tables if the database is empty, and check that it is a ledger and of no newer schema."""
    with translate_errors(name), engine.begin() as connection:
        empty = not sa.inspect(connection).get_table_names()
    if empty and not read_only:
        with translate_errors(name), engine.execution_options(writes=True).begin() as connection:
            if not sa.inspect(connection).get_table_names():  # another process may have been faster
                _tables.create_all(connection)
                insert_rows(connection, _META, [("application", "nextlabel"), ("schema", str(SCHEMA))])
    with translate_errors(name), engine.begin() as connection:
        tables = sa.inspect(connection).get_table_names()
        columns = {c["name"] for c in sa.inspect(connection).get_columns("meta")} if "meta" in tables else ()
        rows = connection.execute(sa.select(_META)) if columns == {"key", "value"} else ()
        about = {row.key: row.value for row in rows}
    if about.get("application") != "nextlabel" or not about.get("schema", "").isdigit():
        raise LedgerError(
            f"{name} must be a ledger of nextlabel, got {listed(tables) or 'no tables'}; "
            "give the ledger a file or a database of its own"
        )
    if int(about["schema"]) > SCHEMA:
        raise SchemaError(
            f"the ledger {name} must have schema {SCHEMA} or older, got schema {about['schema']} of a newer "
            "nextlabel; upgrade nextlabel"
        )


def write_lock(connection: Connection) -> None:
    """Wait until this transaction is the only one that writes; in SQLite BEGIN IMMEDIATE did so already."""
    connection.execute(sa.select(_META.c.value).where(_META.c.key == "schema").with_for_update())


_MEANINGS: tuple[tuple[str, type[LedgerError], str], ...] = (
    (
        "locked|busy|lock timeout",
        BusyError,
        "another process has locked it; wait for it to finish or stop it",
    ),
    ("readonly|read-only", LedgerError, "its file or disk is read-only; make it writable or work on a copy"),
    ("disk is full|no space", LedgerError, "the disk is full; free some space and try again"),
    (
        "not a database",
        DamagedLedgerError,
        "it is damaged, or not a ledger; restore a copy, or use another file",
    ),
    ("malformed", DamagedLedgerError, "the file is damaged; restore it from a copy"),
    ("unable to open", LedgerError, "it cannot be opened; check the permissions of its folder"),
    ("", LedgerError, "see the message of the database"),
)
"""What a message of the database (a regular expression) means: the first that fits."""


@contextmanager
def translate_errors(name: str) -> Iterator[None]:
    """Turn the database's errors into those of nextlabel, with a remedy."""
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig)
        _, kind, meaning = next(m for m in _MEANINGS if re.search(m[0], reason.lower()))
        if isinstance(error, IntegrityError):
            meaning = "another process wrote first; read the state and try again"
        safe = "" if kind is DamagedLedgerError else " and all earlier events are safe"
        raise kind(
            f"the ledger {name} could not be read or written ({reason}), so nothing new was recorded{safe}: "
            f"{meaning}"
        ) from error


def rows_after(connection: Connection, seq: int) -> list[Any]:  # Any: tuples of the table's columns
    """Return the events that follow the one numbered ``seq``, in order, at most :data:`ROWS_PER_QUERY`."""
    query = sa.select(EVENTS).where(EVENTS.c.seq > seq).order_by(EVENTS.c.seq).limit(ROWS_PER_QUERY)
    return list(connection.execute(query))


def insert_rows(connection: Connection, table: Table, rows: Iterable[tuple[object, ...]]) -> None:
    """Insert rows, values in the order of the table's columns, in this transaction."""
    names, rest = table.columns.keys(), iter(rows)
    while chunk := list(islice(rest, ROWS_PER_QUERY)):
        connection.execute(sa.insert(table), [dict(zip(names, row, strict=True)) for row in chunk])


def item_ids(connection: Connection) -> list[str]:
    """Return the ids of the pool in its order."""
    return list(connection.scalars(sa.select(ITEMS.c.id).order_by(ITEMS.c.position)))


def unknown_ids(connection: Connection, ids: Sequence[str]) -> list[str]:
    """Return those of the ids that are not in the pool."""
    known: set[str] = set()
    for first in range(0, len(ids), IDS_PER_QUERY):
        chunk = ids[first : first + IDS_PER_QUERY]
        known.update(connection.scalars(sa.select(ITEMS.c.id).where(ITEMS.c.id.in_(chunk))))
    return [item for item in ids if item not in known]


def ids_near(connection: Connection, item: str, pool_size: int) -> list[str]:
    """Return the ids among which to look for the nearest: all, or in a large pool those around it."""
    ids = sa.select(ITEMS.c.id)
    if pool_size <= IDS_TO_COMPARE:
        return list(connection.scalars(ids))
    above = ids.where(ITEMS.c.id > item).order_by(ITEMS.c.id).limit(IDS_PER_QUERY)
    below = ids.where(ITEMS.c.id < item).order_by(ITEMS.c.id.desc()).limit(IDS_PER_QUERY)
    return [*connection.scalars(above), *connection.scalars(below)]
