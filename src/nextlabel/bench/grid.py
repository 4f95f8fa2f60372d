"""The grid: which cells an experiment consists of, each with all its settings resolved.

Names are checked here, before any work starts. Imports no torch and trains nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from nextlabel.bench.cell import Cell
from nextlabel.config.experiment import ExperimentConfig
from nextlabel.config.learner import LearnerConfig, plain
from nextlabel.datasets.benchmark_dataset import BenchmarkDataset
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.datasets.files import found_root
from nextlabel.errors import ConfigurationError, differences, listed
from nextlabel.models.catalogue import MODELS
from nextlabel.objectives.catalogue import OBJECTIVES
from nextlabel.parts import Part, part_labels
from nextlabel.registry import Registry
from nextlabel.results import FULL_TRAINING
from nextlabel.strategies.catalogue import STRATEGIES

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
    return config.model_copy(update={"dataset": [_with_root(part) for part in config.dataset]})


def _with_root(part: Part) -> Part:
    root = None if part.options.get("root") else found_root(part.name)
    return part.with_options({"root": root}) if root else part


def make_grid(config: ExperimentConfig) -> Grid:
    """Resolve a configuration into its cells.

    Raises:
        UnknownNameError: A data set, strategy, objective or model does not exist.
        ConfigurationError: An option does not exist, or belongs to a part that the grid does not have.
    """
    _check_parts(config)
    labels = part_labels(config.dataset)
    data = {part: DATASETS.create(part) for part in config.dataset}
    for part, one in data.items():
        _check_amounts(config, labels[part], one)
    recipes = {part: _recipe(config, data[part]) for part in config.dataset}
    cells = tuple(_cells(config, {part: len(one) for part, one in data.items()}, recipes))
    named = {labels[part]: plain(recipe) for part, recipe in recipes.items()}
    _check_recipes(config, named)
    _check_learners(config, cells, data)
    notes_on_size = (_note_on_size(config, labels[part], len(data[part])) for part in config.dataset)
    notes = tuple(note for note in (*notes_on_size, _unaugmented(config, recipes)) if note)
    return Grid(cells, named, notes)


def _cells(
    config: ExperimentConfig,
    sizes: Mapping[Part, int],
    recipes: Mapping[Part, Mapping[str, Any]],  # Any: TOML
) -> Iterator[Cell]:
    for seed, dataset, objective in product(range(config.seeds), config.dataset, config.objective):
        size = sizes[dataset]
        common = Cell(
            dataset,
            Part(""),
            objective,
            seed,
            config.cycles,
            resolve_count(config.initial_size, size),
            resolve_count(config.batch_size, size),
            config.device,
            config.threads,
            recipes[dataset],
            label_noise=config.label_noise,
        )
        for strategy in config.strategy:
            yield replace(
                common,
                strategy=strategy,
                learner=_learner_for(strategy, recipes[dataset]),
                candidate_size=_candidate_size(config, size),
                diagnostics=tuple(config.diagnostics),
                score_last=bool(config.score_last),
            )
        for kind in config.full_training:
            learner = recipes[dataset]
            if kind == "equal_updates":
                learner = {name: value for name, value in learner.items() if name != "epochs_from_scratch"}
                learner["epochs"] = _epochs_of_equal_updates(common, size)
            yield replace(
                common,
                strategy=Part(FULL_TRAINING[kind]),
                cycles=1,
                initial_size=size,
                batch_size=1,
                learner=learner,
            )


def _learner_for(strategy: Part, learner: Mapping[str, Any]) -> Mapping[str, Any]:  # Any: TOML
    """Return the options of the learner for a strategy: what a wrapper scores are items as they are."""
    unaugmented = learner.get("score_augmented") and _has_wrapper(strategy)
    return {**learner, "score_augmented": False} if unaugmented else learner


def _has_wrapper(strategy: Part) -> bool:
    """Return whether another learner wraps the model's for this strategy."""
    needs = STRATEGIES.card(strategy.name).needs
    return any(need.startswith("draws:") or need.endswith("labelled_probability") for need in needs)


def _unaugmented(
    config: ExperimentConfig,
    recipes: Mapping[Part, Mapping[str, Any]],  # Any: TOML
) -> str | None:
    """Return a sentence on strategies that the setting ``score_augmented`` does not reach, or None."""
    wrapped = [str(part) for part in config.strategy if _has_wrapper(part)]
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
    cold = learner.get("epochs_from_scratch") if first or not learner.get("warm_start", True) else None
    return int(learner["epochs"] if cold is None else cold)


