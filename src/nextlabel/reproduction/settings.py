"""From a recipe and what the user typed to the settings of a reproduction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nextlabel.config import ExperimentConfig, load_config
from nextlabel.recipes.reading import load_recipe
from nextlabel.reproduction.words import objective_of, strategy_of

__all__ = ["DENSE", "arm_settings", "base_settings", "counted_items"]

DENSE: Mapping[str, str] = {"cod": "dense_cod", "entropy": "dense_entropy", "margin": "dense_margin"}
"""What a strategy is called where every pixel has a class."""

DENSE_DATA = ("cityscapes", "nuclei")
"""Data sets that have recipes and whose every pixel has a class."""

ALL_PICTURES = {("code", "caltech101"): 8677}
"""Recipes whose shares are of another number than the pool's: the released code takes 10 % of all 8,677
pictures of Caltech-101, the test part among them (config/caltech101.py), which is 11.2 % of its pool."""


def base_settings(
    dataset: str,
    recipe: str,
    *,
    trials: int | None = None,
    cycles: int | None = None,
    device: str | None = None,
    root: Path | None = None,
    settings: Sequence[str] = (),
) -> ExperimentConfig:
    """Return the recipe's settings for a data set with what the user typed laid over them.

    Args:
        dataset: Name of the data set; case does not count.
        recipe: ``code``, ``paper`` or ``fast``.
        trials: Seeds; None for the recipe's.
        cycles: Trainings; None for the recipe's.
        device: Where models run; None for the recipe's.
        root: Where the data set lies; None for its usual place.
        settings: Texts ``key=value``.

    Raises:
        ConfigurationError: There is no such recipe, or a setting cannot be used.
    """
    name = dataset.lower().replace("-", "")
    tree: dict[str, Any] = {**load_recipe(recipe, name), "dataset": [name]}  # Any: TOML
    tree |= {k: v for k, v in (("seeds", trials), ("cycles", cycles), ("device", device)) if v is not None}
    if root is not None:
        options = tree.get("dataset_options", {})
        tree["dataset_options"] = {**options, name: {**options.get(name, {}), "root": str(root)}}
    return load_config(options=tree, settings=settings)


def arm_settings(base: ExperimentConfig, sampling: str, auxiliary: str) -> tuple[str, str]:
    """Return the strategy and the objective that the words of the released code mean on this data set.

    Raises:
        UnknownNameError: A word is not one of them.
    """
    strategy, objective = strategy_of(sampling), objective_of(auxiliary)
    return (DENSE.get(strategy, strategy) if base.dataset[0] in DENSE_DATA else strategy), objective


def counted_items(recipe: str, dataset: str) -> int | None:
    """Return how many items the papers count as 100 %, or None where it is the pool's number."""
    return ALL_PICTURES.get((recipe, dataset))
