"""Checks 15 and 16: the inequality as printed, for losses other than half the squared error.

A step on a loss L of a scalar output f moves f by ``eta |dL/df| ||g||^2`` to first order, and the printed
bound is ``eta sqrt(2 L) ||g||^2``. Their ratio, ``|dL/df| / sqrt(2 L)``, is 1 for half the squared error.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from nextlabel import discrepancy
from nextlabel.papers.theory.networks import NetworkState, Perceptron, draw_samples, observe
from nextlabel.papers.theory.one_step import ETAS, SMALL
from nextlabel.papers.theory.record import Check, Measurement
from nextlabel.papers.theory.summary import fraction, fraction_room, order, rows

__all__ = ["absolute_error", "full_squared_error"]

NEAR_TARGET = 0.38
"""Fraction of samples with \\|r\\| < 1/2, over 1,000 networks."""
MEDIANS = {0.1: 1.40, 0.5: 1.21}
"""Median of D/B for the full squared error, by eta, over 1,000 networks."""
MEDIAN_ROOM = 0.15
"""Tolerance of such a median; 10 to 1,000 networks give values within 0.1."""


class _Loss(NamedTuple):
    """A loss of the residual r = f - y, and its derivative with respect to f."""

    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]


ABSOLUTE = _Loss(torch.abs, torch.sign)
SQUARED = _Loss(torch.square, lambda r: 2 * r)


class _Step(NamedTuple):
    """One step at one learning rate, with (M,) numbers."""

    eta: float
    ratio: Tensor
    """D / B."""
    exact: Tensor
    """D / (eta \\|dL/df\\| ||g||^2): 1 to first order, whatever the loss."""


def _steps(loss: _Loss, seeds: int) -> tuple[NetworkState, tuple[_Step, ...]]:
    """Return the state before a step on the loss, and one step at each learning rate."""
    network = Perceptron()
    sample = draw_samples(network, seeds, "smooth")
    state = observe(network, sample)
    slope, value = loss.slope(state.residuals_m), loss.value(state.residuals_m)
    found = []
    for eta in ETAS:
        after = network(sample.weights_mp - eta * slope[:, None] * state.gradients_mp, sample.x_md)
        moved = discrepancy.output_discrepancy(after, state.outputs_m[:, None])
        bound = discrepancy.theorem1_bound(eta, value, state.sq_norms_m)
        found.append(_Step(eta, moved / bound, moved / (eta * slope.abs() * state.sq_norms_m)))
    return state, tuple(found)


def _rows(loss: str, steps: tuple[_Step, ...], **more: list[float]) -> tuple[Measurement, ...]:
    return rows([{"loss": loss, "eta": step.eta} for step in steps], [step.ratio for step in steps], **more)


def _points(state: NetworkState, steps: tuple[_Step, ...]) -> dict[str, tuple[float, ...]]:
    """Return |r| and D/B of every sample at eta 1e-4."""
    return {"|r|": tuple(state.residuals_m.abs().tolist()), "D/B": tuple(steps[1].ratio.tolist())}


def _first_order(steps: tuple[_Step, ...]) -> float:
    """Return the order in eta at which D deviates from ``eta |dL/df| ||g||^2``."""
    return order(
        [step.eta for step in steps[SMALL]], [(step.exact - 1).abs().median().item() for step in steps[SMALL]]
    )


def absolute_error(seeds: int) -> Check:
    """Check 15: for L = |r| the printed inequality fails exactly where |r| < 1/2."""
    state, steps = _steps(ABSOLUTE, seeds)
    size = state.residuals_m.abs()
    small = size < 0.5
    off_edge = (1 / (2 * size).sqrt() - 1).abs()  # distance of the first-order ratio from 1
    violated = [fraction(step.ratio > 1) for step in steps]
    foretold = [fraction(((step.ratio > 1) == small)[off_edge > step.eta]) for step in steps]
    first, room = _first_order(steps), fraction_room(seeds)
    fits = abs(fraction(small) - NEAR_TARGET) <= room and min(foretold) >= 0.99 and 0.8 <= first <= 1.2
    return Check(
        number=15,
        title="Absolute error, L = |r|",
        claim="D <= eta sqrt(2 L) ||g||^2, as Theorem 1 says",
        finding=f"D > B on {violated[1]:.0%} of samples at eta 1e-4, and |r| < 1/2 on {fraction(small):.0%}; "
        f"the two agree on {min(foretold):.0%} of samples whose ratio is not within eta of 1; "
        f"D/B up to {steps[1].ratio.max().item():.1f}; D/(eta ||g||^2) - 1 falls as eta^{first:.2f}",
        expected=f"|r| < 1/2 on a fraction within {room:.2f} of {NEAR_TARGET}; D > B exactly there "
        "for at least 0.99 of those samples at every eta from 1e-5 to 0.5; order within 0.2 of 1 over eta "
        "1e-4 to 1e-2",
        source="|dL/df| is 1, so D is eta ||g||^2 to first order, and sqrt(2 |r|) < 1 if |r| < 1/2",
        verdict="does not hold" if max(violated[SMALL]) > 0 else "holds to first order",
        as_expected=fits,
        measured=_rows("|r|", steps, violated=violated, foretold=foretold),
        samples=_points(state, steps),
    )


def full_squared_error(seeds: int) -> Check:
    """Check 16: for L = r^2, D exceeds the printed bound by a factor of sqrt 2 on every sample."""
    state, steps = _steps(SQUARED, seeds)
    root = math.sqrt(2)
    violated = [fraction(step.ratio > 1) for step in steps]
    first = _first_order(steps)
    worst = (steps[1].ratio - root).abs().max().item()
    medians = {step.eta: step.ratio.median().item() for step in steps}
    near = all(abs(medians[eta] - known) <= MEDIAN_ROOM for eta, known in MEDIANS.items())
    fits = min(violated[:4]) == 1 and worst <= 1e-3 and 0.8 <= first <= 1.2 and near
    return Check(
        number=16,
        title="Squared error without the half, L = r^2",
        claim="D <= eta sqrt(2 L) ||g||^2, as Theorem 1 says",
        finding=f"D > B on {min(violated[:4]):.0%} of samples at eta up to 0.01, {violated[4]:.0%} at 0.1 "
        f"and {violated[5]:.0%} at 0.5; D/B within {worst:.1e} of sqrt 2 at eta 1e-4, and "
        f"D/(sqrt 2 B) - 1 falls as eta^{first:.2f}",
        expected="D > B on every sample at eta up to 0.01; D/B within 1e-3 of sqrt 2 at 1e-4, and its median "
        f"within {MEDIAN_ROOM:g} of {MEDIANS[0.1]:g} at 0.1 and {MEDIANS[0.5]:g} at 0.5; order within 0.2 "
        "of 1 over eta 1e-4 to 1e-2",
        source="|dL/df| is 2 |r|, so D is 2 eta |r| ||g||^2 to first order, and sqrt(2 L) is sqrt 2 |r|",
        verdict="does not hold" if max(violated[SMALL]) > 0 else "holds to first order",
        as_expected=fits,
        measured=_rows("r^2", steps, violated=violated),
        samples=_points(state, steps),
    )
