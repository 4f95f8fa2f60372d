"""Margin: query where the two most probable classes are closest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.maths.entropy import margin, mean_log_probs
from nextlabel.registry import Card
from nextlabel.types import PoolView

__all__ = ["Margin"]

CARD = Card(
    "margin",
    "Margin",
    needs=("log_probs",),
    cost="O(N K C)",
    use_when="as the first choice for classification with small batches",
    citation="Scheffer, Decomain, Wrobel, Active Hidden Markov Models for Information Extraction, IDA 2001",
    remedy="use a learner that gives class probabilities",
)


@dataclass(frozen=True)
class Margin:
    """Score candidates by the negative gap between the two largest class probabilities.

    T. Scheffer, C. Decomain, S. Wrobel, "Active Hidden Markov Models for Information Extraction", IDA 2001.
    Several draws are averaged first.
    """

    name: ClassVar[str] = "margin"
    needs: ClassVar[frozenset[str]] = frozenset({"log_probs"})

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) negative margins in [-1, 0]; a single class raises DataError."""
        return -margin(mean_log_probs(view.pool.fields()["log_probs"]))
