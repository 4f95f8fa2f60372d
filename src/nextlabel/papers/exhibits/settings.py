"""Settings of a reproduction: a preset with the user's changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nextlabel.bench.grid import with_found_data
from nextlabel.config.experiment import ExperimentConfig, fingerprint, load_config
from nextlabel.config.settings import flat_settings
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.errors import ConfigurationError
from nextlabel.papers.exhibits.arms import Arm
from nextlabel.papers.released_arguments import SEGMENTATION, Meaning
from nextlabel.parts import Part
from nextlabel.presets.catalogue import load_preset
from nextlabel.trees import changes

__all__ = [
    "OF_MASKS",
    "arm_settings",
    "base_settings",
    "changed_settings",
    "check_free",
    "check_kind",
    "counting_note",
    "exhibit_folder",
]

OF_MASKS: Mapping[str, str] = {
    "cod": "cod_segmentation",
    "entropy": "entropy_segmentation",
    "margin": "margin_segmentation",
}
"""Names of strategies for segmentation."""

RELEASED_START = 868
"""Initial number of labels on Caltech-101 in the released code (config/caltech101.py)."""

RESERVED: Mapping[str, str] = {
    "dataset": "use --config",
    "preset": "use --preset",
    "strategy": "use --sampling, or --series for an exhibit",
    "objective": "use --auxiliary, or --series for an exhibit",
    "full_training": "use nextlabel run",
    "seeds": "use --trials",
    "cycles": "use --cycles",
}
"""Settings that cannot be set with ``--set``, and what to use instead."""


def base_settings(
    dataset: str,
    preset: str,
    *,
    trials: int | None = None,
    cycles: int | None = None,
    device: str | None = None,
    root: Path | None = None,
    settings: Sequence[str] = (),
) -> ExperimentConfig:
    """Return a preset's settings for a data set with the user's changes; None keeps the preset's value.

    Args:
        dataset: Name of the data set, in any case.
        preset: ``code``, ``repaired``, ``paper`` or ``fast``.
        trials: Number of seeds.
        cycles: Number of cycles.
        device: Device for the models.
        root: Folder of the data set.
        settings: Settings as ``key=value``.

    Raises:
        UnknownNameError: There is no such data set or preset; the message suggests the nearest.
        ConfigurationError: The preset does not cover the data set, or a setting is invalid or reserved.
    """
    for setting in settings:
        key = setting.partition("=")[0].strip()
        if key in RESERVED:
            raise ConfigurationError(f"--set does not accept '{key}' in a reproduction; {RESERVED[key]}")
    name = dataset.lower().replace("-", "")
    DATASETS.card(name)
    of_preset = load_preset(preset, name)
    tree: dict[str, Any] = {  # Any: TOML
        "preset": preset,
        "dataset": [Part(name, {"root": str(root)} if root is not None else {})],
        # the preset's own parts and all that it has options for: the arms choose from them
        **{
            kind: list(dict.fromkeys([*of_preset[kind], *of_preset.get("options", {}).get(kind, {})]))
            for kind in ("strategy", "objective")
        },
    }
    tree |= {k: v for k, v in (("seeds", trials), ("cycles", cycles), ("device", device)) if v is not None}
    return with_found_data(load_config(options=tree, settings=settings))


def changed_settings(base: ExperimentConfig, preset: str) -> tuple[str, ...]:
    """Return a sentence per setting changed from the preset, except seeds, devices and folders."""
    name = base.dataset[0].name
    ignored = {"device", "threads", "seeds", "preset", f"dataset.{name}.root"}
    stored, given = (
        {key: value for key, value in flat_settings(config.resolved()).items() if key not in ignored}
        for config in (base_settings(name, preset), base)
    )
    return tuple(
        f"{key} is {'the default' if new is None else new}, not {'the default' if old is None else old}"
        for key, old, new in changes(stored, given)
    )


def check_kind(exhibit: str, arms: Sequence[Arm], dataset: str) -> None:
    """Check that the data set has the kind of labels that the exhibit needs, classes or masks.

    Raises:
        ConfigurationError: It has the other kind.
    """
    of_masks = any(arm.strategy in OF_MASKS.values() for arm in arms)
    if arms and of_masks != (dataset in SEGMENTATION):
        needs = "masks" if of_masks else "one class per item"
        instead = "choose --config nuclei or cityscapes" if of_masks else "reproduce fig8 or table2 with it"
        raise ConfigurationError(f"the data set of {exhibit} must have {needs}, got {dataset}; {instead}")


def check_free(exhibit: str, arms: Sequence[Arm], settings: Sequence[str]) -> None:
    """Refuse settings that the exhibit fixes itself.

    Raises:
        ConfigurationError: There is one.
    """
    decided = {key for arm in arms for key in arm.settings}
    for setting in settings:
        key = setting.partition("=")[0].strip()
        if key in decided:
            raise ConfigurationError(f"{exhibit} fixes the setting '{key}' itself; leave --set {key} out")


def arm_settings(base: ExperimentConfig, meaning: Meaning) -> tuple[str, str]:
    """Return the strategy and the objective for this data set."""
    strategy = meaning.strategy
    if base.dataset[0].name in SEGMENTATION:
        strategy = OF_MASKS.get(strategy, strategy)
    return strategy, meaning.objective


def exhibit_folder(exhibit: str, base: ExperimentConfig, preset: str, series: Sequence[str] = ()) -> str:
    """Return the name of an exhibit's folder, with a fingerprint of changed settings, seeds or lines."""
    other_seeds = base.seeds != base_settings(base.dataset[0].name, preset).seeds
    others = [*changed_settings(base, preset), *([f"seeds {base.seeds}"] if other_seeds else []), *series]
    code = f"-{fingerprint({'others': others})}" if others else ""
    return f"{exhibit}-{base.dataset[0].name}-{preset}{code}"


def counting_note(base: ExperimentConfig) -> str:
    """Return a note on the percentages if the released code defines them differently, or nothing.

    Its initial 868 labels are 10 % of all 8,677 images of Caltech-101, including the test part.
    """
    if base.dataset[0].name != "caltech101" or base.initial_size != RELEASED_START:
        return ""
    return (
        "Percentages are of the pool. The released code takes 10 % of all 8,677 images of Caltech-101, "
        "including the test part: 868 labels, 11.2 % of its pool of 7,766. If the published curve does the "
        "same, its 40 % correspond to a measured 44.7 %."
    )
