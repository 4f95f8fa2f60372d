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

from sqlalchemy import Connection, insert, select

from nextlabel.errors import (
    ConfigurationError,
    DataError,
    LabelsError,
    LedgerError,
    listed,
    nearest,
)
from nextlabel.ledger.database import (
    ITEMS,
    ROWS_A_TRIP,
    chunks,
    engine_for,
    insert_events,
    prepare,
    rows_after,
    translate_errors,
    write_lock,
)
from nextlabel.ledger.events import (
    JSON,
    Event,
    Label,
    RawEvent,
    State,
    canonical,
    check_distinct,
    check_ids,
    fold,
    ids_digest,
    label_text,
    pool_difference,
    query,
    storable,
)
from nextlabel.trees import differences

__all__ = ["Ledger"]

_IDS_A_QUERY = 500  # SQLite before 3.32 takes at most 999 parameters in a statement
_IDS_TO_COMPARE = 10_000  # looking for the nearest of so many ids takes some 0.1 s


class Ledger:
    """The record of one campaign.

    Writing calls are all or nothing, and each sees what other processes wrote before it. One ledger may be
    shared by threads; a process that was forked must make its own.

    Args:
        target: The path of a file, made with its folders where there is none, or an SQLAlchemy URL of
            SQLite or PostgreSQL (whose driver must be installed). A server's database is the ledger's own.
        read_only: Only read. The ledger must exist; its file and disk may be read-only.

    Raises:
        ConfigurationError: The URL cannot be used.
        SchemaError: A newer nextlabel wrote the ledger.
        BusyError: Another process held it for 30 s.
        LedgerError: The target is no ledger, or cannot be read or written.

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
        self._engine, self.name = engine_for(target, read_only=read_only)
        self.read_only = read_only
        self._finalizer = weakref.finalize(self, self._engine.dispose)
        self._lock = threading.RLock()
        self._state = State()
        try:
            prepare(self._engine, self.name, read_only=read_only)
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
        """The state after all events, whoever wrote them; costs what the events since the last look cost.

        Raises:
            LedgerError: The ledger cannot be read.
        """
        with self._reading() as connection:
            self._catch_up(connection)
        return self._state

    def events(self) -> Iterator[Event]:
        """Return the events in order, with their times; they are read as they are consumed."""
        for raw in self._raw_events():
            yield Event.from_raw(raw)

    def open(self, settings: Mapping[str, JSON], items: Sequence[str]) -> State:
        """Write down the settings and the pool's ids, or check that they are the ones written down before.

        Args:
            settings: What the campaign is run with.
            items: The ids of the pool in its order.

        Raises:
            ConfigurationError: The ledger was opened with other settings or another pool; shows both.
            DataError: The pool is empty, or its ids cannot be used.
        """
        text = canonical(settings, "settings", ConfigurationError)
        if len(items) == 0:
            raise DataError("the pool must have at least one item, got none")
        check_ids(items)
        digest = ids_digest(items)
        if not self.state.opened:
            with self._writing() as connection:
                if not self._state.opened:  # another process may have been faster
                    self._create(connection, text, items, len(items), digest)
        state = self.state
        self._check_settings(state.settings, json.loads(text))
        if state.pool_digest != digest:
            self._check_pool(items)
        return state

    def ask(
        self,
        cycle: int,
        ids: Sequence[str],
        scores: Sequence[float] | None = None,
        *,
        measured: Mapping[str, JSON] | None = None,
    ) -> State:
        """Record the query of a cycle, and what was measured of it as the cycle's measurement ``query``.

        Items that were told in the meantime may be among them; they are just not pending.

        Args:
            cycle: The cycle, later than every one asked before, from 0.
            ids: Its items, best first.
            scores: Their acquisition scores, finite.
            measured: What was measured of the query.

        Raises:
            LedgerError: The cycle or a later one was asked already, or an item was asked before.
            DataError: There are no ids, an id is unknown or given twice, or a score is missing or not finite.
        """
        records = query(ids, scores)
        if measured is not None:
            records.append(("measured", "query", canonical(measured, f"the query of cycle {cycle}")))
        with self._writing() as connection:
            state = self._opened()
            if cycle <= state.cycle:
                raise LedgerError(
                    f"expected a cycle after {state.cycle}, the last one asked, but got {cycle}"
                )
            self._refuse_unknown(connection, ids, DataError)
            again = [item for item in ids if item in state.cycle_of]
            if again:
                raise LedgerError(
                    f"an item is asked once, but {listed(again)} came again in cycle {cycle} "
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
            replace: Correct the items that have a label already, instead of refusing them.

        Raises:
            LabelsError: An id is unknown or given twice, an item has a label, or a label is neither a
                finite number nor a string.
            LedgerError: The campaign has not been opened, or the ledger cannot be written.
        """
        pairs = list(labels.items() if isinstance(labels, Mapping) else labels)
        ids = [item for item, _ in pairs]
        if not storable(by):
            raise LabelsError(f"expected a name of whole characters as by, but got {by!r}")
        check_distinct(ids, LabelsError)
        texts = [label_text(item, label) for item, label in pairs]
        if not pairs:
            return self.state
        with self._writing() as connection:
            known = self._opened().labels
            self._refuse_unknown(connection, ids, LabelsError)
            again = [item for item in ids if item in known]
            if again and not replace:
                raise LabelsError(
                    f"expected items without a label, but {listed(again)} have one already ('{again[0]}': "
                    f"{known[again[0]]}); leave them out, or correct them with replace=True"
                )
            kinds = ("corrected" if item in known else "told" for item in ids)
            self._append(connection, zip(kinds, ids, texts, strict=True), cycle=self._state.cycle, by=by)
        return self.state

    def measure(self, cycle: int, name: str, values: Mapping[str, JSON]) -> State:
        """Record what was measured in a cycle, once for every name.

        Raises:
            LedgerError: The cycle has a measurement of this name already.
            DataError: A value is not JSON or not finite; the message names it.
        """
        if not storable(name):
            raise DataError(f"expected a name of whole characters for a measurement, but got {name!r}")
        text = canonical(values, f"the measurement '{name}' of cycle {cycle}")
        with self._writing() as connection:
            if (cycle, name) in self._opened().measurements:
                raise LedgerError(f"cycle {cycle} has a measurement '{name}' already; measure a cycle once")
            self._append(connection, [("measured", name, text)], cycle=cycle)
        return self.state

    def fork(
        self, target: Path | str, *, before_cycle: int | None = None, settings: Mapping[str, JSON]
    ) -> Ledger:
        """Make a new ledger that goes on from the events of the earlier cycles of this one.

        Labels told after the query of cycle ``before_cycle`` was recorded are left out; labels that this
        ledger's campaign used in that cycle's training are kept. Times and annotators are kept.

        Args:
            target: Path or URL of the new ledger.
            before_cycle: The first cycle to leave out, at most one after the last asked; None keeps all.
            settings: The settings that the new campaign is opened with.

        Raises:
            LedgerError: The target has events already, or this ledger has not been opened or got so far.
            ConfigurationError: The settings are not JSON.
        """
        text = canonical(settings, "settings", ConfigurationError)
        state = self.state
        if not state.opened:
            raise LedgerError(f"expected a ledger to fork, but {self.name} has not been opened")
        stop = state.cycle + 1 if before_cycle is None else before_cycle
        if not 0 <= stop <= state.cycle + 1:
            raise LedgerError(
                f"expected before_cycle in 0 ... {state.cycle + 1} of {self.name}, but got {before_cycle}"
            )
        # a measurement of a cycle that was not asked (the last one's) is part of "all"
        kept = (raw for raw in self._raw_events() if before_cycle is None or raw[2] < stop)
        origin = canonical(
            {"ledger": self.name, "before_cycle": before_cycle, "events": state.n_events}, "origin"
        )
        with ExitStack() as stack:
            other = stack.enter_context(Ledger(target))
            with other._writing() as connection:
                if other._state.n_events:
                    raise LedgerError(
                        f"expected a new ledger to fork into, but {other.name} has events already"
                    )
                other._create(connection, text, self._items(), state.pool_size, state.pool_digest)
                other._append(connection, [("forked", None, origin)], after=1)
                copied = (raw for raw in kept if raw[1] not in ("opened", "forked"))
                insert_events(connection, ((seq, *raw[1:]) for seq, raw in enumerate(copied, start=3)))
            stack.pop_all()  # it worked: leave the new ledger open
        return other

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._lock, translate_errors(self.name), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Hold the one write lock, with a state that misses nothing."""
        if self.read_only:
            raise LedgerError(
                f"expected a ledger to write to, but {self.name} was opened with read_only=True"
            )
        writer = self._engine.execution_options(writes=True)
        with self._lock, translate_errors(self.name), writer.begin() as connection:
            write_lock(connection)
            self._catch_up(connection)
            yield connection

    def _catch_up(self, connection: Connection) -> None:
        while rows := rows_after(connection, self._state.n_events):
            fold(self._state, rows)
            if len(rows) < ROWS_A_TRIP:
                return

    def _raw_events(self) -> Iterator[RawEvent]:
        seq = 0
        while True:
            with self._reading() as connection:  # none is held while the caller works
                rows = rows_after(connection, seq)
            if not rows:
                return
            yield from rows
            seq = rows[-1][0]

    def _opened(self) -> State:
        if not self._state.opened:
            raise LedgerError(
                f"expected an opened campaign in {self.name}, but it has no events; call open first"
            )
        return self._state

    def _create(
        self, connection: Connection, settings: str, items: Iterable[str], size: int, digest: str
    ) -> None:
        rows = ({"id": item, "position": position} for position, item in enumerate(items))
        for chunk in chunks(rows, ROWS_A_TRIP):
            connection.execute(insert(ITEMS), chunk)
        pool = canonical({"size": size, "digest": digest}, "pool")
        self._append(connection, [("opened", None, f'{{"pool":{pool},"settings":{settings}}}')], after=0)

    def _append(
        self,
        connection: Connection,
        records: Iterable[tuple[str, str | None, str]],
        *,
        cycle: int = -1,
        by: str = "",
        after: int | None = None,
    ) -> None:
        """Insert events of (kind, item, value) behind the one numbered ``after``, by default the last."""
        at, first = time.time(), (self._state.n_events if after is None else after) + 1
        numbered = enumerate(records, start=first)
        insert_events(
            connection, ((seq, kind, cycle, item, text, by, at) for seq, (kind, item, text) in numbered)
        )

    def _items(self) -> list[str]:
        with self._reading() as connection:
            return list(connection.scalars(select(ITEMS.c.id).order_by(ITEMS.c.position)))

    def _refuse_unknown(self, connection: Connection, ids: Sequence[str], error: type[DataError]) -> None:
        known: set[str] = set()
        for chunk in chunks((item for item in ids if storable(item)), _IDS_A_QUERY):
            known.update(connection.scalars(select(ITEMS.c.id).where(ITEMS.c.id.in_(chunk))))
        unknown = [item for item in ids if item not in known]
        if not unknown:
            return
        hint = nearest(str(unknown[0]), self._neighbours(connection, unknown[0]))
        guess = f"; did you mean '{hint}'?" if hint else ""
        size = self._state.pool_size
        raise error(f"expected ids of the pool ({size} items), but it does not hold {listed(unknown)}{guess}")

    def _neighbours(self, connection: Connection, item: str) -> list[str]:
        """Return the ids among which to look for the one meant: all, or in a large pool those around it."""
        ids = select(ITEMS.c.id)
        if self._state.pool_size <= _IDS_TO_COMPARE:
            return list(connection.scalars(ids))
        if not storable(item):
            return []
        above = ids.where(ITEMS.c.id > item).order_by(ITEMS.c.id).limit(_IDS_A_QUERY)
        below = ids.where(ITEMS.c.id < item).order_by(ITEMS.c.id.desc()).limit(_IDS_A_QUERY)
        return [*connection.scalars(above), *connection.scalars(below)]

    def _check_settings(self, stored: Mapping[str, object], given: Mapping[str, object]) -> None:
        found = differences(stored, given)
        if found:
            more = f"; and {len(found) - 10} more" if len(found) > 10 else ""
            raise ConfigurationError(
                f"the ledger {self.name} was opened with other settings: {'; '.join(found[:10])}{more}; "
                "use the same settings, or another ledger"
            )

    def _check_pool(self, items: Sequence[str]) -> None:
        raise ConfigurationError(
            f"the ledger {self.name} was opened with another pool: {pool_difference(self._items(), items)}; "
            "use the same pool in the same order, or another ledger"
        )
