"""The grid: which cells an experiment consists of, each with all its settings resolved.

Names are checked here, before any work starts. Imports no torch and trains nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from nextlabel.bench.cell import Cell
from nextlabel.config import ExperimentConfig
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.datasets.labelled_data import LabelledData
from nextlabel.datasets.released_layout import found_root
from nextlabel.datasets.segmentation_data import SegmentationData
from nextlabel.errors import ConfigurationError, differences, listed
from nextlabel.learner_config import LearnerConfig
from nextlabel.models.catalogue import MODELS
from nextlabel.objectives.catalogue import OBJECTIVES
from nextlabel.results import FULL_TRAINING
from nextlabel.strategies.catalogue import STRATEGIES
from nextlabel.training.steps import batch_of, steps_of_pass

__all__ = ["Grid", "make_grid", "resolve_count", "with_found_data"]

PLAIN = "supervised"
"""The objective that every learner can train with."""


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


def with_found_data(config: ExperimentConfig) -> ExperimentConfig:
    """Return the configuration with the folders of data that the released code's layout has, as options.

    Only a record of them keeps a run that goes on from another directory from reading other files there.
    """
    tables = {name: dict(options) for name, options in config.dataset_options.items()}
    for name in config.dataset:
        if not tables.get(name, {}).get("root") and (root := found_root(name)):
            tables[name] = {**tables.get(name, {}), "root": root}
    return config.model_copy(update={"dataset_options": tables})


def make_grid(config: ExperimentConfig) -> Grid:
    """Resolve a configuration into its cells.

    Raises:
        UnknownNameError: A data set, strategy, objective or model does not exist.
        ConfigurationError: An option does not exist, or belongs to a part that the grid does not have.
    """
    _check_names(config)
    data = {name: DATASETS.create(name, **config.dataset_options.get(name, {})) for name in config.dataset}
    for name, one in data.items():
        _check_amounts(config, name, one)
    recipes = {name: _recipe(config, data[name]) for name in config.dataset}
    cells = tuple(_cells(config, {name: len(one) for name, one in data.items()}, recipes))
    _check_recipes(config, recipes)
    _check_learners(config, cells, data)
    shortfalls = (_shortfall(config, name, len(data[name])) for name in config.dataset)
    notes = tuple(note for note in (*shortfalls, _unaugmented(config, recipes)) if note)
    return Grid(cells, recipes, notes)


def _cells(
    config: ExperimentConfig,
    sizes: Mapping[str, int],
    recipes: Mapping[str, Mapping[str, Any]],  # Any: TOML
) -> Iterator[Cell]:
    for seed, dataset, objective in product(range(config.seeds), config.dataset, config.objective):
        size = sizes[dataset]
        plain = Cell(
            dataset, "", objective, seed, config.cycles,
            resolve_count(config.initial_size, size), resolve_count(config.batch_size, size),
            config.device, config.threads, recipes[dataset],
            {}, config.objective_options.get(objective, {}),
            dataset_options=config.dataset_options.get(dataset, {}), label_noise=config.label_noise,
        )  # fmt: skip
        for strategy in config.strategy:
            yield replace(
                plain,
                strategy=strategy,
                learner=_learner_for(strategy, recipes[dataset]),
                strategy_options=config.strategy_options.get(strategy, {}),
                candidate_size=_subset(config, size),
                audit=tuple(config.audit),
                score_last=bool(config.score_last),
            )
        for kind in config.full_training:
            learner = recipes[dataset]
            if kind == "equal_updates":
                learner = {name: value for name, value in learner.items() if name != "epochs_from_scratch"}
                learner["epochs"] = _epochs_of_equal_updates(plain, size)
            yield replace(
                plain,
                strategy=FULL_TRAINING[kind],
                cycles=1,
                initial_size=size,
                batch_size=1,
                learner=learner,
            )


def _learner_for(strategy: str, learner: Mapping[str, Any]) -> Mapping[str, Any]:  # Any: TOML
    """Return the options of the learner for a strategy: what a wrapper scores are items as they are."""
    plain = learner.get("score_augmented") and _has_wrapper(strategy)
    return {**learner, "score_augmented": False} if plain else learner


def _has_wrapper(strategy: str) -> bool:
    """Return whether another learner wraps the model's for this strategy."""
    needs = STRATEGIES.card(strategy).needs
    return any(need.startswith("draws:") or need.endswith("labelled_probability") for need in needs)


def _unaugmented(
    config: ExperimentConfig,
    recipes: Mapping[str, Mapping[str, Any]],  # Any: TOML
) -> str | None:
    """Return a sentence on strategies that the setting ``score_augmented`` does not reach, or None."""
    wrapped = [name for name in config.strategy if _has_wrapper(name)]
    if not wrapped or not any(recipe.get("score_augmented") for recipe in recipes.values()):
        return None
    return (
        f"learner.score_augmented is false for {listed(wrapped, limit=20)}, whose scores are not the model's "
        "own: they score items as they are"
    )


def _epochs_of_equal_updates(cell: Cell, size: int) -> int:
    """Return for how many epochs all labels make as many updates as the cell's cycles, to the nearest."""
    for needed in ("epochs", "batch_size"):
        if needed not in cell.learner:
            raise ConfigurationError(
                f"full_training='equal_updates' needs the setting 'learner.{needed}', for the recipe of "
                f"{cell.dataset} does not give it"
            )
    learner = cell.learner
    labels = [min(cell.initial_size + cycle * cell.batch_size, size) for cycle in range(cell.cycles)]
    updates = sum(
        _epochs(learner, first=count == cell.initial_size) * _updates(learner, count)
        for count in dict.fromkeys(labels)
    )
    return max(1, round(updates / _updates(learner, size)))


