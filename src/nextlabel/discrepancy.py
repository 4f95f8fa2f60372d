"""Temporal output discrepancy: how far a model's outputs moved between two of its states.

One function serves every baseline, because the published discrepancies differ only in the state whose outputs
``before`` holds:

==========================  ==============================================================================
name in the papers          ``before`` holds the outputs of the same model ...
==========================  ==============================================================================
T-step TOD                  T optimisation steps earlier
COD (cyclic)                at the end of the previous cycle; in the first under the run's initial weights
EMA discrepancy             with an exponential moving average of its weights (torch's ``AveragedModel``)
==========================  ==============================================================================

Sources:
    Siyu Huang, Tianyang Wang, Haoyi Xiong, Jun Huan, Dejing Dou, "Semi-Supervised Active Learning with
    Temporal Output Discrepancy", ICCV 2021 (arXiv 2107.14153); the same and others, "Temporal Output
    Discrepancy for Loss Estimation-based Active Learning", IEEE TNNLS 2022 (arXiv 2212.10613).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.errors import DataError, UnknownNameError
from nextlabel.maths.blocks import BUDGET_BYTES, row_blocks

__all__ = [
    "Form",
    "Reduction",
    "corollary1_bound",
    "corollary2_bound",
    "cyclic_discrepancy",
    "output_discrepancy",
    "snapshot_discrepancy",
    "theorem1_bound",
]

Form: TypeAlias = Literal["l2", "half_squared"]
"""``l2``: ||now - before||, as in the papers; ``half_squared``: 1/2 ||now - before||^2, as in their code."""

Reduction: TypeAlias = Literal["mean", "sum", "max"]
"""How the distances at an item's positions (pixels, tokens) are reduced to one number."""


def output_discrepancy(
    now: Float[Tensor, " items *trailing"],
    before: Float[Tensor, " items *trailing"],
    *,
    form: Form = "l2",
    class_dim: int = 1,
    reduce: Reduction = "mean",
) -> Float[Tensor, " items"]:
    """Return the temporal output discrepancy of every item.

    This is D(x) = ||f(x; now) - f(x; before)|| of section 3 of the ICCV paper, on any outputs: logits,
    probabilities or regression outputs. The distance is taken along the class axis; every further axis is a
    position, and the distances at an item's positions are reduced to one number. The papers do not say how:
    the mean is our reading.

    Args:
        now: (N, C), (N, C, H, W) or any (N, ...) with a class axis: outputs of the later state.
        before: Outputs of the earlier state on the same items, of the same shape.
        form: Both forms rank items alike if there is one position.
        class_dim: The axis of classes (or regression outputs); not 0.
        reduce: How positions are reduced.

    Returns:
        (N,) discrepancies >= 0, float32 or wider, in the unit of the outputs (squared for ``half_squared``);
        differentiable in both arguments.

    Raises:
        DataError: The shapes differ, or there is no class axis.
        UnknownNameError: There is no such form or reduction.

    >>> now, before = torch.tensor([[1.0, 0.0], [0.5, 0.5]]), torch.tensor([[0.0, 1.0], [0.5, 0.5]])
    >>> output_discrepancy(now, before, form="half_squared")
    tensor([1., 0.])
    """
    if now.shape != before.shape:
        raise DataError(
            "now and before must have the same shape, "
            f"got {tuple(now.shape)} and {tuple(before.shape)}; score the same items with both states"
        )
    if form not in get_args(Form):
        raise UnknownNameError("form of discrepancy", form, get_args(Form))
    axis = _class_axis(now, class_dim)
    moved = _wide(now) - _wide(before)
    if form == "l2":
        return _over_positions(torch.linalg.vector_norm(moved, dim=axis), reduce)
    return _over_positions(moved.square().sum(axis) / 2, reduce)


