"""A cell: one campaign of a benchmark as plain data. No torch."""

from __future__ import annotations

import re
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
    """One campaign of the grid; see :class:`~nextlabel.config.experiment.ExperimentConfig` for the settings.

    All sizes are counts, and a ``candidate_size`` of None stands for the whole pool. ``strategy`` can be a
    reference in :data:`nextlabel.results.FULL_TRAINING`; ``learner`` includes the model.
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
        parts = (re.sub(r"[^\w.-]", "_", p.name) for p in (self.dataset, self.strategy, self.objective))
        return f"{'-'.join(parts)}-s{self.seed}-{fingerprint(self.differences())}"

    @property
    def is_reference(self) -> bool:
        """Whether it trains on all labels at once and queries nothing."""
        return self.strategy.name in FULL_TRAINING.values()

    def resolved(self) -> dict[str, Any]:  # Any: TOML
        """Return all settings, as :meth:`from_record` reads them."""
        return {name: plain(value) for name, value in vars(self).items()}

    def differences(self) -> dict[str, Any]:  # Any: TOML
        """Return the settings that have no default or differ from it."""
        usual = {f.name: f.default for f in fields(self)}
        return {name: plain(value) for name, value in vars(self).items() if value != usual[name]}

    @staticmethod
    def from_record(tree: Mapping[str, Any]) -> Cell:  # Any: TOML
        """Return the cell with these :meth:`resolved` settings.

        Raises:
            TypeError: The settings are not those of a cell.
            ConfigurationError: A part cannot be parsed.
        """
        learner = dict(tree["learner"])
        learner |= {"model": Part.parse(learner["model"])} if "model" in learner else {}
        learner |= {key: parts_of(learner[key]) for key in ("augment", "wrappers") if key in learner}
        parts = {key: Part.parse(tree[key]) for key in ("dataset", "strategy", "objective")}
        return Cell(
            **{**tree, **parts, "learner": learner, "diagnostics": tuple(parts_of(tree["diagnostics"]))}
        )
