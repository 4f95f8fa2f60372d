"""From a budget of labels to the initial set and the batch, or a check that all three agree."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["with_sizes"]

SAME = 1e-9
"""Fractions that differ by less count as equal, because people type few digits."""


def with_sizes(tree: dict[str, Any], *, cycles: int) -> dict[str, Any]:  # Any: settings, not validated yet
    """Return the settings with the ``initial_size`` and ``batch_size`` that follow from their ``budget``.

    A campaign of n cycles with initial set i and batch b ends with i + (n - 1) b labels. If neither is given,
    i is twice b, as in the TOD papers: b is budget / (n + 1). With counts, b is rounded down and i takes the
    rest, so that the budget is spent exactly. ``cycles`` is n if the settings have none.

    Raises:
        ValueError: The budget is too small, or does not agree with the sizes given.
    """
    budget, initial, batch = sizes = [tree.get(key) for key in ("budget", "initial_size", "batch_size")]
    cycles = tree.get("cycles", cycles)
    given = [amount for amount in sizes if amount is not None]
    if budget is None or not all(
        isinstance(amount, (int, float)) and not isinstance(amount, bool) and math.isfinite(amount)
        for amount in (*given, cycles)
    ):
        return tree  # types are checked later
    if isinstance(budget, float) and budget > 1 and budget.is_integer():  # as for every other count
        budget = given[0] = int(budget)
    whole = isinstance(budget, int)
    if any(isinstance(amount, int) != whole for amount in given):
        raise ValueError(
            "budget, initial_size and batch_size must be all counts or all fractions, got "
            f"{' and '.join(map(str, given))}"
        )
    if batch is None:
        left, batches = (budget, cycles + 1) if initial is None else (budget - initial, max(cycles - 1, 1))
        batch = left // batches if whole else _rounded(left / batches)
    if initial is None:
        initial = budget - (cycles - 1) * batch
        initial = initial if whole else _rounded(initial)
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


def _rounded(fraction: float) -> float:
    """Return the fraction without the round-off in its last digits: 0.05, not 0.049999999999999996."""
    return float(f"{fraction:.12g}")
