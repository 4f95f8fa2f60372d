"""COD: query where the outputs moved furthest since the end of the previous cycle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.discrepancy import Form, cyclic_discrepancy, output_discrepancy
from nextlabel.errors import ConfigurationError, DataError, did_you_mean
from nextlabel.parts import check_choices
from nextlabel.registry import Card
from nextlabel.snapshots import Snapshot
from nextlabel.types import PoolView

__all__ = ["DEFAULT_FIRST_CYCLE", "Cod", "FirstCycle"]

CARD = Card(
    "cod",
    "Cod",
    needs=("output", "snapshot:previous"),
    cost="O(N C); one forward pass if the last scan was kept",
    use_when="with a warm-started model that has learnt something: from about a tenth of the labels on",
    citation="Huang, Wang, Xiong, Huan, Dou, Semi-Supervised Active Learning with Temporal Output "
    "Discrepancy, ICCV 2021",
    remedy="add load and reset to the learner, or choose first_cycle='least_confident' or 'random' and "
    "gap='cycle'",
)

FirstCycle: TypeAlias = Literal["initial", "untrained", "least_confident", "epoch", "random"]

DEFAULT_FIRST_CYCLE: FirstCycle = "least_confident"
"""Chosen by measurement (``benchmarks/first_cycle.py``, the papers' protocol). Area under the curve in %:

============  ===============  =====  ======  =======
data (seeds)  least_confident  epoch  random  initial
============  ===============  =====  ======  =======
digits (20)             97.41  97.00   96.61    96.02
animals (5)             96.92  96.66   96.31    95.62
============  ===============  =====  ======  =======
"""

CYCLE = "cycle"
"""The gap of COD itself."""


@dataclass(frozen=True)
class Cod:
    """Score candidates by cyclic output discrepancy, the distance between two models' outputs.

    S. Huang, T. Wang, H. Xiong, J. Huan, D. Dou, "Semi-Supervised Active Learning with Temporal Output
    Discrepancy", ICCV 2021: D(x) = ||f(x; w_c) - f(x; w_{c-1})||, largest first, where w_c are the weights at
    the end of cycle c. The output f is the softmax, as in the authors' code; the paper leaves it open.
    Several draws are averaged first. In regression f are the values themselves, in the unit of the target, as
    section 3 of the paper defines the discrepancy.

    The first cycle has no previous one, and paper and code disagree on it. Whenever the view holds a
    snapshot, the score is the distance to it, except for ``untrained``. The option ``first_cycle`` says which
    snapshot that is in the first cycle, or what the score is without one:

    - ``initial``: the paper, literally. The snapshot is of the weights that the run began with. The most
      confident rows come first, as an untrained network's output is nearly uniform.
    - ``untrained``: the authors' code, literally. The snapshot is of an unrelated, untrained network, and the
      *smallest* distance comes first: the score is minus the distance. The network is what the learner's
      ``untrained_model`` makes, by default the same as its model: if that loads pretrained weights, so does
      this network, except for the head. The code's network has none.
    - ``least_confident``: what that amounts to. The untrained network, whose output is nearly uniform, is
      replaced by its limit, the uniform distribution u, so the score is -1/2 ||p - u||^2 = 1/2 (1/C - SUM_c
      p_c^2) (for ``l2`` -||p - u||), the Gini uncertainty. Deviation: the randomness of that network's
      weights is left out.
    - ``epoch``: the snapshot is of the weights one epoch before the end of the first cycle's training.
    - ``random``: uniform draws.

    With a ``gap`` other than ``"cycle"`` the earlier weights are those that long before the end of the
    current training run, in every cycle including the first: the gap study of the TNNLS article (arXiv
    2212.10613, fig. 7). A gap as long as the training or longer compares with its initial weights.

    Attributes:
        form: ``"half_squared"``, 1/2 ||.||^2 as in the code, or ``"l2"``, as in the paper; they rank alike.
        first_cycle: See above; only for ``gap="cycle"``.
        gap: ``"cycle"``, ``"step"``, ``"<n> steps"``, ``"epoch"`` or ``"<n> epochs"``.
    """

    form: Form = "half_squared"
    first_cycle: FirstCycle = DEFAULT_FIRST_CYCLE
    gap: str = CYCLE

    name: ClassVar[str] = "cod"

    def __post_init__(self) -> None:
        check_choices("strategy 'cod'", form=(self.form, Form), first_cycle=(self.first_cycle, FirstCycle))
        if self.gap == CYCLE:
            return
        try:
            usable = Snapshot.parse(self.gap).kind in ("step", "epoch")
        except ConfigurationError:
            usable = False
        if not usable:
            guess = did_you_mean(self.gap, (CYCLE, "step", "10 steps", "epoch", "10 epochs"))
            raise ConfigurationError(
                "option 'gap' of strategy 'cod' must be 'cycle', 'step', '<n> steps', 'epoch' or "
                f"'<n> epochs', got {self.gap!r}{guess}"
            )
        if self.first_cycle != DEFAULT_FIRST_CYCLE:
            raise ConfigurationError(
                f"option 'first_cycle' of strategy 'cod' must be left out with gap='{self.gap}', which "
                f"scores the first cycle like all others, got '{self.first_cycle}'; leave one of the two out"
            )

    @property
    def needs(self) -> frozenset[str]:
        """``output``, and the snapshots of the gap, or of the previous cycle and the first one's."""
        if self.gap != CYCLE:
            return frozenset({"output", f"snapshot:{Snapshot.parse(self.gap).name}"})
        compared = self.first_cycle in ("initial", "untrained", "epoch")
        first = {f"snapshot:{self.first_cycle}"} if compared else set()
        return frozenset({"output", "snapshot:previous"} | first)

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) discrepancies; only a first cycle without a snapshot may draw from ``rng``.

        A snapshot without a name counts as that of the previous cycle.

        Raises:
            DataError: There is no snapshot and ``first_cycle`` asks for one.
            ConfigurationError: ``first_cycle`` is ``"least_confident"`` in regression.
        """
        now = view.answer(view.pool)
        if view.snapshots:
            before = view.answer(view.snapshots[0])
            if view.output == "values":
                moved = output_discrepancy(now.mean(1), before.mean(1), form=self.form)
            else:
                moved = cyclic_discrepancy(now, before, form=self.form)
            return -moved if tuple(view.snapshot_names[:1]) == ("untrained",) else moved
        if self.first_cycle == "random":
            return torch.rand(view.size, generator=rng, dtype=torch.float64)
        if self.first_cycle != "least_confident":
            raise DataError(
                "strategy 'cod' needs a snapshot of earlier outputs, but the view has none (first_cycle is "
                f"'{self.first_cycle}'); pass the outputs of an earlier state as the snapshot, or choose "
                "first_cycle='least_confident'"
            )
        if view.output == "values":
            raise ConfigurationError(
                "option 'first_cycle' of strategy 'cod' must do without class probabilities, which the task "
                "lacks, got 'least_confident'; choose 'initial', 'epoch' or 'random'"
            )
        items, _, classes = now.shape
        uniform = now.new_full((1, 1, classes), -math.log(classes), dtype=torch.float64)
        return -cyclic_discrepancy(now, uniform.expand(items, 1, classes), form=self.form)
