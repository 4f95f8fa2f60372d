"""All checks of the theorem, in the order of their numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from nextlabel.errors import ConfigurationError
from nextlabel.papers.theory.batches import full_batch
from nextlabel.papers.theory.cross_entropy import classification, constant_gradient, largest_ratio
from nextlabel.papers.theory.one_step import (
    literal_inequality,
    piecewise_linear_network,
    straight_model,
    tanh_network,
)
from nextlabel.papers.theory.other_losses import absolute_error, full_squared_error
from nextlabel.papers.theory.paths import convergence, first_corollary, second_corollary
from nextlabel.papers.theory.premises import absent_sample, batch_statistics, momentum, weight_decay
from nextlabel.papers.theory.record import Check

__all__ = ["CHECKS", "FEWEST_SEEDS", "verify"]

FEWEST_SEEDS = 10
"""With fewer seeds, fractions of them mean nothing."""

CHECKS: tuple[Callable[[int], Check], ...] = (
    straight_model, tanh_network, literal_inequality, piecewise_linear_network, first_corollary,
    second_corollary, full_batch, classification, convergence, constant_gradient,
    momentum, weight_decay, batch_statistics, absent_sample,
    absolute_error, full_squared_error, largest_ratio,
)  # fmt: skip
"""Ten checks of the theorem and its evidence, four of broken premises and three of other losses."""


def verify(seeds: int = 100) -> Iterator[Check]:
    """Run all checks and yield each result as soon as it is ready.

    The theorem and its corollaries are from section 3 of Huang et al., "Semi-Supervised Active Learning with
    Temporal Output Discrepancy", ICCV 2021. A footnote there claims the result for cross-entropy too; its
    derivation is ours. Equal numbers of seeds give equal results.

    Args:
        seeds: Networks of each kind, each with its own weights and sample; full-batch descent uses a fifth.

    Raises:
        ConfigurationError: There are fewer than :data:`FEWEST_SEEDS` seeds.
    """
    if seeds < FEWEST_SEEDS:
        raise ConfigurationError(f"seeds must be at least {FEWEST_SEEDS}, got {seeds}; use more seeds")
    return _run(seeds)


def _run(seeds: int) -> Iterator[Check]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # matrices are so small that a second thread only slows them down
    try:
        for check in CHECKS:
            yield check(seeds)
    finally:
        torch.set_num_threads(threads)
