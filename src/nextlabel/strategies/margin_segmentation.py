"""Margin of segmentation: query the images whose pixels' two most probable classes are closest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.registry import Card
from nextlabel.strategies.extra_field import one_number_per_item
from nextlabel.types import PoolView

__all__ = ["MarginSegmentation"]

CARD = Card(
    "margin_segmentation",
    "MarginSegmentation",
    needs=("extra:mean_margin",),
    cost="O(N)",
    use_when="segmentation, where two classes compete for a pixel",
    citation="Scheffer, Decomain, Wrobel, Active Hidden Markov Models for Information Extraction, IDA 2001",
    remedy="use a SegmentationLearner, or the strategy 'margin' if each item has one class",
)


@dataclass(frozen=True)
class MarginSegmentation:
    """Score images by the negative mean gap between the two largest class probabilities of a pixel.

    T. Scheffer, C. Decomain, S. Wrobel, "Active Hidden Markov Models for Information Extraction", IDA 2001,
    for one label; the mean over pixels is ours.
    """

    name: ClassVar[str] = "margin_segmentation"
    needs: ClassVar[frozenset[str]] = frozenset({"extra:mean_margin"})

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) negative margins in [-1, 0]."""
        return -one_number_per_item(view, "mean_margin", strategy=self.name)
