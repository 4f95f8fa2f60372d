"""Query by committee: query where the members disagree. Knows only their class probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.errors import UnknownNameError
from nextlabel.maths.disagreement import kl_to_consensus, vote_entropy
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

    H. S. Seung, M. Opper, H. Sompolinsky: Query by Committee, COLT 1992, with the measures of

    - ``kl``: A. McCallum, K. Nigam: Employing EM and Pool-Based Active Learning for Text Classification, ICML
      1998: the mean divergence of the members from their mean, mean_k KL(p_k || mean_k p_k). It is the mutual
      information of label and member.
    - ``vote_entropy``: I. Dagan, S. Engelson: Committee-Based Sampling for Training Probabilistic
      Classifiers, ICML 1995: the entropy of the members' votes, in nats; without their division by the
      logarithm of the committee's size, which ranks alike.

    The committee is an ensemble of members that differ in their seeds; in these papers it is drawn from the
    posterior of the parameters.

    Attributes:
        disagreement: One of these.

    Raises:
        UnknownNameError: It is none of these.
    """

    disagreement: Disagreement = "kl"

    name: ClassVar[str] = "qbc"
    needs: ClassVar[frozenset[str]] = frozenset({"log_probs", "draws:ensemble"})

    def __post_init__(self) -> None:
        if self.disagreement not in get_args(Disagreement):
            raise UnknownNameError(
                "disagreement of strategy 'qbc'", self.disagreement, get_args(Disagreement)
            )

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) disagreements in nats, higher = query first; draws nothing from ``rng``."""
        log_probs = view.pool.log_probs
        assert log_probs is not None
        return kl_to_consensus(log_probs) if self.disagreement == "kl" else vote_entropy(log_probs)
