"""What a campaign is set to do, and what its next cycle consists of; both plain facts, read off the ledger.

Trains nothing and chooses nothing.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nextlabel.errors import ConfigurationError, ContractError, DataError, LabelsError, listed, nearest
from nextlabel.ledger.events import ItemId, Label, State, canonical
from nextlabel.parts import Part
from nextlabel.pool import Pool
from nextlabel.seeds import derive
from nextlabel.strategies.catalogue import STRATEGIES, STRATEGY_CONTRACT
from nextlabel.types import Learner, Scorer, Strategy

__all__ = ["Cycle", "Setup", "strategy_options"]


@dataclass(frozen=True)
class Setup:
    """The settings of a campaign, checked; what the ledger remembers of them is :meth:`settings`."""

    strategy: Scorer | Strategy
    batch_size: int
    initial_size: int
    seed: int
    classes: tuple[str, ...] | None
    candidate_size: int | None = None

    @staticmethod
    def checked(
        pool: Pool,
        learner: Learner,
        strategy: str | Part | Scorer | Strategy,
        *,
        batch_size: int,
        initial_size: int,
        seed: int,
        classes: Sequence[str] | None,
        candidate_size: int | None = None,
    ) -> Setup:
        """Return the settings if a campaign can be run with them.

        Raises:
            ConfigurationError: A number or an option is wrong.
            ContractError: The learner or the strategy lacks a method.
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
        for method in ("fit", "predict"):
            if not callable(getattr(learner, method, None)):
                who = type(learner).__name__
                raise ContractError(f"a learner needs the methods fit and predict, but {who} has no {method}")
        names = tuple(classes) if classes is not None else None
        if names is not None and (len(names) < 2 or not all(isinstance(name, str) for name in names)):
            raise ConfigurationError(f"classes must be the names of at least 2 classes, but are {classes!r}")
        if names is not None and len(set(names)) != len(names):
            raise ConfigurationError(f"class names must be distinct, but are {listed(names, limit=20)}")
        numbers = int(batch_size), int(initial_size), int(seed)
        subset = None if candidate_size is None else int(candidate_size)
        return Setup(_as_strategy(strategy), *numbers, names, subset)

    def changed(self, pool: Pool, learner: Learner, changes: Mapping[str, Any]) -> Setup:
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
            pool, learner, changes.get("strategy", self.strategy),
            batch_size=changes.get("batch_size", self.batch_size), initial_size=self.initial_size,
            seed=changes.get("seed", self.seed), classes=self.classes,
            candidate_size=changes.get("candidate_size", self.candidate_size),
        )  # fmt: skip

    def settings(self) -> dict[str, Any]:  # Any: JSON
        """Return what the ledger keeps and compares when the campaign is opened again."""
        return {
            "strategy": {"name": self.strategy.name, **strategy_options(self.strategy)},
            "batch_size": self.batch_size,
            "initial_size": self.initial_size,
            "seed": self.seed,
            "classes": list(self.classes) if self.classes is not None else None,
            "candidate_size": self.candidate_size,
        }

    def label(self, item: ItemId, label: Label | str) -> Label:
        """Return the label as it is kept: a class name becomes its index, and so does a whole float.

        Raises:
            LabelsError: The campaign has no such class.
        """
        if self.classes is None:
            if isinstance(label, str):
                raise LabelsError(
                    f"expected a number as the label of '{item}', but got '{label}'; "
                    "to label by name, give the campaign its classes"
                )
            return label
        if isinstance(label, str):
            if label not in self.classes:
                hint = nearest(label, self.classes)
                guess = (
                    f"; did you mean '{hint}'?" if hint else f"; they are {listed(self.classes, limit=20)}"
                )
                raise LabelsError(
                    f"the label '{label}' of '{item}' is none of the {len(self.classes)} classes{guess}"
                )
            return self.classes.index(label)
        given: object = label  # which comes from outside and may be anything
        if isinstance(given, bool) or not isinstance(given, Real):
            raise LabelsError(
                f"expected a class name or an index as the label of '{item}', but got {given!r} "
                f"({type(given).__name__})"
            )
        if not 0 <= label < len(self.classes) or label != int(label):
            raise LabelsError(f"the label of '{item}' must be in 0..{len(self.classes) - 1}, but is {label}")
        return int(label)

    def class_name(self, label: Label) -> str:
        """Return how to call a label in a message."""
        return f"'{self.classes[int(label)]}'" if self.classes else f"{label}"

    def one_class_only(self, labels: Tensor) -> bool:
        """Return whether these are class labels without two different ones among them."""
        return not labels.is_floating_point() and bool((labels == labels[0]).all())


