"""Tests of what can be wrong with the ledger's file, disk or server."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from nextlabel.errors import BusyError, ConfigurationError, DamagedLedgerError, LedgerError, SchemaError
from nextlabel.ledger.database import EVENTS, ITEMS, path_of
from nextlabel.ledger.ledger import Ledger

IDS = [f"i{number}" for number in range(2000)]


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    # no power is cut here; the processes that are killed in test_ledger_processes.py do wait for it
    monkeypatch.setattr("nextlabel.ledger.database.SYNCHRONOUS", "OFF")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "campaign.db"
    with Ledger(path) as ledger:
        ledger.open({"seed": 1}, IDS)
        ledger.tell({"i0": 1})
    return path


@pytest.fixture
def on_every_connection():
    """Return a function that has a statement run on every new connection."""
    added = []

    def add(statement):
        def run(connection, _record):
            connection.execute(statement).fetchall()

        event.listen(Engine, "connect", run)
        added.append(run)

    yield add
    for run in added:
        event.remove(Engine, "connect", run)


def edit(path, *statements):
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_a_commit_waits_for_the_disk_and_no_reader_for_a_writer(tmp_path, monkeypatch):
    monkeypatch.undo()
    with Ledger(tmp_path / "new.db") as ledger, ledger._engine.connect() as connection:
        full = 2
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == full
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_a_newer_schema_asks_for_a_newer_nextlabel(path):
    edit(path, "UPDATE meta SET value = '2' WHERE key = 'schema'")
    for read_only in (False, True):
        with pytest.raises(SchemaError, match=r"got schema 2 of a newer nextlabel; upgrade nextlabel$"):
            Ledger(path, read_only=read_only)


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("What I did last summer. " * 100)
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(
            DamagedLedgerError, match="it is damaged, or not a ledger; restore a copy"
        ) as refused:
            Ledger(path, read_only=read_only)
        assert "safe" not in str(refused.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "table",
    [
        "photos (id)",
        "meta (id)",
        "meta (key, value)",  # of another application: no row says that it is ours
    ],
)
def test_a_database_of_another_application_is_left_as_it_is(tmp_path, table):
    path = tmp_path / "photos.db"
    edit(path, f"CREATE TABLE {table}")
    with pytest.raises(LedgerError, match=f"got '{table.split()[0]}'; give the ledger a file"):
        Ledger(path)
    connection = sqlite3.connect(path)
    assert len(connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()) == 1
    connection.close()


def test_an_empty_file_becomes_a_ledger_but_not_for_a_reader(tmp_path):
    path = tmp_path / "campaign.db"
    path.touch()
    with pytest.raises(LedgerError, match="got no tables"):
        Ledger(path, read_only=True)
    with Ledger(path) as ledger:
        assert ledger.open({}, ["a"]).n_events == 1


def test_a_damaged_file_is_named(path):
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(LedgerError, match=f"the ledger {path}.*damaged; restore it from a copy"):
        Ledger(path)


def test_a_folder_is_no_ledger(tmp_path):
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger(tmp_path)
    with pytest.raises(LedgerError, match="ledger not found"):
        Ledger(tmp_path, read_only=True)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match=r"the folder of the ledger .* cannot be created"):
        Ledger(tmp_path / "file" / "campaign.db")


def test_a_reader_makes_no_file(tmp_path):
    with pytest.raises(LedgerError, match="ledger not found"):
        Ledger(tmp_path / "none" / "campaign.db", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_sees_what_a_writer_writes_and_writes_nothing(path):
    with Ledger(path) as writer, Ledger(path, read_only=True) as reader:
        assert reader.open({"seed": 1}, IDS).labels == {"i0": 1}
        writer.tell({"i1": 2})
        assert reader.state.labels == {"i0": 1, "i1": 2}
        for write in (
            lambda: reader.tell({"i2": 1}),
            lambda: reader.ask(0, ["i2"]),
            lambda: reader.measure(0, "x", {}),
        ):
            with pytest.raises(LedgerError, match="was opened with read_only=True"):
                write()
        assert writer.state.n_events == 3


def forbid_shared_memory(path):
    """Make SQLite's file of shared memory impossible, as a read-only disk does, for the superuser too."""
    path.with_name(path.name + "-shm").symlink_to(path.parent / "no such folder" / "file")


