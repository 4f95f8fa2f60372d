"""Presets: settings that ship with nextlabel, one TOML file per data set and way of running it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from typing import TYPE_CHECKING, Any

from nextlabel.errors import ConfigurationError, ContractError, UnknownNameError, did_you_mean, listed
from nextlabel.parts import Part, parts_of
from nextlabel.trees import KINDS, Tree, merge, tomllib

if TYPE_CHECKING:
    from importlib.abc import Traversable

__all__ = ["Preset", "lay_over_preset", "load_preset", "preset_datasets", "preset_remarks", "presets"]

GROUP = "nextlabel.presets"
"""The entry points whose members are further presets."""


@dataclass(frozen=True)
class Preset:
    """A way of running experiments, with one TOML file of settings per data set.

    Attributes:
        about: What it is, in one clause.
        package: The package that has the files, in a folder named like the preset.
        remarks: Given a configuration with any preset, returns what its reader should know, line by line.
    """

    about: str
    package: str
    remarks: Callable[[Mapping[str, Any]], Iterable[str]] = lambda settings: ()  # Any: TOML


FAST = Preset(
    "the papers' protocol with a modern training setup and 20 to 40 % of the epochs", "nextlabel.presets"
)


@cache
def presets() -> Mapping[str, Preset]:
    """Return all presets by name: the shipped one, then those of entry points in alphabetical order.

    Raises:
        ConfigurationError: Two presets have the same name.
        ContractError: An entry point cannot be loaded, or is not a :class:`Preset`.
    """
    found = {"fast": FAST}
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: point.name):
        if point.name in found:
            raise ConfigurationError(
                f"preset names must be unique, got '{point.name}' twice; uninstall the package of "
                f"{point.value}"
            )
        who = f"the preset '{point.name}' at '{point.value}'"
        try:
            preset = point.load()
        except (ImportError, AttributeError) as error:
            raise ContractError(f"{who} cannot be loaded: {error}") from error
        if not isinstance(preset, Preset):
            raise ContractError(f"{who} must be a Preset, got {preset!r}")
        found[point.name] = preset
    return found


def preset_remarks(settings: Mapping[str, Any]) -> Iterator[str]:  # Any: TOML
    """Yield what the reader of a configuration should know about its preset, line by line."""
    for preset in presets().values():
        yield from preset.remarks(settings)


def preset_datasets(name: str) -> tuple[str, ...]:
    """Return the data sets that a preset has settings for, in alphabetical order.

    Raises:
        UnknownNameError: There is no such preset.
    """
    return tuple(sorted(file.name.removesuffix(".toml") for file in _folder(name).iterdir()))


def load_preset(name: str, dataset: str) -> Tree:
    """Read the settings of a preset for a data set, as a configuration file would hold them.

    A file that names another preset as its ``base`` holds only the differences from that one.

    Raises:
        UnknownNameError: There is no such preset.
        ConfigurationError: It has no settings for this data set.
    """
    known = preset_datasets(name)
    if dataset not in known:
        other = "; without a preset, nextlabel run takes every data set."
        guess = did_you_mean(dataset, known) or other
        what, names = f"data set of the preset '{name}'", listed(known, limit=20)
        raise ConfigurationError(f"{what} not found: '{dataset}'{guess} Known: {names}.")
    tree = tomllib.loads((_folder(name) / f"{dataset}.toml").read_text(encoding="utf-8"))
    base = tree.pop("base", None)
    return tree if base is None else merge(load_preset(base, dataset), tree)


def lay_over_preset(tree: Mapping[str, Any], *, default: str) -> Tree:  # Any: TOML
    """Lay settings over the preset that they name; without a preset they stay as they are.

    Tables are merged key by key. The preset's table ``options`` holds, by kind and name, the options of parts
    that the settings may use.

    Args:
        tree: The settings; ``preset`` and ``dataset`` among them choose the preset's file.
        default: The data set if the settings name none.

    Raises:
        UnknownNameError: There is no such preset.
        ConfigurationError: It has no settings for the data set, or there are several data sets.
    """
    name = tree.get("preset")
    if not isinstance(name, str):
        return dict(tree)
    datasets = [part.name for part in parts_of(tree.get("dataset", default))]
    if len(datasets) != 1:
        given = listed(datasets) or "none"
        raise ConfigurationError(f"a preset is for one data set, got {given}; run each separately")
    below = load_preset(name, datasets[0])
    options = below.pop("options", {})
    if tree.get("budget") is not None:  # the sizes follow from it
        below = {key: value for key, value in below.items() if key not in ("initial_size", "batch_size")}
    if not isinstance(tree.get("learner", {}), Mapping):  # the configuration will refuse it
        return dict(tree)
    merged = merge(below, tree)
    learner = merged["learner"] = dict(merged.get("learner", {}))
    wrappers = parts_of(learner.get("wrappers", ()))
    named = {part.name for part in wrappers}
    wrappers += [Part(name) for name in options.get("wrapper", {}) if name not in named]
    learner["wrappers"] = wrappers
    for kind, (*branches, leaf) in KINDS.items():
        table, known = learner if branches else merged, options.get(kind, {})
        if table.get(leaf) is not None:
            pairs = [(part, known.get(part.name, {})) for part in parts_of(table[leaf])]
            parts = [Part(part.name, {**preset, **part.options}, part.of) for part, preset in pairs]
            table[leaf] = parts[0] if kind == "model" else parts
    return merged


def _folder(name: str) -> Traversable:
    if name not in presets():
        raise UnknownNameError("preset", name, presets())
    return resources.files(presets()[name].package) / name
