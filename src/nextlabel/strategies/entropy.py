"""Entropy: query where the predicted distribution is widest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.maths.entropy import entropy, mean_log_probs
from nextlabel.registry import Card
from nextlabel.types import PoolView

__all__ = ["Entropy"]

CARD = Card(
    "entropy",
    "Entropy",
    needs=("log_probs",),
    cost="O(N K C)",
    use_when="with few classes; with many, margin is usually better",
    citation="Shannon, A Mathematical Theory of Communication, Bell System Technical Journal, 1948; "
    "Settles, Active Learning Literature Survey, University of Wisconsin-Madison, 2009",
    remedy="use a learner that gives class probabilities",
)


@dataclass(frozen=True)
class Entropy:
    """Score candidates by the Shannon entropy of their predicted class distribution.

    C. E. Shannon, "A Mathematical Theory of Communication", Bell System Technical Journal, 1948; as a query
    strategy in B. Settles, "Active Learning Literature Survey", University of Wisconsin-Madison, 2009,
    section 3.1. Several draws are averaged first.
    """

    name: ClassVar[str] = "entropy"
    needs: ClassVar[frozenset[str]] = frozenset({"log_probs"})

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) entropies in nats, in [0, ln C]."""
        return entropy(mean_log_probs(view.pool.fields()["log_probs"]))
