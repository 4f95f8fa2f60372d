"""Checks 5, 6 and 9: the corollaries over many descent steps on the sample itself, and convergence."""

from __future__ import annotations

from itertools import pairwise, product

import torch
from torch import Tensor

from nextlabel import discrepancy
from nextlabel.papers.theory.networks import Perceptron, Trajectory, descend, draw_samples
from nextlabel.papers.theory.record import Check, Measurement
from nextlabel.papers.theory.summary import fraction, spread

__all__ = ["convergence", "first_corollary", "second_corollary"]

STEPS = (1, 5, 20, 100)
MEDIANS = {1e-2: (1.0, 0.99, 0.89, 0.49), 5e-2: (1.0, 0.84, 0.46, 0.205)}
"""Median of D over the bound of Corollary 2 after each of STEPS, by learning rate, over 1,000 networks.

The first 10 to 999 networks give values within 6 %. 100 networks of an independent implementation gave 0.986,
0.857, 0.461 and 0.80, 0.43, 0.19 from T 5 on, within 8 %.
"""
MEDIAN_ROOM = 0.1
"""Relative tolerance of a median, small enough to detect a spurious factor of T^0.1."""


def _paths(seeds: int, etas: tuple[float, ...], *, curvature: bool) -> list[Trajectory]:
    network = Perceptron()
    sample = draw_samples(network, seeds, "path")
    return [descend(network, sample, eta=eta, steps=max(STEPS), curvature=curvature) for eta in etas]


def first_corollary(seeds: int) -> Check:
    """Check 5: Corollary 1 is an equality to first order, for any number of steps."""
    etas = (1e-3, 1e-2, 5e-2)
    rows, close, covered = [], [], []
    for path, steps in product(_paths(seeds, etas, curvature=True), STEPS):
        moved, bound = path.moved(steps), _first_bound(path, steps)
        ratio = moved / bound
        close.append(abs(ratio.median().item() - 1) <= path.eta / 5)
        covered.append(fraction(moved - bound <= 1.1 * path.second_order(steps)))
        values = {**spread(ratio), "violated": fraction(ratio > 1), "covered": covered[-1]}
        rows.append(Measurement({"eta": path.eta, "steps": steps}, values))
    holds = all(close) and min(covered) >= 0.97
    last = rows[-1].values
    return Check(
        number=5,
        title="Corollary 1 over T steps",
        claim="D is at most the sum of the bounds of Theorem 1 over all steps",
        finding=f"at eta 0.05 and T 100 D/B has the median {last['median']:.4f} and is at most "
        f"{last['max']:.3f}; D > B on {last['violated']:.0%}",
        expected="median within eta / 5 of 1, and the excess within 1.1 SUM eta^2 r^2 |g^T H g| / 2 on 0.97",
        source="Theorem 1 at every step and the triangle inequality; the residual rarely changes sign",
        verdict="holds to first order" if holds else "does not hold",
        as_expected=holds,
        measured=tuple(rows),
    )


def second_corollary(seeds: int) -> Check:
    """Check 6: Corollary 2 is never below Corollary 1, and gets looser with every step."""
    rows, above, at_one, holds_late = [], [], [], []
    for path, steps in product(_paths(seeds, tuple(MEDIANS), curvature=False), STEPS):
        bound, looser = _first_bound(path, steps), _second_bound(path, steps)
        ratio = path.moved(steps) / looser
        above.append(bool((looser >= bound * (1 - 1e-12)).all()))
        if steps == 1:
            at_one.append((looser / bound - 1).abs().max().item())
        elif steps >= 20:
            holds_late.append(bool((ratio <= 1).all()))
        values = {**spread(ratio), "violated": fraction(ratio > 1)}
        rows.append(Measurement({"eta": path.eta, "steps": steps}, values))
    medians = [row.values["median"] for row in rows]
    falling = all(a > b for i, (a, b) in enumerate(pairwise(medians)) if i % 4 < 3)
    known = [median for at_eta in MEDIANS.values() for median in at_eta]
    close = all(abs(a / b - 1) <= MEDIAN_ROOM for a, b in zip(medians, known, strict=True))
    holds = all(above) and all(holds_late) and max(at_one) <= 1e-12
    listed = ", ".join(f"{m:.3f} (T {t})" for m, t in zip(medians, STEPS, strict=False))
    return Check(
        number=6,
        title="Corollary 2 with the path's largest gradient",
        claim="D <= sqrt(2T) eta C sqrt(SUM L), from Corollary 1 by Cauchy-Schwarz",
        finding=f"never below Corollary 1; at eta 0.01 D/B has the medians {listed}; at T 1 it "
        f"exceeds 1 on {rows[0].values['violated']:.0%}, so D^2 / (2 T eta^2 C^2), meant as a lower bound of "
        f"the loss, is up to {rows[0].values['max'] ** 2:.3f} times the loss",
        expected="never below Corollary 1, equal to it at T 1; D <= B from T 20 on; medians fall with T, and "
        f"at T 1, 5, 20, 100 are within a tenth of {_listed(1e-2)} at eta 0.01 and {_listed(5e-2)} at 0.05",
        source="the Cauchy-Schwarz inequality; slack grows as loss and gradient change along the path",
        verdict="holds to first order" if holds else "does not hold",
        as_expected=holds and falling and close,
        measured=tuple(rows),
    )


def _listed(eta: float) -> str:
    return ", ".join(f"{median:g}" for median in MEDIANS[eta])


def _first_bound(path: Trajectory, steps: int) -> Tensor:
    return discrepancy.corollary1_bound(path.eta, path.losses_tm[:steps], path.sq_norms_tm[:steps])


def _second_bound(path: Trajectory, steps: int) -> Tensor:
    constants = path.sq_norms_tm[:steps].amax(0).tolist()
    bounds = [
        discrepancy.corollary2_bound(path.eta, path.losses_tm[:steps, m], constant)
        for m, constant in enumerate(constants)
    ]
    return torch.stack(bounds)


def convergence(seeds: int) -> Check:
    """Check 9: once the sample is fitted, D is the square root of twice its initial loss."""
    network = Perceptron()
    eta, steps = 0.05, 300
    path = descend(network, draw_samples(network, seeds, "path"), eta=eta, steps=steps)
    limit = torch.sqrt(2 * path.losses_tm[0])
    error = (path.moved() - limit).abs().max().item()
    sums = discrepancy.corollary1_bound(eta, path.losses_tm, path.sq_norms_tm)
    ratio = path.moved() / sums
    exact = error <= 1e-9
    return Check(
        number=9,
        title="Descent to convergence",
        claim="D tends to sqrt(2 L), L being the initial loss",
        finding=f"|D - sqrt(2 L)| at most {error:.1e} after {steps} steps at eta {eta:g}; "
        f"D / Corollary 1 in [{ratio.min().item():.3f}, {ratio.max().item():.3f}]",
        expected="|D - sqrt(2 L)| <= 1e-9",
        source="f converges to y, so D = |y - f| = sqrt(2 L)",
        verdict="holds exactly" if exact else "does not hold",
        as_expected=exact,
        measured=(Measurement({"eta": eta, "steps": steps}, {"max_error": error, **spread(ratio)}),),
    )
