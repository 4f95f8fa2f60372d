"""A cell on segmentation data: masks for labels, mean intersection over union for accuracy.

Knows nothing of the other cells, of processes or of how results are shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nextlabel.bench.cell import Cell
from nextlabel.bench.contact_sheet import SHOWN, write_contact_sheet
from nextlabel.bench.diagnostics import loss_estimate
from nextlabel.bench.outcome import finish
from nextlabel.bench.segmentation_learner import make_segmentation_learner
from nextlabel.bench.setup import make_campaign, needs_of
from nextlabel.bench.validation import check_items_of
from nextlabel.campaign.campaign import Budget, Campaign, Query
from nextlabel.datasets.segmentation_data import SegmentationData
from nextlabel.errors import ContractError
from nextlabel.learners.segmentation import SegmentationLearner
from nextlabel.ledger.events import ItemId
from nextlabel.maths.masks import labelled_share
from nextlabel.maths.overlap import intersection_over_union, mean_iou, pixel_accuracy
from nextlabel.pool import Pool
from nextlabel.progress import Progress
from nextlabel.seeds import derive
from nextlabel.training.device import Engine, device_title
from nextlabel.types import Learner

__all__ = ["MEAN_IOU", "run_segmentation_cell"]

MEAN_IOU = "mean IoU"
"""What the column ``metric`` of segmentation results says."""

Metrics = dict[str, Any]  # Any: JSON


def run_segmentation_cell(
    cell: Cell, data: SegmentationData, folder: Path, progress: Callable[[int, str, int, int], None]
) -> None:
    """Run a cell to its end, or on from where it was killed, and mark it finished.

    An item's label in the ledger is the fraction of its pixels that have a class: what was paid for. Its mask
    stays with the data.

    Args:
        cell: The campaign to run.
        data: Its data set.
        folder: Where to keep it.
        progress: Called as work advances, with the cycle, the phase, the work done and the whole.

    Raises:
        DataError: An image or mask of pool or test part cannot be used; all are read before the first
            campaign.
    """
    torch.set_num_threads(cell.threads)
    check_items_of(cell, data, folder, lambda done, total: progress(1, "check", done, total))
    trial = _Trial(cell, data, folder)
    campaign = trial.campaign(lambda *work: progress(max(campaign.state.cycle, 0) + 1, *work))
    campaign.run(trial.answers, until=Budget(cycles=cell.cycles), score_last=cell.score_last)
    finish(folder, cell, campaign.state, dict.fromkeys(data.ids, 1.0), ())


@dataclass(frozen=True)
class _Trial:
    cell: Cell
    data: SegmentationData
    folder: Path

    def answers(self, ids: Sequence[ItemId]) -> Mapping[ItemId, float]:
        """Tell the fraction of each item's pixels that have a class."""
        masks = self.data.masks_by_id
        return {item: labelled_share(masks[item]) for item in ids}

    def campaign(self, progress: Progress) -> Campaign:
        test = Pool(self.data.test_x, self.data.test_ids)
        learner = make_segmentation_learner(self.cell, self.data, needs_of(self.cell))
        campaign = make_campaign(
            self.cell,
            self.data,
            learner,
            self.folder,
            evaluate=lambda trained: self.evaluate(trained, test),
            on_query=lambda query: self.diagnose(query, campaign),
            progress=progress,
        )
        return campaign

    def evaluate(self, learner: Learner, test: Pool) -> Metrics:
        """Measure the model on whole test images, by one matrix over all their pixels with a class."""
        found = _dense(learner).measure(test, self.data.test_masks_by_id, seed=self._seed)
        overlap = intersection_over_union(found.confusion).tolist()
        return {
            "accuracy": mean_iou(found.confusion),
            "metric": MEAN_IOU,
            "loss": found.loss,
            "pixel_accuracy": pixel_accuracy(found.confusion),
            "class_iou": {  # None for a class that is neither there nor predicted
                name: None if math.isnan(iou) else iou
                for name, iou in zip(self.data.classes, overlap, strict=True)
            },
            "device": device_title(Engine(self.cell.device, "no").device),
        }

    def diagnose(self, query: Query, campaign: Campaign) -> Metrics:
        """Compare a query with the candidates' true losses, and draw what was queried."""
        rows = campaign.pool.rows_of(query.ids)
        chosen = rows[query.choice.rows[:SHOWN]].tolist()
        if query.asked:
            write_contact_sheet(
                np.stack([np.asarray(self.data.x[row]) for row in chosen]),
                self.folder / "cycles" / f"{query.cycle:04d}" / "queried.png",
            )
        candidates = campaign.pool.subset(query.ids)
        found = _dense(campaign.learner).measure(candidates, self.data.masks_by_id, seed=self._seed)
        return dict(loss_estimate(found.losses, query.choice.rows, query.choice.scores))

    @property
    def _seed(self) -> int:
        return derive(self.cell.seed, "predict")


def _dense(learner: Learner) -> SegmentationLearner:
    if not isinstance(learner, SegmentationLearner):
        raise ContractError(f"segmentation needs a SegmentationLearner, but got {type(learner).__name__}")
    return learner