def cyclic_discrepancy(
    now: Float[Tensor, "items draws classes"],
    before: Float[Tensor, "items draws2 classes"],
    *,
    form: Form = "half_squared",
    budget_bytes: int = BUDGET_BYTES,
) -> Float[Tensor, " items"]:
    """Return the (N,) discrepancies between the class probabilities of two sets of log-probabilities.

    COD as the authors' code computes it: 1/2 ||p_now - p_before||^2 on softmax outputs. The papers have one
    draw; the probabilities of several (dropout passes, ensemble members) are averaged first, so that the
    randomness of single draws does not count as movement.

    Args:
        now: (N, K, C) log-probabilities of the later state, in nats.
        before: (N, K', C) log-probabilities of the earlier state on the same items.
        form: ``"half_squared"``, in [0, 1], or ``"l2"``, in [0, sqrt(2)].
        budget_bytes: Memory for the probabilities of one block of items; does not change the result.

    Raises:
        DataError, UnknownNameError: As :func:`output_discrepancy`.
    """
    width = 8 * (math.prod(now.shape[1:]) + math.prod(before.shape[1:]))
    blocks = list(row_blocks(max(len(now), len(before)), width, budget_bytes=budget_bytes)) or [slice(0, 0)]
    means = ([_wide(log_probs[rows]).exp().mean(1) for log_probs in (now, before)] for rows in blocks)
    return torch.cat([output_discrepancy(*pair, form=form) for pair in means])


def snapshot_discrepancy(
    outputs: Float[Tensor, " snapshots items *trailing"] | Sequence[Float[Tensor, " items *trailing"]],
    *,
    class_dim: int = 1,
    reduce: Reduction = "mean",
) -> Float[Tensor, " items"]:
    """Return the (N,) mean half squared distances over all pairs of snapshots, each >= 0.

    The generalisation of the half squared discrepancy to S states of a model. For every item

        2 / (S (S - 1)) * SUM_{s < t} 1/2 ||f_s - f_t||^2  =  SUM_c var_s(f_sc),

    with the unbiased variance over snapshots, which is computed in one pass over the snapshots (B. P.
    Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics, 1962):
    O(S N C) time and O(N C) memory, instead of all pairs. With S = 2 it is the half squared discrepancy.

    Args:
        outputs: (S, N, C, ...) or a sequence of S tensors (N, C, ...), S >= 2, in any order.
        class_dim: The axis of classes in one snapshot; not 0.
        reduce: The reduction over positions.

    Raises:
        DataError: There are fewer than two snapshots, or their shapes differ.
    """
    if len(outputs) < 2:
        raise DataError(
            f"outputs must hold at least 2 snapshots, got {len(outputs)}; pass an earlier state too"
        )
    axis = _class_axis(outputs[0], class_dim)
    mean = torch.zeros_like(_wide(outputs[0]))
    sum_squares = torch.zeros_like(mean)
    for count, snapshot in enumerate(outputs, start=1):
        if snapshot.shape != mean.shape:
            raise DataError(
                f"snapshots must have the same shape, got {tuple(mean.shape)} for snapshot 0 and "
                f"{tuple(snapshot.shape)} for snapshot {count - 1}; score the same items with all"
            )
        deviation = _wide(snapshot) - mean
        mean = mean + deviation / count
        sum_squares = sum_squares + deviation * (_wide(snapshot) - mean)
    return _over_positions(sum_squares.sum(axis) / (len(outputs) - 1), reduce)


def theorem1_bound(lr: float | Tensor, loss: Tensor, grad_sq_norm: Tensor) -> Tensor:
    """Return the right side of Theorem 1, ``lr * sqrt(2 loss) * grad_sq_norm``.

    Theorem 1 of the ICCV paper bounds the one-step discrepancy D of a scalar output f, for one step of plain
    gradient descent **on the item itself** with its squared loss L = 1/2 (y - f)^2. Then D equals this value
    exactly if f is affine in the weights (a linear model), and to first order in the learning rate otherwise:
    a curved model exceeds it about as often as not, by O(lr) of its value. Momentum, weight decay, batches of
    other items and unlabelled items are outside the theorem.

    For another loss L of f the step moves f by ``lr |dL/df| grad_sq_norm`` to first order, which exceeds this
    value where ``|dL/df| > sqrt(2 L)``: for |r| where |r| < 1/2, for r^2 without the half always (r = f - y).
    For cross-entropy, with the squared operator norm of the logits' Jacobian for ``grad_sq_norm``, it is to
    first order at most 0.638 of this value.

    Args:
        lr: Learning rate, >= 0.
        loss: Squared loss L of the items before the step, any shape, >= 0.
        grad_sq_norm: ||grad_w f||^2 of the same items before the step, >= 0.

    Returns:
        The bounds, in the unit of the output, of the broadcast shape.

    Raises:
        DataError: An argument is negative.
    """
    lr = _non_negative("lr", lr)
    return lr * torch.sqrt(2 * _non_negative("loss", loss)) * _non_negative("grad_sq_norm", grad_sq_norm)


