"""Checks 8, 10 and 17: the theorem for cross-entropy, and the quantity in the paper's Fig. 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from nextlabel import discrepancy
from nextlabel.models.cifar_resnet import CifarResNet18
from nextlabel.papers.theory.networks import Perceptron, draw_samples
from nextlabel.papers.theory.record import Check, Measurement
from nextlabel.papers.theory.summary import order, spread
from nextlabel.seeds import derive
from nextlabel.training.device import isolated_rng

__all__ = ["classification", "constant_gradient", "largest_ratio", "summed_gradient"]

SHARPEST, SHARPEST_AT = 0.6382, 0.2847
"""Maximum of (1 - p) / sqrt(-ln p) over p in (0, 1), the limit of D/B, and its location; see check 17."""
BATCH = 16
PRECISIONS = {"float32": torch.float32, "float64": torch.float64}
WIDTH = 8
"""Width of the ResNet-18; the paper's has 64, which would take half a minute instead of half a second.

The sum is 1 for any width; widths 4 to 32 gave 2e-14 to 1e-13 in single precision.
"""
ETAS = (1e-4, 1e-3, 1e-2, 0.1)
LARGEST = {
    1.0: {"max": (0.43, 0.54), "max_of_probabilities": (0.19, 0.33)},
    3.0: {"max": (0.38, SHARPEST), "max_of_probabilities": (0.14, 0.52)},
}
"""Expected range of the largest D/B at each learning rate, by the scale of the weights.

Over 10 to 1,000 networks it is 0.467 to 0.497 for logits and 0.218 to 0.288 for probabilities; with weights
scaled by three, 0.416 to 0.539 and 0.163 to 0.451. 200 networks of an independent implementation gave at most
0.48 and 0.26.
"""
LIMIT_ROOM = 5.0
"""Allowed relative excess of D/B over its limit, in multiples of eta; 10 to 1,000 networks gave up to 3.7."""

Logits: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Maps (M, P) weights and (M, D) inputs to (M, C) logits of network m on sample m."""


def classification(seeds: int) -> Check:
    """Check 8: for cross-entropy the bound holds with the norm of the Jacobian instead of the gradient."""
    network = Perceptron((8, 32, 32, 5))
    drawn = draw_samples(network, seeds, "classes")
    rows: list[Measurement] = []
    points: dict[str, tuple[float, ...]] = {"p of the true class": (), "D/B": ()}
    for scale in LARGEST:  # weights scaled by three: predictions far from uniform
        steps = _take_steps(network, scale * drawn.weights_mp, drawn.x_md, torch.arange(seeds) % 5)
        for eta, ratio, of_probabilities in zip(ETAS, steps.ratios, steps.of_probabilities, strict=True):
            values = {**spread(ratio), "max_of_probabilities": of_probabilities.max().item()}
            rows.append(Measurement({"eta": eta, "weights": scale}, values))
        points["p of the true class"] += tuple(steps.p.tolist())
        points["D/B"] += tuple(steps.ratios[0].tolist())
    largest = max(row.values["max"] for row in rows)
    largest_of_probabilities = max(row.values["max_of_probabilities"] for row in rows)
    near = all(
        low <= row.values[name] <= high
        for row in rows
        for name, (low, high) in LARGEST[float(row.setting["weights"])].items()
    )
    holds = max(largest, largest_of_probabilities) <= 1
    return Check(
        number=8,
        title="Cross-entropy, five classes",
        claim="||change of logits|| <= eta ||J||^2 sqrt(2 L), and half that for probabilities",
        finding=f"D/B at most {largest:.2f} for logits and {largest_of_probabilities:.2f} for probabilities",
        expected="largest D/B at each eta from 1e-4 to 0.1 "
        + ", and ".join(
            f"in [{a:.2f}, {b:.2f}] for logits and [{c:.2f}, {d:.2f}] for probabilities "
            f"with weights times {scale:g}"
            for scale, ((a, b), (c, d)) in ((scale, limits.values()) for scale, limits in LARGEST.items())
        ),
        source="||p - e_y|| <= sqrt(2) (1 - p_y) <= sqrt(2 L), and probabilities move at most half as far as "
        "logits",
        verdict="holds to first order" if holds else "does not hold",
        as_expected=holds and near,
        measured=tuple(rows),
        samples=points,
    )


