"""Checks of a part's options: names from a closed set, and numbers within a range."""

from __future__ import annotations

from typing import get_args

from nextlabel.errors import ConfigurationError, UnknownNameError

__all__ = ["check_choices", "check_ranges"]


def check_choices(part: str, **options: tuple[object, object]) -> None:
    """Refuse an option whose value is not one of its names.

    Args:
        part: The part that has the options, for the message: ``"strategy 'cod'"``.
        options: The given value of each option, and the ``Literal`` of its names.

    Raises:
        UnknownNameError: A value is none of the names; the message offers the nearest.
    """
    for option, (value, names) in options.items():
        if value not in get_args(names):
            raise UnknownNameError(f"value of option '{option}' of {part}", value, get_args(names))


def check_ranges(part: str, **options: tuple[int | float, str]) -> None:
    """Refuse an option whose value lies outside its range.

    Args:
        part: The part that has the options, for the message.
        options: The given value of each option, and its range as an interval: ``"[0, 1)"``, ``"(0, inf)"``.

    Raises:
        ConfigurationError: A value is out of range or NaN.

    >>> check_ranges("strategy 'cod'", margin=(0.1, "[0, 1]"))
    """
    for option, (value, interval) in options.items():
        low, high = map(float, interval[1:-1].split(", "))
        above = low <= value if interval[0] == "[" else low < value
        below = value <= high if interval[-1] == "]" else value < high
        if not (above and below):
            raise ConfigurationError(f"option '{option}' of {part} must be in {interval}, got {value}")
