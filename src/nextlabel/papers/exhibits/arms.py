"""The arms of an exhibit, their runs and results.

An arm is a strategy with an objective and optional settings. All exhibits store their cells in one folder, so
an arm that several exhibits share runs only once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nextlabel.bench.cell import Cell
from nextlabel.bench.experiment import Experiment, default_folder
from nextlabel.bench.grid import Grid, make_grid
from nextlabel.bench.outcome import is_finished, rows_of
from nextlabel.config.experiment import ExperimentConfig, fingerprint
from nextlabel.config.learner import plain
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.parts import Options, Part
from nextlabel.results import FULL_TRAINING, Row

__all__ = ["Arm", "Finished", "Plan", "config_of", "finished", "make_plan", "open_run"]


@dataclass(frozen=True, eq=False)
class Arm:
    """One line of an exhibit.

    Attributes:
        label: Its name, as in the papers if they show it.
        strategy: The strategy, or ``full_training``.
        objective: The objective.
        panel: Panel of the exhibit.
        x: Position on the horizontal axis, in exhibits that vary a parameter.
        objective_changes: Objective options that override the preset's.
        settings: Top-level settings that override the preset's.
        control: Whether the line is ours rather than the papers'.
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
    """The cells of an exhibit, as one experiment and by arm; ``size`` is the size of the pool."""

    experiment: Experiment
    cells: Mapping[Arm, tuple[Cell, ...]]
    dataset: str
    size: int

    def folder(self, cell: Cell) -> Path:
        """Return the folder of a cell."""
        return self.experiment.folder / "cells" / cell.name


@dataclass(frozen=True)
class Finished:
    """Results of the finished seeds of an arm: (S,) cell folders, and (S, P) rows by seed and cycle."""

    arm: Arm
    dataset: str
    size: int
    folders: tuple[Path, ...]
    rows_sp: tuple[tuple[Row, ...], ...]

    def percent(self, n_labelled: int) -> float:
        """Return a number of labels in % of the pool."""
        return 100 * n_labelled / self.size


def make_plan(arms: Sequence[Arm], base: ExperimentConfig, folder: Path) -> Plan:
    """Resolve arms into cells, stored in ``folder`` with those of other exhibits.

    The arms replace the strategies and objectives of ``base``.

    Raises:
        UnknownNameError: An arm has an unknown strategy or objective.
        ConfigurationError: An option does not exist, or a setting is invalid.
        DataError: The data set is missing.
    """
    groups: dict[tuple[str, str], list[Arm]] = {}  # arms that one configuration can hold
    for arm in arms:
        options = {"objective": arm.objective_changes, "": plain(arm.settings)}
        groups.setdefault((arm.objective, fingerprint(options)), []).append(arm)
    cells: dict[Arm, tuple[Cell, ...]] = {}
    training: Mapping[str, Options] = {}
    notes: dict[str, None] = {}
    for members in groups.values():
        grid = make_grid(config_of(members, base))
        training = grid.training
        notes |= dict.fromkeys(grid.notes)
        for arm in members:
            cells[arm] = tuple(cell for cell in grid.cells if cell.strategy.name == arm.strategy)
    cells = {arm: cells[arm] for arm in arms}
    distinct = {cell.name: cell for of_arm in cells.values() for cell in of_arm}
    grid = Grid(tuple(distinct.values()), training, tuple(notes))
    experiment = Experiment(base, grid, folder, grid.notes, writes_results=False)
    return Plan(experiment, cells, base.dataset[0].name, _pool_size(base))


def open_run(arm: Arm, base: ExperimentConfig, folder: Path | None) -> Plan:
    """Create or open the run directory of one arm, as ``nextlabel run`` would.

    Without a ``folder`` the directory is named after the settings. Raises the errors of :func:`make_plan`,
    and :class:`~nextlabel.errors.ConfigurationError` if the folder has another run.
    """
    config = config_of([arm], base)
    experiment = Experiment.open(config, folder or default_folder(config))
    return Plan(experiment, {arm: experiment.grid.cells}, base.dataset[0].name, _pool_size(base))


def finished(plan: Plan) -> list[Finished]:
    """Read the results of all finished cells, omitting arms without any."""
    found = []
    for arm, cells in plan.cells.items():
        folders = tuple(folder for folder in map(plan.folder, cells) if is_finished(folder))
        if folders:
            rows_sp = tuple(tuple(rows_of(folder)) for folder in folders)
            found.append(Finished(arm, plan.dataset, plan.size, folders, rows_sp))
    return found


def _pool_size(base: ExperimentConfig) -> int:
    return len(DATASETS.create(base.dataset[0]))


def config_of(members: Sequence[Arm], base: ExperimentConfig) -> ExperimentConfig:
    """Return the configuration of arms that differ only in their strategy."""
    kinds = [kind for kind, name in FULL_TRAINING.items() if name in {arm.strategy for arm in members}]
    names = dict.fromkeys(arm.strategy for arm in members if arm.strategy not in FULL_TRAINING.values())
    objective = _known(base.objective, members[0].objective).with_options(members[0].objective_changes)
    strategies = [_known(base.strategy, name) for name in names or ("random",)]
    parts = {"strategy": strategies, "objective": [objective], "full_training": kinds}
    return ExperimentConfig.model_validate({**base.resolved(), **members[0].settings, **parts})


def _known(parts: Sequence[Part], name: str) -> Part:
    """Return the part with this name, with its options from the preset."""
    return next((part for part in parts if part.name == name), Part(name))
