"""The ledger: the append-only record of a campaign, and its only durable truth.

What was asked, labelled and measured is kept as events in an SQL database and folded into a state. An event
is written in one transaction or not at all, and what a call has returned survives kills and power cuts.
Several processes may write at once.
"""

from __future__ import annotations

import json
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import Connection

from nextlabel.errors import (
    ConfigurationError,
    DataError,
    LabelsError,
    LedgerError,
    did_you_mean,
    listed,
)
from nextlabel.ledger import database, events
from nextlabel.ledger.events import JSON, Event, Label, RawEvent, Record, State, canonical
from nextlabel.parts import check_whole
from nextlabel.trees import differences

__all__ = ["Ledger"]


class Ledger:
    """The record of one campaign.

    Writing calls are all or nothing, and each sees what other processes wrote before it. One ledger may be
    shared by threads; a forked process must create its own.

    Args:
        target: The path of a file, created with its folders if there is none, or an SQLAlchemy URL of SQLite
            or PostgreSQL (whose driver must be installed). A server's database is the ledger's own.
        read_only: Only read. The ledger must exist; its file and disk may be read-only.

    Raises:
        ConfigurationError: The URL cannot be used.
        SchemaError: A newer nextlabel wrote the ledger.
        BusyError: Another process held it for 30 s.
        LedgerError: The target is not a ledger, or cannot be read or written.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with Ledger(Path(folder.name) / "campaign.db") as ledger:
    ...     _ = ledger.open({"batch_size": 1}, items=["a.png", "b.png", "c.png"])
    ...     _ = ledger.ask(0, ["b.png", "a.png"])
    ...     state = ledger.tell({"a.png": 3})
    >>> state.labels, state.pending
    ({'a.png': 3}, ('b.png',))
    >>> folder.cleanup()
    """

    def __init__(self, target: Path | str, *, read_only: bool = False) -> None:
        self._engine, self.name = database.engine_for(target, read_only=read_only)
        self.read_only = read_only
        self._finalizer = weakref.finalize(self, self._engine.dispose)
        self._lock = threading.RLock()
        self._state = State()
        try:
            database.prepare(self._engine, self.name, read_only=read_only)
        except LedgerError:
            self.close()
            raise

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; closing twice does nothing."""
        self._finalizer()

    @property
    def state(self) -> State:
        """The state after all events, whoever wrote them; reads those written since the last call."""
        with self._transaction() as connection:
            self._catch_up(connection)
        return self._state

    def events(self) -> Iterator[Event]:
        """Return the events in order, with their times; they are read as they are consumed."""
        return map(Event.from_raw, self._raw_events())

    def open(self, settings: Mapping[str, JSON], items: Sequence[str]) -> State:
        """Record the settings and the pool's ids in order, or check that they equal those recorded before.

        Raises:
            ConfigurationError: The ledger was opened with other settings or another pool; shows both.
            DataError: The pool is empty, or its ids are unusable.
        """
        text = canonical(settings, "settings", ConfigurationError)
        if len(items) == 0:
            raise DataError("the pool must have at least one item, got none")
        events.check_ids(items)
        digest = events.ids_digest(items)
        if not self.state.opened:
            with self._transaction(writes=True) as connection:
                if not self._state.opened:  # another process may have been faster
                    self._create(connection, items, [events.opening(text, len(items), digest)])
        state = self.state
        if found := differences(state.settings, json.loads(text)):
            more = f"; and {len(found) - 10} more" if len(found) > 10 else ""
            raise ConfigurationError(
                f"the ledger {self.name} was opened with other settings: {'; '.join(found[:10])}{more}; "
                "use the same settings, or another ledger"
            )
        if state.pool_digest != digest:
            difference = events.pool_difference(self._items(), items)
            raise ConfigurationError(
                f"the ledger {self.name} was opened with another pool: {difference}; "
                "use the same pool in the same order, or another ledger"
            )
        return state

    def ask(
        self,
        cycle: int,
        ids: Sequence[str],
        scores: Sequence[float] | None = None,
        *,
        measured: Mapping[str, JSON] | None = None,
    ) -> State:
        """Record the query of a cycle.

        Args:
            cycle: The cycle, later than every one asked before, from 0.
            ids: Its items, best first. Items that have been labelled in the meantime are not pending.
            scores: Their acquisition scores, finite.
            measured: Recorded as the cycle's measurement ``query``.

        Raises:
            LedgerError: The cycle or a later one was asked already, or an item was asked before.
            DataError: There are no ids, an id is unknown or repeated, or a score is missing or not finite.
            ConfigurationError: ``cycle`` is no whole number.
        """
        cycle = check_whole("cycle", cycle)
        records = events.query(ids, scores)
        if measured is not None:
            records.append(("measured", "query", canonical(measured, f"cycle {cycle}: query")))
        with self._transaction(writes=True) as connection:
            state = self._opened()
            if cycle <= state.cycle:
                raise LedgerError(f"cycle must be above {state.cycle}, the last one asked, got {cycle}")
            self._check_known(connection, ids, DataError)
            again = [item for item in ids if item in state.cycle_of]
            if again:
                raise LedgerError(
                    f"an item must be asked only once, got {listed(again)} again in cycle {cycle} "
                    f"('{again[0]}' was asked in cycle {state.cycle_of[again[0]]}); leave out what was asked"
                )
            self._append(connection, records, cycle=cycle)
        return self.state

    def tell(
        self,
        labels: Mapping[str, Label] | Iterable[tuple[str, Label]],
        *,
        by: str = "",
        replace: bool = False,
    ) -> State:
        """Record labels of any items of the pool, asked or not, in any order.

        Args:
            labels: Labels by item, as their task encodes them; NumPy numbers become plain ones.
            by: Who gives them.
            replace: Correct the labels of items that have one already, instead of refusing them.

        Raises:
            LabelsError: An id is unknown or repeated, an item has a label, or a label is unusable.
            LedgerError: The campaign has not been opened, or the ledger cannot be written.
        """
        pairs = list(labels.items() if isinstance(labels, Mapping) else labels)
        ids = [item for item, _ in pairs]
        events.check_storable("by", by, LabelsError)
        events.check_ids(ids, LabelsError)
        texts = [events.label_text(item, label) for item, label in pairs]
        if not pairs:
            return self.state
        with self._transaction(writes=True) as connection:
            known = self._opened().labels
            self._check_known(connection, ids, LabelsError)
            again = [item for item in ids if item in known]
            if again and not replace:
                raise LabelsError(
                    f"items must have no label yet, got {listed(again)} ('{again[0]}': {known[again[0]]}); "
                    "leave them out, or correct them with replace=True"
                )
            kinds = ("corrected" if item in known else "labelled" for item in ids)
            self._append(connection, zip(kinds, ids, texts, strict=True), cycle=self._state.cycle, by=by)
        return self.state

    def measure(self, cycle: int, name: str, values: Mapping[str, JSON]) -> State:
        """Record what was measured in a cycle, once for every name.

        Raises:
            LedgerError: The cycle has a measurement of this name already.
            DataError: A value is not JSON or not finite; the message names it.
            ConfigurationError: ``cycle`` is no whole number.
        """
        events.check_storable("the name of a measurement", name)
        cycle = check_whole("cycle", cycle)
        text = canonical(values, f"cycle {cycle}: {name}")
        with self._transaction(writes=True) as connection:
            if (cycle, name) in self._opened().measurements:
                raise LedgerError(f"cycle {cycle} has a measurement '{name}' already; measure a cycle once")
            self._append(connection, [("measured", name, text)], cycle=cycle)
        return self.state

    def fork(
        self, target: Path | str, *, before_cycle: int | None = None, settings: Mapping[str, JSON]
    ) -> Ledger:
        """Create a new ledger that continues from the events of the earlier cycles of this one.

        Labels given after the query of cycle ``before_cycle`` was recorded are left out; those that the
        training of that cycle used are kept, as are times and annotators.

        Args:
            target: Path or URL of the new ledger.
            before_cycle: The first cycle to leave out, at most one after the last asked; None keeps all.
            settings: Those of the new campaign.

        Raises:
            LedgerError: The target has events already, or this ledger is not open or has fewer cycles.
            ConfigurationError: The settings are not JSON, or ``before_cycle`` is no whole number.
        """
        text = canonical(settings, "settings", ConfigurationError)
        state = self.state
        if not state.opened:
            raise LedgerError(f"the ledger {self.name} must be opened before it is forked; call open first")
        last = state.cycle + 1
        stop = last if before_cycle is None else check_whole("before_cycle", before_cycle)
        if not 0 <= stop <= last:
            raise LedgerError(f"before_cycle of {self.name} must be in 0..{last}, got {before_cycle}")
        # a measurement of a cycle that was not asked (the last one's) is part of "all"
        kept = (raw for raw in self._raw_events() if before_cycle is None or raw[2] < stop)
        origin = {"ledger": self.name, "before_cycle": before_cycle, "events": state.n_events}
        with ExitStack() as stack:
            other = stack.enter_context(Ledger(target))
            with other._transaction(writes=True) as connection:
                if other._state.n_events:
                    raise LedgerError(
                        f"the ledger to fork into must be new, got {other.name}, which has events already"
                    )
                opened = events.opening(text, state.pool_size, state.pool_digest)
                forked = ("forked", None, canonical(origin, "origin"))
                other._create(connection, self._items(), [opened, forked])
                copied = (raw for raw in kept if raw[1] not in ("opened", "forked"))
                numbered = ((seq, *raw[1:]) for seq, raw in enumerate(copied, start=3))
                database.insert_rows(connection, database.EVENTS, numbered)
            stack.pop_all()  # it worked: leave the new ledger open
        return other

    @contextmanager
    def _transaction(self, *, writes: bool = False) -> Iterator[Connection]:
        """Begin a transaction; to write, hold the one write lock, with an up-to-date state."""
        if writes and self.read_only:
            raise LedgerError(f"the ledger {self.name} was opened with read_only=True; open it for writing")
        engine = self._engine.execution_options(writes=writes)
        with self._lock, database.translate_errors(self.name), engine.begin() as connection:
            if writes:
                database.write_lock(connection)
                self._catch_up(connection)
            yield connection

    def _catch_up(self, connection: Connection) -> None:
        while rows := database.rows_after(connection, self._state.n_events):
            events.fold(self._state, rows)

    def _raw_events(self) -> Iterator[RawEvent]:
        seq = 0
        while True:
            with self._transaction() as connection:  # none is held while the caller works
                rows = database.rows_after(connection, seq)
            if not rows:
                return
            yield from rows
            seq = rows[-1][0]

    def _opened(self) -> State:
        if not self._state.opened:
            raise LedgerError(f"the ledger {self.name} has no events yet; call open first")
        return self._state

    def _create(self, connection: Connection, items: Sequence[str], records: Iterable[Record]) -> None:
        database.insert_rows(connection, database.ITEMS, zip(items, range(len(items)), strict=True))
        self._append(connection, records)

    def _append(
        self, connection: Connection, records: Iterable[Record], *, cycle: int = -1, by: str = ""
    ) -> None:
        at, numbered = time.time(), enumerate(records, start=self._state.n_events + 1)
        rows = ((seq, kind, cycle, item, text, by, at) for seq, (kind, item, text) in numbered)
        database.insert_rows(connection, database.EVENTS, rows)

    def _items(self) -> list[str]:
        with self._transaction() as connection:
            return database.item_ids(connection)

    def _check_known(self, connection: Connection, ids: Sequence[str], error: type[DataError]) -> None:
        if unknown := database.unknown_ids(connection, ids):
            size = self._state.pool_size
            guess = did_you_mean(unknown[0], database.ids_near(connection, unknown[0], size))
            raise error(f"ids must be of the pool ({size} items), got {listed(unknown)}{guess}")
