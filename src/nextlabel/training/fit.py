"""The preparation of a fit, from a learner's settings and data to the first step, which ``loop`` makes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nextlabel.adapters import as_objective, check_call
from nextlabel.errors import ConfigurationError, ContractError, brief
from nextlabel.objectives.catalogue import OBJECTIVES
from nextlabel.parts import Part
from nextlabel.pool import Pool
from nextlabel.seeds import derive
from nextlabel.snapshots import Snapshot
from nextlabel.tasks.task import Task
from nextlabel.training.batches import DeviceCache, sequential
from nextlabel.training.checkpoint import joined, load_state, write_tensors
from nextlabel.training.config import TrainingConfig
from nextlabel.training.device import DeviceName, Engine, isolated_rng
from nextlabel.training.loop import TrainingRun
from nextlabel.training.network import ModuleNetwork
from nextlabel.training.preprocess import Preparation, Prepare, resized
from nextlabel.training.snapshots import snapshot_path
from nextlabel.types import Forward, Objective

__all__ = ["Networks", "bind", "new_objective", "prepare"]


def prepare(
    networks: Networks,
    objective: Objective,
    x: Pool,
    y: Tensor,
    *,
    config: TrainingConfig,
    held: ModuleNetwork | None,
    state: Mapping[str, Tensor],
    device: DeviceName,
    snapshots: frozenset[Snapshot],
    seed: int,
    workdir: Path,
    **others: Any,  # Any: further fields of TrainingRun
) -> TrainingRun:
    """Return the training run of a fit, ready for its first step or to be continued.

    Arguments are as of :class:`TrainingRun`, but for these: ``objective`` is not bound yet; ``y`` are the
    (L,) targets as the task gives them; ``held`` is the network to continue from, None for new weights; and
    ``state`` is what an earlier fit left of the objective, empty for none.

    Raises:
        LabelsError: A target cannot be learnt.
        ContractError: Model or objective broke their contract.
        ConfigurationError: The model cannot be trained in this way, or the state does not fit.
        DataError: The items do not stack, or the folder cannot be written.
    """
    engine = Engine(device, config.mixed_precision)
    # A copy of what is held: a fit that fails or is killed leaves it alone.
    network = networks.place(networks.new(seed) if held is None else copy.deepcopy(held), engine)
    example = networks.example(network, objective, x, engine, seed)
    few = networks.few(x, engine)
    _check_progressive_resize(network, few, config, networks.preparation.on(engine.device))
    targets = networks.task.checked(y, x.ids, example.outputs.shape[1]).to(engine.device)
    if objective.uses_fresh_network and not state:
        objective.take_fresh(networks.unrelated("teacher", objective, x, engine, seed))
    bind(objective, network, example, seed=seed, engine=engine, state=state)
    run = TrainingRun(
        network=network, objective=objective, config=config.for_fit(from_scratch=held is None),
        engine=engine, x=x, targets=targets, preparation=networks.preparation, snapshots=snapshots,
        seed=seed, workdir=workdir, cache=networks.cache, **others,
    )  # fmt: skip
    if (untrained := Snapshot("untrained")) in snapshots:
        other = networks.unrelated("untrained", objective, x, engine, seed)
        write_tensors(snapshot_path(workdir, untrained), joined({"model": other.module.state_dict()}))
    return run


def new_objective(objective: str | Part | Callable[[], nn.Module], task: Task) -> Objective:
    """Return a new objective, not bound yet.

    Raises:
        UnknownNameError: There is no objective of that name, or no such option.
        ContractError: What the function returned is no objective.
        ConfigurationError: It is for another task, or an option is out of range.
    """
    if isinstance(objective, (str, Part)):
        made = as_objective(OBJECTIVES.create(objective))
    elif isinstance(objective, nn.Module):
        raise ContractError(
            f"objective must be a name or a function that returns a new objective, got {brief(objective)}; "
            "pass its class"
        )
    else:
        check_call("objective()", objective)
        made = as_objective(objective())
    if made.task not in (None, task.name):
        raise ConfigurationError(
            f"the objective must be for the task {task.name}, but {type(made).__name__} is for {made.task}; "
            f"use objective='{task.default_objective}'"
        )
    return made


@dataclass(frozen=True, eq=False)
class Networks:
    """Makes the networks of a learner and places them on the device.

    The user's ``model`` is a function that returns modules, called under a generator that is derived from the
    seed, or a module, which is copied and never changed. ``untrained_model`` makes networks for comparison
    before any fit; None for ``model``.
    """

    model: Callable[[], nn.Module] | nn.Module
    untrained_model: Callable[[], nn.Module] | None
    task: Task
    embedding_layer: str | None
    preparation: Preparation
    cache: DeviceCache

    def __post_init__(self) -> None:
        check_call("model()", self.model)
        if self.untrained_model is not None:
            check_call("untrained_model()", self.untrained_model)

    def new(self, seed: int, *, untrained: bool = False) -> ModuleNetwork:
        """Return a network with initial weights from this seed, made by ``untrained_model`` if so asked.

        Raises:
            ContractError: The function returned no module.
            UnknownNameError: The module has no such layer.
        """
        model = (self.untrained_model or self.model) if untrained else self.model
        with isolated_rng(derive(seed, "weights")):
            # A module is callable too, and a function may return the same module twice: a copy is trained.
            made = model if isinstance(model, nn.Module) else model()
            if not isinstance(made, nn.Module):
                raise ContractError(
                    f"the model function must return an nn.Module, got {type(made).__name__}; return the "
                    "network"
                )
            per_pixel = self.task.output is None
            return ModuleNetwork(
                copy.deepcopy(made), embedding_layer=self.embedding_layer, per_pixel=per_pixel
            )

    def unrelated(
        self, purpose: str, objective: Objective, x: Pool, engine: Engine, seed: int
    ) -> ModuleNetwork:
        """Return an untrained network with weights of its own for this purpose, on the device."""
        seed = derive(seed, purpose)
        network = self.place(self.new(seed, untrained=True), engine)
        self.example(network, objective, x, engine, seed)
        return network

    def place(self, network: ModuleNetwork, engine: Engine) -> ModuleNetwork:
        """Move the network to the device, in the memory layout of the inputs."""
        network.to(engine.device)
        return network.to(memory_format=torch.channels_last) if self.preparation.channels_last else network

    def example(
        self, network: ModuleNetwork, objective: Objective, x: Pool, engine: Engine, seed: int
    ) -> Forward:
        """Return the outputs for a few items of the pool, which gives lazy modules their shapes and weights.

        The network is left in evaluation mode, and set to give what the objective uses.

        Raises:
            ContractError: The outputs are not those of the task.
        """
        network.with_embeddings, network.with_stages = objective.uses_embeddings, objective.uses_stages
        network.eval()
        with isolated_rng(derive(seed, "example"), engine.device), torch.no_grad():
            items = self.preparation.on(engine.device)(self.few(x, engine))
            inputs = objective.inputs(items)
            try:
                forward: Forward = network(inputs)
            except (RuntimeError, TypeError, ValueError, IndexError) as error:
                raise ContractError(
                    f"the model must take items of shape {tuple(inputs.shape[1:])} and {inputs.dtype}, got "
                    f"an error ({_reason(error)}); correct its layers, or the items of the pool"
                ) from error
        outputs, width = forward.outputs.shape[1], self.task.width
        if outputs < 2 if width is None else outputs != width:
            wanted = {None: "one output per class, at least 2", 1: "1 output"}.get(
                width, f"{width} outputs, one per class"
            )
            raise ContractError(f"task='{self.task.name}' needs a model with {wanted}, got {outputs}")
        return forward

    def few(self, x: Pool, engine: Engine) -> Tensor:
        """Return the first items of the pool on the device, at most two."""
        with isolated_rng(0, engine.device):  # items of a data set may draw; what follows must not notice
            return next(sequential(x.slice(0, 2), 2, 0, engine.device, self.cache))


def _check_progressive_resize(
    network: ModuleNetwork, items: Tensor, config: TrainingConfig, prepare: Prepare
) -> None:
    """Refuse sizes of ``progressive_resize`` that the network cannot take, given a few of its inputs."""
    network.eval()
    for fraction in sorted({*(config.progressive_resize or ())} - {1.0}):
        smaller = resized(items, fraction)
        try:
            with isolated_rng(0, items.device), torch.no_grad():
                network(prepare(smaller))
        except (RuntimeError, ValueError, AssertionError) as error:  # the last is what timm's models raise
            raise ConfigurationError(
                f"progressive_resize must give images that the model can take, got {fraction}, which gives "
                f"items of shape {tuple(smaller.shape[1:])} ({_reason(error)}); use other fractions, or "
                "leave it out"
            ) from error


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def bind(
    objective: Objective,
    network: ModuleNetwork,
    example: Forward,
    *,
    seed: int,
    engine: Engine,
    state: Mapping[str, Tensor],
) -> None:
    """Bind an objective to its network, move it to the device, and load its state if that is not empty.

    Raises:
        ConfigurationError: The state does not fit.
    """
    with isolated_rng(derive(seed, "objective"), engine.device):
        objective.bind(network, example)
    objective.to(engine.device)
    if state:
        load_state(objective, state, what="the objective")
