"""The events of a campaign, the state they fold into, and checks of what events may hold."""

from __future__ import annotations

import hashlib
import json
import math
import numbers
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from nextlabel.errors import DataError, LabelsError, LedgerError, NextlabelError, brief, listed

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
"""What a setting or a measurement may hold; floats are finite."""

EventKind: TypeAlias = Literal["opened", "asked", "labelled", "corrected", "measured", "forked"]

ItemId: TypeAlias = str
"""The stable name of an item, from the data (file name, key), never a position."""

Label: TypeAlias = "int | float | str"
"""A label as its task encodes it: a class index, a target value, the path or run-length string of a mask."""

RawEvent: TypeAlias = "tuple[int, str, int, str | None, str, str, float]"
"""One row of the ledger: seq, kind, cycle, item, value as JSON text, by, at."""

Record: TypeAlias = "tuple[str, str | None, str]"
"""The kind, item and value of an event that is about to be written."""


@dataclass(frozen=True)
class Event:
    """One event.

    Attributes:
        seq: Its place in the ledger, from 1, without gaps.
        kind: ``opened`` (value: settings and pool), ``asked`` (value: rank and score), ``labelled`` and
            ``corrected`` (value: the label), ``measured`` (value: a mapping), ``forked`` (value: where from).
        cycle: The cycle asked or measured; for a label, the last one asked before, or -1.
        item: The item's id; the name of a measurement; else None.
        value: As ``kind`` says.
        by: Who gave the label, or empty.
        at: When it was written, in seconds since 1970 (UTC) by the writer's clock.
    """

    seq: int
    kind: EventKind
    cycle: int
    item: str | None
    value: Any  # Any: what json.loads gives, as the kind says
    by: str
    at: float

    @staticmethod
    def from_raw(raw: RawEvent) -> Event:
        """Return the event in a row of the ledger; a LedgerError says what in it is unknown."""
        seq, kind, cycle, item, text, by, at = raw
        if kind not in get_args(EventKind):
            raise _unknown_kind(seq, kind)
        return Event(seq, kind, cycle, item, _parsed(seq, text), by, at)  # type: ignore[arg-type]  # checked


