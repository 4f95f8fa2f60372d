"""Model selection without test labels: scores computed from outputs, and how good a selection by them is.

Source: S. Huang, T. Wang, H. Xiong, B. Wen, J. Huan, D. Dou, "Temporal Output Discrepancy for Loss
Estimation-based Active Learning", IEEE TNNLS 2022 (arXiv 2212.10613), "test-data-aware model selection".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from jaxtyping import Float, Int
from scipy.stats import rankdata
from torch import Tensor

from nextlabel.discrepancy import output_discrepancy
from nextlabel.errors import ConfigurationError, DataError
from nextlabel.maths.entropy import entropy, least_confidence, margin

__all__ = [
    "SAMPLE_SCORES",
    "Hits",
    "discrepancy_scores",
    "picked_by_sample",
    "rank_correlation",
    "sample_scores",
    "top_k_of_n",
]

SAMPLE_SCORES: Mapping[str, str] = {
    "least_confidence": "1 - p_1",
    "margin": "1 - (p_1 - p_2)",
    "ratio": "p_2 / p_1",
    "entropy": "-SUM_c p_c ln p_c, in nats",
}
"""Scores of an item under a model, with p_1 >= p_2 >= ...; smaller means more confident."""


def sample_scores(log_probs_nc: Float[Tensor, "items classes"]) -> dict[str, Float[Tensor, " items"]]:
    """Return the (N,) :data:`SAMPLE_SCORES` of the items by name; smaller means more confident."""
    first, second = log_probs_nc.topk(2, dim=-1).values.unbind(-1)
    return {
        "least_confidence": least_confidence(log_probs_nc),
        "margin": 1 - margin(log_probs_nc),
        "ratio": (second - first).exp(),
        "entropy": entropy(log_probs_nc),
    }


def discrepancy_scores(
    now_nc: Float[Tensor, "items classes"], before_nc: Float[Tensor, "items classes"]
) -> Float[Tensor, " items"]:
    """Return (N,) ||p_now - p_before||^2, the article's D before averaging over items.

    The article does not say which outputs it compares; class probabilities are used, as in its code for
    sampling. Both arguments are (N, C) log-probabilities.
    """
    return 2 * output_discrepancy(now_nc.exp(), before_nc.exp(), form="half_squared")


@dataclass(frozen=True)
class Hits:
    """How often the best of N models is among the k with the best scores.

    Attributes:
        k: Models returned.
        n: Models to choose from.
        fraction: Fraction of the cases in which a best model was returned.
        random: The same for k random models; k / n if no two models are equally good.
        cases: Number of subsets of N models.
    """

    k: int
    n: int
    fraction: float
    random: float
    cases: int


def top_k_of_n(
    scores: Sequence[float], quality: Sequence[float], *, k: int, n: int, limit: int, rng: torch.Generator
) -> Hits:
    """Return the article's Top-k(N): how often the best of N models is among the k with the smallest scores.

    The article does not define its cases. Here they are all subsets of N of the M models, or ``limit`` random
    ones if there are more. All models tied for best count as best, which raises the random level too; ties in
    the scores are broken by position.

    Args:
        scores: (M,) smaller means presumably better.
        quality: (M,) larger means truly better, such as test accuracy.
        k: Models returned, in [1, N].
        n: N, in [k, M].
        limit: Maximum number of subsets.
        rng: Draws the subsets if there are more.

    Raises:
        ConfigurationError: k, N or ``limit`` is out of range.
        DataError: The numbers of scores and qualities differ.
    """
    if len(scores) != len(quality):
        raise DataError(
            f"there must be one score and one quality per model, got {len(scores)} and {len(quality)}"
        )
    if not 1 <= k <= n <= len(scores) or limit < 1:
        raise ConfigurationError(
            f"Top-k(N) needs 1 <= k <= N <= {len(scores)} models and limit >= 1, "
            f"got k = {k}, N = {n}, limit = {limit}"
        )
    hits, randomness, cases = 0, 0.0, 0
    subsets: Iterable[Sequence[int]] = combinations(range(len(scores)), n)
    if math.comb(len(scores), n) > limit:
        subsets = (torch.randperm(len(scores), generator=rng)[:n].tolist() for _ in range(limit))
    for members in subsets:
        best = max(quality[i] for i in members)
        winners = {i for i in members if quality[i] == best}
        returned = sorted(members, key=lambda i: (scores[i], i))[:k]
        hits += any(i in winners for i in returned)
        randomness += 1 - math.comb(n - len(winners), k) / math.comb(n, k)
        cases += 1
    return Hits(k, n, hits / cases, randomness / cases, cases)


def picked_by_sample(
    scores_mn: Float[Tensor, "models items"], predicted_mn: Int[Tensor, "models items"]
) -> Int[Tensor, " items"]:
    """Return for each item the class predicted by the model with the smallest score, the first in a tie.

    This is the article's sample-level selection, from (M, N) scores and (M, N) predicted classes.
    """
    smallest = scores_mn.amin(0)
    first = (scores_mn == smallest).to(torch.int64).argmax(0)  # argmin does not guarantee the first
    return predicted_mn.gather(0, first[None])[0]


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation, or None if either sequence is constant."""
    if len(set(first)) < 2 or len(set(second)) < 2:
        return None
    ranks = torch.stack([torch.from_numpy(rankdata(values)) for values in (first, second)])
    return float(torch.corrcoef(ranks)[0, 1])
