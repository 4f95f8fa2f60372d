"""Check 7: what remains of the theorem when training on a whole batch."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from nextlabel import discrepancy
from nextlabel.papers.theory.networks import Perceptron, Sample, descend, draw_samples, observe
from nextlabel.papers.theory.record import Check, Measurement
from nextlabel.papers.theory.summary import fraction, rank_correlation, ranks
from nextlabel.seeds import derive

__all__ = ["full_batch"]

SAMPLES, TRAINED = 64, 48
"""Samples of each network, and how many of them it is trained on."""
ETA, STEPS = 0.1, (1, 50)
PARTS = {"trained": slice(0, TRAINED), "held out": slice(TRAINED, SAMPLES)}

VIOLATED = {1: (0.015, 0.08), 50: (0.0, 0.02)}
"""Expected range of the fraction with D > B, by number of steps.

Measured over the first 4 to 200 groups: 0.036 to 0.063 after one step, and 0 after 50. An independent
implementation gave 0.024 for trained and 0.019 for held-out samples, and up to 0.011 after 50.
"""
MEDIANS = {1: (0.042, 0.09), 50: (0.008, 0.016)}
"""Expected range of the median of D/B, by number of steps.

Measured over the same groups: 0.047 to 0.081 and 0.0092 to 0.0138. The ranges are narrow enough to detect a
factor of 2 in D or B, with 4 groups as with 200.
"""


def full_batch(seeds: int) -> Check:
    """Check 7: under full-batch descent D rarely exceeds the bound, but its ranking of samples is lost."""
    groups = max(4, seeds // 5)  # each has 64 samples
    network, items = Perceptron(), _items(groups)
    alone = _each_alone(network, items, groups)
    moved, bounds = _train(network, items, groups)
    rows = [Measurement({"trained on": "itself", "steps": 1}, {"spearman": alone})]
    for steps in STEPS:
        for name, part in PARTS.items():
            d, b = moved[steps][:, part], bounds[steps][:, part]
            values = {
                "violated": fraction(d > b),
                "spearman": rank_correlation(d, b).mean().item(),
                "median": (d / b).median().item(),
            }
            rows.append(Measurement({"trained on": "the batch", "part": name, "steps": steps}, values))
    correlations = [row.values["spearman"] for row in rows[1:]]
    violated = max(row.values["violated"] for row in rows[1:])
    room = _room(groups)
    lost = max(map(abs, correlations)) <= room
    now, held, late, held_late = correlations
    return Check(
        number=7,
        title="Full-batch descent",
        claim="the bound ranks samples by how far they move",
        finding=f"rank correlation of D and bound {now:.2f} trained and {held:.2f} held out at T 1, "
        f"{late:.2f} and {held_late:.2f} at T 50, against {alone:.3f} when each sample takes its "
        f"own step; D > B on at most {violated:.1%}",
        expected=f"correlations within {room:.2f} of 0, but 0.99 for separate steps; D > B on "
        f"{_listed(VIOLATED)}; median D/B in {_listed(MEDIANS)}",
        source="the change of f(x) is -(eta/N) SUM r_i <grad f(x), grad f(x_i)>: it depends on the "
        "residuals of other samples",
        verdict="does not hold" if lost else "holds to first order",
        as_expected=lost and alone >= 0.99 and _in_range(rows[1:]),
        measured=tuple(rows),
        samples=_first_group(moved[1], bounds[1]),
    )


def _room(groups: int) -> float:
    """Return how far the mean rank correlation over the groups may be from 0.

    The largest was 0.12 over 200 groups, 0.16 over 20 and 0.37 over 4; its standard deviation for 16 held-out
    samples of one group is 0.26. An independent implementation measured at most 0.18.
    """
    return 0.1 + 0.7 / math.sqrt(groups)


def _listed(ranges: dict[int, tuple[float, float]]) -> str:
    return " and ".join(f"{low:g} to {high:g} at T {steps}" for steps, (low, high) in ranges.items())


def _in_range(rows: list[Measurement]) -> bool:
    """Return whether both the fraction of violations and the median are in range in every row."""
    return all(
        low <= row.values[name] <= high
        for row, steps in zip(rows, [steps for steps in STEPS for _ in PARTS], strict=True)
        for name, (low, high) in (("violated", VIOLATED[steps]), ("median", MEDIANS[steps]))
    )


def _items(groups: int) -> Sample:
    """Return G networks with N samples each as G * N consecutive rows."""
    networks = draw_samples(Perceptron(), groups, "full batch")
    drawn = []
    for group in range(groups):
        rng = torch.Generator().manual_seed(derive(group, "theory", "full batch", "samples"))
        drawn.append(torch.randn(SAMPLES, 9, generator=rng, dtype=torch.float64))
    features = torch.cat(drawn)
    weights = networks.weights_mp.repeat_interleave(SAMPLES, 0)
    return Sample(weights, features[:, 1:], features[:, 0])


def _each_alone(network: Perceptron, items: Sample, groups: int) -> float:
    """Return the mean rank correlation of D and bound when each sample takes its own small step."""
    path = descend(network, items, eta=1e-3)
    bound = discrepancy.theorem1_bound(path.eta, path.losses_tm[0], path.sq_norms_tm[0])
    moved, bounds = (values.reshape(groups, SAMPLES) for values in (path.moved(), bound))
    return rank_correlation(moved, bounds).mean().item()


def _train(network: Perceptron, items: Sample, groups: int) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    """Return (G, N) discrepancies and Corollary 1 bounds, by number of steps on the mean loss."""
    losses, norms, outputs = list[Tensor](), list[Tensor](), list[Tensor]()
    moved, bounds = dict[int, Tensor](), dict[int, Tensor]()
    for step in range(max(STEPS) + 1):
        state = observe(network, items)
        outputs.append(state.outputs_m)
        if step in STEPS:
            d = discrepancy.output_discrepancy(outputs[-1][:, None], outputs[0][:, None])
            b = discrepancy.corollary1_bound(ETA, torch.stack(losses), torch.stack(norms))
            moved[step], bounds[step] = d.reshape(groups, SAMPLES), b.reshape(groups, SAMPLES)
        losses.append(state.losses_m)
        norms.append(state.sq_norms_m)
        each = (state.residuals_m[:, None] * state.gradients_mp).reshape(groups, SAMPLES, -1)
        update = ETA * each[:, :TRAINED].mean(1).repeat_interleave(SAMPLES, 0)
        items = replace(items, weights_mp=items.weights_mp - update)
    return moved, bounds


def _first_group(moved_gn: Tensor, bounds_gn: Tensor) -> dict[str, tuple[float, ...]]:
    """Return the ranks of the first group's samples at T = 1; the smallest has rank 1."""
    by_moved, by_bound = (ranks(values[:1])[0] + 1 for values in (moved_gn, bounds_gn))
    found = {}
    for name, part in PARTS.items():
        found[f"{name}: rank of bound"] = tuple(by_bound[part].tolist())
        found[f"{name}: rank of D"] = tuple(by_moved[part].tolist())
    return found
