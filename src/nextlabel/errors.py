"""The errors that nextlabel raises, drawn as a tree.

::

    NextlabelError              something the user can fix; the command line exits with 1
    ├── ConfigurationError      a setting, option or name is wrong, or a run was made with another one
    │   └── UnknownNameError    no such strategy, data set, option ...; offers the nearest name
    ├── DataError               the pool, an array or a file cannot be used as given
    │   ├── LabelsError         labels that cannot be accepted or learnt from
    │   └── MissingStateError   a trained model's state that is not there (any more)
    ├── ContractError           a plugged-in part (strategy, learner, oracle) broke its contract
    ├── LedgerError             the ledger cannot be read or written
    │   ├── SchemaError         the ledger was written by a newer nextlabel
    │   ├── DamagedLedgerError  the ledger's file is damaged, or is something else
    │   └── BusyError           another process holds the run or the ledger
    └── MissingExtraError       an optional package is not installed; names the extra

Every message is one sentence: what was expected, what came, and how to fix it.
This module knows nothing of the rest of the package.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping

__all__ = [
    "BusyError",
    "ConfigurationError",
    "ContractError",
    "DamagedLedgerError",
    "DataError",
    "LabelsError",
    "LedgerError",
    "MissingExtraError",
    "MissingStateError",
    "NextlabelError",
    "SchemaError",
    "UnknownNameError",
    "listed",
    "nearest",
]


class NextlabelError(Exception):
    """Anything that the user of nextlabel can fix."""


class ConfigurationError(NextlabelError):
    """A setting is wrong, or a run was made with another one."""


class UnknownNameError(ConfigurationError):
    """A name that is not among the known ones.

    Args:
        kind: What the name should name, e.g. ``"strategy"``.
        name: The name that was given.
        known: The names that exist.
    """

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        names, name = sorted(known), str(name)  # settings may hold a number or a list where a name is meant
        hint = nearest(name, names)
        guess = f"; did you mean '{hint}'?" if hint else "."
        super().__init__(f"{kind} not found: '{name}'{guess} Known: {listed(names, limit=20) or 'none'}.")
        self.kind, self.name, self.known = kind, name, tuple(names)


class DataError(NextlabelError):
    """The pool, an array or a file cannot be used as given."""


class LabelsError(DataError):
    """Labels that cannot be accepted or learnt from."""


class MissingStateError(DataError):
    """A trained model's state that is not there, or not any more; training again makes it."""


class ContractError(NextlabelError):
    """A plugged-in part broke its contract; the message names the part."""


class LedgerError(NextlabelError):
    """The ledger cannot be read or written."""


class SchemaError(LedgerError):
    """The ledger was written by a newer nextlabel."""


class DamagedLedgerError(LedgerError):
    """The ledger's file is damaged, or is something else."""


class BusyError(LedgerError):
    """Another process holds the run or the ledger."""


class MissingExtraError(NextlabelError):
    """An optional package is not installed.

    Args:
        package: The package that could not be imported.
        extra: The extra of nextlabel that brings it.
        purpose: What it was wanted for, as a phrase: ``"writing Parquet"``.
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package '{package}', which is not installed; "
            f"install it with: pip install 'nextlabel[{extra}]'"
        )
        self.package, self.extra = package, extra


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like ``name``, or None where none is near; case and hyphens do not matter.

    >>> nearest("margn", ["cod", "margin", "random"]), nearest("CIFAR-10", ["cifar10", "cifar100"])
    ('margin', 'cifar10')
    """
    names = list(known)
    plain = [_plain(one) for one in names]
    matches = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=0.5)
    return names[plain.index(matches[0])] if matches else None


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def listed(names: Iterable[str], *, limit: int = 5) -> str:
    """Join names for a message; after ``limit`` of them only their count follows.

    >>> listed(["a", "b", "c"], limit=2)
    "'a', 'b' and 1 more"
    """
    quoted = [f"'{name}'" for name in names]
    if len(quoted) <= limit:
        return ", ".join(quoted)
    return f"{', '.join(quoted[:limit])} and {len(quoted) - limit} more"


def changes(stored: Mapping[str, object], given: Mapping[str, object]) -> list[tuple[str, object, object]]:
    """Return every setting that differs as (key, stored, given), sorted by key; None where it is absent.

    Tables are compared setting by setting, values as the JSON that records them: a tuple equals a list, and
    2 differs from 2.0. None and an empty table count as absent, because TOML can write neither.

    >>> changes({"seed": 1, "model": {"depth": 2}}, {"seed": 1, "model": {"depth": 3}})
    [('model.depth', 2, 3)]
    """
    old, new = _flat(stored), _flat(given)
    keys = sorted(old.keys() | new.keys())
    return [(key, old.get(key), new.get(key)) for key in keys if _json(old.get(key)) != _json(new.get(key))]


def differences(stored: Mapping[str, object], given: Mapping[str, object]) -> list[str]:
    """Return a phrase for every setting that differs between a record and what is asked for now.

    >>> differences({"batch_size": 100, "old": 1}, {"batch_size": 50, "form": "l2"})
    ['batch_size: stored 100, given 50', 'form: not stored, given "l2"', 'old: stored 1, not given']
    """
    return [
        f"{key}: {'not stored' if old is None else f'stored {_json(old)}'}, "
        f"{'not given' if new is None else f'given {_json(new)}'}"
        for key, old, new in changes(stored, given)
    ]


def _flat(tree: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        elif value is not None:
            flat[f"{prefix}{key}"] = value
    return flat


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)
