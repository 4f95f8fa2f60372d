"""Uncertainty of class log-probabilities, each computed straight from the logarithms."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.errors import DataError

__all__ = ["entropy", "gini", "least_confidence", "margin", "mean_log_probs", "top_two"]


def mean_log_probs(log_probs_nkc: Float[Tensor, "items draws classes"]) -> Float[Tensor, "items classes"]:
    """Return the log of the probabilities averaged over draws: (N, C) in nats, float32 or wider."""
    wide = log_probs_nkc.to(torch.promote_types(log_probs_nkc.dtype, torch.float32))
    if wide.shape[1] == 1:
        return wide[:, 0]
    return torch.logsumexp(wide, 1) - math.log(wide.shape[1])


def entropy(log_probs_nc: Float[Tensor, "items classes"]) -> Float[Tensor, " items"]:
    """Return the Shannon entropy of every row: (N,) in nats, in [0, ln C]."""
    terms: Tensor = torch.special.entr(log_probs_nc.exp())
    return terms.sum(-1)


def gini(log_probs_nc: Float[Tensor, "items classes"]) -> Float[Tensor, " items"]:
    """Return 1 - SUM_c p_c^2 of every row: (N,) in [0, 1 - 1/C], precise where the model is nearly sure."""
    terms: Tensor = -log_probs_nc.exp() * torch.expm1(log_probs_nc)
    return terms.sum(-1)


def least_confidence(log_probs_nc: Float[Tensor, "items classes"]) -> Float[Tensor, " items"]:
    """Return 1 - max_c p_c of every row: (N,) in [0, 1 - 1/C], precise where the model is nearly sure."""
    return -torch.expm1(log_probs_nc.amax(-1))


def margin(log_probs_nc: Float[Tensor, "items classes"]) -> Float[Tensor, " items"]:
    """Return the gap between the two largest probabilities of every row: (N,) in [0, 1].

    Computed as p1 (1 - exp(log p2 - log p1)), which is precise where the two are nearly equal.
    """
    first, second = top_two(log_probs_nc)
    return -first.exp() * torch.expm1(second - first)


def top_two(
    log_probs_nc: Float[Tensor, "items classes"],
) -> tuple[Float[Tensor, " items"], Float[Tensor, " items"]]:
    """Return the largest and the second largest log-probability of every row.

    Raises:
        DataError: There is only one class.
    """
    if log_probs_nc.shape[-1] < 2:
        raise DataError(
            f"log_probs must have at least 2 classes, got {log_probs_nc.shape[-1]}; "
            "pass the log-probability of every class"
        )
    first, second = log_probs_nc.topk(2, dim=-1).values.unbind(-1)
    return first, second
