"""Differences between the presets, setting by setting; the reasons are in ``reasons.toml``.

Imports no torch and creates no parts: if a preset omits a setting, the ``usual`` value of its reason is used,
which a test compares with the defaults of the parts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any, TypeAlias

from nextlabel.config.settings import flat_settings
from nextlabel.parts import parts_of
from nextlabel.presets.catalogue import load_preset, preset_datasets

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "CONFIGURED",
    "NOT_COPIED",
    "PRESETS",
    "Difference",
    "Reason",
    "difference_lines",
    "differences",
    "differences_by_values",
    "flat_preset",
    "listed_values",
    "reasons",
    "shown",
]

Value: TypeAlias = Any  # what TOML may hold

PRESETS = ("code", "repaired", "paper", "fast")
"""The presets that are compared, in the order of the tables."""

CONFIGURED = ("cifar10", "cifar100", "svhn", "caltech101")
"""Data sets for which the released code has a configuration."""

NOT_COPIED: tuple[tuple[str, str], ...] = (
    ("unseeded randomness", "every draw is derived from the seed"),
    ("the crash of LL4AL on a batch with an odd number of items", "the last item is left out of the pairs"),
    ("the crash of batch norm on a last batch of one item", "the item joins the previous batch"),
    ("ties broken by an unstable sort", "ties are broken by the seed"),
    ("training on after a loss that is not finite", "training stops with an error that names the step"),
    (
        "treating the first folder of Caltech-101 as its background class, and hard-coded pool sizes",
        "the background class is found by name, and sizes are taken from the data",
    ),
    ("checkpoints that parallel runs overwrite", "every run has its own folder"),
)
"""Behaviour of the released code that the preset ``code`` does not copy, and what it does instead."""

WRAPPED: Mapping[str, tuple[str, ...]] = {"learning_loss": ("learning_loss", "ta_vaal"), "ensemble": ("qbc",)}
"""Strategies that use a learner wrapper, by wrapper, if the names differ."""


@dataclass(frozen=True)
class Reason:
    """Why presets differ in a setting.

    Attributes:
        why: What each preset does and why, a sentence without its full stop.
        usual: The value in a preset that omits the setting.
        measured: The measured effect, with data, seeds and interval; empty if none was measured.
    """

    why: str
    usual: Value = None
    measured: str = ""


@dataclass(frozen=True)
class Difference:
    """A setting, by dotted name, on which the presets differ for a data set, and its values as text."""

    setting: str
    values: Mapping[str, str]
    reason: Reason


@cache
def reasons() -> Mapping[str, Reason]:
    """Return the reasons by setting, in the order of the tables; ``*`` in a setting matches any name."""
    text = (resources.files("nextlabel.papers.presets") / "reasons.toml").read_text(encoding="utf-8")
    return {setting: Reason(**table) for setting, table in tomllib.loads(text).items()}


def differences(dataset: str) -> tuple[Difference, ...]:
    """Return the settings of a data set on which any two presets differ, in the order of the reasons.

    Raises:
        ConfigurationError: The presets do not cover the data set.
    """
    trees = {name: flat_preset(load_preset(name, dataset)) for name in PRESETS}
    found = []
    for setting in dict.fromkeys(key for tree in trees.values() for key in tree):
        _, reason = _reason_of(setting)
        values = {name: shown(tree.get(setting, reason.usual)) for name, tree in trees.items()}
        if len(set(values.values())) > 1:
            found.append(Difference(setting, values, reason))
    return tuple(sorted(found, key=lambda one: (_reason_of(one.setting)[0], one.setting)))


def differences_by_values() -> Sequence[tuple[Difference, tuple[str, ...]]]:
    """Return each difference with the data sets that share its values, in the order of the reasons."""
    rows: dict[tuple[str, ...], tuple[Difference, tuple[str, ...]]] = {}
    for dataset in preset_datasets("code"):
        for one in differences(dataset):
            row = replace(one, setting=one.setting.replace(f".{dataset}.", ".*."))
            key = (row.setting, *row.values.values())
            rows[key] = row, (*rows.get(key, (row, ()))[1], dataset)
    return sorted(rows.values(), key=lambda row: (_reason_of(row[0].setting)[0], row[0].setting))


def difference_lines(settings: Mapping[str, Value]) -> Iterator[str]:
    """Yield a line per difference between the preset of a configuration and the other presets.

    Settings of parts that are not in use are omitted, and values changed from the preset are marked. For the
    preset ``code``, lines on what it does not copy follow. Without a preset there are no lines.
    """
    preset = str(settings.get("preset"))
    dataset = parts_of(settings.get("dataset", "digits"))[0].name
    if preset not in PRESETS or dataset not in preset_datasets(preset):
        return
    here = flat_settings(settings)
    for difference in _used(differences(dataset), settings):
        own = difference.values[preset]
        value = own if here.get(difference.setting) is None else shown(here[difference.setting])
        changed = f" (changed from {own})" if value != own else ""
        measured = f" Measured: {difference.reason.measured}." if difference.reason.measured else ""
        others = listed_values(difference, without=preset)
        yield f"{difference.setting} = {value}{changed}; {others}. {difference.reason.why}.{measured}"
    if preset in ("code", "repaired") and dataset not in CONFIGURED:
        yield f"The released code has no configuration for {dataset}; its methods are applied to it."
    if preset == "code":
        for what, instead in NOT_COPIED:
            yield f"Not copied: {what}. Instead, {instead}."


def _used(found: Sequence[Difference], settings: Mapping[str, Value]) -> tuple[Difference, ...]:
    """Return only the differences in parts that the configuration uses."""
    strategies = [part.name for part in parts_of(settings.get("strategy", ()))]
    objectives = [part.name for part in parts_of(settings.get("objective", ()))]

    def uses(setting: str) -> bool:
        match setting.split("."):
            case ["wrapper", name, _]:
                return any(strategy in strategies for strategy in WRAPPED.get(name, (name,)))
            case ["strategy", name, _]:
                return name in strategies
            case ["objective", name, _]:
                return name in objectives
        return True

    return tuple(difference for difference in found if uses(difference.setting))


def flat_preset(tree: Mapping[str, Value]) -> dict[str, Value]:
    """Return the settings of a preset by dotted name, as for ``--set``."""
    return {key.removeprefix("options."): value for key, value in flat_settings(tree).items()}


def shown(value: Value) -> str:
    """Return a value as text: strings unchanged, None as ``none``, everything else as JSON.

    >>> shown(["horizontal_flip"]), shown("joint"), shown(None), shown(5e-4)
    ('["horizontal_flip"]', 'joint', 'none', '0.0005')
    """
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)


def listed_values(difference: Difference, *, without: str = "", mark: str = "") -> str:
    """Return the values of all presets but ``without``, grouped by value and quoted with ``mark``."""
    by_value: dict[str, list[str]] = {}
    for name, value in difference.values.items():
        if name != without:
            by_value.setdefault(value, []).append(name)
    return "; ".join(f"{', '.join(names)} {mark}{value}{mark}" for value, names in by_value.items())


def _reason_of(setting: str) -> tuple[int, Reason]:
    """Return the reason for a setting and its position, the last one if there is none."""
    for place, (pattern, reason) in enumerate(reasons().items()):
        if setting == pattern or fnmatchcase(setting, pattern):
            return place, reason
    return len(reasons()), Reason("no reason is given")
