"""How much the draws of a model disagree on each item. Knows neither where draws come from nor strategies.

All functions take (N, K, C) log-probabilities in nats, of any float type, and compute in float32 or wider.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nextlabel.maths.entropy import entropy, mean_log_probs

__all__ = ["kl_to_consensus", "mutual_information", "vote_entropy", "votes"]


def mutual_information(
    log_probs_nkc: Float[Tensor, "items draws classes"],
) -> Float[Tensor, " items"]:
    """Return the mutual information of label and draw: (N,) in nats, in [0, min(ln C, ln K)].

    H[mean_k p_k] - mean_k H[p_k], the entropy of the mean less the mean entropy. It equals the mean
    divergence of the draws from their mean, :func:`kl_to_consensus`, from which it is computed: a difference
    of two entropies loses its digits where the draws nearly agree.
    """
    return kl_to_consensus(log_probs_nkc)


def kl_to_consensus(log_probs_nkc: Float[Tensor, "items draws classes"]) -> Float[Tensor, " items"]:
    """Return mean_k KL(p_k || mean_k p_k): (N,) in nats, in [0, min(ln C, ln K)]."""
    wide = log_probs_nkc.to(torch.promote_types(log_probs_nkc.dtype, torch.float32))
    consensus = mean_log_probs(wide).unsqueeze(1)
    probs = wide.exp()
    # A class of probability 0 adds nothing, also where its logarithm is -inf; so do draws that all agree.
    ratios = torch.where(probs > 0, wide - consensus, 0.0)
    return (probs * ratios).sum(2).mean(1).clamp(min=0)


def votes(log_probs_nkc: Float[Tensor, "items draws classes"]) -> Int[Tensor, "items classes"]:
    """Return how many draws predict each class: (N, C); a draw's ties go to the lowest class."""
    winners = log_probs_nkc.argmax(2)
    counts = torch.zeros(log_probs_nkc.shape[0], log_probs_nkc.shape[2], dtype=torch.int64)
    return counts.to(winners.device).scatter_add_(1, winners, torch.ones_like(winners))


def vote_entropy(log_probs_nkc: Float[Tensor, "items draws classes"]) -> Float[Tensor, " items"]:
    """Return the entropy of the votes' shares: (N,) in nats, in [0, min(ln C, ln K)]."""
    fractions = votes(log_probs_nkc).double() / log_probs_nkc.shape[1]
    return entropy(fractions.log())
