"""What the next cycle of a campaign consists of: plain facts, read off the ledger.

Trains nothing and chooses nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from nextlabel.errors import LabelsError
from nextlabel.ledger.events import ItemId, Label, State
from nextlabel.pool import Pool
from nextlabel.seeds import derive
from nextlabel.tasks.task import Targets, Task

__all__ = ["Cycle"]


@dataclass(frozen=True)
class Cycle:
    """The next training run and query.

    Attributes:
        cycle: The cycle, from 1.
        labels: The label of every labelled item, in the pool's order.
        unlabelled: The items without a label, in the pool's order.
        candidates: Those of them that were not asked yet; what a query chooses from.
        name: The training's name in the ledger; it changes with the labels.
        folder: The training's own folder.
        previous: The folder of the training that the last query was made with, or None.
    """

    cycle: int
    labels: Mapping[ItemId, Label]
    unlabelled: tuple[ItemId, ...]
    candidates: tuple[ItemId, ...]
    name: str
    folder: Path
    previous: Path | None

    @staticmethod
    def next(state: State, pool: Pool, root: Path) -> Cycle:
        """Read the next training run and query off the state.

        Raises:
            LabelsError: There are no labels to train on.
        """
        if not state.labels:
            raise LabelsError("training needs labels, but there are none yet; ask, label and tell first")
        cycle = max(state.cycle, 0) + 1
        labels = {item: state.labels[item] for item in pool.ids if item in state.labels}
        waiting = set(state.pending)
        unlabelled = tuple(item for item in pool.ids if item not in state.labels)
        name = f"train-{_digest(labels)}"
        asked = [at for (at, name) in state.measurements if name == "query" and at < cycle]
        before = max(asked, default=None)
        return Cycle(
            cycle,
            labels,
            unlabelled,
            tuple(item for item in unlabelled if item not in waiting),
            name,
            _folder(root, cycle, name),
            None
            if before is None
            else _folder(root, before, state.measurements[before, "query"]["training"]),
        )

    @property
    def score_name(self) -> str:
        """The name in the ledger of a score after this training run that asks nothing."""
        return self.name.replace("train-", "score-", 1)

    def with_candidate_size(self, size: int | None, *, seed: int) -> Cycle:
        """Return the plan whose candidates are a uniform draw of so many of these, in the pool's order.

        The candidate subset of the released code of Huang et al., "Semi-Supervised Active Learning with
        Temporal Output Discrepancy", ICCV 2021 (there ``SUBSET``; the paper does not mention it), drawn again
        in every cycle. A deviation: the candidate subset is in the pool's order, theirs in that of the draw,
        which decides their ties. Here the order does not matter, because ties are drawn by the seed.

        Args:
            size: How many, all where there are fewer; None for all.
            seed: The campaign's; the draw derives from it and the cycle.
        """
        if size is None or size >= len(self.candidates):
            return self
        rng = torch.Generator().manual_seed(derive(seed, "subset", self.cycle))
        rows = torch.randperm(len(self.candidates), generator=rng)[:size].sort().values
        return replace(self, candidates=tuple(self.candidates[row] for row in rows.tolist()))

    def training_set(self, pool: Pool, task: Task) -> tuple[Pool, Targets]:
        """Return the labelled items, and what is learnt of each."""
        return pool.subset(list(self.labels)), task.targets(self.labels)


def _folder(root: Path, cycle: int, name: str) -> Path:
    return root / "cycles" / f"{cycle:04d}" / name


def _digest(labels: Mapping[ItemId, Label]) -> str:
    text = json.dumps(list(labels.items()))
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
