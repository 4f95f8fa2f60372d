"""The check that an objective was prepared before its first step."""

from __future__ import annotations

from typing import TypeVar

from nextlabel.errors import ContractError

__all__ = ["prepared"]

T = TypeVar("T")


def prepared(part: T | None, objective: str, remedy: str = "bind()") -> T:
    """Return what a call of :meth:`~nextlabel.types.Objective.bind` or ``begin`` left, None before it.

    Raises:
        ContractError: It was not called.
    """
    if part is None:
        raise ContractError(f"objective '{objective}' must be prepared before its first step; call {remedy}")
    return part