def largest_ratio(seeds: int) -> Check:
    """Check 17: for cross-entropy D/B is at most 0.638 to first order; two classes can reach it."""
    at, top = _summit()
    below, excess, bounded = _below_the_limit(seeds)
    mirrored = _mirrored_steps(seeds, torch.full((seeds,), at, dtype=torch.float64)).ratios[:3]
    deviations = [(ratio / top - 1).abs() for ratio in mirrored]
    first = order(ETAS[:3], [deviation.median().item() for deviation in deviations])
    rows = list(below)
    for eta, ratio in zip(ETAS, mirrored, strict=False):
        rows.append(Measurement({"logits": "(f, -f)", "p": at, "eta": eta}, spread(ratio)))
    largest = max(row.values["max"] for row in rows if row.setting["eta"] == ETAS[0])
    holds = bounded and excess <= LIMIT_ROOM and top < 1
    curve = _mirrored_steps(seeds, (torch.arange(seeds, dtype=torch.float64) + 0.5) / seeds)
    reached = 0.8 <= first <= 1.2 and deviations[0].max().item() <= LIMIT_ROOM * ETAS[0]
    return Check(
        number=17,
        title="Cross-entropy, largest ratio",
        claim="D/B is at most max (1 - p) / sqrt(-ln p), 0.638, for any number of classes",
        finding=f"the maximum is {top:.4f}, at p {at:.4f}; D/B is at most {largest:.4f} at eta 1e-4, and up "
        f"to eta 0.01 at most {max(0.0, excess):.1f} eta above the limit for its p; logits (f, -f) reach "
        f"0.638, with an error that falls as eta^{first:.2f}",
        expected=f"{SHARPEST} at p {SHARPEST_AT}; ||p - e_y|| <= sqrt(2) (1 - p_y); D/B over "
        f"(1 - p) / sqrt(-ln p) at most 1 + {LIMIT_ROOM:g} eta for 2 and 5 classes up to eta 0.01; for "
        f"logits (f, -f) at that p within {LIMIT_ROOM:g} eta of the maximum at 1e-4, order within 0.2 of 1",
        source="D <= eta ||J||^2 ||p - e_y|| to first order; relative to B that is (1 - p) / sqrt(-ln p), "
        "with derivative 0 where 1 - p = -2 p ln p; for logits (f, -f) both steps are equalities",
        verdict="holds to first order" if holds else "does not hold",
        as_expected=holds and reached and _as_known(at, top),
        measured=tuple(rows),
        samples={"p of the true class": tuple(curve.p.tolist()), "D/B": tuple(curve.ratios[0].tolist())},
    )


def _as_known(at: float, top: float) -> bool:
    """Return whether the location and value of the maximum match the constants and a fine grid."""
    grid = torch.arange(1, 10**5, dtype=torch.float64) / 10**5
    near = abs(top - SHARPEST) <= 5e-5 and abs(at - SHARPEST_AT) <= 5e-5
    return near and abs(_limit(grid).max().item() - top) <= 1e-9


def _below_the_limit(seeds: int) -> tuple[list[Measurement], float, bool]:
    """Compare D/B with its limit for 2 and 5 classes, with near-uniform and with sharper predictions.

    Returns:
        A row per kind of network and learning rate up to 0.01; the largest relative excess over the limit, in
        multiples of eta; and whether ||p - e_y|| <= sqrt(2) (1 - p_y) always holds.
    """
    rows, excess, bounded = list[Measurement](), list[float](), list[bool]()
    for classes in (2, 5):
        network = Perceptron((8, 32, 32, classes))
        drawn = draw_samples(network, seeds, "classes")
        labels = torch.arange(seeds) % classes
        for scale in LARGEST:
            steps = _take_steps(network, scale * drawn.weights_mp, drawn.x_md, labels)
            bounded.append(steps.error.max().item() <= 1 + 1e-9)
            for eta, ratio in zip(ETAS[:3], steps.ratios, strict=False):
                over = (ratio / _limit(steps.p)).max().item() - 1
                excess.append(over / eta)
                setting = {"classes": classes, "weights": scale, "eta": eta}
                rows.append(Measurement(setting, {**spread(ratio), "over_limit": over}))
    return rows, max(excess), all(bounded)