def test_a_ledger_on_a_read_only_disk_can_be_read(path):
    forbid_shared_memory(path)
    with pytest.raises(LedgerError, match="cannot be opened; check the permissions of its folder"):
        Ledger(path)
    with Ledger(path, read_only=True) as reader:
        assert reader.state.labels == {"i0": 1}
        assert [item.kind for item in reader.events()] == ["opened", "labelled"]


def test_events_that_are_still_in_the_log_of_a_read_only_disk_are_never_overlooked(path):
    with Ledger(path) as writer:
        writer.tell({"i1": 1})
        log = path.with_name(path.name + "-wal").read_bytes()
        data = path.read_bytes()
    path.write_bytes(data)
    path.with_name(path.name + "-wal").write_bytes(log)  # as a killed writer leaves it
    forbid_shared_memory(path)
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger(path, read_only=True)


def test_writing_to_a_read_only_file_says_so_and_loses_nothing(path, on_every_connection):
    on_every_connection("PRAGMA query_only = ON")  # SQLite then answers as for a file that it may not write
    with Ledger(path) as ledger:
        with pytest.raises(LedgerError, match="read-only; make it writable or work on a copy"):
            ledger.tell({"i1": 1})
        assert ledger.state.labels == {"i0": 1}


def test_a_full_disk_says_so_and_loses_nothing(path, on_every_connection):
    on_every_connection("PRAGMA max_page_count = 1")  # SQLite takes it as: not one page more
    with Ledger(path) as ledger:
        with pytest.raises(
            LedgerError, match=r"nothing new was recorded .* the disk is full; free some space"
        ):
            ledger.tell(dict.fromkeys(IDS[1:], 1))
        assert ledger.state.labels == {"i0": 1}
    with Ledger(path, read_only=True) as ledger:
        assert ledger.state.labels == {"i0": 1}


def test_after_a_full_disk_the_same_ledger_goes_on(path):
    with Ledger(path) as ledger:
        engine = ledger._engine
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")
        with pytest.raises(LedgerError, match="the disk is full"):
            ledger.tell(dict.fromkeys(IDS[1:], 1))
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        assert len(ledger.tell(dict.fromkeys(IDS[1:], 1)).labels) == len(IDS)


def test_a_ledger_that_is_held_for_too_long_is_busy_but_can_be_read(path, monkeypatch):
    monkeypatch.setattr("nextlabel.ledger.database.BUSY_SECONDS", 0.01)
    holder = sqlite3.connect(path, isolation_level=None)
    with Ledger(path) as ledger:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(BusyError, match="another process has locked it"):
            ledger.tell({"i1": 1})
        assert ledger.state.labels == {"i0": 1}
        holder.execute("ROLLBACK")
        assert ledger.tell({"i1": 1}).labels == {"i0": 1, "i1": 1}
    holder.close()


def test_a_row_that_went_around_the_ledger_is_reported(path):
    with Ledger(path) as ledger:
        edit(path, "INSERT INTO events VALUES (3, 'labelled', 0, 'i1', 'nonsense', '', 0)")
        for _ in range(2):
            with pytest.raises(LedgerError, match="event 3 of the ledger must hold JSON"):
                _ = ledger.state


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("mysql://host/database", "sqlite or postgresql, got 'mysql'"),
        ("sqlite://", "must be in a file"),
        ("sqlite:///:memory:", "must be in a file"),
        ("sqlite:///a.db?mode=ro", "must be in a file"),
        ("://", "a path or a database URL"),
        ("postgresql+nosuchdriver://host/database", "needs a driver"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused(target, message):
    with pytest.raises(ConfigurationError, match=message):
        Ledger(target)


def test_the_url_of_a_server_is_no_path():
    assert path_of("postgresql+psycopg://host/database") is None


def test_the_tables_can_be_made_in_postgresql():
    dialect = postgresql.dialect()
    tables = [str(CreateTable(table).compile(dialect=dialect)) for table in (ITEMS, EVENTS)]
    assert "seq BIGINT NOT NULL" in tables[1]
    indexes = sorted(str(CreateIndex(index).compile(dialect=dialect)) for index in EVENTS.indexes)
    assert [index.split(" WHERE ")[1] for index in indexes] == [
        "kind = 'asked'",
        "kind = 'labelled'",
        "kind = 'measured'",
        "kind = 'opened'",
    ]
    assert all(index.startswith("CREATE UNIQUE INDEX") for index in indexes)
