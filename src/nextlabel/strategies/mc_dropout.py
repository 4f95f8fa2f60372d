"""MC dropout: query where a network's draws are uncertain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.maths.disagreement import kl_to_consensus
from nextlabel.maths.entropy import entropy, least_confidence, mean_log_probs
from nextlabel.parts import check_choices
from nextlabel.registry import Card
from nextlabel.types import PoolView

__all__ = ["McDropout", "Uncertainty"]

CARD = Card(
    "mc_dropout",
    "McDropout",
    needs=("log_probs", "draws:dropout"),
    cost="O(N K C); K forward passes",
    use_when="with a model that has dropout, to query what it does not know rather than noise",
    citation="Gal, Islam, Ghahramani, Deep Bayesian Active Learning with Image Data, ICML 2017",
    remedy="wrap the learner in McDropout",
)

Uncertainty: TypeAlias = Literal["mutual_information", "entropy", "variation_ratio"]


@dataclass(frozen=True)
class McDropout:
    """Score candidates by the uncertainty of a network under Monte Carlo dropout.

    Yarin Gal, Riashat Islam, Zoubin Ghahramani: Deep Bayesian Active Learning with Image Data, ICML 2017,
    section 4. The option ``uncertainty`` chooses the measure over K draws p_k:

    - ``mutual_information``: H[mean_k p_k] - mean_k H[p_k], known as BALD after N. Houlsby, F. Huszár, Z.
      Ghahramani, M. Lengyel: Bayesian Active Learning for Classification and Preference Learning, 2011.
    - ``entropy``: H[mean_k p_k], the predictive entropy.
    - ``variation_ratio``: 1 - max_c mean_k p_kc, after L. C. Freeman: Elementary Applied Statistics, 1965.
    """

    uncertainty: Uncertainty = "mutual_information"

    name: ClassVar[str] = "mc_dropout"
    needs: ClassVar[frozenset[str]] = frozenset({"log_probs", "draws:dropout"})

    def __post_init__(self) -> None:
        check_choices(f"strategy '{self.name}'", uncertainty=(self.uncertainty, Uncertainty))

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) scores, in nats or a fraction."""
        log_probs = view.pool.fields()["log_probs"]
        if self.uncertainty == "mutual_information":
            return kl_to_consensus(log_probs)
        measure = entropy if self.uncertainty == "entropy" else least_confidence
        return measure(mean_log_probs(log_probs))