def _updates(learner: Mapping[str, Any], count: int) -> int:  # Any: TOML
    """Return the updates of one epoch."""
    from nextlabel.training.batches import steps_of_pass  # imports torch, which other plans leave to workers
    from nextlabel.training.config import batch_of

    return steps_of_pass(
        count, batch_of(count, int(learner["batch_size"]), learner.get("min_steps_per_epoch"))
    )


def _candidate_size(config: ExperimentConfig, size: int) -> int | None:
    return (
        None
        if config.candidate_size is None or config.candidate_size == "all"
        else resolve_count(config.candidate_size, size)
    )


def resolve_count(wanted: int | float, size: int) -> int:
    """Return a count: the count itself, or that fraction of ``size``, rounded, at least 1.

    >>> resolve_count(20, 1437), resolve_count(0.1, 1437)
    (20, 144)
    """
    return wanted if isinstance(wanted, int) else max(1, round(wanted * size))


def _check_amounts(config: ExperimentConfig, name: str, data: BenchmarkDataset) -> None:
    """Refuse numbers of labels that cannot be trained on, or under which a cycle could not add its batch."""
    size = len(data)
    start, batch, subset = (
        resolve_count(config.initial_size, size),
        resolve_count(config.batch_size, size),
        _candidate_size(config, size),
    )
    if config.cycles > 1 and start >= size:
        raise ConfigurationError(
            f"the initial set takes {start:,} labels, which is all {size:,} items of the pool of {name}, so "
            "no cycle could add one; lower 'initial_size', or set cycles=1"
        )
    if start < data.task.min_labels:
        raise ConfigurationError(
            f"training needs labels of at least two classes, but the initial set takes {start} label of the "
            f"{size:,} items of {name}; raise 'initial_size' to 2 or more"
        )
    if subset is not None and subset < batch:
        raise ConfigurationError(
            f"a cycle asks for {batch:,} labels on {name}, but its candidate subset has only {subset:,} "
            "items; raise 'candidate_size', or lower 'batch_size'"
        )


def _note_on_size(config: ExperimentConfig, name: str, size: int) -> str | None:
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
    config: ExperimentConfig, cells: tuple[Cell, ...], data: Mapping[Part, BenchmarkDataset]
) -> None:
    """Make the learners that settings, strategies or objectives change: what cannot be made is refused now.

    One per data set for the settings, one for every strategy that trains something next to the model, and one
    for every other objective than the plain one. Segmentation takes few of either, so each is tried there.
    """
    changed = config.learner != LearnerConfig() or config.device != "auto"
    kinds = {str(cell.dataset): cell for cell in reversed(cells)} if changed else {}
    for cell in cells:
        reduces = data[cell.dataset].task.output is None
        if reduces or _has_wrapper_learner(cell):
            kinds[f"{cell.dataset} {cell.strategy}"] = cell
        if reduces or cell.objective != Part(PLAIN):
            kinds[f"{cell.dataset} with {cell.objective}"] = cell
    if kinds:
        from nextlabel.bench.setup import make_learner  # imports torch, which a plain run leaves to workers

        for cell in kinds.values():
            make_learner(cell, data[cell.dataset])


def _has_wrapper_learner(cell: Cell) -> bool:
    names = [] if cell.is_reference else [cell.strategy.name]
    names += [part.name for part in cell.diagnostics]
    return any(
        need.startswith(("extra:", "draws:")) for name in names for need in STRATEGIES.card(name).needs
    )


def _check_parts(config: ExperimentConfig) -> None:
    """Refuse parts that do not exist, and options that they do not have."""
    registries: tuple[tuple[list[Part], Registry[Any]], ...] = (  # Any: each has its own parts
        (config.dataset, DATASETS),
        (config.strategy, STRATEGIES),
        (config.objective, OBJECTIVES),
    )
    for parts, registry in registries:
        for part in parts:
            registry.card(part.name)
            if registry is not DATASETS and (part.options or part.of):  # made here, it would import torch
                registry.create(part)
    if config.learner.model is not None:
        MODELS.card(config.learner.model.name)
    if config.diagnostics:
        from nextlabel.bench.diagnostics import make_scorers  # imports torch

        make_scorers(config.diagnostics)


def _recipe(config: ExperimentConfig, data: BenchmarkDataset) -> dict[str, Any]:
    """Return the data set's own recipe with the configuration's settings laid over it."""
    own = dict(data.training_defaults)
    usual = LearnerConfig()
    given = {
        name: value for name, value in config.learner if value is not None and value != getattr(usual, name)
    }
    model, of_data = given.get("model"), own.get("model")
    if isinstance(model, Part) and isinstance(of_data, Part) and model.name == of_data.name:
        given["model"] = of_data.with_options(model.options)
    return {**own, **given}