@dataclass(frozen=True)
class Cycle:
    """The next training and query.

    Attributes:
        cycle: The cycle, from 1.
        labels: The label of every labelled item, in the pool's order.
        unlabelled: The items without a label, in the pool's order.
        candidates: Those of them that were not asked yet; what a query chooses from.
        name: The training's name in the ledger; it changes with the labels.
        folder: The training's own folder.
        previous: The folder of the training that the last query was made with, or None.
    """

    cycle: int
    labels: Mapping[ItemId, Label]
    unlabelled: tuple[ItemId, ...]
    candidates: tuple[ItemId, ...]
    name: str
    folder: Path
    previous: Path | None

    @staticmethod
    def next(state: State, pool: Pool, root: Path) -> Cycle:
        """Read the next training and query off the state.

        Raises:
            LabelsError: There are no labels to train on.
        """
        if not state.labels:
            raise LabelsError("training needs labels, but there are none yet; ask, label and tell first")
        cycle = max(state.cycle, 0) + 1
        labels = {item: state.labels[item] for item in pool.ids if item in state.labels}
        waiting = set(state.pending)
        unlabelled = tuple(item for item in pool.ids if item not in state.labels)
        name = f"train-{_digest(labels)}"
        asked = [at for (at, name) in state.measurements if name == "query" and at < cycle]
        before = max(asked, default=None)
        return Cycle(
            cycle,
            labels,
            unlabelled,
            tuple(item for item in unlabelled if item not in waiting),
            name,
            _folder(root, cycle, name),
            None
            if before is None
            else _folder(root, before, state.measurements[before, "query"]["training"]),
        )

    @property
    def score_name(self) -> str:
        """The name in the ledger of a score after this training that asks nothing."""
        return self.name.replace("train-", "score-", 1)

    def with_candidate_size(self, size: int | None, *, seed: int) -> Cycle:
        """Return the plan whose candidates are a uniform draw of so many of these, in the pool's order.

        The candidate subset of the released code of Huang et al., "Semi-Supervised Active Learning with
        Temporal Output Discrepancy", ICCV 2021 (there ``SUBSET``; the paper does not mention it), drawn again
        in every cycle. A deviation: the candidate subset is in the pool's order, theirs in that of the draw,
        which decides their ties. Here the order does not matter, because ties are drawn by the seed.

        Args:
            size: How many, all where there are fewer; None for all.
            seed: The campaign's; the draw derives from it and the cycle.
        """
        if size is None or size >= len(self.candidates):
            return self
        rng = torch.Generator().manual_seed(derive(seed, "subset", self.cycle))
        rows = torch.randperm(len(self.candidates), generator=rng)[:size].sort().values
        return replace(self, candidates=tuple(self.candidates[row] for row in rows.tolist()))

    def training_set(self, pool: Pool) -> tuple[Pool, Tensor]:
        """Return the labelled items and (L,) their labels: int64 classes, or float32 values."""
        labels = list(self.labels.values())
        whole = all(isinstance(label, int) for label in labels)
        return pool.subset(list(self.labels)), torch.tensor(
            labels, dtype=torch.int64 if whole else torch.float32
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _folder(root: Path, cycle: int, name: str) -> Path:
    return root / "cycles" / f"{cycle:04d}" / name


def _digest(labels: Mapping[ItemId, Label]) -> str:
    text = json.dumps(list(labels.items()))
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


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
