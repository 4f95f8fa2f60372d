"""A cell: one campaign of a benchmark as plain data. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from nextlabel.config.experiment import Device, fingerprint
from nextlabel.config.learner import plain
from nextlabel.parts import Part, parts_of
from nextlabel.results import FULL_TRAINING

__all__ = ["Cell"]


@dataclass(frozen=True)
class Cell:
    """One campaign of the grid, its settings resolved.

    Attributes:
        dataset: The data set.
        strategy: The strategy, or a reference in :data:`nextlabel.results.FULL_TRAINING`.
        objective: The objective.
        seed: The seed.
        cycles: Number of active-learning cycles.
        initial_size: Labels before the first cycle.
        batch_size: Labels to query per cycle.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: CPU threads.
        learner: Options of the learner, the model among them.
        candidate_size: Candidates that the strategy sees of the unlabelled items, or None for all.
        label_noise: Fraction of the labels that are given wrong.
        diagnostics: Further strategies that are compared with the truth on this cell's models.
        score_last: Whether the pool is scored after the last training run too.
    """

    dataset: Part
    strategy: Part
    objective: Part
    seed: int
    cycles: int
    initial_size: int
    batch_size: int
    device: Device
    threads: int
    learner: Mapping[str, Any]  # Any: TOML
    candidate_size: int | None = None
    label_noise: float = 0.0
    diagnostics: tuple[Part, ...] = ()
    score_last: bool = False

    @property
    def name(self) -> str:
        """The name of the cell's folder: readable, and distinct for distinct settings."""
        parts = "-".join(_safe(part.name) for part in (self.dataset, self.strategy, self.objective))
        return f"{parts}-s{self.seed}-{fingerprint(self.differences())}"

    @property
    def is_reference(self) -> bool:
        """Whether it trains on all labels at once and queries nothing."""
        return self.strategy.name in FULL_TRAINING.values()

    def resolved(self) -> dict[str, Any]:  # Any: TOML
        """Return all settings, as a record keeps them."""
        return {name: plain(value) for name, value in vars(self).items()}

    def differences(self) -> dict[str, Any]:  # Any: TOML
        """Return the settings without a default, and those that are not it: what tells cells apart."""
        usual = {f.name: f.default for f in fields(self)}
        return {name: plain(value) for name, value in vars(self).items() if value != usual[name]}

    @staticmethod
    def from_record(tree: Mapping[str, Any]) -> Cell:  # Any: TOML
        """Return the cell that a record holds, as :meth:`resolved` gives it.

        Raises:
            TypeError: It holds other settings than a cell has.
            ConfigurationError: A part in it is none.
        """
        learner = dict(tree["learner"])
        learner |= {"model": Part.parse(learner["model"])} if "model" in learner else {}
        learner |= {key: parts_of(learner[key]) for key in ("augment", "wrappers") if key in learner}
        parts = {key: Part.parse(tree[key]) for key in ("dataset", "strategy", "objective")}
        return Cell(
            **{**tree, **parts, "learner": learner, "diagnostics": tuple(parts_of(tree["diagnostics"]))}
        )


def _safe(name: str) -> str:
    """Return a part's name as folders can have it."""
    return "".join(sign if sign.isalnum() or sign in "._-" else "_" for sign in name)
