"""The snapshots of a training run: which ones to keep, and writing them while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from nextlabel.errors import ConfigurationError, MissingStateError
from nextlabel.snapshots import Snapshot
from nextlabel.training.checkpoint import joined, load_state, write_tensors
from nextlabel.training.config import check_option

__all__ = ["SnapshotWriter", "check_kept", "snapshot_path", "validate_snapshots"]


def validate_snapshots(
    names: Iterable[str], model: Callable[[], nn.Module] | nn.Module
) -> frozenset[Snapshot]:
    """Return the snapshots of these names, if a fit of this model can keep them.

    Raises:
        ConfigurationError: A name is unknown, or an untrained network is wanted of a ready module, which has
            one set of weights only.
    """
    listed = isinstance(names, Iterable) and not isinstance(names, str)
    check_option("snapshots", names, listed, "a list of names", f"use [{names!r}]")
    snapshots = frozenset(map(Snapshot.parse, names))
    if Snapshot("untrained") in snapshots and isinstance(model, nn.Module):
        raise ConfigurationError(
            "model must be a function that returns a new module for the snapshot 'untrained', got a ready "
            f"{type(model).__name__}; pass a function, so that one with other weights can be made"
        )
    return snapshots


def snapshot_path(workdir: Path, snapshot: Snapshot) -> Path:
    """Return where the weights of a snapshot lie in the folder of a fit."""
    return workdir / f"{snapshot.stem}.safetensors"


def check_kept(workdir: Path, snapshot: Snapshot) -> None:
    """Raise :class:`MissingStateError` if the finished fit in a folder did not keep this snapshot."""
    path = snapshot_path(workdir, snapshot)
    if snapshot.kind != "end" and not path.exists():
        raise MissingStateError(
            f"there is no state at {path}: the fit did not keep the snapshot '{snapshot.name}'; give the "
            f"learner snapshots=['{snapshot.name}'] and train again in a new folder"
        )


@final
@dataclass
class SnapshotWriter:
    """Write each snapshot when the training run reaches it.

    The moving average is w~ <- a w~ + (1 - a) w after every optimiser step (Siyu Huang, Tianyang Wang, Haoyi
    Xiong, Jun Huan, Dejing Dou: Semi-Supervised Active Learning with Temporal Output Discrepancy, ICCV 2021,
    of the unsupervised loss, a = 0.999), by torch's ``AveragedModel``. It starts as a copy of the weights
    that this fit starts from; buffers, such as batch norm's statistics, are copied and not averaged. Both are
    deviations from the authors' released code, whose average starts at an unrelated network and leaves
    buffers alone.

    Attributes:
        snapshots: Those to keep; the others cost nothing.
        module: The module in training, before its first step.
        workdir: The folder of the fit.
        steps: Steps of the training run, ``steps_per_epoch`` of each epoch.
        ema_decay: a, in [0, 1].
    """

    snapshots: Collection[Snapshot]
    module: nn.Module
    workdir: Path
    steps: int
    steps_per_epoch: int
    ema_decay: float

    def __post_init__(self) -> None:
        self._at: dict[int, list[Snapshot]] = {}
        for snapshot in self.snapshots:
            count = snapshot.count
            gaps = {"initial": self.steps, "step": count, "epoch": count * self.steps_per_epoch}
            if snapshot.kind in gaps:
                self._at.setdefault(max(self.steps - gaps[snapshot.kind], 0), []).append(snapshot)
        self._average: AveragedModel | None = None
        if Snapshot("ema") in self.snapshots:
            averaging = get_ema_multi_avg_fn(self.ema_decay)  # type: ignore[no-untyped-call]  # torch's own
            average = AveragedModel(self.module, multi_avg_fn=averaging, use_buffers=False)
            average.requires_grad_(False)
            average.n_averaged = average.n_averaged.cpu()  # read at every step: no wait for a GPU
            average.update_parameters(self.module)  # the first update only copies: now w~_0 = w_0
            self._average = average

    def before(self, step: int) -> None:
        """Keep the snapshots whose weights are those before this step."""
        for snapshot in self._at.get(step, ()):
            self._write(snapshot, self.module)

    def after(self, step: int) -> None:
        """Update the average after this step, and keep it after the last."""
        if self._average is None:
            return
        self._average.update_parameters(self.module)
        if step + 1 == self.steps:
            self._write(Snapshot("ema"), self._average.module)

    def state(self) -> dict[str, Tensor]:
        """Return the tensors that a checkpoint must keep."""
        return {} if self._average is None else self._average.module.state_dict()

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from what :meth:`state` returned; ConfigurationError if it does not fit."""
        if self._average is not None:
            load_state(self._average.module, state, what="the moving average of the weights")

    def _write(self, snapshot: Snapshot, module: nn.Module) -> None:
        write_tensors(snapshot_path(self.workdir, snapshot), joined({"model": module.state_dict()}))
