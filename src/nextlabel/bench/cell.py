"""One cell of a benchmark: a campaign whose oracle knows all labels, measured after every training and query.

Knows nothing of the other cells, of processes or of how results are shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import nll_loss

from nextlabel.bench.audit import loss_estimate
from nextlabel.bench.contact_sheet import write_contact_sheet
from nextlabel.bench.grid import Cell
from nextlabel.bench.outcome import finish
from nextlabel.campaign import Budget, Campaign, Query
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.datasets.labelled_data import LabelledData
from nextlabel.errors import ContractError
from nextlabel.learners.device import Engine
from nextlabel.learners.torch import TorchLearner
from nextlabel.maths.entropy import mean_log_probs
from nextlabel.models.catalogue import MODELS
from nextlabel.oracles import SimulatedOracle
from nextlabel.pool import Pool
from nextlabel.progress import Advance
from nextlabel.seeds import derive
from nextlabel.strategies.catalogue import STRATEGIES
from nextlabel.types import Learner

__all__ = ["make_learner", "run_cell"]

Metrics = dict[str, float | None]


def run_cell(cell: Cell, folder: Path, advance: Callable[[int, str, int, int], None]) -> None:
    """Run a cell to its end, or on from where it was killed, and mark it finished.

    Args:
        cell: The campaign to run.
        folder: Where to keep it.
        advance: Called as work advances, with the cycle, the phase, the work done and the whole.
    """
    torch.set_num_threads(cell.threads)
    data = DATASETS.create(cell.dataset)
    trial = _Trial(cell, data, folder)
    campaign = trial.campaign(lambda *work: advance(max(campaign.state.cycle, 0) + 1, *work))
    labels = dict(zip(data.ids, data.y.tolist(), strict=True))
    campaign.run(SimulatedOracle(labels), until=Budget(cycles=cell.cycles))
    finish(folder, cell, campaign.state, labels, data.classes)


@dataclass(frozen=True)
class _Trial:
    cell: Cell
    data: LabelledData
    folder: Path

    def campaign(self, advance: Advance) -> Campaign:
        learner = make_learner(self.cell, self.data)
        pool = Pool(self.data.x, self.data.ids)
        test = Pool(self.data.test_x, self.data.test_ids)
        return Campaign(
            self.folder,
            pool,
            learner,
            self.cell.strategy,
            strategy_options=self.cell.strategy_options,
            batch_size=self.cell.batch_size,
            start_size=self.cell.start_size,
            seed=self.cell.seed,
            evaluate=partial(
                _evaluate,
                test=test,
                labels=torch.from_numpy(self.data.test_y),
                seed=self.cell.seed,
                device=_device_name(self.cell),
            ),
            audit=partial(self.audit, learner=learner, pool=pool),
            advance=advance,
        )

    def audit(self, query: Query, *, learner: Learner, pool: Pool) -> Metrics:
        """Compare a query with the truth, and draw what was queried."""
        rows = pool.rows_of(query.ids)
        write_contact_sheet(
            self.data.x[rows[query.choice.rows].numpy()],
            self.folder / "cycles" / f"{query.cycle:04d}" / "queried.png",
        )
        log_probs = query.view.pool.log_probs
        if log_probs is None:
            log_probs = _log_probs(learner, pool.subset(query.ids), self.cell.seed)
        truth = torch.from_numpy(self.data.y)[rows]
        losses = nll_loss(mean_log_probs(log_probs), truth, reduction="none")
        return loss_estimate(losses, query.choice.rows, query.choice.scores)


def make_learner(cell: Cell, data: LabelledData) -> TorchLearner:
    """Return the untrained learner of a cell.

    Raises:
        ConfigurationError: A setting of the model or of its training cannot be used.
    """
    options = dict(cell.learner)
    name, model_options = options.pop("model"), options.pop("model_options")
    new_model = partial(
        MODELS.create, name, input_shape=data.input_shape, classes=len(data.classes), **model_options
    )
    new_model()  # an option that the model does not have is refused here, not in a training
    needs = STRATEGIES.create(cell.strategy, **cell.strategy_options).needs
    return TorchLearner(
        new_model,
        objective=cell.objective,
        objective_options=dict(cell.objective_options),
        device=cell.device,
        moments=tuple(m for m in ("initial", "epoch") if f"snapshot:{m}" in needs),
        **options,
    )


def _evaluate(
    learner: Learner, *, test: Pool, labels: Tensor, seed: int, device: str
) -> dict[str, float | str]:
    log_probs = mean_log_probs(_log_probs(learner, test, seed))
    return {
        "accuracy": float((log_probs.argmax(1) == labels).double().mean()),
        "loss": float(nll_loss(log_probs.double(), labels)),
        "device": device,
    }


def _device_name(cell: Cell) -> str:
    device = Engine(cell.device, cell.learner["mixed_precision"]).device
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _log_probs(learner: Learner, pool: Pool, seed: int) -> Tensor:
    outputs = learner.predict(pool, needs=frozenset({"log_probs"}), seed=derive(seed, "predict"))
    if outputs.log_probs is None:
        raise ContractError(f"learner {type(learner).__name__} was asked for log_probs, but returned none")
    return outputs.log_probs