def _limit(p: Tensor) -> Tensor:
    """Return the first-order limit of D/B if the true class has probability p."""
    return (1 - p) / (-p.log()).sqrt()


def _summit() -> tuple[float, float]:
    """Return the p that maximises the limit, by bisection on its derivative, and the maximum."""
    low, high = 1e-9, 0.9  # the derivative has the sign of 1 - p + 2 p ln p: positive, then negative
    while high - low > 1e-15:
        middle = (low + high) / 2
        if 1 - middle + 2 * middle * math.log(middle) > 0:
            low = middle
        else:
            high = middle
    return low, _limit(torch.tensor(low, dtype=torch.float64)).item()


class _Steps(NamedTuple):
    """One step of M networks on the cross-entropy of their own sample, at E learning rates."""

    p: Tensor
    """(M,) probabilities of the true class before the step."""
    error: Tensor
    """(M,) ||p - e_y|| / (sqrt(2) (1 - p_y)) before the step."""
    ratios: Tensor
    """(E, M) D/B for logits."""
    of_probabilities: Tensor
    """(E, M) D/B for probabilities, whose bound is half as large."""


def _take_steps(logits_of: Logits, weights_mp: Tensor, x_md: Tensor, labels: Tensor) -> _Steps:
    logits, jacobians = _jacobians(logits_of, weights_mp, x_md)
    error = logits.softmax(1)
    p = error.gather(1, labels[:, None])[:, 0]
    error[torch.arange(len(labels)), labels] -= 1
    operator = torch.linalg.eigvalsh(jacobians @ jacobians.transpose(1, 2))[:, -1]
    gradients = (jacobians * error[:, :, None]).sum(1)
    ratios, of_probabilities = [], []
    for eta in ETAS:
        after = logits_of(weights_mp - eta * gradients, x_md)
        bound = discrepancy.theorem1_bound(eta, -p.log(), operator)
        ratios.append(discrepancy.output_discrepancy(after, logits) / bound)
        moved = discrepancy.output_discrepancy(after.softmax(1), logits.softmax(1))
        of_probabilities.append(moved / (bound / 2))
    norm = torch.linalg.vector_norm(error, dim=1)
    return _Steps(p, norm / (math.sqrt(2) * (1 - p)), torch.stack(ratios), torch.stack(of_probabilities))


def _mirrored_steps(seeds: int, p: Tensor) -> _Steps:
    """Return steps for logits (f, -f), with the bias of f set so that class 0 has the (M,) probabilities p.

    Both inequalities of the bound are then equalities: with two classes p - e_y has its largest possible
    norm, and is parallel to the leading singular vector of the Jacobian.
    """
    network = Perceptron()
    drawn = draw_samples(network, seeds, "mirrored")
    weights = drawn.weights_mp.clone()
    weights[:, -1] += torch.logit(p) / 2 - network(weights, drawn.x_md)[:, 0]

    def logits_of(weights_mp: Tensor, x_md: Tensor) -> Tensor:
        f = network(weights_mp, x_md)
        return torch.cat([f, -f], 1)

    return _take_steps(logits_of, weights, drawn.x_md, torch.zeros(seeds, dtype=torch.long))


def _jacobians(logits_of: Logits, weights_mp: Tensor, x_md: Tensor) -> tuple[Tensor, Tensor]:
    """Return (M, C) logits and their (M, C, P) derivatives with respect to the weights."""
    weights = weights_mp.detach().requires_grad_()
    logits = logits_of(weights, x_md)
    rows = [
        torch.autograd.grad(logits[:, c].sum(), weights, retain_graph=True)[0] for c in range(logits.shape[1])
    ]
    return logits.detach(), torch.stack(rows, 1)