def corollary1_bound(lrs: float | Tensor, losses: Tensor, grad_sq_norms: Tensor) -> Tensor:
    """Return the right side of Corollary 1, ``SUM_t lr_t sqrt(2 L_t) ||g_t||^2``.

    Corollary 1 of the ICCV paper bounds the T-step discrepancy by the triangle inequality over the steps of
    Theorem 1, under its premise at each of them: exact for affine models whose residual keeps its sign, first
    order in the learning rate otherwise. Deviation: the paper has one learning rate, not one per step.

    Args:
        lrs: Learning rate, one for all steps or (T,).
        losses: (T, ...) squared losses before every step; the bounds are (...).
        grad_sq_norms: (T, ...) squared gradient norms of the output before every step.

    Raises:
        DataError: A value is negative, or the numbers of steps differ.
    """
    steps = len(losses)
    rates = torch.as_tensor(lrs, dtype=losses.dtype, device=losses.device)
    if grad_sq_norms.shape != losses.shape or (rates.ndim > 0 and rates.shape != (steps,)):
        raise DataError(
            "losses and grad_sq_norms must have the same shape (T, ...), and lrs must be one rate or T, "
            f"got {tuple(losses.shape)}, {tuple(grad_sq_norms.shape)} and {tuple(rates.shape)}"
        )
    per_step = rates.expand(steps).reshape(steps, *[1] * (losses.ndim - 1))
    return theorem1_bound(per_step, losses, grad_sq_norms).sum(0)


def corollary2_bound(lr: float, losses: Tensor, gradient_constant: float) -> Tensor:
    """Return the right side of Corollary 2, ``sqrt(2 T) lr C sqrt(SUM_t L_t)``.

    Corollary 2 of the ICCV paper: Corollary 1 with every squared gradient norm bounded by C, by the
    Cauchy-Schwarz inequality; hence never below Corollary 1 if C does bound them, and looser with T. Like
    Theorem 1 it holds to first order in the learning rate only. To that order a discrepancy D certifies an
    accumulated loss of at least D^2 / (2 T lr^2 C^2); a small D certifies nothing.

    Args:
        lr: Learning rate, >= 0; the largest if it varies.
        losses: (T, ...) squared losses before every step; the bounds are (...).
        gradient_constant: C >= ||grad_w f||^2 at every step.

    Raises:
        DataError: An argument is negative.
    """
    scale = math.sqrt(2 * len(losses)) * _non_negative("lr", lr)
    constant = _non_negative("gradient_constant", gradient_constant)
    return scale * constant * torch.sqrt(_non_negative("losses", losses).sum(0))


def _wide(tensor: Tensor) -> Tensor:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def _class_axis(outputs: Tensor, class_dim: int) -> int:
    axis = class_dim + outputs.ndim if class_dim < 0 else class_dim
    if not 0 < axis < outputs.ndim:
        raise DataError(
            f"outputs must have items first and a class axis {class_dim}, got shape {tuple(outputs.shape)}; "
            "write a single output per item as outputs[:, None]"
        )
    return axis


def _over_positions(distances: Tensor, reduce: Reduction) -> Tensor:
    if reduce not in get_args(Reduction):
        raise UnknownNameError("reduction over positions", reduce, get_args(Reduction))
    flat = distances.reshape(len(distances), math.prod(distances.shape[1:]))
    if reduce == "max":
        return flat.amax(1)
    return flat.sum(1) if reduce == "sum" else flat.mean(1)


def _non_negative(name: str, value: float | Tensor) -> Tensor:
    tensor = value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)
    if not bool((tensor >= 0).all()):
        raise DataError(f"{name} must be >= 0, got {tensor.min().item()}")
    return tensor
