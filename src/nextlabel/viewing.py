"""From a trained learner to what a strategy sees: the present outputs, earlier ones, and the labelled items'.

Decides which passes a cycle needs. The outputs of the last cycle are taken from its scan; a second pass is
made only for rows that it did not see. Knows no strategy, only what it says it needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from nextlabel.errors import ContractError
from nextlabel.pool import Pool
from nextlabel.scan import Scan, open_scan, scan
from nextlabel.types import ItemId, Learner, Outputs, PoolView, Restorable

__all__ = ["MOMENTS", "Viewer"]

MOMENTS = ("initial", "epoch")
"""The moments of the first training whose outputs may stand in for those of the cycle before it."""


@dataclass
class Viewer:
    """Makes the view of one cycle.

    Attributes:
        learner: The model; it holds the end of this cycle's training.
        folder: That training's folder; scans are kept in it.
        previous: The folder of the training before, or None in the first cycle.
        seed: Seed of stochastic passes, the same in every cycle.
        advance: Called as scanning advances, with the rows done and the whole.
        scans: Where to keep scans, if not in ``folder``.
        rows_forwarded: How many rows went through the model so far.
    """

    learner: Learner
    folder: Path
    previous: Path | None
    seed: int
    advance: Callable[[int, int], None] | None = None
    scans: Path | None = None
    rows_forwarded: int = field(default=0, init=False)

    def view(self, needs: frozenset[str], candidates: Pool, labelled: Pool, labels: Tensor) -> PoolView:
        """Return the view of these candidates that holds everything in ``needs``.

        Args:
            needs: What the strategy declares.
            candidates: The N unlabelled items it may choose from.
            labelled: The L labelled items.
            labels: (L,) their labels.

        Raises:
            ContractError: The learner broke its contract, or cannot give an earlier moment that is needed.
        """
        fields = frozenset(
            n for n in needs if n in {"log_probs", "values", "embeddings"} or n.startswith("extra:")
        )
        of_labelled = frozenset(n.removeprefix("labelled_") for n in needs if n.startswith("labelled_"))
        now = self._scan(candidates, fields, "scan")
        past = self._snapshots(needs, candidates, fields & {"log_probs", "values"})
        known = self._scan(labelled, of_labelled, "scan-labelled")
        return PoolView(len(candidates), now, past, known, labels)

    def _scan(self, pool: Pool, fields: frozenset[str], name: str) -> Outputs:
        if not fields or not len(pool):
            return Outputs()
        return self._kept(pool, fields, name).outputs

    def _kept(self, pool: Pool, fields: frozenset[str], name: str) -> Scan:
        self.rows_forwarded += len(pool)
        folder = (self.scans or self.folder) / name
        return scan(self.learner, pool, needs=fields, seed=self.seed, folder=folder, advance=self.advance)

    def _snapshots(
        self, needs: frozenset[str], candidates: Pool, fields: frozenset[str]
    ) -> tuple[Outputs, ...]:
        if self.previous is not None:
            wanted = "snapshot:previous" in needs
            return (self._outputs_before(self.previous, candidates, fields),) if wanted else ()
        moments = [moment for moment in MOMENTS if f"snapshot:{moment}" in needs]
        return tuple(self._outputs_at(moment, candidates, fields) for moment in moments)

    def _outputs_at(self, moment: str, candidates: Pool, fields: frozenset[str]) -> Outputs:
        learner = self._restorable(
            f"its {moment} weights in the first cycle",
            "for cod choose first_cycle='least_confident' or 'random'",
        )
        learner.load(self.folder, moment=moment)
        outputs = self._scan(candidates, fields, f"scan-{moment}")
        learner.load(self.folder)
        return outputs

    def _outputs_before(self, previous: Path, candidates: Pool, fields: frozenset[str]) -> Outputs:
        """Return the outputs at the end of the cycle before, from its scan as far as that goes."""
        kept = _opened(previous / "scan", fields)
        rows, missing = kept.rows_of(candidates.ids) if kept else (torch.empty(0), list(candidates.ids))
        seen = kept.outputs.rows(rows) if kept else Outputs()
        if not missing:
            return seen
        learner = self._restorable(
            "the previous cycle's model for items that its scan did not see",
            "add them, or choose a strategy without snapshots",
        )
        learner.load(previous)
        unseen = self._scan(candidates.subset(missing), fields, "scan-previous")
        learner.load(self.folder)
        return _merged(candidates, missing, seen, unseen) if kept else unseen

    def _restorable(self, wanted: str, way_out: str) -> Restorable:
        if isinstance(self.learner, Restorable):
            return self.learner
        who = type(self.learner).__name__
        raise ContractError(
            f"the strategy needs {wanted}, for which the learner must have load and reset, "
            f"but {who} has not; {way_out}"
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
        merged[name] = torch.empty(len(candidates), *new.shape[1:])
        merged[name][absent] = new
        merged[name][~absent] = seen.fields()[name]
    return Outputs.from_fields(merged)
