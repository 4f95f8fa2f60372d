"""Checks 1 to 4: Theorem 1 for one gradient-descent step on the sample itself."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from nextlabel import discrepancy
from nextlabel.papers.theory.networks import Perceptron, Trajectory, descend, draw_samples
from nextlabel.papers.theory.record import Check, Measurement
from nextlabel.papers.theory.summary import fraction, fraction_room, order, rows

__all__ = ["literal_inequality", "piecewise_linear_network", "straight_model", "tanh_network"]

ETAS = (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.5)
SMALL = slice(1, 4)
"""1e-4 to 1e-2: round-off matters below, third-order terms above."""
FRACTIONS = (0.43, 0.43, 0.43, 0.42, 0.36, 0.19)
"""Fraction of samples with D > B at each learning rate, over 1,000 networks.

200 networks of an independent implementation gave 0.49 up to 1e-3, then 0.46, 0.30 and 0.15.
"""


class _Step(NamedTuple):
    """One step at one learning rate, with (M,) numbers."""

    path: Trajectory
    bound: Tensor
    ratio: Tensor
    bend: Tensor
    """r kappa; D exceeds B if it is negative."""
    remainder: Tensor
    """|D / B - |1 - 1/2 eta r kappa||, what the second order leaves unexplained."""


def _steps(network: Perceptron, seeds: int, purpose: str) -> tuple[_Step, ...]:
    sample = draw_samples(network, seeds, purpose)
    found = []
    for eta in ETAS:
        path = descend(network, sample, eta=eta, curvature=True)
        bound = discrepancy.theorem1_bound(eta, path.losses_tm[0], path.sq_norms_tm[0])
        ratio = path.moved() / bound
        assert path.curvatures_tm is not None, "requested above"
        bend = path.residuals_tm[0] * path.curvatures_tm[0] / path.sq_norms_tm[0]
        found.append(_Step(path, bound, ratio, bend, (ratio - (1 - eta * bend / 2).abs()).abs()))
    return tuple(found)


def _rows(steps: tuple[_Step, ...], **more: list[float]) -> tuple[Measurement, ...]:
    return rows(
        [{"eta": step.path.eta} for step in steps],
        [step.ratio for step in steps],
        median_deviation=[(step.ratio - 1).abs().median().item() for step in steps],
        median_remainder=[step.remainder.median().item() for step in steps],
        **more,
    )


def straight_model(seeds: int) -> Check:
    """Check 1: the output of a linear model moves by exactly the bound, at any learning rate."""
    steps = _steps(Perceptron((8, 1)), seeds, "linear")
    errors = []
    for step in steps:
        scale = step.path.outputs_tm.abs().amax(0).clamp_min(1)  # round-off is relative to the outputs
        errors.append(((step.path.moved() - step.bound).abs() / scale).max().item())
    median = max((step.ratio - 1).abs().median().item() for step in steps)
    exact = max(errors) <= 1e-14 and median <= 1e-9
    return Check(
        number=1,
        title="Linear model, one step",
        claim="D equals the bound of Theorem 1 at any learning rate",
        finding=f"|D - B| at most {max(errors):.1e} of the output over eta 1e-5 to 0.5",
        expected="|D - B| <= 1e-14 of the output, and a median |D/B - 1| <= 1e-9",
        source="f is affine in w, so its Taylor expansion ends after the first order",
        verdict="holds exactly" if exact else "does not hold",
        as_expected=exact,
        measured=_rows(steps, max_error=errors),
    )


def tanh_network(seeds: int) -> Check:
    """Check 2: for a smooth network D/B is 1 + O(eta), with slope -r kappa / 2."""
    steps = _steps(Perceptron(), seeds, "smooth")
    first = order(ETAS[1:4], [(s.ratio - 1).abs().median().item() for s in steps[SMALL]])
    second = order(ETAS[1:4], [s.remainder.median().item() for s in steps[SMALL]])
    holds = 0.8 <= first <= 1.2 and 1.8 <= second <= 2.2
    low, high = steps[3].ratio.min().item(), steps[3].ratio.max().item()
    return Check(
        number=2,
        title="Tanh network, one step",
        claim="D equals the bound to first order: D/B = |1 - eta r kappa / 2| + O(eta^2)",
        finding=f"|D/B - 1| falls as eta^{first:.2f}, and the remainder after the slope as eta^{second:.2f}; "
        f"D/B in [{low:.4f}, {high:.4f}] at eta 0.01",
        expected="orders within 0.2 of 1 and of 2, over eta 1e-4 to 1e-2",
        source="Taylor's theorem with kappa = g^T H g / ||g||^2",
        verdict="holds to first order" if holds else "does not hold",
        as_expected=holds,
        measured=_rows(steps),
    )


def literal_inequality(seeds: int) -> Check:
    """Check 3: D <= B as printed fails wherever r kappa < 0, on about half of the samples."""
    steps = _steps(Perceptron(), seeds, "smooth")
    violated = [fraction(step.ratio > 1) for step in steps]
    foretold, covered = [], []
    for step in steps:
        path, term = step.path, step.path.second_order()
        foretold.append(fraction((step.ratio > 1) == (step.bend < 0)))
        covered.append(fraction(path.moved() - step.bound <= 1.1 * term))
    room = fraction_room(seeds)
    near = all(abs(part - known) <= room for part, known in zip(violated, FRACTIONS, strict=True))
    fits = near and min(foretold[SMALL]) >= 0.97 and min(covered[SMALL]) >= 0.97
    low, high = min(violated[SMALL]), max(violated[SMALL])
    return Check(
        number=3,
        title="The inequality as printed",
        claim="D <= B for every sample",
        finding=f"D > B on {low:.0%} to {high:.0%} of samples at eta 1e-4 to 1e-2, where the sign "
        f"of r kappa predicts {min(foretold[SMALL]):.0%} and eta^2 r^2 |g^T H g| / 2 covers the excess; "
        f"on {violated[4]:.0%} at 0.1 and {violated[5]:.0%} at 0.5",
        expected=f"D > B on a fraction within {room:.2f} of {FRACTIONS[0]} up to eta 1e-3, {FRACTIONS[3]} at "
        f"0.01, {FRACTIONS[4]} at 0.1 and {FRACTIONS[5]} at 0.5; predicted and covered on 0.97 up to 0.01",
        source="the proof treats a first-order Taylor expansion as an equality",
        verdict="does not hold" if max(violated) > 0 else "holds exactly",
        as_expected=fits,
        measured=_rows(steps, violated=violated, foretold=foretold, covered=covered),
    )


def piecewise_linear_network(seeds: int) -> Check:
    """Check 4: a ReLU network behaves like a smooth one unless the step crosses a kink."""
    network = Perceptron(activation=torch.relu)
    steps = _steps(network, seeds, "kinks")
    crossed = [_crossed(network, step.path, seeds) for step in steps]
    calm = ~torch.stack(crossed[SMALL]).any(0)
    if not calm.any():  # every step crosses a kink: use all of them, as an empty median is nan
        calm = torch.ones_like(calm)
    # from 1e-3 on: at 1e-4 the small remainder of a ReLU network is lost in round-off for some samples
    second = order(ETAS[2:4], [s.remainder[calm].median().item() for s in steps[2:4]])
    fractions = [fraction(which) for which in crossed]
    smooth, kinked = (_largest(steps[4].remainder, which) for which in (~crossed[4], crossed[4]))
    fits = 1.8 <= second <= 2.2 and fractions[0] <= 0.1 and fractions[-1] >= 0.5 and kinked > smooth
    return Check(
        number=4,
        title="ReLU network, one step",
        claim="as for a smooth network, if the step crosses no kink",
        finding=f"without a kink the remainder falls as eta^{second:.2f}; at eta 0.1, where "
        f"{fractions[4]:.0%} cross one, it is at most {smooth:.1e} without and {kinked:.2f} with",
        expected="order within 0.2 of 2 over eta 1e-3 to 1e-2; few steps cross a kink at eta 1e-5, most at "
        "0.5; larger deviations across kinks",
        source="between kinks the network is a polynomial in its weights",
        verdict="holds to first order" if 1.8 <= second <= 2.2 else "does not hold",
        as_expected=fits,
        measured=_rows(steps, crossed=fractions),
    )


def _crossed(network: Perceptron, path: Trajectory, seeds: int) -> Tensor:
    """Return (M,) whether a hidden unit of the network changed sign."""
    start = draw_samples(network, seeds, "kinks")
    before, after = (network.layers(s.weights_mp, s.x_md)[:-1] for s in (start, path.end))
    changed = [((a > 0) != (b > 0)).any(1) for a, b in zip(before, after, strict=True)]
    return torch.stack(changed).any(0)


def _largest(values_m: Tensor, which_m: Tensor) -> float:
    return values_m[which_m].max().item() if which_m.any() else 0.0
