"""MC dropout: query where a network's draws are uncertain. Knows only their class probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.errors import UnknownNameError
from nextlabel.maths.disagreement import mutual_information
from nextlabel.maths.entropy import entropy, least_confidence, mean_log_probs
from nextlabel.registry import Card
from nextlabel.types import PoolView

__all__ = ["McDropout", "Uncertainty"]

CARD = Card(
    "mc_dropout",
    "McDropout",
    needs=("log_probs", "draws:dropout"),
    cost="O(N K C); K forward passes",
    use_when="with a model that has dropout, to ask for what it does not know rather than for noise",
    citation="Gal, Islam, Ghahramani, Deep Bayesian Active Learning with Image Data, ICML 2017",
    remedy="wrap the learner in McDropout",
)

Uncertainty: TypeAlias = Literal["mutual_information", "entropy", "variation_ratio"]


@dataclass(frozen=True)
class McDropout:
    """Score candidates by the uncertainty of a network under Monte Carlo dropout.

    Yarin Gal, Riashat Islam, Zoubin Ghahramani: Deep Bayesian Active Learning with Image Data, ICML 2017,
    section 4, over K draws p_k:

    - ``mutual_information``: H[mean_k p_k] - mean_k H[p_k], known as BALD after N. Houlsby, F. Huszár, Z.
      Ghahramani, M. Lengyel: Bayesian Active Learning for Classification and Preference Learning, 2011.
    - ``entropy``: H[mean_k p_k], the predictive entropy.
    - ``variation_ratio``: 1 - max_c mean_k p_kc, after L. C. Freeman: Elementary Applied Statistics, 1965.

    Attributes:
        uncertainty: One of these.

    Raises:
        UnknownNameError: It is none of these.
    """

    uncertainty: Uncertainty = "mutual_information"

    name: ClassVar[str] = "mc_dropout"
    needs: ClassVar[frozenset[str]] = frozenset({"log_probs", "draws:dropout"})

    def __post_init__(self) -> None:
        if self.uncertainty not in get_args(Uncertainty):
            raise UnknownNameError(
                "uncertainty of strategy 'mc_dropout'", self.uncertainty, get_args(Uncertainty)
            )

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) scores, in nats or a fraction, higher = query first; draws nothing from ``rng``."""
        log_probs = view.pool.log_probs
        assert log_probs is not None
        if self.uncertainty == "mutual_information":
            return mutual_information(log_probs)
        if self.uncertainty == "entropy":
            return entropy(mean_log_probs(log_probs))
        return least_confidence(mean_log_probs(log_probs))
