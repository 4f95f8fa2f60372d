"""The grid: which cells an experiment consists of, each with all its settings resolved.

Names and settings are checked before any work starts. Imports no torch unless a check needs it.
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
from nextlabel.datasets.released_layout import found_root
from nextlabel.errors import ConfigurationError, listed
from nextlabel.models.catalogue import MODELS
from nextlabel.objectives.catalogue import OBJECTIVES
from nextlabel.parts import Part, part_labels
from nextlabel.registry import Registry
from nextlabel.results import FULL_TRAINING
from nextlabel.strategies.catalogue import STRATEGIES
from nextlabel.trees import differences

__all__ = ["Grid", "make_grid", "resolve_count", "with_found_data"]

PLAIN = "supervised"
"""The objective that every learner can train with."""

Settings = Mapping[str, Any]  # Any: TOML


@dataclass(frozen=True)
class Grid:
    """The cells of an experiment.

    Attributes:
        cells: The cells, seed by seed.
        training: The training settings for each data set: its own defaults overridden by the configuration.
        notes: What the user should know before the experiment starts, a sentence each.
    """

    cells: tuple[Cell, ...]
    training: Mapping[str, Settings]
    notes: tuple[str, ...]


def with_found_data(config: ExperimentConfig) -> ExperimentConfig:
    """Return the configuration with the data folders of the released code's layout as options.

    Recording them makes a run that is resumed from another directory read the same files.
    """
    roots = {p: None if p.options.get("root") else found_root(p.name) for p in config.dataset}
    found = [part.with_options({"root": root}) if root else part for part, root in roots.items()]
    return config.model_copy(update={"dataset": found})


def make_grid(config: ExperimentConfig) -> Grid:
    """Resolve a configuration into its cells.

    Raises:
        UnknownNameError: A data set, strategy, objective or model does not exist.
        ConfigurationError: An option does not exist, or belongs to a part that the grid does not have.
    """
    _check_parts(config)
    labels = part_labels(config.dataset)
    data = {part: DATASETS.create(part) for part in config.dataset}
    notes = [_check_sizes(config, labels[part], one) for part, one in data.items()]
    training = {part: _training_settings(config, one) for part, one in data.items()}
    cells = tuple(_cells(config, {part: len(one) for part, one in data.items()}, training))
    named = {labels[part]: plain(settings) for part, settings in training.items()}
    if changed := differences(config.training or named, named):
        raise ConfigurationError(
            f"the tables 'training' must be the record of the resolved settings, got others "
            f"({'; '.join(changed)}); change the table 'learner' instead, and leave 'training' out"
        )
    _check_learners(config, cells, data)
    wrapped = [str(part) for part in config.strategy if _has_wrapper(part)]
    if wrapped and any(settings.get("score_augmented") for settings in training.values()):
        notes.append(
            f"learner.score_augmented is false for {listed(wrapped, limit=20)}, which score items without "
            "augmentation: their scores are not the model's own"
        )
    return Grid(cells, named, tuple(note for note in notes if note))


def resolve_count(wanted: int | float, size: int) -> int:
    """Return a count: the count itself, or that fraction of ``size``, rounded, at least 1.

    >>> resolve_count(20, 1437), resolve_count(0.1, 1437)
    (20, 144)
    """
    return wanted if isinstance(wanted, int) else max(1, round(wanted * size))


def _sizes(config: ExperimentConfig, size: int) -> tuple[int, int, int | None]:
    """Return the initial size, the batch size and the candidate size as counts."""
    wanted = config.candidate_size
    candidates = None if wanted is None or wanted == "all" else resolve_count(wanted, size)
    return resolve_count(config.initial_size, size), resolve_count(config.batch_size, size), candidates


def _cells(
    config: ExperimentConfig, sizes: Mapping[Part, int], training: Mapping[Part, Settings]
) -> Iterator[Cell]:
    for seed, dataset, objective in product(range(config.seeds), config.dataset, config.objective):
        size, settings = sizes[dataset], training[dataset]
        initial_size, batch_size, candidate_size = _sizes(config, size)
        common = Cell(
            dataset,
            Part(""),
            objective,
            seed,
            config.cycles,
            initial_size,
            batch_size,
            config.device,
            config.threads,
            settings,
            label_noise=config.label_noise,
        )
        for strategy in config.strategy:
            unaugmented = settings.get("score_augmented") and _has_wrapper(strategy)
            yield replace(
                common,
                strategy=strategy,
                learner={**settings, "score_augmented": False} if unaugmented else settings,
                candidate_size=candidate_size,
                diagnostics=tuple(config.diagnostics),
                score_last=bool(config.score_last),
            )
        for kind in config.full_training:
            learner = settings
            if kind == "equal_updates":
                learner = {name: value for name, value in settings.items() if name != "epochs_from_scratch"}
                learner["epochs"] = _epochs_of_equal_updates(common, size)
            yield replace(
                common,
                strategy=Part(FULL_TRAINING[kind]),
                cycles=1,
                initial_size=size,
                batch_size=1,
                learner=learner,
            )


def _has_wrapper(strategy: Part) -> bool:
    """Return whether the strategy needs a learner wrapper that scores without augmentation."""
    needs = STRATEGIES.card(strategy.name).needs
    return any(need.startswith("draws:") or need.endswith("labelled_probability") for need in needs)


def _epochs_of_equal_updates(cell: Cell, size: int) -> int:
    """Return for how many epochs all labels make as many updates as the cell's cycles, rounded."""
    from nextlabel.training.batches import steps_of_pass  # imports torch
    from nextlabel.training.config import batch_of

    learner = cell.learner
    for needed in ("epochs", "batch_size"):
        if needed not in learner:
            raise ConfigurationError(
                f"full_training='equal_updates' needs the setting 'learner.{needed}', which "
                f"{cell.dataset} lacks; set it"
            )

    def steps(count: int) -> int:
        batch = batch_of(count, int(learner["batch_size"]), learner.get("min_steps_per_epoch"))
        return steps_of_pass(count, batch)

    updates = 0
    for count in dict.fromkeys(
        min(cell.initial_size + i * cell.batch_size, size) for i in range(cell.cycles)
    ):
        from_scratch = count == cell.initial_size or not learner.get("warm_start", True)
        epochs = learner.get("epochs_from_scratch") if from_scratch else None
        updates += int(learner["epochs"] if epochs is None else epochs) * steps(count)
    return max(1, round(updates / steps(size)))


