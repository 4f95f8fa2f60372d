"""Strategies of segmentation: query the images whose pixels moved furthest, or are least certain.

Know one number per item, which the learner made of its pixels; no maps and no models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.discrepancy import Form
from nextlabel.errors import ConfigurationError, listed, nearest
from nextlabel.types import PoolView

__all__ = ["CodSegmentation", "EntropySegmentation", "MarginSegmentation"]

Aggregate: TypeAlias = Literal["mean", "max"]
FirstCycle: TypeAlias = Literal["least_confident", "initial", "random"]


@dataclass(frozen=True)
class CodSegmentation:
    """Score images by cyclic output discrepancy, aggregated over their pixels.

    S. Huang, T. Wang, H. Xiong, J. Huan, D. Dou, "Semi-Supervised Active Learning with Temporal Output
    Discrepancy", ICCV 2021, on Cityscapes: the distance between a pixel's class probabilities at the end of
    this cycle and of the one before. The papers do not say how the distances of an item's pixels become its
    score, and the segmentation part of their code was not published: the mean is our reading. Unlike for
    whole items, ``form`` matters, as a mean of squares ranks otherwise than a mean of roots.

    The first cycle has no previous one; then ``first_cycle`` decides:

    - ``least_confident``: what the authors' code for classification amounts to: the smallest half squared
      distance of a pixel to the uniform distribution, aggregated, first; that is its Gini uncertainty.
    - ``initial``: the paper, literally: the largest distance to the weights that the training began with.
    - ``random``: uniform draws.

    Attributes:
        form: Of a pixel's distance: ``"half_squared"``, 1/2 ||.||^2 as in the code, or ``"l2"``, as in the
            paper.
        aggregate: ``"mean"`` over an item's pixels, or their ``"max"``.
        first_cycle: See above.

    Raises:
        ConfigurationError: An option has another value than these.
    """

    form: Form = "half_squared"
    aggregate: Aggregate = "mean"
    first_cycle: FirstCycle = "least_confident"

    name: ClassVar[str] = "cod_segmentation"

    def __post_init__(self) -> None:
        _check_choice(self.name, "form", self.form, get_args(Form))
        _check_choice(self.name, "aggregate", self.aggregate, get_args(Aggregate))
        _check_choice(self.name, "first_cycle", self.first_cycle, get_args(FirstCycle))

    @property
    def needs(self) -> frozenset[str]:
        """The pixels' moves, whether there was a previous cycle, and the first cycle's score."""
        gini = {f"extra:{self.aggregate}_gini"} if self.first_cycle == "least_confident" else set()
        return frozenset({f"extra:{self._moves}", "extra:has_previous"} | gini)

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) discrepancies, or in the first cycle what stands for them, higher = query first.

        Draws from ``rng`` only in the first cycle and with ``first_cycle="random"``.
        """
        extra = view.pool.extra
        if bool((extra["has_previous"] > 0).all()) or self.first_cycle == "initial":
            return _wide(extra[self._moves])
        if self.first_cycle == "random":
            return torch.rand(view.size, generator=rng, dtype=torch.float64)
        return _wide(extra[f"{self.aggregate}_gini"])

    @property
    def _moves(self) -> str:
        return f"{self.aggregate}_{'discrepancy' if self.form == 'half_squared' else 'distance'}"


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
        _check_choice(self.name, "aggregate", self.aggregate, get_args(Aggregate))

    @property
    def needs(self) -> frozenset[str]:
        """The pixels' aggregated entropy."""
        return frozenset({f"extra:{self.aggregate}_entropy"})

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) entropies in nats; draws nothing from ``rng``."""
        return _wide(view.pool.extra[f"{self.aggregate}_entropy"])


@dataclass(frozen=True)
class MarginSegmentation:
    """Score images by the negative mean gap between the two largest class probabilities of a pixel.

    T. Scheffer, C. Decomain, S. Wrobel, "Active Hidden Markov Models for Information Extraction", IDA 2001,
    for one label; the mean over pixels is ours.
    """

    name: ClassVar[str] = "margin_segmentation"
    needs: ClassVar[frozenset[str]] = frozenset({"extra:mean_margin"})

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) negative margins in [-1, 0]; draws nothing from ``rng``."""
        return -_wide(view.pool.extra["mean_margin"])


def _wide(scores: Tensor) -> Tensor:
    return scores.to(torch.promote_types(scores.dtype, torch.float32))


def _check_choice(strategy: str, option: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        hint = nearest(str(value), choices)
        guess = f"; did you mean '{hint}'?" if hint else ""
        raise ConfigurationError(
            f"option '{option}' of strategy '{strategy}' must be {listed(choices)}, but is '{value}'{guess}"
        )
