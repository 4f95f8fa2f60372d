"""From a preset and what the user typed to the settings of a reproduction."""

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
"""What a strategy is called where every pixel has a class."""

RELEASED_START = 868
"""Labels that the released code starts with on Caltech-101 (config/caltech101.py)."""

SAID_ELSEWHERE: Mapping[str, str] = {
    "dataset": "--config names the data set",
    "preset": "--preset names the preset",
    "strategy": "--sampling or the exhibit says which; choose lines of an exhibit with --series",
    "objective": "--auxiliary or the exhibit says which; choose lines of an exhibit with --series",
    "full_training": "nextlabel run takes it",
    "seeds": "--trials is their number",
    "cycles": "--cycles is their number",
}
"""Settings that an argument of the command decides, and which."""


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
    """Return the preset's settings for a data set with what the user typed laid over them.

    Args:
        dataset: Name of the data set; case does not count.
        preset: ``code``, ``repaired``, ``paper`` or ``fast``.
        trials: Seeds; None for the preset's.
        cycles: Fits; None for the preset's.
        device: Where models run; None for the preset's.
        root: Where the data set lies; None for its usual place.
        settings: Texts ``key=value``.

    Raises:
        UnknownNameError: There is no such data set or preset; the message offers the nearest.
        ConfigurationError: The preset has no settings for the data set, a setting cannot be used, or an
            argument of the command decides it.
    """
    for setting in settings:
        key = setting.partition("=")[0].strip()
        if key in SAID_ELSEWHERE:
            raise ConfigurationError(
                f"the setting '{key}' is not for --set in a reproduction: {SAID_ELSEWHERE[key]}"
            )
    name = dataset.lower().replace("-", "")
    DATASETS.card(name)
    of_preset = load_preset(preset, name)
    tree: dict[str, Any] = {  # Any: TOML
        "preset": preset,
        "dataset": [Part(name, {"root": str(root)} if root is not None else {})],
        **{kind: _all_parts(of_preset, kind) for kind in ("strategy", "objective")},
    }
    tree |= {k: v for k, v in (("seeds", trials), ("cycles", cycles), ("device", device)) if v is not None}
    return with_found_data(load_config(options=tree, settings=settings))


def _all_parts(preset: Mapping[str, Any], kind: str) -> list[str]:  # Any: TOML
    """Return the names of all that a preset has options for, which the arms choose from, next to its own."""
    return list(dict.fromkeys([*preset[kind], *preset.get("options", {}).get(kind, {})]))


def changed_settings(base: ExperimentConfig, preset: str) -> tuple[str, ...]:
    """Return what the user changed of the preset and results depend on, seeds aside, a setting each.

    Where the data lie and what the models run on do not count.
    """
    name = base.dataset[0].name
    usual = base_settings(name, preset)
    changed = changes(_measured_by(usual, name), _measured_by(base, name))
    return tuple(f"{key} is {_shown(new)}, not {_shown(old)}" for key, old, new in changed)


def _shown(value: object) -> str:
    return "nothing" if value is None else str(value)


def _measured_by(config: ExperimentConfig, dataset: str) -> dict[str, Any]:  # Any: TOML
    left_out = {"device", "threads", "seeds", "preset", f"dataset.{dataset}.root"}
    flat = flat_settings(config.resolved())
    return {key: value for key, value in flat.items() if key not in left_out}


def check_kind(exhibit: str, arms: Sequence[Arm], dataset: str) -> None:
    """Refuse an exhibit of classes for data with masks, and the other way round.

    Raises:
        ConfigurationError: The exhibit cannot be made of this data set.
    """
    if not arms:
        return
    masks, classes = "a class for every pixel", "one class per item"
    of_masks = any(arm.strategy in OF_MASKS.values() for arm in arms)
    if of_masks != (dataset in SEGMENTATION):
        needs, has = (masks, classes) if of_masks else (classes, masks)
        instead = "choose --config nuclei or cityscapes" if of_masks else "make fig8 or table2 of it"
        raise ConfigurationError(f"{exhibit} is of data with {needs}, but {dataset} has {has}; {instead}")


def check_free(exhibit: str, arms: Sequence[Arm], settings: Sequence[str]) -> None:
    """Refuse a setting that the exhibit decides itself.

    Raises:
        ConfigurationError: One is.
    """
    decided = {key for arm in arms for key in arm.settings}
    for setting in settings:
        key = setting.partition("=")[0].strip()
        if key in decided:
            raise ConfigurationError(f"{exhibit} decides the setting '{key}' itself; leave --set {key} out")


def arm_settings(base: ExperimentConfig, meaning: Meaning) -> tuple[str, str]:
    """Return the strategy and the objective that the released code's arguments mean on this data set."""
    strategy = meaning.strategy
    return (
        OF_MASKS.get(strategy, strategy) if base.dataset[0].name in SEGMENTATION else strategy
    ), meaning.objective


def exhibit_folder(exhibit: str, base: ExperimentConfig, preset: str, series: Sequence[str] = ()) -> str:
    """Return the name of an exhibit's folder; a code of other settings, seeds or lines is its end."""
    seeds = base_settings(base.dataset[0].name, preset).seeds
    others = [
        *changed_settings(base, preset),
        *([f"seeds {base.seeds}"] if base.seeds != seeds else []),
        *series,
    ]
    code = f"-{fingerprint({'others': others})}" if others else ""
    return f"{exhibit}-{base.dataset[0].name}-{preset}{code}"


def counting_note(base: ExperimentConfig) -> str:
    """Return what to know of the percentages where the released code counts them in another way; or nothing.

    Its 868 labels to start with are 10 % of all 8,677 images of Caltech-101, the test part among them.
    """
    if base.dataset[0].name != "caltech101" or base.initial_size != RELEASED_START:
        return ""
    return (
        "Percentages are of the pool. The released code counts 10 % of all 8,677 images of Caltech-101, the "
        "test part among them: 868 labels, 11.2 % of its pool of 7,766. If the published curve counts so "
        "too, its 40 % are 44.7 % here."
    )
