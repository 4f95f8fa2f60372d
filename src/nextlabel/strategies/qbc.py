"""Query by committee: query where the members of an ensemble disagree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.maths.disagreement import kl_to_consensus, vote_entropy
from nextlabel.parts import check_choices
from nextlabel.registry import Card
from nextlabel.types import PoolView

__all__ = ["Disagreement", "Qbc"]

CARD = Card(
    "qbc",
    "Qbc",
    needs=("log_probs", "draws:ensemble"),
    cost="O(N K C); K fits and K forward passes",
    use_when="where training several members is affordable",
    citation="Seung, Opper, Sompolinsky, Query by Committee, COLT 1992; McCallum, Nigam, Employing EM and "
    "Pool-Based Active Learning for Text Classification, ICML 1998",
    remedy="wrap the learner in Ensemble",
)

Disagreement: TypeAlias = Literal["kl", "vote_entropy"]


@dataclass(frozen=True)
class Qbc:
    """Score candidates by the disagreement of a committee's members.

    H. S. Seung, M. Opper, H. Sompolinsky: Query by Committee, COLT 1992. The option ``disagreement`` chooses:

    - ``kl``: A. McCallum, K. Nigam: Employing EM and Pool-Based Active Learning for Text Classification, ICML
      1998: the mean divergence of the members from their mean, mean_k KL(p_k || mean_k p_k), which is the
      mutual information of label and member.
    - ``vote_entropy``: I. Dagan, S. Engelson: Committee-Based Sampling for Training Probabilistic
      Classifiers, ICML 1995: the entropy of the members' votes, in nats; without their division by the
      logarithm of the committee's size, which does not change the ranking.

    The committee is an ensemble whose members differ in their seeds; in these papers it is drawn from the
    posterior of the parameters.
    """

    disagreement: Disagreement = "kl"

    name: ClassVar[str] = "qbc"
    needs: ClassVar[frozenset[str]] = frozenset({"log_probs", "draws:ensemble"})

    def __post_init__(self) -> None:
        check_choices(f"strategy '{self.name}'", disagreement=(self.disagreement, Disagreement))

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) disagreements in nats."""
        measure = kl_to_consensus if self.disagreement == "kl" else vote_entropy
        return measure(view.pool.fields()["log_probs"])
