"""The checks that objectives share: of their options, and that a model was bound. Knows no objective."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeVar, get_args

from nextlabel.errors import ConfigurationError, ContractError, UnknownNameError

__all__ = ["bound", "check_choices", "check_ranges"]

Part = TypeVar("Part")


def bound(part: Part | None, objective: str) -> Part:
    """Return what ``bind`` made.

    Args:
        part: It, or None before.
        objective: The objective's name, for the message.

    Raises:
        ContractError: It is not made yet.
    """
    if part is None:
        raise ContractError(
            f"the objective '{objective}' must be bound to a model before its first step: call bind()"
        )
    return part


def check_choices(objective: str, choices: Mapping[str, tuple[object, object]]) -> None:
    """Refuse a name that is not among the choices.

    Args:
        objective: The objective's name, for the message.
        choices: Options by name, each with the value that was given and the ``Literal`` of the known ones.

    Raises:
        UnknownNameError: A name is unknown; the message offers the nearest.
    """
    for option, (value, known) in choices.items():
        if not isinstance(value, str) or value not in get_args(known):
            raise UnknownNameError(f"choice for the option '{option}' of the objective '{objective}':", value,
                                   get_args(known))  # fmt: skip


_RANGES: Mapping[str, tuple[str, Callable[[float], bool]]] = {
    "weight": (">= 0", lambda value: 0 <= value < math.inf),
    "noise": (">= 0", lambda value: 0 <= value < math.inf),
    "margin": (">= 0", lambda value: 0 <= value < math.inf),
    "decay": ("in [0, 1]", lambda value: 0 <= value <= 1),
    "ramp_up": ("in [0, 1]", lambda value: 0 <= value <= 1),
    "detach_after": ("in [0, 1]", lambda value: 0 <= value <= 1),
    "label_smoothing": ("in [0, 1)", lambda value: 0 <= value < 1),
}


def check_ranges(objective: str, **values: float) -> None:
    """Refuse a value that is out of range.

    Args:
        objective: The objective's name, for the message.
        values: By name of the option.

    Raises:
        ConfigurationError: A value is out of range; the message names all.
    """
    if not all(_RANGES[name][1](value) for name, value in values.items()):
        *wanted, last = (f"{name} {_RANGES[name][0]}" for name in values)
        told = f"{', '.join(wanted)} and {last}" if wanted else last
        got = ", ".join(f"{name}={value}" for name, value in values.items())
        raise ConfigurationError(f"the objective '{objective}' needs {told}, but got {got}")
