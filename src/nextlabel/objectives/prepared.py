"""The check that an objective was prepared before its first step."""

from __future__ import annotations

from typing import TypeVar

from nextlabel.errors import ContractError

__all__ = ["prepared"]

Part = TypeVar("Part")


def prepared(part: Part | None, objective: str, remedy: str = "bind()") -> Part:
    """Return what a call of :meth:`~nextlabel.types.Objective.bind` or ``begin`` left, None before it.

    Raises:
        ContractError: It was not called.
    """
    if part is None:
        raise ContractError(f"objective '{objective}' must be prepared before its first step; call {remedy}")
    return part
