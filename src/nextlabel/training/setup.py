"""What a fit is made of: a network from the user's model, and an objective bound to it.

Knows pools only to take an example from, and nothing of the training itself or of predictions.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nextlabel.adapters import as_objective
from nextlabel.errors import ConfigurationError, ContractError
from nextlabel.objectives.catalogue import OBJECTIVES
from nextlabel.parts import Part
from nextlabel.pool import Pool
from nextlabel.seeds import derive
from nextlabel.tasks.task import Task
from nextlabel.training.batches import DeviceCache, sequential
from nextlabel.training.checkpoint import check_fits
from nextlabel.training.config import TrainingConfig
from nextlabel.training.device import Engine
from nextlabel.training.network import ModuleNetwork
from nextlabel.training.preprocess import Preparation, Prepare, resized
from nextlabel.training.randomness import isolated_rng
from nextlabel.types import Forward, Objective

__all__ = ["Networks", "bind", "check_progressive_resize", "example_outputs", "new_network", "new_objective"]


def new_network(
    model: Callable[[], nn.Module] | nn.Module, *, seed: int, embedding_layer: str | None, dense: bool = False
) -> ModuleNetwork:
    """Return a network of one's own: nothing that is done to it reaches the user's module.

    Args:
        model: A function that returns a module, called under a generator that is derived from the seed, or a
            module, which is copied.
        seed: Of the weights.
        embedding_layer: As of :class:`ModuleNetwork`.
        dense: Whether it gives outputs for every pixel.

    Raises:
        ContractError: The function returned no module.
        UnknownNameError: The module has no such layer.
    """
    with isolated_rng(derive(seed, "weights")):
        # A module is callable too, and a function may return the same module twice: a copy is trained.
        made = model if isinstance(model, nn.Module) else model()
        if not isinstance(made, nn.Module):
            raise ContractError(
                f"the model function must return an nn.Module, but returned {type(made).__name__}"
            )
        network = ModuleNetwork(copy.deepcopy(made), embedding_layer=embedding_layer)
        network.dense = dense
        return network


def new_objective(objective: str | Part | Callable[[], nn.Module], task: Task) -> Objective:
    """Return a new objective, not bound yet.

    Raises:
        UnknownNameError: There is no objective of that name, or no such option.
        ContractError: What the function returned is no objective.
        ConfigurationError: It is for another task, or an option is out of range.
    """
    made = as_objective(OBJECTIVES.create(objective) if isinstance(objective, (str, Part)) else objective())
    if made.task not in (None, task.name):
        raise ConfigurationError(
            f"the objective {type(made).__name__} is for {made.task}, but the task is {task.name}; "
            f"use objective='{task.default_objective}'"
        )
    return made


def example_outputs(
    network: ModuleNetwork,
    objective: Objective,
    batch: Callable[[], Tensor],
    *,
    task: Task,
    engine: Engine,
    seed: int,
) -> Forward:
    """Return the outputs for a few items, with what the objective wants; lazy modules get their shapes by it.

    Args:
        network: Left in evaluation mode, and set to give what the objective wants.
        objective: Says so by ``uses_embeddings`` and ``uses_stages``; one whose batches hold more than inputs
            has a method ``inputs`` that takes these out.
        batch: Loads the items, on the device.
        task: What the outputs have to be fit for.
        engine: Where.
        seed: Of the weights of lazy modules.

    Raises:
        ContractError: The outputs are not those of the task.
    """
    network.with_embeddings = objective.uses_embeddings
    network.with_stages = objective.uses_stages
    network.eval()
    with (
        isolated_rng(derive(seed, "example"), engine.device),
        torch.no_grad(),
    ):  # items of a data set may draw as well
        forward: Forward = network(objective.inputs(batch()))
    outputs = forward.outputs.shape[1]
    if outputs < 2 if task.width is None else outputs != task.width:
        wanted = {None: "one output per class, at least 2", 1: "1 output"}.get(
            task.width, f"{task.width} outputs, one per class"
        )
        raise ContractError(f"task='{task.name}' needs a model with {wanted}, but it has {outputs}")
    return forward


@dataclass(frozen=True, eq=False)
class Networks:
    """Makes the networks of a learner and places them on the device.

    Attributes:
        model: The user's: a function that returns modules, or a module.
        untrained_model: Makes networks that are compared with before any training; None for ``model``.
        task: What outputs are for.
        embedding_layer: As of :class:`ModuleNetwork`.
        preparation: What is done to batches.
        cache: Holds tensor pools on the device.
    """

    model: Callable[[], nn.Module] | nn.Module
    untrained_model: Callable[[], nn.Module] | None
    task: Task
    embedding_layer: str | None
    preparation: Preparation
    cache: DeviceCache

    def new(self, seed: int) -> ModuleNetwork:
        """Return a network with initial weights."""
        return self._made(self.model, seed)

    def unrelated(
        self, purpose: str, objective: Objective, x: Pool, engine: Engine, seed: int
    ) -> ModuleNetwork:
        """Return a network with initial weights of its own for this purpose, on the device."""
        seed = derive(seed, purpose)
        network = self.place(self._made(self.untrained_model or self.model, seed), engine)
        self.example(network, objective, x, engine, seed)
        return network

    def place(self, network: ModuleNetwork, engine: Engine) -> ModuleNetwork:
        """Move the network to the device, in the memory layout that inputs have."""
        network.to(engine.device)
        return network.to(memory_format=torch.channels_last) if self.preparation.channels_last else network

    def example(
        self, network: ModuleNetwork, objective: Objective, x: Pool, engine: Engine, seed: int
    ) -> Forward:
        """Return the outputs for a few items of the pool, see :func:`example_outputs`."""

        def batch() -> Tensor:
            return self.preparation.on(engine.device)(self.few(x, engine))

        return example_outputs(network, objective, batch, task=self.task, engine=engine, seed=seed)

    def few(self, x: Pool, engine: Engine) -> Tensor:
        """Return the first items of the pool on the device, at most two."""
        with isolated_rng(0, engine.device):  # items of a data set may draw; what comes next must not see it
            return next(sequential(x.slice(0, 2), 2, 0, engine.device, self.cache))

    def _made(self, model: Callable[[], nn.Module] | nn.Module, seed: int) -> ModuleNetwork:
        dense = self.task.output is None
        return new_network(model, seed=seed, embedding_layer=self.embedding_layer, dense=dense)


def check_progressive_resize(
    network: ModuleNetwork, items: Tensor, config: TrainingConfig, prepare: Prepare
) -> None:
    """Refuse a training run on images of a size that the network cannot take.

    Args:
        network: Left in evaluation mode.
        items: (B, ...) a few items, on the device.
        config: Says how small the images are.
        prepare: What is done to them after that.

    Raises:
        DataError: The items are not images.
        ConfigurationError: The network fails on small ones.
    """
    network.eval()
    for fraction in sorted({*(config.progressive_resize or ())} - {1.0}):
        smaller = resized(items, fraction)
        try:
            with isolated_rng(0, items.device), torch.no_grad():
                network(prepare(smaller))
        except (RuntimeError, ValueError, AssertionError) as error:  # the last is what timm's models raise
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise ConfigurationError(
                f"progressive_resize must be of images that the model can take, but at {fraction} it cannot "
                f"take items of shape {tuple(smaller.shape[1:])} ({reason}); use other shares, or leave "
                "progressive_resize out"
            ) from error


def bind(
    objective: Objective,
    network: ModuleNetwork,
    example: Forward,
    *,
    seed: int,
    engine: Engine,
    state: Mapping[str, Tensor],
    fresh: Callable[[], ModuleNetwork] | None = None,
) -> None:
    """Bind an objective to its network, on the device, and give it its state where there is one.

    Args:
        objective: Not bound yet.
        network: What it is to train, or trained.
        example: The network's outputs for a few items.
        seed: All randomness is derived from it.
        engine: Where.
        state: What an earlier training left of the objective; empty for none.
        fresh: Makes an unrelated network, for an objective that begins with one (``uses_fresh_network``);
            not needed where there is a state.

    Raises:
        ConfigurationError: The state does not fit.
    """
    if fresh is not None and not state and objective.uses_fresh_network:
        objective.take_fresh(fresh())
    with isolated_rng(derive(seed, "objective"), engine.device):
        objective.bind(network, example)
    objective.to(engine.device)
    if state:
        check_fits(objective, state, what="the objective")
        objective.load_state_dict(state)