def _check_sizes(config: ExperimentConfig, name: str, data: BenchmarkDataset) -> str | None:
    """Refuse sizes that cannot be trained on or queried; return a note if the pool is too small."""
    size = len(data)
    initial, batch, candidates = _sizes(config, size)
    if config.cycles > 1 and initial >= size:
        raise ConfigurationError(
            f"'initial_size' must be below the {size:,} items of {name}, got {initial:,}, so no cycle could "
            "query; lower 'initial_size', or set cycles=1"
        )
    if initial < data.task.min_labels:
        raise ConfigurationError(
            f"'initial_size' must be at least {data.task.min_labels}, as training needs labels of two "
            f"classes, got {initial} of the {size:,} items of {name}; raise 'initial_size' to 2 or more"
        )
    if candidates is not None and candidates < batch:
        raise ConfigurationError(
            f"'candidate_size' must be at least the {batch:,} labels of a batch on {name}, got "
            f"{candidates:,}; raise 'candidate_size', or lower 'batch_size'"
        )
    wanted = initial + (config.cycles - 1) * batch
    if wanted <= size:
        return None
    return (
        f"{config.cycles} cycles on {name} request {wanted:,} labels, but the pool has {size:,} items: "
        "the last batch takes what is left, and the campaign ends there"
    )


def _check_learners(
    config: ExperimentConfig, cells: tuple[Cell, ...], data: Mapping[Part, BenchmarkDataset]
) -> None:
    """Make one learner of each kind in the grid, so that wrong settings are refused before the run.

    One per data set for changed settings, one for every strategy that trains something next to the model, and
    one for every objective other than the plain one. Segmentation supports few of either, so all are tried.
    """
    changed = config.learner != LearnerConfig() or config.device != "auto"
    kinds = {str(cell.dataset): cell for cell in reversed(cells)} if changed else {}
    for cell in cells:
        parts = (*cell.diagnostics, *(() if cell.is_reference else (cell.strategy,)))
        needs = [need for part in parts for need in STRATEGIES.card(part.name).needs]
        reduces = data[cell.dataset].task.output is None
        if reduces or any(need.startswith(("extra:", "draws:")) for need in needs):
            kinds[f"{cell.dataset} {cell.strategy}"] = cell
        if reduces or cell.objective != Part(PLAIN):
            kinds[f"{cell.dataset} with {cell.objective}"] = cell
    if kinds:
        from nextlabel.bench.setup import make_learner  # imports torch

        for cell in kinds.values():
            make_learner(cell, data[cell.dataset])


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
            if registry is not DATASETS and (part.options or part.of):  # creating a part imports torch
                registry.create(part)
    if config.learner.model is not None:
        MODELS.card(config.learner.model.name)
    if config.diagnostics:
        from nextlabel.bench.diagnostics import make_scorers  # imports torch

        make_scorers(config.diagnostics)


def _training_settings(config: ExperimentConfig, data: BenchmarkDataset) -> dict[str, Any]:  # Any: TOML
    """Return the data set's own training defaults overridden by the configuration's settings."""
    own, usual = dict(data.training_defaults), LearnerConfig()
    given = {
        name: value for name, value in config.learner if value is not None and value != getattr(usual, name)
    }
    model, of_data = given.get("model"), own.get("model")
    if isinstance(model, Part) and isinstance(of_data, Part) and model.name == of_data.name:
        given["model"] = of_data.with_options(model.options)
    return {**own, **given}
