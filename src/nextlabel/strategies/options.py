"""The check that strategies share of their options. Knows no strategy."""

from __future__ import annotations

from nextlabel.errors import ConfigurationError, listed, nearest

__all__ = ["check_choice"]


def check_choice(strategy: str, option: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a value that is not among the choices.

    Args:
        strategy: The strategy's name, for the message.
        option: The option's name, for the message.
        value: What was given.
        choices: What may be given.

    Raises:
        ConfigurationError: The value is none of the choices; the message offers the nearest.
    """
    if value not in choices:
        hint = nearest(str(value), choices)
        guess = f"; did you mean '{hint}'?" if hint else ""
        raise ConfigurationError(
            f"option '{option}' of strategy '{strategy}' must be {listed(choices)}, got '{value}'{guess}"
        )
