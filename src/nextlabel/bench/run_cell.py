"""One cell of a benchmark: a campaign whose oracle knows all labels, measured after every fit and query.

Knows nothing of the other cells, of processes or of how results are shown, and no kind of label: what differs
between these is the data set's task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nextlabel.bench.cell import Cell
from nextlabel.bench.contact_sheet import SHOWN, write_contact_sheet
from nextlabel.bench.diagnostics import diagnose_query, loss_estimate, make_scorers
from nextlabel.bench.measure import item_losses, metrics
from nextlabel.bench.outcome import finish
from nextlabel.bench.setup import main_learner, make_campaign, make_learner
from nextlabel.bench.validation import check_items_of
from nextlabel.campaign.campaign import Budget, Campaign, Query
from nextlabel.campaign.cycle import Cycle
from nextlabel.campaign.oracles import SimulatedOracle
from nextlabel.datasets.benchmark_dataset import BenchmarkDataset
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.ledger.events import ItemId, Label
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
        DataError: An image or mask of pool or test split is damaged; all are read before the first campaign.
    """
    torch.set_num_threads(cell.threads)
    data = DATASETS.create(cell.dataset)
    check_items_of(cell, data, folder, lambda *work: progress(1, *work))
    trial = _Trial(cell, data, folder, data.labels(data.pool))
    campaign = trial.campaign(lambda *work: progress(max(campaign.state.cycle, 0) + 1, *work))
    oracle = SimulatedOracle(trial.labels, noise=cell.label_noise, task=data.task, seed=cell.seed)
    campaign.run(oracle, until=Budget(cycles=cell.cycles), score_last=cell.score_last)
    finish(
        folder, cell, campaign.state, trial.labels, data.classes if data.task.output == "log_probs" else ()
    )


@dataclass(frozen=True)
class _Trial:
    cell: Cell
    data: BenchmarkDataset
    folder: Path
    labels: Mapping[ItemId, Label]

    def campaign(self, progress: Progress) -> Campaign:
        test = self.data.test
        pool, targets = Pool(test.x, test.ids), self.data.task.targets(self.data.labels(test))
        device = device_title(Engine(self.cell.device, "no").device)

        def evaluate(learner: Learner) -> Metrics:
            """Measure the model on the whole test split."""
            found = metrics(main_learner(learner), self.data.task, pool, targets, seed=self._seed)
            return {**found, "device": device}

        campaign = make_campaign(
            self.cell,
            self.data,
            make_learner(self.cell, self.data),
            self.folder,
            evaluate=evaluate,
            on_query=lambda query: self.diagnose(query, campaign),
            progress=progress,
        )
        return campaign

    def diagnose(self, query: Query, campaign: Campaign) -> Metrics:
        """Compare a query, and the scorers to be diagnosed, with the truth, and draw what was queried."""
        pool, learner, task = campaign.pool, campaign.learner, self.data.task
        rows = pool.rows_of(query.ids)
        if query.asked:
            write_contact_sheet(
                np.stack(
                    [np.asarray(self.data.pool.x[row]) for row in rows[query.choice.rows[:SHOWN]].tolist()]
                ),
                self.folder / "cycles" / f"{query.cycle:04d}" / "queried.png",
            )
        losses = item_losses(
            main_learner(learner),
            task,
            pool.subset(query.ids),
            task.targets({item: self.labels[item] for item in query.ids}),
            seed=self._seed,
            outputs=query.view.pool.fields().get(task.output or ""),
        )
        found: Metrics = dict(loss_estimate(losses, query.choice.rows, query.choice.scores))
        if self.cell.diagnostics:
            found["scorers"] = diagnose_query(
                make_scorers(self.cell.diagnostics),
                Cycle.next(campaign.state, pool, self.folder),
                query.ids,
                losses,
                learner=learner,
                pool=pool,
                task=task,
                seed=self.cell.seed,
            )
        return found

    @property
    def _seed(self) -> int:
        return derive(self.cell.seed, "predict")
