"""From a trained learner to the view of a strategy: present outputs, earlier ones, and labelled items.

Decides which forward passes a cycle needs. The outputs of the previous cycle come from its scan; only rows
that it did not see take a second pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from nextlabel.campaign.scan import is_scanned, open_scan, scan
from nextlabel.errors import ConfigurationError, ContractError, listed
from nextlabel.pool import Pool
from nextlabel.progress import Progress
from nextlabel.selection.view import resolve_output
from nextlabel.snapshots import Snapshot, snapshots_in_view
from nextlabel.tasks.task import Targets
from nextlabel.types import EXTRA, AugmentedScoring, Learner, Outputs, PoolView, Restorable

__all__ = ["ViewBuilder"]


@dataclass
class ViewBuilder:
    """Builds the views of one cycle.

    Attributes:
        learner: The model, at the end of this cycle's training run.
        folder: The folder of that training run; scans are kept in it.
        previous: The folder of the previous training run, or None in the first cycle.
        seed: Seed of stochastic passes, the same in every cycle.
        progress: Called during scans with the rows done and their total.
        scans: Where to keep scans, if not in ``folder``.
        augment_seed: Seed of the augmentations of a learner with ``score_augmented``, different in every
            cycle. All outputs of a view share these draws, so the previous model scores the items again
            instead of using its scan.
        output: The field that answers the campaign's task, which the need ``output`` means; None if outputs
            are not kept whole.
        remedy: What to do if the learner cannot give an earlier snapshot, as a clause.
        rows_forwarded: How many rows the views so far forwarded through the model, including rows that a
            killed process had scanned; rows reused from an earlier view count once.
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

    def check(self, needs: frozenset[str]) -> None:
        """Refuse, before a fit, a learner that will not keep a snapshot that a view with these needs has.

        Raises:
            ContractError: The learner cannot load snapshots.
            ConfigurationError: It says that it does not keep one.
        """
        kept = self.learner.snapshots
        names = snapshots_in_view(needs, first_cycle=self.previous is None)
        for name in (name for name in names if name != "previous"):
            self._check_restorable(f"outputs {Snapshot.parse(name).meaning}")
            if kept is not None and name not in kept:
                raise ConfigurationError(
                    f"the learner must keep the snapshot '{name}', which the strategy needs, got one that "
                    f"keeps {listed(sorted(kept)) or 'none'}; create it with snapshots={[*names]}"
                )

    def view(self, needs: frozenset[str], candidates: Pool, labelled: Pool, labels: Targets) -> PoolView:
        """Return the view of N candidates and L labelled items with everything in ``needs``.

        The labels are L targets; strategies see them only if they are a tensor.

        Raises:
            ContractError: The learner broke its contract, or cannot give a snapshot that is needed.
            MissingStateError: The training run did not keep that snapshot.
        """
        needs = resolve_output(needs, self.output)
        fields = frozenset(
            n for n in needs if n in {"log_probs", "values", "embeddings"} or n.startswith(EXTRA)
        )
        of_labelled = frozenset(n.removeprefix("labelled_") for n in needs if n.startswith("labelled_"))
        now = self._scan(candidates, fields, "scan")
        answers = fields & {"log_probs", "values"}
        names = snapshots_in_view(needs, first_cycle=self.previous is None)
        if self.previous is not None and names == ("previous",):
            past = [self._outputs_before(self.previous, candidates, answers)]
        else:
            past = [self._outputs_at(Snapshot.parse(name), candidates, answers) for name in names]
        known = self._scan(labelled, of_labelled, "scan-labelled")
        seen = {"labels": labels} if isinstance(labels, Tensor) else {}
        return PoolView(
            len(candidates), now, tuple(past), known, snapshot_names=names, output=self.output, **seen
        )

    @property
    def _augments(self) -> bool:
        return isinstance(self.learner, AugmentedScoring) and self.learner.score_augmented

    def _scan(self, pool: Pool, fields: frozenset[str], name: str) -> Outputs:
        if not fields or not len(pool):
            return Outputs()
        if not fields <= self._counted.get(name, frozenset()):  # not scanned for an earlier view
            self.rows_forwarded += len(pool)
            self._counted[name] = fields
        return scan(
            self.learner, pool, needs=fields, seed=self.augment_seed if self._augments else self.seed,
            folder=self._at(name), progress=self.progress, augmented=self._augments,
        ).outputs  # fmt: skip

    def _at(self, name: str) -> Path:
        return (self.scans or self.folder) / name

    def _outputs_at(self, snapshot: Snapshot, candidates: Pool, fields: frozenset[str]) -> Outputs:
        name = f"scan-{snapshot.stem}"
        if is_scanned(self._at(name), candidates, fields):
            return self._scan(candidates, fields, name)
        wanted = f"outputs {snapshot.meaning}"
        return self._restored(self.folder, wanted, candidates, fields, name, snapshot=snapshot.name)

    def _outputs_before(self, previous: Path, candidates: Pool, fields: frozenset[str]) -> Outputs:
        """Return the outputs at the end of the previous cycle, from its scan as far as possible."""
        missing, seen = list(candidates.ids), Outputs()
        if not self._augments and (previous / "scan" / "scan.json").exists():
            kept = open_scan(previous / "scan")
            if fields <= kept.outputs.fields().keys():
                rows, missing = kept.rows_of(candidates.ids)
                seen = kept.outputs.rows(rows)
        if not missing:
            return seen
        unseen = self._restored(
            previous, "outputs of the previous cycle's model for items outside its scan",
            candidates.subset(missing), fields, "scan-previous",
        )  # fmt: skip
        if not seen.fields():
            return unseen
        absent = torch.zeros(len(candidates), dtype=torch.bool)
        absent[candidates.rows_of(missing)] = True
        merged = {}
        for name, new in unseen.fields().items():
            merged[name] = torch.empty(len(candidates), *new.shape[1:], dtype=new.dtype)
            merged[name][absent] = new
            merged[name][~absent] = seen.fields()[name]
        return Outputs.from_fields(merged)

    def _restored(
        self, folder: Path, wanted: str, pool: Pool, fields: frozenset[str], name: str, **snapshot: str
    ) -> Outputs:
        """Load an earlier state, return its outputs, and load the present state again."""
        learner = self._check_restorable(wanted)
        learner.load(folder, **snapshot)
        outputs = self._scan(pool, fields, name)
        learner.load(self.folder)
        return outputs

    def _check_restorable(self, wanted: str) -> Restorable:
        if not isinstance(self.learner, Restorable):
            raise ContractError(
                f"the learner must have load and reset, because the strategy needs {wanted}, got "
                f"{type(self.learner).__name__} without them; {self.remedy}"
            )
        return self.learner
