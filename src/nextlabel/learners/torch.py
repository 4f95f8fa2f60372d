"""The learner for any ``torch.nn.Module``: fits, predictions, and the states that it leaves in a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from nextlabel.errors import ContractError
from nextlabel.parts import Part, check_whole
from nextlabel.pool import Pool
from nextlabel.progress import Progress
from nextlabel.seeds import derive
from nextlabel.snapshots import Snapshot
from nextlabel.tasks.catalogue import as_task
from nextlabel.tasks.task import Task, check_counts
from nextlabel.training.batches import DeviceCache, sequential
from nextlabel.training.checkpoint import (
    as_json,
    check_same,
    joined,
    load_state,
    part,
    read_json,
    read_tensors,
    training_arguments,
    write_json,
    write_tensors,
)
from nextlabel.training.config import TrainingConfig, check_option, check_training
from nextlabel.training.device import DeviceName, Engine, isolated_rng
from nextlabel.training.fit import Networks, bind, new_objective, prepare
from nextlabel.training.loop import CHECKPOINT
from nextlabel.training.network import ModuleNetwork
from nextlabel.training.predict import check_needs, predicted, trained_model
from nextlabel.training.preprocess import (
    Augment,
    Augmentation,
    Normalise,
    Preparation,
    augmentation,
    augmented,
)
from nextlabel.training.snapshots import check_kept, snapshot_path, validate_snapshots
from nextlabel.types import Objective, Outputs

__all__ = ["TorchLearner"]

FINISHED = "fit.json"
"""Written last: a folder that holds it holds a finished fit."""

DEFAULT_TRAINING = TrainingConfig()


class TorchLearner:
    """Train a ``torch.nn.Module`` on a pool's labels and predict with it.

    A ``fit`` is a function of its arguments and, on a warm start, of the weights held when it begins: the
    same seed gives the same weights, bit for bit, on one machine with one number of threads (on CUDA as far
    as the model's operations are reproducible), also if it was killed at any step and is called again with
    the same ``workdir``. Optimiser and schedule start afresh in every fit. Randomness inside modules must
    come from torch's generators.

    Pools of tensors stay on the device and are sliced there; others come through a DataLoader. uint8 inputs
    become float32 in [0, 1], other floats float32; augmentation (in training only) and ``normalise`` follow.

    Args:
        model: A function that returns a new module, called under a generator derived from the seed; or a
            module, which is copied and whose present weights are the initial ones. It maps a batch to (B, C)
            raw outputs, in regression to (B, 1).
        objective: The training loss: a name in the catalogue, a call such as ``"tod(weight=0.1)"``, or a
            function that returns a new :class:`~nextlabel.types.Objective`, or an ``nn.Module`` with its
            members. None for the task's default, ``"supervised"`` or in regression ``"squared_error"``.
        task: A task or its name: ``"classification"`` gives ``log_probs``, ``"regression"`` gives ``values``.
        training: How the model is trained: optimiser, schedule, sizes, precision.
        epochs: Passes over the labelled items in one fit; None for those of ``training``.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        augment: For training only: names, calls such as ``"random_crop(padding=2)"``, callables of a batch
            and a generator, or a sequence of them.
        normalise: The mean and the standard deviation of every channel of an image; None leaves inputs as
            they are.
        warm_start: Whether a fit continues from the weights of the last one or starts from new ones.
        embedding_layer: Name of the layer whose outputs are the embeddings; None for the timm contract.
        num_workers: Processes that load items of pools that are not tensors.
        snapshots: What ``fit`` keeps besides its end, by the names of :class:`~nextlabel.snapshots.Snapshot`:
            its ``"initial"`` weights, those of an ``"untrained"`` network, the ``"ema"``, and ``"10 steps"``,
            ``"epoch"``, ... before the end; a gap at least as long as the fit gives the initial weights.
        untrained_model: Makes the networks for comparison before any fit: the snapshot ``"untrained"`` and a
            teacher that starts at random; None for ``model``. One without pretrained weights makes them
            entirely random.
        score_augmented: Whether candidates are scored with augmentation, see :meth:`predict_augmented`.

    Attributes:
        progress: Called during ``fit``, at most ten times a second, or None.
        extra_fields: The names of the extra fields that the objective gives.

    Raises:
        ConfigurationError: An option is unknown or out of range.

    >>> learner = TorchLearner(lambda: nn.Linear(8, 3), epochs=2, device="cpu")
    """

    def __init__(
        self,
        model: Callable[[], nn.Module] | nn.Module,
        *,
        objective: str | Part | Callable[[], nn.Module] | None = None,
        task: str | Task = "classification",
        training: TrainingConfig = DEFAULT_TRAINING,
        epochs: int | None = None,
        device: DeviceName = "auto",
        augment: Augment | Sequence[Augment] | None = None,
        normalise: Normalise | None = None,
        warm_start: bool = True,
        embedding_layer: str | None = None,
        num_workers: int = 0,
        snapshots: Sequence[str] = ("initial", "epoch"),
        untrained_model: Callable[[], nn.Module] | None = None,
        score_augmented: bool = False,
    ) -> None:
        self.task = as_task(task)
        check_training(training)
        check_option("warm_start", warm_start, isinstance(warm_start, bool), "True or False")
        check_whole("num_workers", num_workers, 0)
        self.training = training if epochs is None else replace(training, epochs=epochs)
        self._snapshots = validate_snapshots(snapshots, untrained_model or model)
        self.snapshots: frozenset[str] | None = frozenset(snapshot.name for snapshot in self._snapshots)
        self.warm_start, self.device, self.num_workers = warm_start, device, num_workers
        self.progress: Progress | None = None
        self._augment = augmentation(augment)
        self.preparation = Preparation.checked(normalise, channels_last=training.channels_last)
        self.score_augmented = score_augmented and self._augment is not None
        self._objective = self.task.default_objective if objective is None else objective
        self._network: ModuleNetwork | None = None
        self._objective_state: dict[str, Tensor] | None = None
        self._bound: Objective | None = None
        self._cache = DeviceCache()
        self._networks = Networks(
            model, untrained_model, self.task, embedding_layer, self.preparation, self._cache
        )
        Engine(device, training.mixed_precision)  # refuses now what this machine cannot do
        self.extra_fields = new_objective(self._objective, self.task).extra_fields

    def fit(self, x: Pool, y: Tensor, unlabelled: Pool, *, seed: int, workdir: Path) -> dict[str, float]:
        """Train on the labelled pool and return ``train_loss``, ``steps`` and ``epochs``.

        Called again with the same arguments, it continues from the checkpoint of a killed fit, or loads a
        finished one. The folder then holds ``end.safetensors``, a file for every other snapshot, and
        ``fit.json``.

        Args:
            x: The L labelled items.
            y: (L,) class indices, or target values in regression.
            unlabelled: The other items; an objective that uses them is given batches of these, unless there
                are fewer than two, which batch norm cannot normalise.
            seed: All randomness is derived from it.
            workdir: An existing folder for this fit only.

        Raises:
            LabelsError: The labels cannot be learnt.
            ContractError: Model or objective broke their contract, or the loss is not finite.
            DataError: The folder holds another fit or cannot be written.
        """
        check_counts(y, x.ids)
        objective = new_objective(self._objective, self.task)
        others = unlabelled if objective.uses_unlabelled and len(unlabelled) > 1 else None
        arguments = {
            **training_arguments(x, y, others, self.training, seed),
            "warm_start": self.warm_start,
            "objective": as_json(self._objective),
            "augment": as_json(self._augment),
            "normalise": as_json(self.preparation.normalise),
            "untrained_model": as_json(self._networks.untrained_model),
        }
        finished = read_json(workdir / FINISHED)
        if finished is not None:
            check_same(finished["arguments"], arguments, workdir / FINISHED)
            self.load(workdir)
            return dict(finished["metrics"])
        held = self._network if self.warm_start else None
        run = prepare(
            self._networks, objective, x, y, unlabelled=others, config=self.training, held=held,
            state=self._objective_state or {} if held else {}, device=self.device, workers=self.num_workers,
            augment=self._augment, snapshots=self._snapshots, seed=seed, workdir=workdir,
            arguments=arguments, progress=self.progress,
        )  # fmt: skip
        metrics = run.run()
        states = {"model": run.network.module.state_dict(), "objective": objective.state_dict()}
        write_tensors(workdir / "end.safetensors", joined(states))
        write_json(workdir / FINISHED, {"metrics": metrics, "arguments": arguments})
        (workdir / CHECKPOINT).unlink(missing_ok=True)
        self._network, self._objective_state, self._bound = run.network, states["objective"], objective
        return metrics

    def predict(self, x: Pool, *, needs: frozenset[str], seed: int) -> Outputs:
        """Return the outputs of the trained model, in evaluation mode; one draw, on the CPU.

        Args:
            x: The N items.
            needs: ``log_probs`` in classification, (N, 1, C) float32 in nats; ``values`` in regression, (N,
                1, 1); ``embeddings``, (N, D) float32.
            seed: Only matters to data sets that draw while they load an item.

        Raises:
            ContractError: The model was not trained, or cannot give what is needed.
            DataError: There are no items, or they do not stack.
        """
        return self._predicted(x, needs, seed, None)

    def predict_augmented(self, x: Pool, *, needs: frozenset[str], seed: int) -> Outputs:
        """Return what :meth:`predict` does, of items that are augmented as in training.

        The draws depend on the seed and the items alone, so two models see the same views of them. The
        released code of Huang et al., ICCV 2021, scores SVHN and Caltech-101 in this way.
        """
        return self._predicted(x, needs, seed, self._augment)

    def _predicted(self, x: Pool, needs: frozenset[str], seed: int, augment: Augmentation | None) -> Outputs:
        network, own = trained_model(self._network, x), self.task.output
        assert own is not None, "a SegmentationLearner makes its own passes"
        check_needs(needs, network, own=own, extra_fields=self.extra_fields)
        engine = Engine(self.device, self.training.mixed_precision)
        self._networks.place(network, engine)
        objective = self._bound_objective(network, x, engine) if needs - {own, "embeddings"} else None
        size, workers = self.training.predict_batch_size, self.num_workers
        with isolated_rng(derive(seed, "predict"), engine.device):
            batches = sequential(x, size, seed, engine.device, self._cache, workers=workers)
            if augment is not None:
                batches = augmented(batches, x.ids, augment, seed, engine.device)
            prepare = self.preparation.on(engine.device)
            return predicted(network, batches, needs, engine=engine, prepare=prepare, objective=objective)

    def load(self, workdir: Path, *, snapshot: str = "end") -> None:
        """Load the model that ``fit`` left in ``workdir``.

        The snapshot is ``"end"`` or another one that the fit kept. Only ``"end"`` holds the state of the
        objective; after any other a warm start binds its objective again.

        Raises:
            MissingStateError: The folder holds no such state.
            DataError: It is damaged.
            ConfigurationError: There is no such snapshot, or the state does not fit the model.
        """
        wanted = Snapshot.parse(snapshot)
        if (workdir / FINISHED).exists():
            check_kept(workdir, wanted)
        tensors, _ = read_tensors(snapshot_path(workdir, wanted))
        network = self._networks.new(seed=0) if self._network is None else self._network
        load_state(network.module, part(tensors, "model"), what="the model")
        self._network, self._bound = network, None
        self._objective_state = part(tensors, "objective") if wanted.kind == "end" else None

    def reset(self) -> None:
        """Forget every fit: the next one starts from initial weights, also on a warm start."""
        self._network = self._objective_state = self._bound = None

    @property
    def network(self) -> ModuleNetwork | None:
        """The network as it was trained or loaded last, or None."""
        return self._network

    def new_network(self, seed: int) -> ModuleNetwork:
        """Return a network with initial weights, which this learner never trains."""
        return self._networks.new(seed)

    def _bound_objective(self, network: ModuleNetwork, x: Pool, engine: Engine) -> Objective:
        """Return the objective as the fit left it; after ``load`` it is made again from its state."""
        if self._bound is None:
            if self._objective_state is None:
                raise ContractError(
                    "extra fields need the snapshot 'end', which holds the objective's state, but another "
                    "one is loaded; load 'end'"
                )
            objective = new_objective(self._objective, self.task)
            example = self._networks.example(network, objective, x, engine, seed=0)
            bind(objective, network, example, seed=0, engine=engine, state=self._objective_state)
            self._bound = objective
        return self._bound
