"""The validated settings of a campaign, and the form in which the ledger records them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nextlabel.errors import ConfigurationError, listed
from nextlabel.ledger.events import canonical
from nextlabel.parts import check_whole
from nextlabel.registry import parameters_of
from nextlabel.selection.selection import as_strategy
from nextlabel.strategies.catalogue import STRATEGY_CONTRACT
from nextlabel.tasks.task import Task
from nextlabel.types import Scorer, Strategy

__all__ = ["Setup", "strategy_options"]

CHANGEABLE = ("strategy", "batch_size", "candidate_size", "seed")
"""The settings that a fork can change, besides its learner."""


@dataclass(frozen=True)
class Setup:
    """The settings of a campaign, as :class:`~nextlabel.campaign.campaign.Campaign` describes them.

    Raises:
        ConfigurationError: A number is wrong, or the strategy cannot work with the task.
    """

    strategy: Scorer | Strategy
    task: Task
    batch_size: int
    initial_size: int
    candidate_size: int | None
    seed: int

    def __post_init__(self) -> None:
        for name, value, least, note in (
            ("batch_size", self.batch_size, 1, ""),
            ("initial_size", self.initial_size, 1, ""),
            ("candidate_size", self.candidate_size, self.batch_size, ", the batch size, or None"),
            ("seed", self.seed, None, ""),
        ):
            if name != "candidate_size" or value is not None:  # plain ints, as the ledger records them
                object.__setattr__(self, name, check_whole(name, value, least, note))
        if self.task.output is None and "output" in self.strategy.needs:
            raise ConfigurationError(
                f"strategy must do without outputs of whole items, which {self.task.name} lacks, got "
                f"'{self.strategy.name}'; choose a strategy for it, such as 'cod_{self.task.name}'"
            )

    def changed(self, changes: Mapping[str, Any]) -> Setup:
        """Return the settings with some of them changed, validated again.

        Raises:
            ConfigurationError: A setting cannot be changed, or not to this value.
        """
        if unknown := [name for name in changes if name not in CHANGEABLE]:
            raise ConfigurationError(
                f"a fork can change only {listed(['learner', *CHANGEABLE])}, got {listed(unknown)}"
            )
        return replace(self, **{**changes, "strategy": as_strategy(changes.get("strategy", self.strategy))})

    def settings(self) -> dict[str, Any]:  # Any: JSON
        """Return what the ledger records, and compares when the campaign is opened again."""
        strategy = {"name": self.strategy.name, **strategy_options(self.strategy)}
        return {**vars(self), "strategy": strategy, "task": self.task.recorded()}


def strategy_options(strategy: Scorer | Strategy) -> dict[str, Any]:  # Any: JSON
    """Return the options of a strategy as a campaign records them.

    They are the parameters of its class, apart from the members of the contract (``name``, ``needs``,
    ``score``, ``select``), with the values of the attributes of the same names.

    Raises:
        ConfigurationError: An option is not a named parameter, has no attribute of its name, or is not JSON.
    """
    who = f"strategy '{strategy.name}'"
    options: dict[str, Any] = {}
    complete = True
    for parameter in parameters_of(type(strategy)).values():
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            complete = False
        elif parameter.name not in STRATEGY_CONTRACT:
            name = parameter.name
            if not hasattr(strategy, name):
                raise ConfigurationError(
                    f"option '{name}' of {who} must be an attribute, because a campaign records it, "
                    f"got none; set self.{name} in __init__"
                )
            options[name] = getattr(strategy, name)
    unnamed = getattr(strategy, "__dict__", {}).keys() - options.keys() - STRATEGY_CONTRACT
    if unnamed and not complete:
        raise ConfigurationError(
            f"the options of {who} must be named parameters of its class, because a campaign records them, "
            f"got {listed(sorted(unnamed))} by *args or **kwargs; name them in __init__"
        )
    kept: dict[str, Any] = json.loads(canonical(options, f"the options of {who}", ConfigurationError))
    return kept
