"""One cell of a benchmark: a campaign whose oracle knows all labels, measured after every training and query.

Knows nothing of the other cells, of processes or of how results are shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import nll_loss

from nextlabel.bench.cell import Cell
from nextlabel.bench.contact_sheet import SHOWN, write_contact_sheet
from nextlabel.bench.diagnostics import diagnose_query, loss_estimate, make_scorers
from nextlabel.bench.outcome import finish
from nextlabel.bench.segmentation_cell import run_segmentation_cell
from nextlabel.bench.setup import main_learner, make_campaign, make_learner
from nextlabel.bench.validation import check_items_of
from nextlabel.campaign.campaign import Budget, Campaign, Query
from nextlabel.campaign.cycle import Cycle
from nextlabel.campaign.oracles import SimulatedOracle
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.datasets.labelled_data import LabelledData
from nextlabel.datasets.segmentation_data import SegmentationData
from nextlabel.errors import ContractError
from nextlabel.maths.entropy import mean_log_probs
from nextlabel.pool import Pool
from nextlabel.progress import Progress
from nextlabel.seeds import derive
from nextlabel.training.device import Engine, device_title
from nextlabel.types import Learner

__all__ = ["run_cell"]

Metrics = dict[str, Any]  # Any: JSON


def run_cell(cell: Cell, folder: Path, progress: Callable[[int, str, int, int], None]) -> None:
    """Run a cell to its end, or on from where it was killed, and mark it finished.

    Args:
        cell: The campaign to run.
        folder: Where to keep it.
        progress: Called as work advances, with the cycle, the phase, the work done and the whole.

    Raises:
        DataError: An image of pool or test part is damaged; all are read before the first campaign.
    """
    torch.set_num_threads(cell.threads)
    data = DATASETS.create(cell.dataset)
    if isinstance(data, SegmentationData):
        run_segmentation_cell(cell, data, folder, progress)
        return
    check_items_of(cell, data, folder, lambda done, total: progress(1, "check", done, total))
    trial = _Trial(cell, data, folder)
    campaign = trial.campaign(lambda *work: progress(max(campaign.state.cycle, 0) + 1, *work))
    labels = dict(zip(data.ids, data.y.tolist(), strict=True))
    oracle = SimulatedOracle(labels, noise=cell.label_noise, classes=len(data.classes), seed=cell.seed)
    campaign.run(oracle, until=Budget(cycles=cell.cycles), score_last=cell.score_last)
    finish(folder, cell, campaign.state, labels, data.classes)


@dataclass(frozen=True)
class _Trial:
    cell: Cell
    data: LabelledData
    folder: Path

    def campaign(self, progress: Progress) -> Campaign:
        learner = make_learner(self.cell, self.data)
        test = Pool(self.data.test_x, self.data.test_ids)
        campaign = make_campaign(
            self.cell,
            self.data,
            learner,
            self.folder,
            evaluate=partial(
                _evaluate,
                test=test,
                labels=torch.from_numpy(self.data.test_y),
                classes=len(self.data.classes),
                seed=self.cell.seed,
                device=device_title(Engine(self.cell.device, "no").device),
            ),
            on_query=lambda query: self.diagnose(query, campaign),
            progress=progress,
        )
        return campaign

    def diagnose(self, query: Query, campaign: Campaign) -> Metrics:
        """Compare a query, and the scorers to be diagnosed, with the truth, and draw what was queried."""
        pool, learner = campaign.pool, campaign.learner
        rows = pool.rows_of(query.ids)
        if query.asked:
            write_contact_sheet(
                np.stack([self.data.x[row] for row in rows[query.choice.rows[:SHOWN]].tolist()]),
                self.folder / "cycles" / f"{query.cycle:04d}" / "queried.png",
            )
        log_probs = query.view.pool.log_probs
        if log_probs is None or log_probs.shape[1] > 1:  # of draws, not of the model that is reported
            log_probs = _log_probs(main_learner(learner), pool.subset(query.ids), self.cell.seed)
        truth = torch.from_numpy(self.data.y)[rows]
        losses = nll_loss(mean_log_probs(log_probs), truth, reduction="none")
        found: Metrics = dict(loss_estimate(losses, query.choice.rows, query.choice.scores))
        if self.cell.diagnostics:
            found["scorers"] = diagnose_query(
                make_scorers(self.cell.diagnostics),
                Cycle.next(campaign.state, pool, self.folder),
                query.ids,
                losses,
                learner=learner,
                pool=pool,
                seed=self.cell.seed,
            )
        return found


def _evaluate(
    learner: Learner, *, test: Pool, labels: Tensor, classes: int, seed: int, device: str
) -> dict[str, float | str | list[float | None]]:
    log_probs = mean_log_probs(_log_probs(main_learner(learner), test, seed))
    right = log_probs.argmax(1) == labels
    return {
        "accuracy": float(right.double().mean()),
        "loss": float(nll_loss(log_probs.double(), labels)),
        "class_accuracy": _by_class(right, labels, classes),
        "device": device,
    }


def _by_class(right: Tensor, labels: Tensor, classes: int) -> list[float | None]:
    """Return for each class the fraction of its test items classified rightly, or None where it has none."""
    items = torch.bincount(labels, minlength=classes)
    hits = torch.bincount(labels[right], minlength=classes)
    return [hit / count if count else None for hit, count in zip(hits.tolist(), items.tolist(), strict=True)]


def _log_probs(learner: Learner, pool: Pool, seed: int) -> Tensor:
    outputs = learner.predict(pool, needs=frozenset({"log_probs"}), seed=derive(seed, "predict"))
    if outputs.log_probs is None:
        raise ContractError(f"learner {type(learner).__name__} was asked for log_probs, but returned none")
    return outputs.log_probs