def constant_gradient(seeds: int) -> Check:
    """Check 10: Fig. 1 shows the gradient of a constant, that is, round-off."""
    values, residual = dict[str, float](), dict[str, float]()
    for name, dtype in PRECISIONS.items():
        values[f"all classes, {name}"] = _squared_norm(seeds, dtype, classes=10)
        values[f"class 0, {name}"] = _squared_norm(seeds, dtype, classes=1)
        residual[f"all classes, {name}"], residual[f"class 0, {name}"] = summed_gradient(dtype, width=WIDTH)
    roundoff = _is_roundoff(values) and _is_roundoff(residual)
    return Check(
        number=10,
        title="The gradient norm of Fig. 1",
        claim="||grad f||^2 stays below a constant during training",
        finding="squared gradient norm of the summed probabilities "
        f"{values['all classes, float32']:.0e} in float32 and {values['all classes, float64']:.0e} in "
        f"float64, against {values['class 0, float64']:.1e} for one class; in a narrow ResNet-18 "
        f"{residual['all classes, float32']:.0e} and {residual['all classes, float64']:.0e}, against "
        f"{residual['class 0, float64']:.1e}",
        expected="below (100 eps)^2 times the squared gradient norm of one class, per network and precision",
        source="probabilities sum to 1, and the gradient of a constant is 0: the plot shows round-off",
        verdict="void" if roundoff else "does not hold",
        as_expected=roundoff,
        measured=(
            Measurement({"batch": BATCH, "classes": 10}, values),
            Measurement({"batch": BATCH, "classes": 10, "network": f"ResNet-18, width {WIDTH}"}, residual),
        ),
    )


def _is_roundoff(values: dict[str, float]) -> bool:
    """Return whether the gradient of the sum is round-off compared with that of one class."""
    return all(
        values[f"all classes, {name}"] <= (100 * torch.finfo(dtype).eps) ** 2 * values[f"class 0, {name}"]
        for name, dtype in PRECISIONS.items()
    )


def _squared_norm(seeds: int, dtype: torch.dtype, *, classes: int) -> float:
    """Return the mean squared gradient norm of the sum of the first probabilities."""
    network = Perceptron((8, 32, 32, 10))
    sample = draw_samples(network, seeds, "constant")
    rng = torch.Generator().manual_seed(0)  # the same 16 inputs for all networks
    x = torch.randn(1, BATCH, 8, generator=rng, dtype=torch.float64).expand(seeds, BATCH, 8)
    weights = sample.weights_mp.to(dtype).requires_grad_()
    probs = network(weights.repeat_interleave(BATCH, 0), x.reshape(-1, 8).to(dtype)).softmax(1)
    (gradient,) = torch.autograd.grad(probs[:, :classes].sum() / BATCH, weights)
    return gradient.double().square().sum(1).mean().item()


def summed_gradient(dtype: torch.dtype, *, width: int, classes: int = 10) -> tuple[float, float]:
    """Return the squared gradient norms of the sum of all probabilities, and of the first one.

    As in the paper's Fig. 1, the gradient is that of the mean over the inputs: 16 random ones, for an
    untrained ResNet-18 for CIFAR in train mode, with ``width`` channels in its first stage.
    """
    with isolated_rng(derive(0, "theory", "residual")):
        network = CifarResNet18((3, 32, 32), classes, width=width).to(dtype)
    rng = torch.Generator().manual_seed(0)
    images = torch.randn(BATCH, 3, 32, 32, generator=rng, dtype=torch.float64).to(dtype)
    probs = network(images).softmax(1)
    weights, found = list(network.parameters()), []
    for summed in (classes, 1):
        gradients = torch.autograd.grad(probs[:, :summed].sum() / BATCH, weights, retain_graph=True)
        found.append(sum(gradient.double().square().sum().item() for gradient in gradients))
    return found[0], found[1]
