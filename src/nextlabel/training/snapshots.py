"""The snapshots of a training run, written down while it passes them.

Knows steps and weights, and nothing of losses or data.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import final

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from nextlabel.errors import ConfigurationError, MissingStateError
from nextlabel.snapshots import Snapshot
from nextlabel.training.checkpoint import check_fits, joined, write_tensors

__all__ = ["SnapshotWriter", "check_kept", "snapshot_path", "validate_snapshots"]


def validate_snapshots(
    words: Iterable[str], model: Callable[[], nn.Module] | nn.Module, ema_decay: float
) -> frozenset[Snapshot]:
    """Return the snapshots that these words mean, if a training run of this model can keep them.

    Raises:
        ConfigurationError: A word means none, an untrained network is wanted of a ready module, which has one
            set of weights only, or the decay is not in [0, 1].
    """
    if not 0.0 <= ema_decay <= 1.0:
        raise ConfigurationError(f"ema_decay must be in [0, 1], but is {ema_decay}")
    if isinstance(words, str):
        raise ConfigurationError(f"snapshots must be a list of words, but is '{words}'; use ['{words}']")
    snapshots = frozenset(map(Snapshot.parse, words))
    if Snapshot("untrained") in snapshots and isinstance(model, nn.Module):
        raise ConfigurationError(
            "the snapshot 'untrained' needs a function that makes models, to make one with other weights, "
            f"but the model is a ready {type(model).__name__}; pass a function that returns it"
        )
    return snapshots


def snapshot_path(workdir: Path, snapshot: Snapshot) -> Path:
    """Return where the weights of a snapshot lie in a training run's folder."""
    return workdir / f"{snapshot.stem}.safetensors"


def check_kept(workdir: Path, snapshot: Snapshot) -> None:
    """Refuse a snapshot that the finished training in a folder did not keep.

    Raises:
        MissingStateError: It did not; the message says how it will.
    """
    path = snapshot_path(workdir, snapshot)
    if snapshot.kind != "end" and not path.exists():
        raise MissingStateError(
            f"there is no state at {path}, for the training did not keep the snapshot '{snapshot.name}'; "
            f"give the learner snapshots=['{snapshot.name}'] and train again in a new folder"
        )


@final
class SnapshotWriter:
    """Write the weights of each moment when a training run comes to it.

    The moving average is w~ <- a w~ + (1 - a) w after every optimiser step (Siyu Huang, Tianyang Wang, Haoyi
    Xiong, Jun Huan, Dejing Dou: Semi-Supervised Active Learning with Temporal Output Discrepancy, ICCV 2021,
    of the unsupervised loss, a = 0.999), by torch's ``AveragedModel``. It starts as a copy of the weights
    that this fit starts from; buffers, such as batch norm's statistics, are copied and not averaged. Both are
    deviations from the authors' released code, whose average begins at an unrelated network and leaves
    buffers alone.

    Args:
        snapshots: Those to keep; the others cost nothing.
        module: The module in training, at its first step.
        workdir: The training's folder.
        steps: Steps of the training.
        steps_per_epoch: Steps of one epoch.
        ema_decay: a, in [0, 1].
    """

    def __init__(
        self,
        snapshots: Collection[Snapshot],
        module: nn.Module,
        workdir: Path,
        *,
        steps: int,
        steps_per_epoch: int,
        ema_decay: float,
    ) -> None:
        self._module, self._workdir, self._steps = module, workdir, steps
        self._at: dict[int, list[Snapshot]] = {}
        for snapshot in snapshots:
            gap = _gap(snapshot, steps, steps_per_epoch)
            if gap is not None:
                self._at.setdefault(max(steps - gap, 0), []).append(snapshot)
        self._average: AveragedModel | None = None
        if Snapshot("ema") in snapshots:
            averaging = get_ema_multi_avg_fn(ema_decay)  # type: ignore[no-untyped-call]  # torch's own
            self._average = AveragedModel(module, multi_avg_fn=averaging, use_buffers=False)
            self._average.requires_grad_(False)
            self._average.n_averaged = self._average.n_averaged.cpu()  # read at every step: no wait for a GPU
            self._average.update_parameters(module)  # the first update only copies: now w~_0 = w_0

    def before(self, step: int) -> None:
        """Keep the snapshots whose weights are those before this step.

        Raises:
            DataError: The disk is full or read-only.
        """
        for snapshot in self._at.get(step, ()):
            self._write(snapshot, self._module)

    def after(self, step: int) -> None:
        """Follow the weights after this step, and keep the average after the last.

        Raises:
            DataError: The disk is full or read-only.
        """
        if self._average is None:
            return
        self._average.update_parameters(self._module)
        if step + 1 == self._steps:
            self._write(Snapshot("ema"), self._average.module)

    def state(self) -> dict[str, Tensor]:
        """Return the tensors that a checkpoint needs to continue."""
        return {} if self._average is None else self._average.module.state_dict()

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Become what :meth:`state` told.

        Raises:
            ConfigurationError: The state does not fit, or there is none where an average is wanted.
        """
        if self._average is not None:
            check_fits(self._average.module, state, what="the moving average of the weights")
            self._average.module.load_state_dict(state)

    def _write(self, snapshot: Snapshot, module: nn.Module) -> None:
        write_tensors(snapshot_path(self._workdir, snapshot), joined({"model": module.state_dict()}))


def _gap(snapshot: Snapshot, steps: int, steps_per_epoch: int) -> int | None:
    """Return how many steps before the end a snapshot is, or None if it is none of the training's path."""
    gaps = {"initial": steps, "step": snapshot.count, "epoch": snapshot.count * steps_per_epoch}
    return gaps.get(snapshot.kind)