@dataclass
class State:
    """The state of a campaign after the events read so far; copy what must not change.

    The ledger that returned it folds later events into the same object; the cost depends on those alone.

    Attributes:
        settings: What the campaign was opened with; empty before.
        pool_size: Number of items of the pool.
        pool_digest: :func:`ids_digest` of its ids; empty before the opening.
        asked: The items of each cycle's query, best first.
        cycle_of: The cycle in which an item was asked.
        labels: The label of every labelled item, in the order labelled; a correction keeps the place.
        labelled_by: Who gave that label, or empty.
        measurements: What was measured, by cycle and name.
        forked: Where the ledger was forked from, or None.
        cycle: The last cycle asked, or -1.
        n_events: Number of events, which is also the last one's ``seq``.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)  # Any: what json.loads gives
    pool_size: int = 0
    pool_digest: str = ""
    asked: dict[int, tuple[str, ...]] = field(default_factory=dict)
    cycle_of: dict[str, int] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    labelled_by: dict[str, str] = field(default_factory=dict)
    measurements: dict[tuple[int, str], Mapping[str, Any]] = field(default_factory=dict)  # Any: as above
    forked: Mapping[str, Any] | None = None  # Any: as above
    cycle: int = -1
    n_events: int = 0
    _waiting: dict[str, None] = field(default_factory=dict, repr=False)  # a set that keeps its order

    @property
    def opened(self) -> bool:
        """Whether the campaign has been opened."""
        return bool(self.pool_digest)

    @property
    def pending(self) -> tuple[str, ...]:
        """The items that were asked and have no label yet, in the order asked."""
        return tuple(self._waiting)

    def scoring(self, cycle: int) -> Mapping[str, Any] | None:  # Any: what json.loads gives
        """Return what was measured when the pool was scored in a cycle: for its query, else after it."""
        scores = [
            m for (at, name), m in self.measurements.items() if at == cycle and name.startswith("score-")
        ]
        return self.measurements.get((cycle, "query"), scores[-1] if scores else None)


def fold(state: State, events: Iterable[RawEvent]) -> None:
    """Fold the events that follow those of the state into the state.

    Raises:
        LedgerError: An event is of an unknown kind or its value is not JSON; those before it are folded.
    """
    asked: dict[int, list[str]] = {}
    try:
        for seq, kind, cycle, item, text, by, _ in events:
            if kind in ("labelled", "corrected") and item is not None:
                # class indices, the common case, are read twice as fast without the parser
                state.labels[item] = int(text) if text.isdecimal() else _parsed(seq, text)
                state.labelled_by[item] = by
                state._waiting.pop(item, None)
            elif kind == "asked" and item is not None:
                asked.setdefault(cycle, []).append(item)
                state.cycle_of[item] = cycle
                state.cycle = max(state.cycle, cycle)
                if item not in state.labels:
                    state._waiting[item] = None
            elif kind == "measured" and item is not None:
                state.measurements[cycle, item] = _parsed(seq, text)
            elif kind == "opened":
                value = _parsed(seq, text)
                state.settings = value["settings"]
                state.pool_size, state.pool_digest = value["pool"]["size"], value["pool"]["digest"]
            elif kind == "forked":
                state.forked = _parsed(seq, text)
            else:
                raise _unknown_kind(seq, kind)
            state.n_events = seq
    finally:  # tuples grow once per call, not once per item, which would cost the square of a query's size
        for cycle, items in asked.items():
            state.asked[cycle] = state.asked.get(cycle, ()) + tuple(items)


def _unknown_kind(seq: int, kind: str) -> LedgerError:
    kinds = listed(get_args(EventKind), limit=6)
    return LedgerError(f"event {seq} must be of the kinds {kinds}, got '{kind}'; upgrade nextlabel")


def _parsed(seq: int, text: str) -> Any:  # Any: what json.loads gives
    try:
        return json.loads(text)
    except ValueError as error:
        raise LedgerError(
            f"event {seq} of the ledger must hold JSON, got {text[:40]!r}; restore the file from a copy"
        ) from error


def canonical(value: object, name: str, error: type[NextlabelError] = DataError) -> str:
    """Return the value as canonical JSON: keys sorted, no spaces, floats that read back exactly.

    NumPy scalars become plain numbers and tuples become lists.

    Raises:
        NextlabelError: A part is not :data:`JSON`; of class ``error``, and names the part within ``name``.
    """
    return json.dumps(_plain(value, name, error), sort_keys=True, separators=(",", ":"))


def _plain(value: object, name: str, error: type[NextlabelError]) -> object:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, Mapping):
        wrong = next((key for key in value if not isinstance(key, str)), None)
        if wrong is not None:
            raise error(f"the keys of {name} must be strings, got {brief(wrong)}; write str(key)")
        return {key: _plain(part, f"{name}.{key}", error) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part, f"{name}[{place}]", error) for place, part in enumerate(value)]
    if (number := _number(value)) is None:
        raise error(f"{name} must be JSON, got {brief(value)} ({type(value).__name__}); use plain values")
    if isinstance(number, float) and not math.isfinite(number):
        raise error(f"{name} must be finite, got {number}; leave it out or use None")
    return number


def _number(value: object) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, numbers.Integral):
        return int(value)
    # fractions are Rational: turning one into a float would change it silently
    real = isinstance(value, numbers.Real) and not isinstance(value, numbers.Rational)
    return float(value) if real else None  # type: ignore[arg-type]  # a real number


def label_text(item: str, label: object) -> str:
    """Return the label as JSON text: an integer stays an integer, a float reads back exactly.

    Raises:
        LabelsError: It is neither a finite number of at most 64 bits nor a string that every database can
            store; the message names the item.
    """
    if storable(label):
        return json.dumps(label)
    number = label if type(label) is int else _number(label)
    if isinstance(number, int) and -(2**63) <= number < 2**63:
        return repr(number)
    if isinstance(number, float) and math.isfinite(number):
        return repr(number)
    raise LabelsError(
        f"the label of '{item}' must be a finite number of at most 64 bits or a Unicode string without NUL, "
        f"got {brief(label)} ({type(label).__name__}); leave the item out, or encode the label as its task "
        "does"
    )


def storable(text: object) -> bool:
    """Return whether this is a string that every database stores unchanged."""
    if not isinstance(text, str) or "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate: half a character, or a file name that is not UTF-8
        return False
    return True


def check_storable(name: str, text: object, error: type[DataError] = DataError) -> None:
    """Raise the error unless this is a string that every database stores unchanged."""
    if not storable(text):
        given = f"{brief(text)} ({type(text).__name__})"
        raise error(f"{name} must be a Unicode string without NUL, got {given}; use str(key)")


def ids_digest(ids: Iterable[str]) -> str:
    """Return 16 hexadecimal digits that change if an id is added, removed or moved."""
    return hashlib.blake2b("\0".join((*ids, "")).encode(), digest_size=8).hexdigest()


def check_ids(ids: Sequence[str], error: type[DataError] = DataError) -> None:
    """Raise the error unless the ids are distinct strings that every database stores unchanged."""
    if isinstance(ids, str):
        raise error(f"ids must be a sequence of strings, got {ids!r}; write [{ids!r}]")
    for item in ids:
        check_storable("an id", item, error)
    if len(set(ids)) != len(ids):
        repeated = [item for item, count in Counter(ids).items() if count > 1]
        raise error(f"ids must be distinct, got {listed(repeated)} more than once")


def pool_difference(stored: Sequence[str], given: Sequence[str]) -> str:
    """Return how two different pools differ: in which ids, or from which position on in the order."""
    missing, new = sorted(set(stored) - set(given)), sorted(set(given) - set(stored))
    parts = [f"stored but not given: {listed(missing)}"] if missing else []
    parts += [f"given but not stored: {listed(new)}"] if new else []
    if parts:
        return "; ".join(parts)
    place = next(place for place, (old, item) in enumerate(zip(stored, given, strict=True)) if old != item)
    return f"the order differs from item {place} on: stored '{stored[place]}', given '{given[place]}'"


def opening(settings: str, pool_size: int, pool_digest: str) -> Record:
    """Return the record of an opening with these settings, as JSON text."""
    pool = canonical({"size": pool_size, "digest": pool_digest}, "pool")
    return "opened", None, f'{{"pool":{pool},"settings":{settings}}}'


def query(ids: Sequence[str], scores: Sequence[float] | None) -> list[Record]:
    """Return the records of a query.

    Raises:
        DataError: There are no ids, one is unusable, or a score is missing or not finite.
    """
    if len(ids) == 0:
        raise DataError("ids must name at least one item to ask, got none")
    check_ids(ids)
    if scores is not None and len(scores) != len(ids):
        raise DataError(f"scores must be one per item, got {len(scores)} scores for {len(ids)} items")
    given: Sequence[float | None] = [None] * len(ids) if scores is None else scores
    return [
        ("asked", item, canonical({"rank": rank, "score": score}, f"the query of '{item}'"))
        for rank, (item, score) in enumerate(zip(ids, given, strict=True))
    ]
