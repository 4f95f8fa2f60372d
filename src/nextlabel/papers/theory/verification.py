"""All checks of the theorem in the order of their numbers."""

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
"""Below, a fraction of the seeds says nothing."""

CHECKS: tuple[Callable[[int], Check], ...] = (
    straight_model, tanh_network, literal_inequality, piecewise_linear_network, first_corollary,
    second_corollary, full_batch, classification, convergence, constant_gradient,
    momentum, weight_decay, batch_statistics, absent_sample,
    absolute_error, full_squared_error, largest_ratio,
)  # fmt: skip
"""The ten tests of the plan, the four premises broken, and three checks of other losses."""


def verify(seeds: int = 100) -> Iterator[Check]:
    """Yield what every check finds, as soon as it is found.

    The theorem and its corollaries are those of section 3 of Huang et al., "Semi-Supervised Active Learning
    with Temporal Output Discrepancy", ICCV 2021; cross-entropy, which a footnote there claims, is our own
    derivation. The same number of seeds gives the same numbers.

    Args:
        seeds: Networks of each kind, each with its own weights and sample; full-batch descent takes a fifth.

    Raises:
        ConfigurationError: There are too few seeds.
    """
    if seeds < FEWEST_SEEDS:
        raise ConfigurationError(
            f"seeds must be at least {FEWEST_SEEDS}, got {seeds}; fractions need as many"
        )
    return _found(seeds)


def _found(seeds: int) -> Iterator[Check]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the products are small: a second thread costs more than it brings
    try:
        for check in CHECKS:
            yield check(seeds)
    finally:
        torch.set_num_threads(threads)
