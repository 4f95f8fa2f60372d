"""One cell of a benchmark: a campaign with a simulated oracle, measured after every fit and query."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nextlabel.bench.cell import Cell
from nextlabel.bench.contact_sheet import SHOWN, write_contact_sheet
from nextlabel.bench.diagnostics import diagnose_query, loss_estimate, make_scorers
from nextlabel.bench.measure import item_losses, metrics
from nextlabel.bench.outcome import finish
from nextlabel.bench.setup import main_learner, make_learner
from nextlabel.bench.validation import check_items_of
from nextlabel.campaign.campaign import Budget, Campaign, Query
from nextlabel.campaign.cycle import Cycle
from nextlabel.campaign.oracles import SimulatedOracle
from nextlabel.datasets.benchmark_dataset import BenchmarkDataset
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.ledger.events import ItemId, Label
from nextlabel.pool import Pool
from nextlabel.seeds import derive
from nextlabel.training.device import Engine, device_title
from nextlabel.types import Learner

__all__ = ["run_cell"]

Metrics = dict[str, Any]  # Any: JSON


def run_cell(cell: Cell, folder: Path, progress: Callable[[int, str, int, int], None]) -> None:
    """Run a cell in its folder to its end, resuming it if it was killed, and mark it finished.

    ``progress`` is a :data:`~nextlabel.progress.Progress` that takes the cycle first.

    Raises:
        DataError: An image or mask is damaged; all are read before the first campaign.
    """
    torch.set_num_threads(cell.threads)
    data = DATASETS.create(cell.dataset)
    task, labels = data.task, data.labels(data.pool)
    check_items_of(cell, data, folder, lambda *work: progress(1, *work))
    test, targets = Pool(data.test.x, data.test.ids), task.targets(data.labels(data.test))
    device = device_title(Engine(cell.device, "no").device)

    def evaluate(learner: Learner) -> Metrics:
        found = metrics(main_learner(learner), task, test, targets, seed=derive(cell.seed, "predict"))
        return {**found, "device": device}

    campaign = Campaign(
        folder,
        Pool(data.pool.x, data.pool.ids),
        make_learner(cell, data),
        "random" if cell.is_reference else cell.strategy,  # a reference queries nothing
        batch_size=cell.batch_size,
        initial_size=cell.initial_size,
        candidate_size=cell.candidate_size,
        task=task,
        seed=cell.seed,
        evaluate=evaluate,
        on_query=lambda query: _diagnose(query, campaign, cell, data, labels),
        progress=lambda *work: progress(max(campaign.state.cycle, 0) + 1, *work),
    )
    oracle = SimulatedOracle(labels, noise=cell.label_noise, task=task, seed=cell.seed)
    campaign.run(oracle, until=Budget(cycles=cell.cycles), score_last=cell.score_last)
    finish(folder, cell, campaign.state, labels, data.classes if task.output == "log_probs" else ())


def _diagnose(
    query: Query, campaign: Campaign, cell: Cell, data: BenchmarkDataset, labels: Mapping[ItemId, Label]
) -> Metrics:
    """Compare the scores of a query, and of the scorers to diagnose, with the truth; draw its images."""
    pool, learner, task = campaign.pool, campaign.learner, data.task
    if query.asked:
        rows = pool.rows_of(query.ids)[query.choice.rows[:SHOWN]].tolist()
        images = np.stack([np.asarray(data.pool.x[row]) for row in rows])
        write_contact_sheet(images, campaign.path / "cycles" / f"{query.cycle:04d}" / "queried.png")
    losses = item_losses(
        main_learner(learner),
        task,
        pool.subset(query.ids),
        task.targets({item: labels[item] for item in query.ids}),
        seed=derive(cell.seed, "predict"),
        outputs=query.view.pool.fields().get(task.output or ""),
    )
    found: Metrics = dict(loss_estimate(losses, query.choice.rows, query.choice.scores))
    if cell.diagnostics:
        found["scorers"] = diagnose_query(
            make_scorers(cell.diagnostics),
            Cycle.next(campaign.state, pool, campaign.path),
            query.ids,
            losses,
            learner=learner,
            pool=pool,
            task=task,
            seed=cell.seed,
        )
    return found
