"""Small networks in float64, evaluated many at a time, and plain gradient descent of each on its own sample.

All tensors have a leading axis M of independent networks, one per seed, so a check over hundreds of seeds
takes only a few matrix products.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel import discrepancy
from nextlabel.seeds import derive

__all__ = [
    "MLP_SIZES",
    "NetworkState",
    "Perceptron",
    "Sample",
    "Trajectory",
    "descend",
    "draw_samples",
    "observe",
]

MLP_SIZES = (8, 32, 32, 1)
"""Inputs, two hidden layers and a scalar output, as the theorem assumes."""


@dataclass(frozen=True)
class Perceptron:
    """A functional multi-layer perceptron: M weight vectors of P numbers are passed to each call.

    Attributes:
        sizes: Inputs, hidden units and outputs; two sizes make a linear model.
        activation: Nonlinearity between the layers.
    """

    sizes: tuple[int, ...] = MLP_SIZES
    activation: Callable[[Tensor], Tensor] = torch.tanh

    def __call__(
        self, weights_mp: Float[Tensor, "networks weights"], x_md: Float[Tensor, "networks features"]
    ) -> Float[Tensor, "networks outputs"]:
        """Return the (M, C) outputs of network m on sample m."""
        return self.layers(weights_mp, x_md)[-1]

    def layers(
        self, weights_mp: Float[Tensor, "networks weights"], x_md: Float[Tensor, "networks features"]
    ) -> list[Tensor]:
        """Return the pre-activations of every layer, the outputs last."""
        found = list[Tensor]()
        start, hidden = 0, x_md
        for inputs, units in zip(self.sizes, self.sizes[1:], strict=False):
            bias = start + inputs * units
            matrix = weights_mp[:, start:bias].reshape(-1, units, inputs)
            if found:
                hidden = self.activation(hidden)
            hidden = (matrix @ hidden.unsqueeze(-1)).squeeze(-1) + weights_mp[:, bias : bias + units]
            found.append(hidden)
            start = bias + units
        return found


@dataclass(frozen=True)
class Sample:
    """M networks with one sample each: (M, P) weights, (M, D) inputs and (M,) labels."""

    weights_mp: Tensor
    x_md: Tensor
    y_m: Tensor


@dataclass(frozen=True)
class NetworkState:
    """Outputs, losses and gradients of M networks before a step.

    Attributes:
        outputs_m: (M,) outputs f.
        residuals_m: (M,) r = f - y.
        losses_m: (M,) L = 1/2 r^2.
        gradients_mp: (M, P) g = grad_w f.
        sq_norms_m: (M,) ||g||^2.
        curvatures_m: (M,) g^T H g with H the Hessian of f with respect to the weights, or None if not
            requested; ``kappa`` is this over ||g||^2.
    """

    outputs_m: Tensor
    residuals_m: Tensor
    losses_m: Tensor
    gradients_mp: Tensor
    sq_norms_m: Tensor
    curvatures_m: Tensor | None


@dataclass(frozen=True)
class Trajectory:
    """T descent steps of M networks, each on its own sample.

    Attributes:
        eta: The learning rate.
        outputs_tm: (T + 1, M) outputs before the first step and after each step.
        residuals_tm: (T, M) r before each step, as for the next three.
        losses_tm: (T, M) half squared residuals.
        sq_norms_tm: (T, M) squared gradient norms of the output.
        curvatures_tm: (T, M) g^T H g, or None if not requested.
        end: The networks after the last step.
    """

    eta: float
    outputs_tm: Tensor
    residuals_tm: Tensor
    losses_tm: Tensor
    sq_norms_tm: Tensor
    curvatures_tm: Tensor | None
    end: Sample

    def moved(self, steps: int | None = None) -> Tensor:
        """Return the (M,) discrepancies over the first steps, by default over all of them."""
        last = len(self.losses_tm) if steps is None else steps
        return discrepancy.output_discrepancy(self.outputs_tm[last][:, None], self.outputs_tm[0][:, None])

    def second_order(self, steps: int | None = None) -> Tensor:
        """Return the (M,) sums of ``1/2 eta^2 r^2 |g^T H g|``, the second-order Taylor terms."""
        assert self.curvatures_tm is not None, "descend was called without curvature"
        terms = self.residuals_tm.square() * self.curvatures_tm.abs() * self.eta**2 / 2
        return terms[:steps].sum(0)


def draw_samples(network: Perceptron, seeds: int, *purpose: str | int) -> Sample:
    """Draw M networks with one sample each, every seed from its own generator.

    Weights and biases are uniform in ±1/sqrt(inputs of their layer), as in torch's ``Linear``; inputs and
    labels are standard normal.
    """
    rows = []
    for seed in range(seeds):
        rng = torch.Generator().manual_seed(derive(seed, "theory", *purpose))
        parts = []
        for inputs, units in zip(network.sizes, network.sizes[1:], strict=False):
            uniform = torch.rand((inputs + 1) * units, generator=rng, dtype=torch.float64)
            parts.append((2 * uniform - 1) / math.sqrt(inputs))
        normal = torch.randn(network.sizes[0] + 1, generator=rng, dtype=torch.float64)
        rows.append((torch.cat(parts), normal[1:], normal[0]))
    weights, x, y = (torch.stack(column) for column in zip(*rows, strict=True))
    return Sample(weights, x, y)


def observe(network: Perceptron, sample: Sample, *, curvature: bool = False) -> NetworkState:
    """Return outputs, losses and gradients of M networks with one output; ``curvature`` doubles the time."""
    weights = sample.weights_mp.detach().requires_grad_()
    f = network(weights, sample.x_md)[:, 0]
    (g,) = torch.autograd.grad(f.sum(), weights, create_graph=curvature)
    fixed, r = g.detach(), f.detach() - sample.y_m
    along = None
    if curvature:
        along = torch.zeros_like(r)
        if g.requires_grad:  # else the output is affine: no second derivative
            (product,) = torch.autograd.grad((g * fixed).sum(), weights)
            along = (fixed * product).sum(1)
    return NetworkState(f.detach(), r, r.square() / 2, fixed, fixed.square().sum(1), along)


def descend(
    network: Perceptron,
    sample: Sample,
    *,
    eta: float,
    steps: int = 1,
    momentum: float = 0.0,
    decay: float = 0.0,
    curvature: bool = False,
) -> Trajectory:
    """Take T gradient-descent steps of each network on the squared loss of its own sample.

    Args:
        network: A network with one output.
        sample: Initial weights, and the samples to train on.
        eta: Learning rate.
        steps: T.
        momentum: Heavy-ball momentum as in torch's SGD; the theorem assumes none.
        decay: Weight decay, added to the gradient; the theorem assumes none.
        curvature: Whether to record g^T H g at every step.
    """
    seen, velocity = [], torch.zeros_like(sample.weights_mp)
    for _ in range(steps):
        state = observe(network, sample, curvature=curvature)
        seen.append(state)
        gradient = state.residuals_m[:, None] * state.gradients_mp + decay * sample.weights_mp
        velocity = momentum * velocity + gradient
        sample = replace(sample, weights_mp=sample.weights_mp - eta * velocity)
    last = network(sample.weights_mp, sample.x_md)[:, 0]
    bent = [state.curvatures_m for state in seen if state.curvatures_m is not None]
    return Trajectory(
        eta=eta,
        outputs_tm=torch.stack([*(state.outputs_m for state in seen), last]),
        residuals_tm=torch.stack([state.residuals_m for state in seen]),
        losses_tm=torch.stack([state.losses_m for state in seen]),
        sq_norms_tm=torch.stack([state.sq_norms_m for state in seen]),
        curvatures_tm=torch.stack(bent) if curvature else None,
        end=sample,
    )
