"""An ensemble: the same learner trained several times from different seeds.

Knows nothing of what the members' disagreement is used for.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from nextlabel.errors import ConfigurationError
from nextlabel.learners.torch import TorchLearner
from nextlabel.pool import Pool
from nextlabel.progress import Progress, of_member
from nextlabel.seeds import derive
from nextlabel.types import Outputs

__all__ = ["Ensemble"]

OWN = frozenset({"log_probs", "values"})


class Ensemble:
    """Train members that differ in their seeds and give one draw per member.

    B. Lakshminarayanan, A. Pritzel, C. Blundell: Simple and Scalable Predictive Uncertainty Estimation using
    Deep Ensembles, NeurIPS 2017: every member sees all data and differs in initial weights and in the order
    of the batches, without their adversarial training. As a committee: H. S. Seung, M. Opper, H. Sompolinsky:
    Query by Committee, COLT 1992; W. H. Beluch, T. Genewein, A. Nürnberger, J. M. Köhler: The Power of
    Ensembles for Active Learning in Image Classification, CVPR 2018, with five members.

    The first member trains with the seed and in the folder that are given, so it is the learner that there
    would be without the ensemble, bit for bit; the others train with derived seeds in sub-folders
    ``member-1``, ``member-2``, ... Embeddings and extra fields are the first member's.

    Args:
        make: The learner, which becomes the first member and is copied for the others, or a function that
            returns the member of a number. A learner of a module with given weights makes members that
            start from these same weights.
        members: K, at least 2.

    Attributes:
        main: The first member.
        members: All of them.
        progress: Called during ``fit``, for all members together, or None.

    Raises:
        ConfigurationError: There are fewer than two members.
    """

    def __init__(self, make: TorchLearner | Callable[[int], TorchLearner], *, members: int = 5) -> None:
        if members < 2:
            raise ConfigurationError(f"an ensemble needs at least 2 members, but got members={members}")
        if isinstance(make, TorchLearner):
            copies = (copy.deepcopy(make) for _ in range(members - 1))
            self.members: tuple[TorchLearner, ...] = (make, *copies)
        else:
            self.members = tuple(make(number) for number in range(members))
        self.main = self.members[0]
        self.warm_start = self.main.warm_start
        self.progress: Progress | None = None

    def fit(self, x: Pool, y: Tensor, unlabelled: Pool, *, seed: int, workdir: Path) -> dict[str, float]:
        """Train every member and return the first one's measures, and ``members``.

        Called again with the same arguments, it goes on with the member that was being trained.

        Args:
            x: The L labelled items.
            y: (L,) labels.
            unlabelled: The other items.
            seed: The first member's seed; the others' are derived from it.
            workdir: An existing folder for this training alone.

        Raises:
            LabelsError: The labels cannot be learnt.
            ContractError: Model or objective broke their contract, or the loss is not finite.
            DataError: The folder holds another training or cannot be written.
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
        """Return what the members say of the items, one draw per member.

        Args:
            x: The N items.
            needs: ``log_probs``, (N, K, C) in nats, or ``values``, (N, K, 1), of all members; what else the
                first member gives.
            seed: Handed to the members.

        Raises:
            ContractError: Nothing was trained, or the members cannot give what is needed.
            DataError: There are no items, or they do not stack.
        """
        fields = self.main.predict(x, needs=needs, seed=seed).fields()
        wanted = needs & OWN
        if wanted:
            draws = [fields] + [
                member.predict(x, needs=wanted, seed=seed).fields() for member in self.members[1:]
            ]
            fields |= {name: torch.cat([draw[name] for draw in draws], 1) for name in wanted}
        return Outputs.from_fields(fields)

    def load(self, workdir: Path, *, snapshot: str = "end") -> None:
        """Become what ``fit`` left in ``workdir``.

        Raises:
            DataError: The folder lacks a member's state, or one is damaged.
            ConfigurationError: There is no such snapshot, or a state does not fit the model.
        """
        for number, member in enumerate(self.members):
            member.load(_folder(workdir, number), snapshot=snapshot)

    def reset(self) -> None:
        """Forget every training."""
        for member in self.members:
            member.reset()


def _folder(workdir: Path, number: int) -> Path:
    return Path(workdir) / f"member-{number}" if number else Path(workdir)
