"""The learner for any ``torch.nn.Module``: training, prediction, and the states it leaves in a folder.

It knows pools, labels and one training at a time; nothing of cycles, strategies or budgets.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from nextlabel.errors import ConfigurationError, ContractError, DataError, UnknownNameError
from nextlabel.learners.arguments import check_same, described, training_arguments
from nextlabel.learners.augment import Augmentation, augmentation
from nextlabel.learners.batches import DeviceCache, sequential
from nextlabel.learners.checkpoint import (
    check_fits,
    joined,
    part,
    read_json,
    read_tensors,
    write_json,
    write_tensors,
)
from nextlabel.learners.device import DeviceName, Engine
from nextlabel.learners.labels import Task, check_counts, check_task, checked_labels
from nextlabel.learners.network import ModuleNetwork
from nextlabel.learners.randomness import isolated_rng
from nextlabel.learners.schedule import (
    MixedPrecision,
    Moment,
    OptimizerFactory,
    OptimizerName,
    Recipe,
    Schedule,
)
from nextlabel.learners.training import CHECKPOINT, Training
from nextlabel.objectives.catalogue import OBJECTIVES
from nextlabel.pool import Pool
from nextlabel.seeds import derive
from nextlabel.types import Forward, Objective, Outputs

__all__ = ["TorchLearner"]

FINISHED = "fit.json"
"""Written last: a folder that holds it holds a finished training."""

Start = Literal["warm", "cold"]


class TorchLearner:
    """Train a ``torch.nn.Module`` on a pool's labels and predict with it.

    A ``fit`` is a function of its arguments and, on a warm start, of the weights held when it begins: the
    same seed gives the same weights, bit for bit, on one machine with one number of threads (on CUDA as far
    as the model's operations are reproducible), also when it was killed at any step and is called again with
    the same ``workdir``.
    Optimiser and schedule begin anew in every fit. Chance inside modules must come from torch's generators.

    Pools of tensors stay on the device and are sliced there; others come through a DataLoader. uint8 inputs
    are turned into float32 in [0, 1], other floats into float32; any other normalisation is the model's or
    the data set's.

    Args:
        model: A function that returns a new module, called under a generator that is derived from the seed;
            or a module, whose present weights are the initial ones and which is copied, never trained
            itself. It maps a batch to (B, C) raw outputs, in regression to (B, 1).
        objective: The training loss: a name in the catalogue, or a function that returns a new objective.
        objective_options: Options of the objective.
        task: ``"classification"`` gives ``log_probs``, ``"regression"`` gives ``values``.
        epochs: Passes over the labelled items in one fit.
        batch_size: Labelled items in a step, and as many unlabelled ones where the objective uses them.
        optimizer: A name, or a function of the parameters.
        lr: Learning rate; None for the optimiser's usual one (``sgd`` 0.1, ``adam`` and ``adamw`` 0.001).
        momentum: Of ``sgd``.
        weight_decay: Of a named optimiser.
        schedule: Course of the learning rate. The default, a tenth of it in the last fifth of the training,
            is that of Huang et al.: Semi-Supervised Active Learning with Temporal Output Discrepancy, ICCV
            2021.
        milestones: Shares of the training at which ``multistep`` multiplies by ``gamma``.
        gamma: That factor.
        start: ``"warm"``: a fit goes on from the weights that the last one left; ``"cold"``: from new ones.
        augment: Names (``"random_crop"``, ``"horizontal_flip"``), callables of a batch and a generator, or a
            sequence of them, for training only.
        mixed_precision: ``"no"``, ``"fp16"`` or ``"bf16"``.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        num_workers: Processes that load items of pools that are no tensors.
        embedding_layer: Name of the layer whose output are the embeddings; None for the timm contract.
        scan_batch_size: Items in one pass of ``predict``.
        checkpoint_seconds: Time between step checkpoints; a killed fit loses at most as much.
        moments: What ``fit`` keeps besides its end: its ``"initial"`` weights, those one ``"epoch"`` before
            the end.

    Attributes:
        progress: A function of steps done and steps in all, called during ``fit`` at most ten times a second.

    Raises:
        ConfigurationError: An option is unknown or out of range.

    >>> learner = TorchLearner(lambda: nn.Linear(8, 3), epochs=2, device="cpu")
    """

    def __init__(
        self,
        model: Callable[[], nn.Module] | nn.Module,
        *,
        objective: str | Callable[..., Objective] = "supervised",
        objective_options: Mapping[str, Any] | None = None,  # Any: an objective's options are its own
        task: Task = "classification",
        epochs: int = 100,
        batch_size: int = 128,
        optimizer: OptimizerName | OptimizerFactory = "sgd",
        lr: float | None = None,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        schedule: Schedule = "multistep",
        milestones: Sequence[float] = (0.8,),
        gamma: float = 0.1,
        start: Start = "warm",
        augment: str | Augmentation | Sequence[str | Augmentation] | None = None,
        mixed_precision: MixedPrecision = "no",
        device: DeviceName = "auto",
        num_workers: int = 0,
        embedding_layer: str | None = None,
        scan_batch_size: int = 1024,
        checkpoint_seconds: float = 30.0,
        moments: Sequence[Moment] = ("initial", "epoch"),
    ) -> None:
        check_task(task)
        for kind, names, known in (("start", (start,), Start), ("moment", moments, Moment)):
            for name in names:
                if name not in get_args(known):
                    raise UnknownNameError(kind, name, get_args(known))
        if num_workers < 0 or scan_batch_size < 1 or checkpoint_seconds < 0:
            raise ConfigurationError(
                "num_workers and checkpoint_seconds must be at least 0, and scan_batch_size at least 1, but "
                f"they are {num_workers}, {checkpoint_seconds} and {scan_batch_size}"
            )
        self.recipe = Recipe(
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            lr=lr,
            momentum=momentum,
            weight_decay=weight_decay,
            schedule=schedule,
            milestones=tuple(milestones),
            gamma=gamma,
            mixed_precision=mixed_precision,
        )
        self.task, self.start, self.device, self.moments = task, start, device, frozenset(moments)
        self.num_workers, self.scan_batch_size = num_workers, scan_batch_size
        self.embedding_layer, self.checkpoint_seconds = embedding_layer, checkpoint_seconds
        self.progress: Callable[[int, int], None] | None = None
        self._model, self._augment = model, augmentation(augment)
        self._objective, self._objective_options = objective, dict(objective_options or {})
        self._network: ModuleNetwork | None = None
        self._objective_state: dict[str, Tensor] = {}
        self._cache = DeviceCache()
        Engine(device, mixed_precision)  # refuses now what this machine cannot do
        self._new_objective()

    def fit(self, x: Pool, y: Tensor, unlabelled: Pool, *, seed: int, workdir: Path) -> dict[str, float]:
        """Train on the labelled pool and return ``train_loss``, ``steps`` and ``epochs``.

        Called again with the same arguments, it goes on from the checkpoint of a killed fit, or loads a
        finished one. The folder then holds ``end.safetensors``, a file for every other moment, and
        ``fit.json``.

        Args:
            x: The L labelled items.
            y: (L,) class indices, or target values in regression.
            unlabelled: The other items; an objective that uses them is given batches of these, unless there
                are fewer than two, which batch norm cannot normalise.
            seed: All chance is derived from it.
            workdir: An existing folder for this training alone.

        Raises:
            LabelsError: The labels cannot be learnt.
            ContractError: Model or objective broke their contract, or the loss is not finite.
            DataError: The folder holds another training or cannot be written.
        """
        check_counts(x, y)
        objective = self._new_objective()
        others = unlabelled if objective.uses_unlabelled and len(unlabelled) > 1 else None
        arguments = {
            **training_arguments(x, y, others, self.recipe, seed),
            "start": self.start,
            "objective": described(self._objective),
            "objective_options": {
                name: described(value) if callable(value) else repr(value)
                for name, value in self._objective_options.items()
            },
            "augment": described(self._augment),
        }
        finished = read_json(workdir / FINISHED)
        if finished is not None:
            check_same(finished["arguments"], arguments, workdir / FINISHED)
            self.load(workdir)
            return dict(finished["metrics"])
        training = self._prepared(x, y, others, objective, seed=seed, workdir=workdir, arguments=arguments)
        return self._trained(training, workdir)

    def _prepared(
        self,
        x: Pool,
        y: Tensor,
        others: Pool | None,
        objective: nn.Module,
        *,
        seed: int,
        workdir: Path,
        arguments: dict[str, Any],
    ) -> Training:
        engine = Engine(self.device, self.recipe.mixed_precision)
        network = self._starting_network(seed).to(engine.device)
        example = self._example(network, objective, x, engine)
        targets = checked_labels(x, y, task=self.task, classes=example.outputs.shape[1])
        self._bind(objective, network, example, seed, engine)
        return Training(
            network=network,
            objective=objective,
            recipe=self.recipe,
            engine=engine,
            x=x,
            targets=targets.to(engine.device),
            unlabelled=others,
            augment=self._augment,
            seed=seed,
            workdir=workdir,
            arguments=arguments,
            cache=self._cache,
            workers=self.num_workers,
            checkpoint_seconds=self.checkpoint_seconds,
            progress=self.progress,
        )

    def _trained(self, training: Training, workdir: Path) -> dict[str, float]:
        network, objective = training.network, training.objective
        initial = workdir / "initial.safetensors"
        if "initial" in self.moments and not (workdir / CHECKPOINT).exists():
            write_tensors(initial, joined({"model": network.module.state_dict()}))

        def on_epoch() -> None:
            if "epoch" in self.moments:
                write_tensors(workdir / "epoch.safetensors", joined({"model": network.module.state_dict()}))

        metrics = training.run(on_epoch)
        states = {"model": network.module.state_dict(), "objective": objective.state_dict()}
        write_tensors(workdir / "end.safetensors", joined(states))
        write_json(workdir / FINISHED, {"metrics": metrics, "arguments": training.arguments})
        (workdir / CHECKPOINT).unlink(missing_ok=True)
        self._network, self._objective_state = network, states["objective"]
        return metrics

    def predict(self, x: Pool, *, needs: frozenset[str], seed: int) -> Outputs:
        """Return what the trained model says of the items, in evaluation mode; one draw, on the CPU.

        Args:
            x: The N items.
            needs: ``log_probs`` in classification, (N, 1, C) float32 in nats; ``values`` in regression, (N,
                1, 1); ``embeddings``, (N, D) float32.
            seed: Only matters to data sets that draw while they load an item.

        Raises:
            ContractError: The model was not trained, or cannot give what is needed.
            DataError: There are no items, or they do not stack.
        """
        network = self._network
        if network is None:
            raise ContractError("predict needs a trained model, but there is none; call fit or load first")
        if len(x) == 0:
            raise DataError("predict needs at least one item, but the pool is empty")
        own = "log_probs" if self.task == "classification" else "values"
        for need in sorted(needs - {own, "embeddings"}):
            raise ContractError(
                f"a TorchLearner with task='{self.task}' gives '{own}' and 'embeddings', not '{need}'"
            )
        if "embeddings" in needs and not network.has_embeddings:
            raise ContractError(
                f"embeddings are needed, but {type(network.module).__name__} has no forward_features and "
                "forward_head "
                "as timm's models have; name a layer with embedding_layer="
            )
        engine = Engine(self.device, self.recipe.mixed_precision)
        network.to(engine.device).eval()
        network.with_embeddings = "embeddings" in needs
        fields: dict[str, list[Tensor]] = {need: [] for need in needs}
        with isolated_rng(derive(seed, "predict"), engine.device), torch.no_grad():
            for batch in sequential(
                x, self.scan_batch_size, seed, engine.device, self._cache, workers=self.num_workers
            ):
                with engine.autocast():
                    forward = network(batch)
                for need in needs:
                    fields[need].append(self._field(need, forward))
        return Outputs.from_fields({need: torch.cat(parts).cpu() for need, parts in fields.items() if parts})

    def load(self, workdir: Path, *, moment: str = "end") -> None:
        """Become the model that ``fit`` left in ``workdir``.

        The objective's state comes back with the moment ``"end"`` only; after another moment a warm start
        binds its objective anew.

        Args:
            workdir: The folder that was given to ``fit``.
            moment: ``"end"``, ``"initial"`` or ``"epoch"``.

        Raises:
            UnknownNameError: There is no such moment.
            DataError: The folder holds no such state, or a damaged one.
            ConfigurationError: The state does not fit the model.
        """
        if moment not in get_args(Moment):
            raise UnknownNameError("moment", moment, get_args(Moment))
        tensors, _ = read_tensors(Path(workdir) / f"{moment}.safetensors")
        network = self._fresh_network(seed=0) if self._network is None else self._network
        state = part(tensors, "model")
        check_fits(network.module, state, what="the model")
        network.module.load_state_dict(state)
        self._network, self._objective_state = network, part(tensors, "objective")

    def reset(self) -> None:
        """Forget every training: the next fit starts from initial weights, also on a warm start."""
        self._network, self._objective_state = None, {}

    def _fresh_network(self, seed: int) -> ModuleNetwork:
        with isolated_rng(derive(seed, "weights")):
            # A module is callable too, and a function may return the same module twice: what is trained is a
            # copy.
            made = self._model if isinstance(self._model, nn.Module) else self._model()
            if not isinstance(made, nn.Module):
                raise ContractError(
                    f"the model function must return an nn.Module, but returned {type(made).__name__}"
                )
            return ModuleNetwork(copy.deepcopy(made), embedding_layer=self.embedding_layer)

    def _starting_network(self, seed: int) -> ModuleNetwork:
        if self.start == "cold" or self._network is None:
            return self._fresh_network(seed)
        return copy.deepcopy(self._network)  # a fit that fails or is killed must leave the held weights alone

    def _example(self, network: ModuleNetwork, objective: nn.Module, x: Pool, engine: Engine) -> Forward:
        """Return the outputs for two items; this also gives lazy modules their shapes."""
        network.with_embeddings = bool(getattr(objective, "uses_embeddings", True))
        network.eval()
        with isolated_rng(0, engine.device), torch.no_grad():  # items of a data set may draw as well
            batch = next(sequential(x.slice(0, 2), 2, 0, engine.device, self._cache))
            forward: Forward = network(batch)
        outputs = forward.outputs.shape[1]
        if (self.task == "classification") != (outputs > 1):
            wanted = "one output a class, at least 2" if self.task == "classification" else "1 output"
            raise ContractError(f"task='{self.task}' needs a model with {wanted}, but it has {outputs}")
        return forward

    def _bind(
        self, objective: nn.Module, network: ModuleNetwork, example: Forward, seed: int, engine: Engine
    ) -> None:
        with isolated_rng(derive(seed, "objective"), engine.device):
            objective.bind(network, example)  # type: ignore[operator]  # _new_objective checked it
        objective.to(engine.device)
        if self.start == "warm" and self._network is not None and self._objective_state:
            check_fits(objective, self._objective_state, what="the objective")
            objective.load_state_dict(self._objective_state)

    def _new_objective(self) -> nn.Module:
        if isinstance(self._objective, str):
            made: Any = OBJECTIVES.create(self._objective, **self._objective_options)  # Any: checked below
        else:
            made = self._objective(**self._objective_options)
        if not isinstance(made, nn.Module) or not isinstance(made, Objective):
            raise ContractError(
                "an objective must be an nn.Module with uses_unlabelled, bind and after_step, but got "
                f"{type(made).__name__}"
            )
        meant = getattr(made, "task", self.task)
        if meant != self.task:
            fitting = "squared_error" if self.task == "regression" else "supervised"
            raise ConfigurationError(
                f"the objective {type(made).__name__} is for {meant}, but the task is {self.task}; "
                f"use objective='{fitting}'"
            )
        return made

    def _field(self, need: str, forward: Forward) -> Tensor:
        if need == "embeddings":
            assert forward.embeddings is not None, "has_embeddings was checked"
            return forward.embeddings.float()
        outputs = forward.outputs.float()
        return (outputs.log_softmax(1) if need == "log_probs" else outputs).unsqueeze(1)
