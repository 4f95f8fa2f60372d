"""Disagreement between the draws of a model on each item."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.maths.entropy import entropy, mean_log_probs

__all__ = ["kl_to_consensus", "vote_entropy"]


def kl_to_consensus(log_probs_nkc: Float[Tensor, "items draws classes"]) -> Float[Tensor, " items"]:
    """Return mean_k KL(p_k || mean_k p_k): (N,) in nats, in [0, min(ln C, ln K)], float32 or wider.

    This is also the mutual information of label and draw, H[mean_k p_k] - mean_k H[p_k], but keeps the digits
    that this difference of entropies loses where the draws nearly agree.
    """
    wide = log_probs_nkc.to(torch.promote_types(log_probs_nkc.dtype, torch.float32))
    probs = wide.exp()
    # A class of probability 0 adds nothing, also where its logarithm is -inf.
    ratios = torch.where(probs > 0, wide - mean_log_probs(wide).unsqueeze(1), 0.0)
    return (probs * ratios).sum(2).mean(1).clamp(min=0)


def vote_entropy(log_probs_nkc: Float[Tensor, "items draws classes"]) -> Float[Tensor, " items"]:
    """Return the entropy of the classes that the draws predict: (N,) in nats, in [0, min(ln C, ln K)].

    A draw with tied classes votes for the lowest.
    """
    winners = log_probs_nkc.argmax(2)
    votes = torch.zeros_like(log_probs_nkc[:, 0], dtype=torch.float64)
    votes.scatter_add_(1, winners, torch.ones_like(winners, dtype=torch.float64))
    return entropy((votes / log_probs_nkc.shape[1]).log())
