"""The errors that nextlabel raises.

Every message says what is expected, what was given, and how to fix it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

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
    "brief",
    "did_you_mean",
    "listed",
    "nearest",
]


class NextlabelError(Exception):
    """Anything that the user of nextlabel can fix."""


class ConfigurationError(NextlabelError):
    """A setting is wrong, or differs from that of the stored run."""


class UnknownNameError(ConfigurationError):
    """No ``kind`` (such as a strategy) has this name; the message suggests the nearest of the known ones."""

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        names, name = sorted(known), name if isinstance(name, str) else brief(name)  # a number, a list
        guess = did_you_mean(name, names) or "."
        super().__init__(f"{kind} not found: '{name}'{guess} Known: {listed(names, limit=20) or 'none'}.")
        self.kind, self.name, self.known = kind, name, tuple(names)


class DataError(NextlabelError):
    """The pool, an array or a file is unusable."""


class LabelsError(DataError):
    """Labels that are invalid or cannot be trained on."""


class MissingStateError(DataError):
    """The saved state of a trained model does not exist; training recreates it."""


class ContractError(NextlabelError):
    """A plugged-in part broke its contract; the message names the part."""


class LedgerError(NextlabelError):
    """The ledger cannot be read or written."""


class SchemaError(LedgerError):
    """The ledger was written by a newer nextlabel."""


class DamagedLedgerError(LedgerError):
    """The ledger's file is damaged or not a ledger."""


class BusyError(LedgerError):
    """Another process has locked the run or the ledger."""


class MissingExtraError(NextlabelError):
    """A purpose (``"writing Parquet"``) needs a package that an extra of nextlabel installs."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package '{package}', which is not installed; "
            f"install it with: pip install 'nextlabel[{extra}]'"
        )


def brief(value: object) -> str:
    """Return the repr of a value for a message, on one line and not too long.

    >>> brief([[0, 1], [2, 3]])
    '[[0, 1], [2, 3]]'
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:80]}..."


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like ``name``, or None if none is close; ignores case, hyphens, underscores.

    >>> nearest("margn", ["cod", "margin", "random"]), nearest("CIFAR-10", ["cifar10", "cifar100"])
    ('margin', 'cifar10')
    """
    names = list(known)
    plain, *others = (one.lower().replace("-", "").replace("_", "") for one in (name, *names))
    matches = difflib.get_close_matches(plain, others, n=1, cutoff=0.5)
    return names[others.index(matches[0])] if matches else None


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return the end of a message that suggests the nearest name, or an empty string if none is close.

    >>> did_you_mean("margn", ["cod", "margin", "random"])
    "; did you mean 'margin'?"
    """
    hint = nearest(str(name), known)
    return f"; did you mean '{hint}'?" if hint else ""


def listed(names: Iterable[str], *, limit: int = 5) -> str:
    """Join names for a message; beyond ``limit`` only their number is given.

    >>> listed(["a", "b", "c"], limit=2)
    "'a', 'b' and 1 more"
    """
    quoted = [f"'{name}'" for name in names]
    if len(quoted) <= limit:
        return ", ".join(quoted)
    return f"{', '.join(quoted[:limit])} and {len(quoted) - limit} more"
