"""What the next cycle of a campaign consists of, read from the ledger's state."""

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
        candidates: The unlabelled items that were not queried yet, which a query chooses from.
        name: The name of the training run in the ledger; it changes with the labels.
        folder: The folder of the training run.
        previous: The folder of the training run behind the last query, or None.
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
        """Read the next training run and query from the state.

        Raises:
            LabelsError: There are no labels to train on.
        """
        if not state.labels:
            raise LabelsError("training needs labels, got none; ask, label and tell first")

        def folder(cycle: int, name: str) -> Path:
            return root / "cycles" / f"{cycle:04d}" / name

        cycle = max(state.cycle, 0) + 1
        labels = {item: state.labels[item] for item in pool.ids if item in state.labels}
        unlabelled = tuple(item for item in pool.ids if item not in state.labels)
        pending = set(state.pending)
        candidates = tuple(item for item in unlabelled if item not in pending)
        digest = hashlib.blake2b(json.dumps(list(labels.items())).encode(), digest_size=4)
        name = f"train-{digest.hexdigest()}"
        queried = [at for at, measured in state.measurements if measured == "query" and at < cycle]
        before = max(queried, default=None)
        previous = None
        if before is not None:
            previous = folder(before, state.measurements[before, "query"]["training"])
        return Cycle(cycle, labels, unlabelled, candidates, name, folder(cycle, name), previous)

    @property
    def score_name(self) -> str:
        """The name in the ledger of scores after this training run without a query."""
        return self.name.replace("train-", "score-", 1)

    def with_candidate_size(self, size: int | None, *, seed: int) -> Cycle:
        """Return the cycle with a uniform random subset of its candidates, in the pool's order.

        The candidate subset of the released code of Huang et al., "Semi-Supervised Active Learning with
        Temporal Output Discrepancy", ICCV 2021 (``SUBSET`` in the code; the paper does not mention it), drawn
        again in every cycle. A deviation: theirs stays in the order of the draw, which decides their ties.
        The order does not matter for nextlabel, because the seed breaks ties. The draw derives from the
        campaign's seed and the cycle; a size of None, or not below that of the candidates, keeps all.
        """
        if size is None or size >= len(self.candidates):
            return self
        rng = torch.Generator().manual_seed(derive(seed, "subset", self.cycle))
        rows = torch.randperm(len(self.candidates), generator=rng)[:size].sort().values
        return replace(self, candidates=tuple(self.candidates[row] for row in rows.tolist()))

    def training_set(self, pool: Pool, task: Task) -> tuple[Pool, Targets]:
        """Return the labelled items and their targets."""
        return pool.subset(list(self.labels)), task.targets(self.labels)
