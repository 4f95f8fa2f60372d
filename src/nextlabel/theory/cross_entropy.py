"""Tests 8 and 10: the theorem for cross-entropy, and what the paper's Fig. 1 measures."""

from __future__ import annotations

import torch
from torch import Tensor

from nextlabel import discrepancy
from nextlabel.theory.networks import Network, draw_samples
from nextlabel.theory.record import Check, Measurement
from nextlabel.theory.summary import spread

__all__ = ["classification", "constant_gradient"]

SHARPEST = 0.6382
"""Largest value of (1 - p) / sqrt(-ln p) over p in (0, 1), reached at p = 0.2847: what D/B can reach."""


def classification(seeds: int) -> Check:
    """Test 8: for cross-entropy the bound holds with a Jacobian's norm for the gradient's."""
    rows: list[Measurement] = []
    points: dict[str, tuple[float, ...]] = {"p of the true class": (), "D/B": ()}
    for scale in (1.0, 3.0):  # three times the weights: predictions far from even
        measured, p, ratios = _classification_steps(seeds, scale)
        rows += measured
        points["p of the true class"] += tuple(p.tolist())
        points["D/B"] += tuple(ratios.tolist())
    largest = max(row.values["max"] for row in rows)
    of_probabilities = max(row.values["max_of_probabilities"] for row in rows)
    # to first order, and the factor of one more order at the largest learning rate
    holds = max(largest, of_probabilities) <= 1 and largest <= SHARPEST * 1.1
    return Check(
        number=8,
        title="Cross-entropy, five classes",
        claim="||change of logits|| <= eta ||J||^2 sqrt(2 L), and half of that for probabilities",
        finding=f"D/B at most {largest:.2f} for logits and {of_probabilities:.2f} for probabilities",
        expected=f"logits: largest D/B in [0.3, {SHARPEST * 1.1:.2f}]; probabilities at most 1",
        source="||p - e_y|| <= sqrt(2) (1 - p_y), and (1 - p) / sqrt(-ln p) is at most 0.6382",
        verdict="holds to first order" if holds else "does not hold",
        as_expected=holds and largest >= 0.3,
        measured=tuple(rows),
        samples=points,
    )


def _classification_steps(seeds: int, scale: float) -> tuple[list[Measurement], Tensor, Tensor]:
    """Return the rows of steps from scaled weights, (M,) p of the true class, and D/B at the smallest eta."""
    network = Network((8, 32, 32, 5))
    drawn = draw_samples(network, seeds, "classes")
    weights = scale * drawn.weights_mp
    logits, jacobians = _jacobians(network, weights, drawn.x_md)
    labels = torch.arange(seeds) % 5
    error = logits.softmax(1)
    p = error.gather(1, labels[:, None])[:, 0]
    error[torch.arange(seeds), labels] -= 1
    operator = torch.linalg.eigvalsh(jacobians @ jacobians.transpose(1, 2))[:, -1]
    gradients = (jacobians * error[:, :, None]).sum(1)
    rows, ratios = [], []
    for eta in (1e-4, 1e-3, 1e-2):
        after = network(weights - eta * gradients, drawn.x_md)
        bound = discrepancy.theorem1_bound(eta, -p.log(), operator)
        ratios.append(discrepancy.output_discrepancy(after, logits) / bound)
        moved = discrepancy.output_discrepancy(after.softmax(1), logits.softmax(1))
        values = {**spread(ratios[-1]), "max_of_probabilities": (moved / (bound / 2)).max().item()}
        rows.append(Measurement({"eta": eta, "weights": scale}, values))
    return rows, p, ratios[0]


def _jacobians(network: Network, weights_mp: Tensor, x_md: Tensor) -> tuple[Tensor, Tensor]:
    """Return (M, C) logits and their (M, C, P) derivatives in the weights."""
    weights = weights_mp.detach().requires_grad_()
    logits = network(weights, x_md)
    rows = [
        torch.autograd.grad(logits[:, c].sum(), weights, retain_graph=True)[0] for c in range(logits.shape[1])
    ]
    return logits.detach(), torch.stack(rows, 1)


def constant_gradient(seeds: int) -> Check:
    """Test 10: the quantity of Fig. 1 is the gradient of a constant, and what is plotted is round-off."""
    values = {}
    for name, dtype in (("float32", torch.float32), ("float64", torch.float64)):
        values[f"all classes, {name}"] = _squared_norm(seeds, dtype, classes=10)
        values[f"class 0, {name}"] = _squared_norm(seeds, dtype, classes=1)
    relative = {n: values[f"all classes, {n}"] / values[f"class 0, {n}"] for n in ("float32", "float64")}
    limits = {"float32": torch.finfo(torch.float32).eps, "float64": torch.finfo(torch.float64).eps}
    roundoff = all(relative[name] <= (100 * eps) ** 2 for name, eps in limits.items())
    return Check(
        number=10,
        title="The gradient norm of Fig. 1",
        claim="||grad f||^2 stays below a constant during training",
        finding="squared gradient norm of the summed probabilities "
        f"{values['all classes, float32']:.0e} in float32 and {values['all classes, float64']:.0e} in "
        f"float64; that of one class {values['class 0, float64']:.1e}",
        expected="below (100 eps)^2 of the squared gradient norm of one class, in both precisions",
        source="probabilities sum to 1, and the gradient of a constant is 0: round-off is plotted",
        verdict="void" if roundoff else "does not hold",
        as_expected=roundoff,
        measured=(Measurement({"batch": 16, "classes": 10}, values),),
    )


def _squared_norm(seeds: int, dtype: torch.dtype, *, classes: int) -> float:
    """Return the mean squared gradient norm of the first classes' summed probabilities."""
    network = Network((8, 32, 32, 10))
    sample = draw_samples(network, seeds, "constant")
    rng = torch.Generator().manual_seed(0)  # the same 16 inputs for all
    x = torch.randn(1, 16, 8, generator=rng, dtype=torch.float64).expand(seeds, 16, 8)
    weights = sample.weights_mp.to(dtype).requires_grad_()
    probs = network(weights.repeat_interleave(16, 0), x.reshape(-1, 8).to(dtype)).softmax(1)
    (gradient,) = torch.autograd.grad(probs[:, :classes].sum() / 16, weights)
    return gradient.double().square().sum(1).mean().item()
