"""Time of one query by strategy, forward passes and selection, on the same pool and network.

Images are noise and networks are trained for one step, because the cost does not depend on either.

Source: Table 3 of S. Huang, T. Wang, H. Xiong, J. Huan, D. Dou, "Semi-Supervised Active Learning with
Temporal Output Discrepancy", ICCV 2021, which gives seconds per query on a GTX 1080 Ti. Times are
also given in units of one plain forward pass of the network over the pool, which is comparable across
machines.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nextlabel.bench.environment import describe_environment
from nextlabel.campaign.view_builder import ViewBuilder
from nextlabel.errors import ConfigurationError
from nextlabel.learners.torch import TorchLearner
from nextlabel.learners.vaal import Vaal
from nextlabel.models.catalogue import MODELS
from nextlabel.pool import Pool
from nextlabel.seeds import derive
from nextlabel.selection.selection import choose
from nextlabel.strategies.catalogue import STRATEGIES
from nextlabel.training.config import TrainingConfig
from nextlabel.training.device import DeviceName, Engine, device_title
from nextlabel.types import Learner

__all__ = ["PROMISE", "STRATEGIES_TIMED", "TimingSetup", "sampling_time"]

PROMISE = 1.05
"""Maximum cost of a COD query in plain passes, if the scan of the last cycle was kept."""

STRATEGIES_TIMED: tuple[str, ...] = ("cod", "cod_two_passes", "learning_loss", "vaal", "core_set", "margin")
"""The strategies of the paper's table, and ``margin`` as a control that only needs the current outputs;
``cod_two_passes`` evaluates both models, as the paper does."""


@dataclass(frozen=True)
class TimingSetup:
    """Pool, network and device for the measurement.

    Attributes:
        items: Number of candidates.
        labelled: Number of labelled items; core-set uses them.
        batch_size: Items selected per query.
        image: Shape of an image.
        vaal_width: Channels of VAAL's first convolution; 128 in its released code.
        repeats: Number of rounds over all strategies; medians are reported.
    """

    items: int = 5000
    labelled: int = 1000
    batch_size: int = 500
    model: str = "cifar_resnet18"
    width: int = 16
    classes: int = 10
    image: tuple[int, int, int] = (3, 32, 32)
    vaal_width: int = 128
    repeats: int = 3
    device: DeviceName = "auto"

    def __post_init__(self) -> None:
        for name in ("items", "labelled", "batch_size", "repeats"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.batch_size > self.items or self.labelled < 2:
            raise ConfigurationError(
                "batch_size must be at most items and labelled at least 2, "
                f"got {self.batch_size} of {self.items} and {self.labelled}"
            )


def sampling_time(setup: TimingSetup, scratch: Path) -> dict[str, Any]:  # Any: JSON
    """Time one query of each strategy, from the trained model to the selected ids.

    A query consists of the forward passes that the strategy needs, for VAAL with its own networks, and the
    selection. Models and scans are stored in ``scratch``.

    Returns:
        ``plain_pass``: seconds of one straightforward pass of the network over the candidates.
        ``strategies``: by strategy, the medians of ``scan_seconds``, ``select_seconds`` and their sum
        ``seconds``, the sum in plain ``passes``, and ``rows_forwarded``. Also ``setup``, ``device``,
        ``threads``, ``environment`` and ``promise``, the maximum for COD in plain passes.
    """
    timing = _Timing(setup, scratch)
    plain: list[float] = []
    taken: dict[str, list[tuple[float, float, int]]] = {name: [] for name in STRATEGIES_TIMED}
    for _ in range(setup.repeats + 1):
        began = time.perf_counter()
        timing.plain_pass()
        plain.append(time.perf_counter() - began)
        for name, queries in taken.items():
            queries.append(timing.query(name))
    unit = statistics.median(plain[1:])  # the first repeat is a warm-up
    strategies = {}
    for name, (warm_up, *queries) in taken.items():
        whole = statistics.median(scan + select for scan, select, _ in queries)
        strategies[name] = {
            "scan_seconds": statistics.median(scan for scan, *_ in queries),
            "select_seconds": statistics.median(select for _, select, _ in queries),
            "seconds": whole, "passes": whole / unit, "rows_forwarded": warm_up[2],
        }  # fmt: skip
    return {
        "setup": {**vars(setup), "image": list(setup.image)}, "plain_pass": unit,
        "strategies": strategies, "promise": PROMISE, "device": timing.device,
        "threads": torch.get_num_threads(), "environment": describe_environment(),
    }  # fmt: skip


class _Timing:
    """Learners with two trained cycles each and a scan from the first."""

    def __init__(self, setup: TimingSetup, scratch: Path) -> None:
        self.setup, self.scratch = setup, scratch
        rng = torch.Generator().manual_seed(derive(0, "images"))
        size = setup.items + setup.labelled
        self.images = torch.randint(0, 256, (size, *setup.image), dtype=torch.uint8, generator=rng)
        pool = Pool(self.images, [f"p{row:07d}" for row in range(size)])
        self.candidates, self.labelled = pool.slice(0, setup.items), pool.slice(setup.items, size)
        self.few = self.labelled.slice(0, 32)
        self.labels = torch.arange(setup.labelled) % setup.classes
        engine = Engine(setup.device, "no")
        self.device = device_title(engine.device)
        self.network = self._model()().to(engine.device).eval()
        learners: Mapping[str, Learner] = {
            "plain": self._learner("supervised"),
            "learning_loss": self._learner("learning_loss"),
            "vaal": Vaal(self._learner("supervised"), steps=1, batch_size=32, width=setup.vaal_width),
        }
        self.learners = learners
        for name, cycle in product(learners, ("first", "second")):
            folder, learner = scratch / name / cycle, learners[name]
            folder.mkdir(parents=True)
            labels, others = self.labels[: len(self.few)], self.candidates.slice(0, 32)
            learner.fit(self.few, labels, others, seed=0, workdir=folder)
            if cycle == "first":
                view_builder = ViewBuilder(learner, folder, None, seed=0)
                view_builder.view(frozenset({"log_probs"}), self.candidates, self.few, self.labels[:0])

    def _model(self) -> Callable[[], torch.nn.Module]:
        setup = self.setup
        options = {"input_shape": setup.image, "classes": setup.classes, "width": setup.width}
        return partial(MODELS.create, setup.model, **options)

    def _learner(self, objective: str) -> TorchLearner:
        return TorchLearner(
            self._model(), objective=objective, epochs=1,
            training=TrainingConfig(batch_size=len(self.few), lr=1e-3),
            device=self.setup.device, snapshots=(),
        )  # fmt: skip

    def plain_pass(self) -> Tensor:
        """Run the network over all candidates in plain PyTorch."""
        device = next(self.network.parameters()).device
        with torch.no_grad():
            parts = [
                self.network(batch.to(device).float() / 255).log_softmax(1).cpu()
                for batch in torch.split(self.images[: self.setup.items], 1024)
            ]
        return torch.cat(parts)

    def query(self, name: str) -> tuple[float, float, int]:
        """Run the query of the second cycle; return scan and selection seconds, and the rows forwarded."""
        strategy = STRATEGIES.create("cod" if name == "cod_two_passes" else name)
        of = name if name in self.learners else "plain"
        folder, first = self.scratch / of / "second", self.scratch / of / "first"
        scans = self.scratch / "scans"
        shutil.rmtree(scans, ignore_errors=True)
        kept, hidden = first / "scan", first / "hidden"
        if name == "cod_two_passes":
            kept.rename(hidden)
        try:
            view_builder = ViewBuilder(self.learners[of], folder, first, seed=0, scans=scans)
            began = time.perf_counter()
            view = view_builder.view(strategy.needs, self.candidates, self.labelled, self.labels)
            scanned = time.perf_counter()
            choose(strategy, view, self.setup.batch_size, rng=torch.Generator().manual_seed(0))
            return scanned - began, time.perf_counter() - scanned, view_builder.rows_forwarded
        finally:
            if name == "cod_two_passes":
                hidden.rename(kept)
