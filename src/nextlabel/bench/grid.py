"""The grid: which cells an experiment consists of, each with all its settings resolved.

Names are checked here, before any work starts. Imports no torch and trains nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from nextlabel.config import Device, ExperimentConfig, LearnerConfig, differences, fingerprint
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.datasets.labelled_data import LabelledData
from nextlabel.errors import ConfigurationError
from nextlabel.models.catalogue import MODELS
from nextlabel.objectives.catalogue import OBJECTIVES
from nextlabel.strategies.catalogue import STRATEGIES

__all__ = ["Cell", "Grid", "amount", "make_grid"]


@dataclass(frozen=True)
class Cell:
    """One campaign of the grid, its settings resolved.

    Attributes:
        dataset: Name of the data set.
        strategy: Name of the strategy.
        objective: Name of the objective.
        seed: The seed.
        cycles: Trainings.
        start_size: Labels before the first training.
        batch_size: Labels asked a cycle.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: CPU threads.
        learner: Options of the learner, the model's name and options among them.
        strategy_options: Options of the strategy.
        objective_options: Options of the objective.
    """

    dataset: str
    strategy: str
    objective: str
    seed: int
    cycles: int
    start_size: int
    batch_size: int
    device: Device
    threads: int
    learner: Mapping[str, Any]  # Any: TOML
    strategy_options: Mapping[str, Any]  # Any: TOML
    objective_options: Mapping[str, Any]  # Any: TOML

    @property
    def name(self) -> str:
        """The name of the cell's folder: readable, and distinct for distinct settings."""
        return f"{self.dataset}-{self.strategy}-{self.objective}-s{self.seed}-{fingerprint(vars(self))}"


@dataclass(frozen=True)
class Grid:
    """The cells of an experiment, seed by seed.

    Attributes:
        cells: The cells.
        recipes: How each data set is trained on: its own recipe with the configuration laid over it.
        notes: What the user should know before it starts, a sentence each.
    """

    cells: tuple[Cell, ...]
    recipes: Mapping[str, Mapping[str, Any]]  # Any: TOML
    notes: tuple[str, ...]


def make_grid(config: ExperimentConfig) -> Grid:
    """Resolve a configuration into its cells.

    Raises:
        UnknownNameError: A data set, strategy, objective or model does not exist.
        ConfigurationError: An option does not exist, or belongs to a part that the grid does not have.
    """
    _check_names(config)
    data = {name: DATASETS.create(name) for name in config.dataset}
    recipes = {name: _recipe(config, data[name]) for name in config.dataset}
    cells = tuple(
        Cell(
            dataset, strategy, objective, seed, config.cycles,
            amount(config.start, len(data[dataset])), amount(config.batch_size, len(data[dataset])),
            config.device, config.threads, recipes[dataset],
            config.strategy_options.get(strategy, {}), config.objective_options.get(objective, {}),
        )
        for seed, dataset, objective, strategy in product(
            range(config.seeds), config.dataset, config.objective, config.strategy
        )
    )  # fmt: skip
    _check_recipes(config, recipes)
    if config.learner != LearnerConfig() or config.device != "auto":
        _check_learners(cells, data)
    notes = tuple(note for name in config.dataset if (note := _shortfall(config, name, len(data[name]))))
    return Grid(cells, recipes, notes)


def amount(wanted: int | float, size: int) -> int:
    """Return a count: the count itself, or that share of ``size``, rounded, at least 1.

    >>> amount(20, 1437), amount(0.1, 1437)
    (20, 144)
    """
    return wanted if isinstance(wanted, int) else max(1, round(wanted * size))


def _shortfall(config: ExperimentConfig, name: str, size: int) -> str | None:
    wanted = amount(config.start, size) + (config.cycles - 1) * amount(config.batch_size, size)
    if wanted <= size:
        return None
    return (
        f"{config.cycles} cycles on {name} ask for {wanted:,} labels, but the pool has {size:,} items: "
        "the last batch takes what is left, and the campaign ends there"
    )


def _check_recipes(config: ExperimentConfig, recipes: Mapping[str, Mapping[str, Any]]) -> None:  # Any: TOML
    """Refuse a file whose record of the recipes is not what its settings come to."""
    changed = differences(config.recipes or recipes, recipes)
    if changed:
        raise ConfigurationError(
            f"the tables 'recipes' record what the settings come to and set nothing, but they differ "
            f"({'; '.join(changed)}); change the table 'learner' instead, and leave 'recipes' out"
        )


def _check_learners(cells: tuple[Cell, ...], data: Mapping[str, LabelledData]) -> None:
    """Make one learner a data set, so that a setting it cannot use is refused before any work."""
    from nextlabel.bench.cell import make_learner  # imports torch, which a plain run leaves to its workers

    for name, one in data.items():
        make_learner(next(cell for cell in cells if cell.dataset == name), one)


def _check_names(config: ExperimentConfig) -> None:
    for names, shelf in (
        (config.dataset, DATASETS),
        (config.strategy, STRATEGIES),
        (config.objective, OBJECTIVES),
    ):
        for name in names:
            shelf.card(name)
    if config.learner.model is not None:
        MODELS.card(config.learner.model)
    for key, names, options in (
        ("strategy_options", config.strategy, config.strategy_options),
        ("objective_options", config.objective, config.objective_options),
    ):
        for name in options:
            if name not in names:
                raise ConfigurationError(f"{key} names '{name}', but this experiment has {', '.join(names)}")
    for name, given in config.strategy_options.items():
        STRATEGIES.create(name, **given)
    for name, given in config.objective_options.items():
        OBJECTIVES.create(name, **given)


def _recipe(config: ExperimentConfig, data: LabelledData) -> dict[str, Any]:
    """Return the data set's own recipe with the configuration's settings laid over it."""
    own = dict(data.recipe)
    given = {key: value for key, value in config.learner.model_dump().items() if value is not None}
    options = given.pop("model_options")
    if given.get("model", own.get("model")) == own.get("model"):
        options = {**dict(own.get("model_options", {})), **options}  # type: ignore[call-overload]  # a table
    return {**own, **given, "model_options": options}
