"""What a campaign is set to do: settings, checked, and what the ledger remembers of them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from numbers import Integral
from typing import Any

from nextlabel.errors import ConfigurationError, ContractError, DataError, LabelsError, listed
from nextlabel.ledger.events import ItemId, Label, canonical
from nextlabel.parts import Part
from nextlabel.pool import Pool
from nextlabel.strategies.catalogue import STRATEGIES, STRATEGY_CONTRACT
from nextlabel.tasks.catalogue import as_task
from nextlabel.tasks.task import Task
from nextlabel.types import Scorer, Strategy

__all__ = ["Setup", "strategy_options"]


@dataclass(frozen=True)
class Setup:
    """The settings of a campaign, checked; what the ledger remembers of them is :meth:`settings`."""

    strategy: Scorer | Strategy
    batch_size: int
    initial_size: int
    seed: int
    task: Task
    candidate_size: int | None = None

    @staticmethod
    def checked(
        pool: Pool,
        strategy: str | Part | Scorer | Strategy,
        *,
        batch_size: int,
        initial_size: int,
        seed: int,
        task: str | Task,
        candidate_size: int | None = None,
    ) -> Setup:
        """Return the settings if a campaign can be run with them.

        Raises:
            ConfigurationError: A number or an option is wrong.
            ContractError: The strategy lacks a method.
            DataError: The pool is empty.
        """
        if not isinstance(pool, Pool):
            raise DataError(f"a campaign needs a Pool(data, ids), but got {type(pool).__name__}")
        if not len(pool):
            raise DataError("the pool is empty: a campaign needs at least one item to ask about")
        for name, value in (("batch_size", batch_size), ("initial_size", initial_size)):
            if not _is_whole(value) or value < 1:
                raise ConfigurationError(f"{name} must be a whole number of at least 1, but is {value!r}")
        if candidate_size is not None and (not _is_whole(candidate_size) or candidate_size < batch_size):
            raise ConfigurationError(
                f"candidate_size must be a whole number of at least batch_size, {batch_size}, or None for "
                f"the whole pool, but is {candidate_size!r}"
            )
        if not _is_whole(seed):
            raise ConfigurationError(f"seed must be a whole number, but is {seed!r}")
        numbers = int(batch_size), int(initial_size), int(seed)
        subset = None if candidate_size is None else int(candidate_size)
        return Setup(_as_strategy(strategy), *numbers, as_task(task), subset)

    def changed(self, pool: Pool, changes: Mapping[str, Any]) -> Setup:
        """Return the settings with some of them changed, checked again.

        Raises:
            ConfigurationError: A setting cannot be changed, or not to this.
        """
        changeable = ("strategy", "batch_size", "candidate_size", "seed")
        unknown = [name for name in changes if name not in changeable]
        if unknown:
            raise ConfigurationError(
                f"a fork can change {listed(['learner', *changeable])}, but not {listed(unknown)}"
            )
        return Setup.checked(
            pool, changes.get("strategy", self.strategy),
            batch_size=changes.get("batch_size", self.batch_size), initial_size=self.initial_size,
            seed=changes.get("seed", self.seed), task=self.task,
            candidate_size=changes.get("candidate_size", self.candidate_size),
        )  # fmt: skip

    def settings(self) -> dict[str, Any]:  # Any: JSON
        """Return what the ledger keeps and compares when the campaign is opened again."""
        return {
            "strategy": {"name": self.strategy.name, **strategy_options(self.strategy)},
            "batch_size": self.batch_size,
            "initial_size": self.initial_size,
            "seed": self.seed,
            "task": self.task.recorded(),
            "candidate_size": self.candidate_size,
        }

    def label(self, item: ItemId, label: Any) -> Label:  # Any: whatever a user gives as a label
        """Return the label as the ledger keeps it.

        Raises:
            LabelsError: It is no label of the task; the message names the item.
        """
        try:
            return self.task.encode(label)
        except LabelsError as error:
            raise LabelsError(f"item '{item}': {error}") from error


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _as_strategy(strategy: object) -> Scorer | Strategy:
    if isinstance(strategy, (str, Part)):
        return _as_strategy(STRATEGIES.create(strategy))
    if not isinstance(strategy, (Scorer, Strategy)):
        has = listed(name for name in dir(strategy) if not name.startswith("_")) or "none of them"
        raise ContractError(
            "a strategy needs name, needs and either score or select, "
            f"but {type(strategy).__name__} has {has}"
        )
    return strategy


def strategy_options(strategy: Scorer | Strategy) -> dict[str, Any]:  # Any: JSON
    """Return the options of a strategy as a campaign records them.

    They are the parameters of its class, apart from the members of the contract (``name``, ``needs``,
    ``score``, ``select``), with the values of the attributes of the same names.

    Raises:
        ConfigurationError: An option is not a named parameter, has no attribute of its name, or is not JSON.
    """
    who = f"strategy '{strategy.name}'"
    names, complete = _parameters(type(strategy))
    options: dict[str, Any] = {}
    for name in names:
        if not hasattr(strategy, name):
            raise ConfigurationError(
                f"option '{name}' of {who} must be an attribute, because a campaign records it, "
                f"got none; set self.{name} in __init__"
            )
        options[name] = getattr(strategy, name)
    state = getattr(strategy, "__dict__", {})
    unnamed = [] if complete else sorted(state.keys() - options.keys() - STRATEGY_CONTRACT)
    if unnamed:
        raise ConfigurationError(
            f"the options of {who} must be named parameters of its class, because a campaign records them, "
            f"got {listed(unnamed)} by *args or **kwargs; name them in __init__"
        )
    text = canonical(options, f"the options of {who}", ConfigurationError)
    later = _later(strategy)
    kept: dict[str, Any] = json.loads(text)
    return {name: value for name, value in kept.items() if name not in later}


def _parameters(made: type) -> tuple[list[str], bool]:
    """Return the names of the options of a class, and whether these are all that it can be given."""
    try:
        parameters = inspect.signature(made).parameters.values()
    except ValueError:  # some built-in classes do not give their parameters
        return [], False
    loose = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    names = [p.name for p in parameters if p.kind not in loose and p.name not in STRATEGY_CONTRACT]
    return names, not any(p.kind in loose for p in parameters)


def _later(strategy: object) -> set[str]:
    """Return the options of a later version that are at their default: older ledgers do not have them."""
    if not is_dataclass(strategy):
        return set()
    return {
        f.name for f in fields(strategy) if f.metadata.get("later") and getattr(strategy, f.name) == f.default
    }
