"""Entropy of segmentation: query the images whose pixels' class distributions are widest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.parts import check_choices
from nextlabel.registry import Card
from nextlabel.strategies.extra_field import Aggregate, one_number_per_item
from nextlabel.types import PoolView

__all__ = ["EntropySegmentation"]

CARD = Card(
    "entropy_segmentation",
    "EntropySegmentation",
    needs=("extra:mean_entropy",),
    cost="O(N)",
    use_when="segmentation, as the plain measure of uncertainty",
    citation="Shannon, A Mathematical Theory of Communication, Bell System Technical Journal, 1948",
    remedy="use a SegmentationLearner, or the strategy 'entropy' if each item has one class",
)


@dataclass(frozen=True)
class EntropySegmentation:
    """Score images by the Shannon entropy of their pixels' predicted class distributions.

    C. E. Shannon, "A Mathematical Theory of Communication", Bell System Technical Journal, 1948.

    Attributes:
        aggregate: ``"mean"`` or ``"max"`` over an item's pixels.
    """

    aggregate: Aggregate = "mean"

    name: ClassVar[str] = "entropy_segmentation"

    def __post_init__(self) -> None:
        check_choices(f"strategy '{self.name}'", aggregate=(self.aggregate, Aggregate))

    @property
    def needs(self) -> frozenset[str]:
        """The aggregated entropy of the pixels."""
        return frozenset({f"extra:{self.aggregate}_entropy"})

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) entropies in nats."""
        return one_number_per_item(view, f"{self.aggregate}_entropy", strategy=self.name)
