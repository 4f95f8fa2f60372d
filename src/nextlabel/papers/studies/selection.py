"""Choosing among trained models without test labels: scores of models, and how well a choice by them does.

Pure functions of outputs. Knows nothing of how models are trained or kept.

Source: S. Huang, T. Wang, H. Xiong, B. Wen, J. Huan, D. Dou, "Temporal Output Discrepancy for Loss
Estimation-based Active Learning", IEEE TNNLS 2022 (arXiv 2212.10613), "test-data-aware model selection".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
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
"""The scores of one item under one model, p_1 >= p_2 >= ...: smaller = the model is surer of it."""


def sample_scores(log_probs_nc: Float[Tensor, "items classes"]) -> dict[str, Float[Tensor, " items"]]:
    """Return the scores of :data:`SAMPLE_SCORES` of every item, by name: (N,), smaller = surer."""
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
    """Return ||p_now - p_before||^2 of every item, (N,): the article's D before its mean over items.

    The article does not say which outputs it compares; these are the class probabilities, as in its code for
    sampling.

    Args:
        now_nc: (N, C) log-probabilities at the end of a training run.
        before_nc: (N, C) those of the same run some steps or epochs earlier.
    """
    return 2 * output_discrepancy(now_nc.exp(), before_nc.exp(), form="half_squared")


@dataclass(frozen=True)
class Hits:
    """How often the best of N models was among the k that a score put first.

    Attributes:
        k: Models returned.
        n: Models to choose from.
        fraction: Of the cases, in which one of the truly best was among the k.
        random: What k random ones would give on the same cases; k / n where no two models are equally
            good.
        cases: Subsets of N models that were looked at.
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

    The article does not say over which cases it counts. Here they are all subsets of N of the M models, or
    ``limit`` random ones where there are more. Equally good models are all the best, which raises the
    randomness level too; equal scores are taken by position.

    Args:
        scores: (M,) smaller = believed better.
        quality: (M,) larger = truly better, such as test accuracies.
        k: How many are returned, in [1, N].
        n: N, in [k, M].
        limit: The largest number of subsets.
        rng: Draws the subsets where there are too many.

    Raises:
        ConfigurationError: k, N and M do not fit.
        DataError: There is not one score and one quality a model.
    """
    if len(scores) != len(quality):
        raise DataError(
            f"expected one score and one quality a model, but got {len(scores)} and {len(quality)}"
        )
    if not 1 <= k <= n <= len(scores) or limit < 1:
        raise ConfigurationError(
            f"expected 1 <= k <= N <= {len(scores)} models and at least one case, "
            f"but got k = {k}, N = {n}, limit = {limit}"
        )
    hits, randomness, cases = 0, 0.0, 0
    for members in _subsets(len(scores), n, limit, rng):
        best = max(quality[i] for i in members)
        winners = {i for i in members if quality[i] == best}
        returned = sorted(members, key=lambda i: (scores[i], i))[:k]
        hits += any(i in winners for i in returned)
        randomness += 1 - math.comb(n - len(winners), k) / math.comb(n, k)
        cases += 1
    return Hits(k, n, hits / cases, randomness / cases, cases)


def _subsets(size: int, n: int, limit: int, rng: torch.Generator) -> Iterator[tuple[int, ...]]:
    if math.comb(size, n) <= limit:
        yield from combinations(range(size), n)
        return
    for _ in range(limit):
        yield tuple(torch.randperm(size, generator=rng)[:n].tolist())


def picked_by_sample(
    scores_mn: Float[Tensor, "models items"], predicted_mn: Int[Tensor, "models items"]
) -> Int[Tensor, " items"]:
    """Return for every item the class predicted by the model with the smallest score on it.

    The article's sample-level selection. Of equal scores the first model's counts.

    Args:
        scores_mn: (M, N) smaller = surer.
        predicted_mn: (M, N) predicted classes.
    """
    smallest = scores_mn.amin(0)
    first = (scores_mn == smallest).to(torch.int64).argmax(0)  # argmin alone promises no order among equals
    return predicted_mn.gather(0, first[None])[0]


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation, in [-1, 1]; None where either is constant and there is none."""
    if len(set(first)) < 2 or len(set(second)) < 2:
        return None
    ranks = torch.stack([torch.from_numpy(rankdata(values)) for values in (first, second)])
    return float(torch.corrcoef(ranks)[0, 1])
