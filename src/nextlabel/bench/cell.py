"""A cell: one campaign of a benchmark as plain data. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from nextlabel.config import Device, fingerprint
from nextlabel.results import FULL_TRAINING

__all__ = ["Cell"]


@dataclass(frozen=True)
class Cell:
    """One campaign of the grid, its settings resolved.

    Attributes:
        dataset: Name of the data set.
        strategy: Name of the strategy, or of a reference in :data:`nextlabel.results.FULL_TRAINING`.
        objective: Name of the objective.
        seed: The seed.
        cycles: Fits.
        initial_size: Labels before the first training.
        batch_size: Labels asked per cycle.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: CPU threads.
        learner: Options of the learner, the model's name and options among them.
        strategy_options: Options of the strategy.
        objective_options: Options of the objective.
        dataset_options: Options of the data set.
        candidate_size: Candidates that the strategy sees of the unlabelled items, or None for all.
        label_noise: Fraction of the labels that are told wrong.
        audit: Further strategies that are compared with the truth on this cell's models: tables with
            ``strategy`` and its options.
        score_last: Whether the pool is scored after the last training too.
    """

    dataset: str
    strategy: str
    objective: str
    seed: int
    cycles: int
    initial_size: int
    batch_size: int
    device: Device
    threads: int
    learner: Mapping[str, Any]  # Any: TOML
    strategy_options: Mapping[str, Any]  # Any: TOML
    objective_options: Mapping[str, Any]  # Any: TOML
    dataset_options: Mapping[str, Any] = field(default_factory=dict)  # Any: TOML
    candidate_size: int | None = None
    label_noise: float = 0.0
    audit: tuple[Mapping[str, Any], ...] = ()  # Any: TOML
    score_last: bool = False

    @property
    def name(self) -> str:
        """The name of the cell's folder: readable, and distinct for distinct settings."""
        return f"{self.dataset}-{self.strategy}-{self.objective}-s{self.seed}-{fingerprint(self.recorded())}"

    @property
    def is_reference(self) -> bool:
        """Whether it trains on all labels at once and queries nothing."""
        return self.strategy in FULL_TRAINING.values()

    def recorded(self) -> dict[str, Any]:  # Any: TOML
        """Return the settings as a record keeps them, without optional ones that have their default."""
        usual = {
            f.name: f.default if f.default_factory is MISSING else f.default_factory() for f in fields(self)
        }
        return {name: value for name, value in vars(self).items() if value != usual[name]}
