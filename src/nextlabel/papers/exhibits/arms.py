"""The arms of an exhibit: which campaigns make its lines, and what they measured.

An arm is one strategy with one objective and, where an exhibit needs it, other options. Its cells are those
of any run: they lie in one folder for all exhibits, so that an arm which several exhibits show runs once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nextlabel.bench.cell import Cell
from nextlabel.bench.experiment import Experiment, default_folder
from nextlabel.bench.grid import Grid, make_grid
from nextlabel.bench.outcome import is_finished, rows_of
from nextlabel.config.experiment import ExperimentConfig, fingerprint
from nextlabel.config.learner import plain
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.parts import Part
from nextlabel.results import FULL_TRAINING, Row

__all__ = ["Arm", "Finished", "Plan", "config_of", "finished", "make_plan", "open_run"]

Options = Mapping[str, Any]  # Any: what TOML may hold


@dataclass(frozen=True, eq=False)
class Arm:
    """One line of an exhibit.

    Attributes:
        label: Its name, the papers' where they have one.
        strategy: The strategy, or ``full_training``.
        objective: The objective.
        panel: The part of the exhibit that it belongs to.
        x: Where on the horizontal axis it stands, in exhibits that vary a parameter.
        objective_changes: Options laid over the preset's of the objective.
        settings: Laid over the preset's top-level settings.
        control: Whether the papers lack it.
    """

    label: str
    strategy: str
    objective: str = "supervised"
    panel: str = ""
    x: float | None = None
    objective_changes: Options = field(default_factory=dict)
    settings: Options = field(default_factory=dict)
    control: bool = False


@dataclass(frozen=True)
class Plan:
    """The cells that an exhibit needs.

    Attributes:
        experiment: All of them as one experiment.
        cells: The cells of each arm, a seed each.
        dataset: Name of the data set.
        size: Items of the pool: 100 % of the labels.
    """

    experiment: Experiment
    cells: Mapping[Arm, tuple[Cell, ...]]
    dataset: str
    size: int

    def folder(self, cell: Cell) -> Path:
        """Return where a cell is kept."""
        return self.experiment.folder / "cells" / cell.name


@dataclass(frozen=True)
class Finished:
    """What the finished seeds of an arm measured.

    Attributes:
        arm: The arm.
        dataset: Name of the data set.
        size: Items of the pool: 100 % of the labels.
        folders: (S,) the cells' folders.
        rows_sp: (S, P) the rows of each seed, by cycle.
    """

    arm: Arm
    dataset: str
    size: int
    folders: tuple[Path, ...]
    rows_sp: tuple[tuple[Row, ...], ...]

    def percent(self, n_labelled: int) -> float:
        """Return a count of labels in % of the pool."""
        return 100 * n_labelled / self.size


def make_plan(arms: Sequence[Arm], base: ExperimentConfig, folder: Path) -> Plan:
    """Resolve arms into cells.

    Args:
        arms: The arms.
        base: Data set, preset, seeds and cycles; its strategies and objectives are replaced by the arms'.
        folder: Where the cells are kept, next to those of other exhibits.

    Raises:
        UnknownNameError: A strategy or objective of an arm does not exist.
        ConfigurationError: An option does not exist, or a setting cannot be used.
        DataError: The data set is not there.
    """
    cells: dict[Arm, tuple[Cell, ...]] = {}
    recipes: Mapping[str, Options] = {}
    notes: dict[str, None] = {}
    for config, members in _configs(arms, base):
        grid = make_grid(config)
        recipes = grid.recipes
        notes |= dict.fromkeys(grid.notes)
        for arm in members:
            cells[arm] = tuple(cell for cell in grid.cells if cell.strategy.name == arm.strategy)
    cells = {arm: cells[arm] for arm in arms}
    distinct = {cell.name: cell for of_arm in cells.values() for cell in of_arm}
    grid = Grid(tuple(distinct.values()), recipes, tuple(notes))
    experiment = Experiment(base, grid, folder, grid.notes, writes_results=False)
    return Plan(experiment, cells, base.dataset[0].name, _pool_size(base))


def open_run(arm: Arm, base: ExperimentConfig, folder: Path | None) -> Plan:
    """Make or open the run directory of one arm, as ``nextlabel run`` would.

    Args:
        arm: The arm.
        base: Data set, preset, seeds and cycles; its strategies and objectives are replaced by the arm's.
        folder: The run directory; None for that named after the settings.

    Raises:
        UnknownNameError: The strategy or the objective does not exist.
        ConfigurationError: A setting cannot be used, or the folder holds another run.
        DataError: The data set is not there, or the folder cannot be written.
    """
    config = config_of([arm], base)
    experiment = Experiment.open(config, folder or default_folder(config))
    return Plan(experiment, {arm: experiment.grid.cells}, base.dataset[0].name, _pool_size(base))


def finished(plan: Plan) -> list[Finished]:
    """Read what the finished cells of every arm measured; arms without any are left out."""
    found = []
    for arm, cells in plan.cells.items():
        folders = tuple(plan.folder(cell) for cell in cells if is_finished(plan.folder(cell)))
        if folders:
            rows_sp = tuple(tuple(rows_of(folder)) for folder in folders)
            found.append(Finished(arm, plan.dataset, plan.size, folders, rows_sp))
    return found


def _pool_size(base: ExperimentConfig) -> int:
    return len(DATASETS.create(base.dataset[0]))


def _configs(
    arms: Sequence[Arm], base: ExperimentConfig
) -> Iterator[tuple[ExperimentConfig, tuple[Arm, ...]]]:
    """Yield the fewest configurations that have all arms, each with its arms."""
    groups: dict[tuple[str, str], list[Arm]] = {}
    for arm in arms:
        options = {"objective": arm.objective_changes, "": plain(arm.settings)}
        groups.setdefault((arm.objective, fingerprint(options)), []).append(arm)
    for members in groups.values():
        yield config_of(members, base), tuple(members)


def config_of(members: Sequence[Arm], base: ExperimentConfig) -> ExperimentConfig:
    """Return the configuration of arms that differ in nothing but their strategy."""
    kinds = [kind for kind, name in FULL_TRAINING.items() if name in {arm.strategy for arm in members}]
    names = dict.fromkeys(arm.strategy for arm in members if arm.strategy not in FULL_TRAINING.values())
    objective = _known(base.objective, members[0].objective).with_options(members[0].objective_changes)
    return ExperimentConfig.model_validate(
        {
            **base.resolved(),
            **members[0].settings,
            "strategy": [_known(base.strategy, name) for name in names or ("random",)],
            "objective": [objective],
            "full_training": kinds,
        }
    )


def _known(parts: Sequence[Part], name: str) -> Part:
    """Return the part of this name with the options that the preset gives it."""
    return next((part for part in parts if part.name == name), Part(name))
