"""Least confidence: query where the most probable class is least probable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.maths.entropy import least_confidence, mean_log_probs
from nextlabel.registry import Card
from nextlabel.types import PoolView

__all__ = ["LeastConfidence"]

CARD = Card(
    "least_confidence",
    "LeastConfidence",
    needs=("log_probs",),
    cost="O(N K C)",
    use_when="as the plainest measure of uncertainty",
    citation="Lewis, Gale, A Sequential Algorithm for Training Text Classifiers, SIGIR 1994",
    remedy="use a learner that gives class probabilities",
)


@dataclass(frozen=True)
class LeastConfidence:
    """Score candidates by the probability that the most probable class is not the true one.

    D. D. Lewis, W. A. Gale, "A Sequential Algorithm for Training Text Classifiers", SIGIR 1994, in the form
    for several classes, 1 - max_c p_c. Several draws are averaged first.
    """

    name: ClassVar[str] = "least_confidence"
    needs: ClassVar[frozenset[str]] = frozenset({"log_probs"})

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) scores in [0, 1 - 1/C]."""
        return least_confidence(mean_log_probs(view.pool.fields()["log_probs"]))
