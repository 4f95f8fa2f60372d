"""An ensemble: the same learner trained several times from different seeds."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from nextlabel.adapters import check_call
from nextlabel.learners.torch import TorchLearner
from nextlabel.parts import check_whole
from nextlabel.pool import Pool
from nextlabel.progress import Progress, of_member
from nextlabel.seeds import derive
from nextlabel.training.config import check_option
from nextlabel.training.predict import DRAWN
from nextlabel.types import Outputs

__all__ = ["Ensemble"]


class Ensemble:
    """Train members that differ in their seeds and give one draw per member.

    B. Lakshminarayanan, A. Pritzel, C. Blundell: Simple and Scalable Predictive Uncertainty Estimation using
    Deep Ensembles, NeurIPS 2017: every member sees all data and differs in initial weights and in the order
    of the batches, without their adversarial training. As a committee: H. S. Seung, M. Opper, H. Sompolinsky:
    Query by Committee, COLT 1992; W. H. Beluch, T. Genewein, A. Nürnberger, J. M. Köhler: The Power of
    Ensembles for Active Learning in Image Classification, CVPR 2018, with five members.

    The first member trains with the given seed in the given folder, so it equals the learner without the
    ensemble, bit for bit; the others train with derived seeds in sub-folders ``member-1``, ``member-2``, ...
    Embeddings and extra fields are the first member's.

    Args:
        make: The learner, which becomes the first member and is copied for the others, or a function that
            returns the member of a number. Copies of a learner of a ready module start from its weights.
        members: K, at least 2.

    Attributes:
        main: The first member.
        members: All of them.
        progress: Called during ``fit``, for all members together, or None.

    Raises:
        ConfigurationError: There are fewer than two members.
    """

    def __init__(self, make: TorchLearner | Callable[[int], TorchLearner], *, members: int = 5) -> None:
        check_whole("members", members, 2)
        if isinstance(make, TorchLearner):
            copies = (copy.deepcopy(make) for _ in range(members - 1))
            self.members: tuple[TorchLearner, ...] = (make, *copies)
        else:
            check_call("make(number)", make, 0)
            self.members = tuple(make(number) for number in range(members))
        for member in self.members:
            check_option("member", member, isinstance(member, TorchLearner), "a TorchLearner", "correct make")
        self.main = self.members[0]
        self.warm_start = self.main.warm_start
        self.task, self.snapshots = self.main.task, self.main.snapshots
        self.progress: Progress | None = None

    def fit(self, x: Pool, y: Tensor, unlabelled: Pool, *, seed: int, workdir: Path) -> dict[str, float]:
        """Train every member and return the first one's metrics, and ``members``.

        Called again with the same arguments, it continues with the member that was being trained. Arguments
        and errors are those of :meth:`TorchLearner.fit`.
        """
        metrics: dict[str, float] = {"members": len(self.members)}
        for number, member in enumerate(self.members):
            folder = _folder(workdir, number)
            folder.mkdir(exist_ok=True)
            member.progress = of_member(self.progress, number, len(self.members))
            own_seed = derive(seed, "member", number) if number else seed
            measured = member.fit(x, y, unlabelled, seed=own_seed, workdir=folder)
            metrics = metrics if number else {**measured, **metrics}
        return metrics

    def predict(self, x: Pool, *, needs: frozenset[str], seed: int) -> Outputs:
        """Return the outputs for the items, one draw per member.

        ``log_probs``, (N, K, C) in nats, and ``values``, (N, K, 1), are those of all members; other fields
        are the first member's. Arguments and errors are those of :meth:`TorchLearner.predict`.
        """
        fields = self.main.predict(x, needs=needs, seed=seed).fields()
        drawn = needs & DRAWN
        if drawn:
            others = [member.predict(x, needs=drawn, seed=seed).fields() for member in self.members[1:]]
            fields |= {name: torch.cat([draw[name] for draw in (fields, *others)], 1) for name in drawn}
        return Outputs.from_fields(fields)

    def load(self, workdir: Path, *, snapshot: str = "end") -> None:
        """Load what ``fit`` left in ``workdir``; see :meth:`TorchLearner.load`."""
        for number, member in enumerate(self.members):
            member.load(_folder(workdir, number), snapshot=snapshot)

    def reset(self) -> None:
        """Forget every fit."""
        for member in self.members:
            member.reset()


def _folder(workdir: Path, number: int) -> Path:
    return Path(workdir) / f"member-{number}" if number else Path(workdir)
