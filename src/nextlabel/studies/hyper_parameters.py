"""The weight lambda of the TOD loss and the decay alpha of its teacher, varied one at a time.

It makes the configurations, which run like any other, and collects their rows; it runs nothing itself.

Source: supplement of S. Huang, T. Wang, H. Xiong, J. Huan, D. Dou, "Semi-Supervised Active Learning with
Temporal Output Discrepancy", ICCV 2021, Fig. 1; the same is Fig. 15 of the TNNLS article.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from nextlabel.bench.experiment import Experiment
from nextlabel.config import ExperimentConfig
from nextlabel.errors import ConfigurationError, DataError
from nextlabel.results import Row

__all__ = ["ALPHAS", "LAMBDAS", "Parameter", "SweepPoint", "sweep", "sweep_rows"]

Parameter: TypeAlias = Literal["lambda", "alpha"]

LAMBDAS: tuple[float, ...] = (0.0, 0.001, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0)
"""The values of lambda in the paper's study; 0.05 is its choice."""

ALPHAS: tuple[float, ...] = (0.5, 0.9, 0.99, 0.995, 0.999, 0.9995, 0.9999)
"""The values of alpha in the paper's study; 0.999 is its choice."""

_OPTION = {"lambda": "weight", "alpha": "decay"}
"""What the objective ``tod`` calls them."""


@dataclass(frozen=True)
class SweepPoint:
    """One value of the parameter that is varied.

    Attributes:
        parameter: ``"lambda"`` or ``"alpha"``.
        value: Its value.
        config: The whole pipeline with it: the strategy ``cod``, the objective ``tod``.
        folder: The name of its run directory inside the study's.
    """

    parameter: Parameter
    value: float
    config: ExperimentConfig
    folder: str


def sweep(
    base: ExperimentConfig, parameter: Parameter, values: Sequence[float] | None = None
) -> tuple[SweepPoint, ...]:
    """Return a configuration for every value of a parameter, all else alike.

    Args:
        base: Data set, recipe, seeds and cycles, such as a recipe file gives; its strategies and objectives
            are replaced by COD and the TOD loss, whose other options are kept.
        parameter: Which one varies.
        values: Its values; None for those of the paper.

    Raises:
        ConfigurationError: There is no such parameter, or no value, or a value comes twice.
    """
    if parameter not in _OPTION:
        raise ConfigurationError(f"the study varies 'lambda' or 'alpha', but got '{parameter}'")
    wanted = tuple(values) if values is not None else (LAMBDAS if parameter == "lambda" else ALPHAS)
    if not wanted or len(set(wanted)) != len(wanted):
        raise ConfigurationError(f"expected distinct values of {parameter}, at least one, but got {wanted}")
    tree = base.model_dump()
    kept = tree["objective_options"].get("tod", {})
    cod = {name: options for name, options in tree["strategy_options"].items() if name == "cod"}
    points = []
    for value in wanted:
        options = {"tod": {**kept, _OPTION[parameter]: value}}
        changes = {"strategy": ["cod"], "objective": ["tod"], "strategy_options": cod}
        config = ExperimentConfig.model_validate({**tree, **changes, "objective_options": options})
        points.append(SweepPoint(parameter, value, config, f"{parameter}-{value:g}"))
    return tuple(points)


def sweep_rows(points: Sequence[SweepPoint], folder: Path) -> Mapping[float, list[Row]]:
    """Return the rows of every value, of the cells that are finished.

    Args:
        points: What :func:`sweep` returned.
        folder: The study's folder, which holds a run directory for each.

    Raises:
        DataError: A run directory is missing, or none of its cells is finished.
    """
    rows: dict[float, list[Row]] = {}
    for point in points:
        place = folder / point.folder
        found = Experiment.open(point.config, place).rows if place.exists() else []
        if not found:
            raise DataError(
                f"expected results of {point.parameter} = {point.value:g} in {place}, but there are none; "
                "run that configuration first"
            )
        rows[point.value] = found
    return rows
