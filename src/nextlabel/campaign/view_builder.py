"""From a trained learner to what a strategy sees: the present outputs, earlier ones, and the labelled items'.

Decides which passes a cycle needs. The outputs of the last cycle are taken from its scan; a second pass is
made only for rows that it did not see. Knows no strategy, only what it says it needs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from nextlabel.campaign.scan import Scan, is_scanned, open_scan, scan
from nextlabel.errors import ContractError
from nextlabel.ledger.events import ItemId
from nextlabel.pool import Pool
from nextlabel.progress import Progress
from nextlabel.selection.view import resolve_output
from nextlabel.snapshots import Snapshot, snapshots_in_view
from nextlabel.tasks.task import Targets
from nextlabel.types import AugmentedScoring, Learner, Outputs, PoolView, Restorable

__all__ = ["ViewBuilder"]


@dataclass
class ViewBuilder:
    """Makes the view of one cycle.

    Attributes:
        learner: The model; it holds the end of this cycle's training.
        folder: That training's folder; scans are kept in it.
        previous: The folder of the training before, or None in the first cycle.
        seed: Seed of stochastic passes, the same in every cycle.
        progress: Called as scanning advances, with the rows done and all.
        scans: Where to keep scans, if not in ``folder``.
        augment_seed: Seed of a learner that scores candidates augmented (``score_augmented``), another in
            every cycle. All outputs of a view are then of the same draws, so that earlier models are asked
            again, where their scans would otherwise do.
        output: The field that answers the campaign's task, which the need ``output`` means; None where
            outputs are not kept whole.
        remedy: What to do where the learner cannot give an earlier snapshot, as a clause.
        rows_forwarded: How many rows went through the model for the views so far. What a view needs of an
            earlier one's scans is not counted again, nor is it forwarded again; what was scanned before a
            kill is.
    """

    learner: Learner
    folder: Path
    previous: Path | None
    seed: int
    progress: Progress | None = None
    scans: Path | None = None
    augment_seed: int = 0
    output: str | None = "log_probs"
    remedy: str = "choose a strategy without snapshots"
    rows_forwarded: int = field(default=0, init=False)
    _counted: dict[str, frozenset[str]] = field(default_factory=dict, init=False)

    def view(self, needs: frozenset[str], candidates: Pool, labelled: Pool, labels: Targets) -> PoolView:
        """Return the view of these candidates that holds everything in ``needs``.

        Args:
            needs: What the strategy declares.
            candidates: The N unlabelled items it may choose from.
            labelled: The L labelled items.
            labels: L targets; only those in a tensor are seen by strategies.

        Raises:
            ContractError: The learner broke its contract, or cannot give an earlier snapshot that is needed.
            MissingStateError: The training did not keep that snapshot.
        """
        needs = resolve_output(needs, self.output)
        fields = frozenset(
            n for n in needs if n in {"log_probs", "values", "embeddings"} or n.startswith("extra:")
        )
        of_labelled = frozenset(n.removeprefix("labelled_") for n in needs if n.startswith("labelled_"))
        now = self._scan(candidates, fields, "scan")
        past, snapshot_names = self._snapshots(needs, candidates, fields & {"log_probs", "values"})
        known = self._scan(labelled, of_labelled, "scan-labelled")
        seen = {"labels": labels} if isinstance(labels, Tensor) else {}
        return PoolView(
            len(candidates), now, past, known, snapshot_names=snapshot_names, output=self.output, **seen
        )

    def _scan(self, pool: Pool, fields: frozenset[str], name: str) -> Outputs:
        if not fields or not len(pool):
            return Outputs()
        if not fields <= self._counted.get(name, frozenset()):  # not made for an earlier view of this cycle
            self.rows_forwarded += len(pool)
            self._counted[name] = fields
        made = scan(
            self.learner, pool, needs=fields, seed=self.augment_seed if self._augments else self.seed,
            folder=self._at(name), progress=self.progress, augmented=self._augments,
        )  # fmt: skip
        return made.outputs

    @property
    def _augments(self) -> bool:
        return isinstance(self.learner, AugmentedScoring) and self.learner.score_augmented

    def _at(self, name: str) -> Path:
        return (self.scans or self.folder) / name

    def _snapshots(
        self, needs: frozenset[str], candidates: Pool, fields: frozenset[str]
    ) -> tuple[tuple[Outputs, ...], tuple[str, ...]]:
        """Return the snapshots, and what each of them is."""
        words = snapshots_in_view(needs, first_cycle=self.previous is None)
        if words == ("previous",) and self.previous is not None:
            return (self._outputs_before(self.previous, candidates, fields),), words
        snapshot_names = map(Snapshot.parse, words)
        return tuple(self._outputs_at(snapshot, candidates, fields) for snapshot in snapshot_names), words

    def _outputs_at(self, snapshot: Snapshot, candidates: Pool, fields: frozenset[str]) -> Outputs:
        name = f"scan-{snapshot.stem}"
        if is_scanned(self._at(name), candidates, fields):
            return self._scan(candidates, fields, name)
        learner = self._restorable(f"outputs {snapshot.meaning}")
        learner.load(self.folder, snapshot=snapshot.name)
        outputs = self._scan(candidates, fields, name)
        learner.load(self.folder)
        return outputs

    def _outputs_before(self, previous: Path, candidates: Pool, fields: frozenset[str]) -> Outputs:
        """Return the outputs at the end of the cycle before, from its scan as far as that goes."""
        kept = None if self._augments else _opened(previous / "scan", fields)
        rows, missing = kept.rows_of(candidates.ids) if kept else (torch.empty(0), list(candidates.ids))
        seen = kept.outputs.rows(rows) if kept else Outputs()
        if not missing:
            return seen
        learner = self._restorable("the previous cycle's model for items that its scan did not see")
        learner.load(previous)
        unseen = self._scan(candidates.subset(missing), fields, "scan-previous")
        learner.load(self.folder)
        return _merged(candidates, missing, seen, unseen) if kept else unseen

    def _restorable(self, wanted: str) -> Restorable:
        if isinstance(self.learner, Restorable):
            return self.learner
        who = type(self.learner).__name__
        raise ContractError(
            f"the strategy needs {wanted}, for which the learner must have load and reset, "
            f"but {who} has not; {self.remedy}"
        )


def _opened(folder: Path, fields: frozenset[str]) -> Scan | None:
    """Open a finished scan that holds these fields, or return None."""
    if not (folder / "scan.json").exists():
        return None
    kept = open_scan(folder)
    return kept if fields <= kept.outputs.fields().keys() else None


def _merged(candidates: Pool, missing: list[ItemId], seen: Outputs, unseen: Outputs) -> Outputs:
    """Lay the outputs of two scans together in the candidates' order."""
    absent = torch.zeros(len(candidates), dtype=torch.bool)
    absent[candidates.rows_of(missing)] = True
    merged = {}
    for name, new in unseen.fields().items():
        merged[name] = torch.empty(len(candidates), *new.shape[1:], dtype=new.dtype)
        merged[name][absent] = new
        merged[name][~absent] = seen.fields()[name]
    return Outputs.from_fields(merged)
