"""Checks 11 to 14: the theorem with one premise broken at a time; real training breaks all of them."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from nextlabel import discrepancy
from nextlabel.papers.theory.networks import Perceptron, descend, draw_samples, observe
from nextlabel.papers.theory.record import Check, Measurement
from nextlabel.papers.theory.summary import fraction, spread
from nextlabel.seeds import derive

__all__ = ["absent_sample", "batch_statistics", "momentum", "weight_decay"]

TINY = 1e-12
"""Discrepancies up to this are round-off."""


def momentum(seeds: int) -> Check:
    """Check 11: with momentum 0.9 the output moves up to ten times as far as Corollary 1 allows."""
    network = Perceptron()
    path = descend(network, draw_samples(network, seeds, "premises"), eta=1e-3, steps=20, momentum=0.9)
    ratio = path.moved() / discrepancy.corollary1_bound(path.eta, path.losses_tm, path.sq_norms_tm)
    violated, median = fraction(ratio > 1), ratio.median().item()
    return Check(
        number=11,
        title="Momentum 0.9",
        claim="Corollary 1 holds with momentum",
        finding=f"D/B has the median {median:.2f} after 20 steps at eta 0.001; D > B on {violated:.0%}",
        expected="D > B on every sample; median in [5, 8]",
        source="SUM over 20 steps of (1 - 0.9^k) / 0.1 is 6.05 times the sum for plain descent at constant "
        "loss, and more as the loss falls",
        verdict="does not hold" if violated > 0 else "holds exactly",
        as_expected=violated == 1 and 5 <= median <= 8,
        measured=(Measurement({"eta": path.eta, "steps": 20}, {**spread(ratio), "violated": violated}),),
    )


def weight_decay(seeds: int) -> Check:
    """Check 12: with weight decay the output of a sample with zero loss moves."""
    network = Perceptron()
    sample = draw_samples(network, seeds, "premises")
    fitted = replace(sample, y_m=observe(network, sample).outputs_m)
    path = descend(network, fitted, eta=1e-2, decay=5e-4)
    bound = discrepancy.theorem1_bound(path.eta, path.losses_tm[0], path.sq_norms_tm[0])
    return _moves_without_loss(
        12, path.moved(), bound, {"eta": path.eta, "decay": 5e-4},
        title="Weight decay 5e-4",
        claim="Theorem 1 holds with weight decay",
        source="weight decay changes the weights even if the sample is fitted",
    )  # fmt: skip


def batch_statistics(seeds: int) -> Check:
    """Check 13: with batch normalisation in train mode the output changes without any step."""
    moved = []
    for seed in range(seeds):
        rng = torch.Generator().manual_seed(derive(seed, "theory", "batch statistics"))
        sizes = ((16, 8), (1, 16), (1, 8), (2, 15, 8))
        first, head, item, others = (torch.randn(s, generator=rng, dtype=torch.float64) for s in sizes)
        outputs = []
        for rest in others:
            hidden = torch.cat([item, rest]) @ first.T
            normalised = functional.batch_norm(hidden, None, None, training=True)
            outputs.append(torch.relu(normalised[:1]) @ head.T / 4)
        moved.append(discrepancy.output_discrepancy(outputs[0], outputs[1]))
    return _moves_without_loss(
        13, torch.cat(moved), discrepancy.theorem1_bound(0.0, torch.ones(seeds), torch.ones(seeds)),
        {"eta": 0.0, "batch": 16},
        title="Batch normalisation in train mode",
        claim="f(x; w) depends only on x and w",
        source="the output depends on the 15 other samples of the batch; eta is 0",
    )  # fmt: skip


def absent_sample(seeds: int) -> Check:
    """Check 14: training on one sample moves the output of another, as it does for all unlabelled samples."""
    network = Perceptron()
    trained, absent = (draw_samples(network, seeds, purpose) for purpose in ("premises", "absent"))
    watched = replace(absent, weights_mp=trained.weights_mp)
    before = observe(network, watched)
    path = descend(network, trained, eta=1e-2)
    after = network(path.end.weights_mp, watched.x_md)
    bound = discrepancy.theorem1_bound(path.eta, torch.zeros(seeds), before.sq_norms_m)
    return _moves_without_loss(
        14, discrepancy.output_discrepancy(after, before.outputs_m[:, None]), bound, {"eta": path.eta},
        title="A sample outside the training set",
        claim="Theorem 1 holds for unlabelled samples",
        source="the change of f(x) is -eta r' <grad f(x), grad f(x')>: its own loss does not appear",
    )  # fmt: skip


def _moves_without_loss(
    number: int, moved_m: Tensor, bound_m: Tensor, setting: dict[str, float | str],
    *, title: str, claim: str, source: str,
) -> Check:  # fmt: skip
    """Return the check for samples whose bound is 0."""
    violated = fraction(moved_m > bound_m + TINY)
    zero = bool((bound_m <= TINY).all())
    values = {**spread(moved_m), "violated": violated}
    return Check(
        number=number,
        title=title,
        claim=claim,
        finding=f"the bound is 0, but D has the median {values['median']:.1e}; D > B on {violated:.0%}",
        expected="bound 0 and D > 0 on every sample",
        source=source,
        verdict="does not hold" if violated > 0 else "holds exactly",
        as_expected=zero and violated == 1,
        measured=(Measurement(setting, values),),
    )
