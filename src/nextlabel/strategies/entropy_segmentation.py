"""Entropy of segmentation: query the images whose pixels' class distributions are widest.

Knows one number per item, which the learner made of its pixels; no masks and no models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.registry import Card
from nextlabel.strategies.extra_field import Aggregate, one_number_per_item
from nextlabel.strategies.options import check_choice
from nextlabel.types import PoolView

__all__ = ["EntropySegmentation"]

CARD = Card(
    "entropy_segmentation",
    "EntropySegmentation",
    needs=("extra:mean_entropy",),
    cost="O(N)",
    use_when="segmentation, as the plain measure of uncertainty",
    citation="Shannon, A Mathematical Theory of Communication, Bell System Technical Journal, 1948",
    remedy="use a SegmentationLearner, or the strategy 'entropy' where an item has one class",
)


@dataclass(frozen=True)
class EntropySegmentation:
    """Score images by the Shannon entropy of their pixels' predicted class distributions.

    C. E. Shannon, "A Mathematical Theory of Communication", Bell System Technical Journal, 1948.

    Attributes:
        aggregate: ``"mean"`` over an item's pixels, or their ``"max"``.

    Raises:
        ConfigurationError: The option has another value than these.
    """

    aggregate: Aggregate = "mean"

    name: ClassVar[str] = "entropy_segmentation"

    def __post_init__(self) -> None:
        check_choice(self.name, "aggregate", self.aggregate, get_args(Aggregate))

    @property
    def needs(self) -> frozenset[str]:
        """The pixels' aggregated entropy."""
        return frozenset({f"extra:{self.aggregate}_entropy"})

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) entropies in nats; draws nothing from ``rng``."""
        return one_number_per_item(view, f"{self.aggregate}_entropy", part="strategy 'entropy_segmentation'")
