"""COD of segmentation: query the images whose pixels' outputs moved furthest since the previous cycle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.discrepancy import Form
from nextlabel.parts import check_choices
from nextlabel.registry import Card
from nextlabel.strategies.extra_field import Aggregate, one_number_per_item
from nextlabel.types import PoolView

__all__ = ["CodSegmentation"]

CARD = Card(
    "cod_segmentation",
    "CodSegmentation",
    needs=("extra:mean_discrepancy", "extra:mean_gini", "extra:has_previous"),
    cost="O(N) after two passes over the pool, of this cycle's model and of the last one's",
    use_when="segmentation with a warm-started model",
    citation="Huang, Wang, Xiong, Huan, Dou, Semi-Supervised Active Learning with Temporal Output "
    "Discrepancy, ICCV 2021",
    remedy="use a SegmentationLearner, or the strategy 'cod' if each item has one class",
)

FirstCycleOfMasks: TypeAlias = Literal["least_confident", "initial", "random"]


@dataclass(frozen=True)
class CodSegmentation:
    """Score images by cyclic output discrepancy, aggregated over their pixels.

    S. Huang, T. Wang, H. Xiong, J. Huan, D. Dou, "Semi-Supervised Active Learning with Temporal Output
    Discrepancy", ICCV 2021, on Cityscapes: the distance between a pixel's class probabilities at the end of
    this cycle and of the one before. The papers do not say how the distances of an item's pixels become its
    score, and the segmentation part of their code was not published: the mean is our reading. Unlike for
    whole items, ``form`` matters, as a mean of squares ranks differently from a mean of roots.

    The first cycle has no previous one; it is scored by ``first_cycle``:

    - ``least_confident``: what the authors' code for classification amounts to, the pixels' Gini uncertainty:
      the smallest half squared distance of a pixel to the uniform distribution first.
    - ``initial``: the paper, literally: the largest distance to the weights that the training began with.
    - ``random``: uniform draws.

    Attributes:
        form: Of a pixel's distance: ``"half_squared"``, 1/2 ||.||^2 (code), or ``"l2"`` (paper).
        aggregate: ``"mean"`` or ``"max"`` over an item's pixels.
        first_cycle: See above.
    """

    form: Form = "half_squared"
    aggregate: Aggregate = "mean"
    first_cycle: FirstCycleOfMasks = "least_confident"

    name: ClassVar[str] = "cod_segmentation"

    def __post_init__(self) -> None:
        check_choices(
            f"strategy '{self.name}'",
            form=(self.form, Form),
            aggregate=(self.aggregate, Aggregate),
            first_cycle=(self.first_cycle, FirstCycleOfMasks),
        )

    @property
    def needs(self) -> frozenset[str]:
        """The discrepancy of the pixels, whether there was a previous cycle, and the first cycle's score."""
        gini = {f"extra:{self.aggregate}_gini"} if self.first_cycle == "least_confident" else set()
        return frozenset({f"extra:{self._discrepancy}", "extra:has_previous"} | gini)

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) discrepancies, or the scores of the first cycle."""
        if bool((view.pool.extra["has_previous"] > 0).all()) or self.first_cycle == "initial":
            return one_number_per_item(view, self._discrepancy, strategy=self.name)
        if self.first_cycle == "random":
            return torch.rand(view.size, generator=rng, dtype=torch.float64)
        return one_number_per_item(view, f"{self.aggregate}_gini", strategy=self.name)

    @property
    def _discrepancy(self) -> str:
        return f"{self.aggregate}_{'discrepancy' if self.form == 'half_squared' else 'distance'}"
