"""From a budget of labels to the initial set and the batch, or a check that all three agree. No torch."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["with_sizes"]

Amount = int | float

SAME = 1e-9
"""Fractions that differ by less are the same: they are typed with few digits."""


def with_sizes(tree: dict[str, Any], *, cycles: int) -> dict[str, Any]:  # Any: settings, not validated yet
    """Return the settings with ``initial_size`` and ``batch_size`` where their ``budget`` decides them.

    A campaign of n cycles with initial set i and batch b ends with i + (n - 1) b labels. Where neither is
    given, i is twice b, as in the TOD papers: b is budget / (n + 1). Of a count, b is rounded down and i
    takes the rest, so that the budget is spent exactly.

    Args:
        tree: The settings.
        cycles: Their number where the settings do not say.

    Raises:
        ValueError: The budget is too small, or does not agree with what is given next to it.
    """
    budget, initial, batch = (tree.get(key) for key in ("budget", "initial_size", "batch_size"))
    cycles = tree.get("cycles", cycles)
    if isinstance(budget, float) and budget > 1 and budget.is_integer():  # as of every other count
        budget = int(budget)
    if budget is None or not _are_numbers(budget, initial, batch, cycles):  # types are checked later
        return tree
    if len({isinstance(amount, int) for amount in (budget, initial, batch) if amount is not None}) > 1:
        raise ValueError(
            "budget, initial_size and batch_size must be all counts or all fractions, got "
            f"{budget}, {initial} and {batch}"
        )
    initial, batch = _derived(budget, initial, batch, cycles)
    spent = initial + (cycles - 1) * batch
    if abs(spent - budget) > SAME:
        raise ValueError(
            f"budget must be initial_size + (cycles - 1) * batch_size, got {budget} but {initial} + "
            f"{cycles - 1} * {batch} = {spent:g}; leave one of them out"
        )
    if initial <= 0 or batch <= 0:
        raise ValueError(
            f"budget must leave labels for every one of the {cycles} cycles, got {budget}, which gives an "
            f"initial set of {initial:g} and batches of {batch:g}; raise it, or lower cycles"
        )
    return {**tree, "initial_size": initial, "batch_size": batch}


def _derived(
    budget: Amount, initial: Amount | None, batch: Amount | None, cycles: int
) -> tuple[Amount, Amount]:
    """Return initial set and batch, what is given unchanged."""
    whole = isinstance(budget, int)
    if batch is None:
        left = budget if initial is None else budget - initial
        batches = cycles + 1 if initial is None else max(cycles - 1, 1)
        batch = left // batches if whole else _rounded(left / batches)
    if initial is None:
        initial = budget - (cycles - 1) * batch
        initial = initial if whole else _rounded(initial)
    return initial, batch


def _rounded(fraction: float) -> float:
    """Return the fraction without the round-off of its last digits: 0.05, not 0.049999999999999996."""
    return float(f"{fraction:.12g}")


def _are_numbers(*amounts: object) -> bool:
    given = [amount for amount in amounts if amount is not None]
    return all(
        isinstance(amount, (int, float)) and not isinstance(amount, bool) and math.isfinite(amount)
        for amount in given
    )