def _epochs(learner: Mapping[str, Any], *, first: bool) -> int:  # Any: TOML
    cold = learner.get("epochs_from_scratch") if first or learner.get("start") == "cold" else None
    return int(learner["epochs"] if cold is None else cold)


def _updates(learner: Mapping[str, Any], count: int) -> int:  # Any: TOML
    """Return the updates of one epoch."""
    return steps_of_pass(
        count, batch_of(count, int(learner["batch_size"]), learner.get("min_steps_per_epoch"))
    )


def _subset(config: ExperimentConfig, size: int) -> int | None:
    return (
        None
        if config.candidate_size is None or config.candidate_size == "all"
        else resolve_count(config.candidate_size, size)
    )


def resolve_count(wanted: int | float, size: int) -> int:
    """Return a count: the count itself, or that fraction of ``size``, rounded, at least 1.

    >>> amount(20, 1437), amount(0.1, 1437)
    (20, 144)
    """
    return wanted if isinstance(wanted, int) else max(1, round(wanted * size))


def _check_amounts(config: ExperimentConfig, name: str, data: LabelledData | SegmentationData) -> None:
    """Refuse numbers of labels that cannot be trained on, or under which a cycle could not add its batch."""
    size = len(data)
    start, batch, subset = (
        resolve_count(config.initial_size, size),
        resolve_count(config.batch_size, size),
        _subset(config, size),
    )
    if config.cycles > 1 and start >= size:
        raise ConfigurationError(
            f"the start takes {start:,} labels, which is all {size:,} items of the pool of {name}, so no "
            "cycle could add one; lower 'initial_size', or set cycles=1"
        )
    if start < 2 and isinstance(data, LabelledData):
        raise ConfigurationError(
            f"training needs labels of at least two classes, but the start takes {start} label of the "
            f"{size:,} items of {name}; raise 'initial_size' to 2 or more"
        )
    if subset is not None and subset < batch:
        raise ConfigurationError(
            f"a cycle asks for {batch:,} labels on {name}, but its candidate subset has only {subset:,} "
            "items; raise 'candidate_size', or lower 'batch_size'"
        )


def _shortfall(config: ExperimentConfig, name: str, size: int) -> str | None:
    wanted = resolve_count(config.initial_size, size) + (config.cycles - 1) * resolve_count(
        config.batch_size, size
    )
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


def _check_learners(
    config: ExperimentConfig, cells: tuple[Cell, ...], data: Mapping[str, LabelledData | SegmentationData]
) -> None:
    """Make the learners that settings, strategies or objectives change: what cannot be made is refused now.

    One per data set for the settings, one for every strategy that trains something next to the model, and one
    for every other objective than the plain one. Segmentation takes few of either, so each is tried there.
    """
    changed = config.learner != LearnerConfig() or config.device != "auto"
    kinds = {cell.dataset: cell for cell in reversed(cells)} if changed else {}
    for cell in cells:
        dense = isinstance(data[cell.dataset], SegmentationData)
        if dense or _has_wrapper_learner(cell):
            kinds[f"{cell.dataset} {cell.strategy}"] = cell
        if dense or cell.objective != PLAIN:
            kinds[f"{cell.dataset} with {cell.objective}"] = cell
    if kinds:
        from nextlabel.bench.setup import make_learner  # imports torch, which a plain run leaves to workers

        for cell in kinds.values():
            make_learner(cell, data[cell.dataset])


def _has_wrapper_learner(cell: Cell) -> bool:
    names = [] if cell.is_reference else [cell.strategy]
    names += [str(table["strategy"]) for table in cell.audit]
    return any(
        need.startswith(("extra:", "draws:")) for name in names for need in STRATEGIES.card(name).needs
    )


def _check_names(config: ExperimentConfig) -> None:
    for names, registry in (
        (config.dataset, DATASETS),
        (config.strategy, STRATEGIES),
        (config.objective, OBJECTIVES),
    ):
        for name in names:
            registry.card(name)
    if config.learner.model is not None:
        MODELS.card(config.learner.model)
    for key, names, options in (
        ("strategy_options", config.strategy, config.strategy_options),
        ("objective_options", config.objective, config.objective_options),
        ("dataset_options", config.dataset, config.dataset_options),
    ):
        for name in options:
            if name not in names:
                raise ConfigurationError(f"{key} names '{name}', but this experiment has {', '.join(names)}")
    for name, given in config.strategy_options.items():
        STRATEGIES.create(name, **given)
    for name, given in config.objective_options.items():
        OBJECTIVES.create(name, **given)
    if config.audit:
        from nextlabel.bench.diagnostics import make_scorers  # imports torch

        make_scorers(config.audit)


def _recipe(config: ExperimentConfig, data: LabelledData | SegmentationData) -> dict[str, Any]:
    """Return the data set's own recipe with the configuration's settings laid over it."""
    own = dict(data.recipe)
    given = {key: value for key, value in config.learner.recorded().items() if value is not None}
    options = given.pop("model_options")
    if given.get("model", own.get("model")) == own.get("model"):
        options = {**dict(own.get("model_options", {})), **options}  # type: ignore[call-overload]  # a table
    return {**own, **given, "model_options": options}
