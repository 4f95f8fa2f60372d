"""Presets: settings that ship with nextlabel, a TOML file for each data set and way of running it.

Knows where the files lie and how they are laid below a user's own settings, not what a setting means.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from typing import Any, TypeAlias

from nextlabel.errors import ConfigurationError, ContractError, UnknownNameError, listed, nearest
from nextlabel.parts import Part, parts_of
from nextlabel.trees import merge

if sys.version_info >= (3, 11):
    from importlib.resources.abc import Traversable

    import tomllib
else:
    from importlib.abc import Traversable

    import tomli as tomllib

__all__ = ["Preset", "lay_over_preset", "load_preset", "preset_datasets", "preset_remarks", "presets"]

GROUP = "nextlabel.presets"
"""The entry points whose members are more presets."""

Tree: TypeAlias = dict[str, Any]  # Any: what TOML may hold


def _no_remarks(settings: Mapping[str, Any]) -> Iterable[str]:  # Any: TOML
    return ()


@dataclass(frozen=True)
class Preset:
    """A way of running experiments, with a TOML file of settings for each data set.

    Attributes:
        about: What it is, in one clause.
        package: The package in which the preset's files lie, in a folder of the preset's name.
        remarks: Given a configuration with any preset, returns what its reader should know, a line each.
    """

    about: str
    package: str
    remarks: Callable[[Mapping[str, Any]], Iterable[str]] = _no_remarks  # Any: TOML


FAST = Preset(
    "the papers' protocol with a trainer of today and 20 to 40 % of the epochs", "nextlabel.presets"
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
        try:
            preset = point.load()
        except (ImportError, AttributeError) as error:
            raise ContractError(
                f"cannot load the preset '{point.name}' from '{point.value}': {error}"
            ) from error
        if not isinstance(preset, Preset):
            raise ContractError(
                f"the preset '{point.name}' at '{point.value}' must be a Preset, got {preset!r}"
            )
        found[point.name] = preset
    return found


def preset_remarks(settings: Mapping[str, Any]) -> Iterator[str]:  # Any: TOML
    """Yield what the reader of a configuration should know of its preset, a line each."""
    for preset in presets().values():
        yield from preset.remarks(settings)


def preset_datasets(name: str) -> tuple[str, ...]:
    """Return the data sets that a preset has settings for, in the order of the alphabet.

    Raises:
        UnknownNameError: There is no such preset.
    """
    folder = _folder(name)
    return tuple(sorted(file.name.removesuffix(".toml") for file in folder.iterdir()))


def load_preset(name: str, dataset: str) -> Tree:
    """Read the settings of a preset for a data set, as a configuration file would hold them.

    A preset's file that names another one as its ``base`` holds only what is different.

    Raises:
        UnknownNameError: There is no such preset.
        ConfigurationError: It has no settings for this data set.
    """
    known = preset_datasets(name)
    if dataset not in known:
        hint = nearest(dataset, known)
        guess = f"did you mean '{hint}'?" if hint else "without a preset, nextlabel run takes every data set"
        raise ConfigurationError(
            f"the preset '{name}' has settings for {listed(known, limit=20)}, but not for '{dataset}'; "
            f"{guess}"
        )
    file = _folder(name) / f"{dataset}.toml"
    tree = tomllib.loads(file.read_text(encoding="utf-8"))
    base = tree.pop("base", None)
    return tree if base is None else merge(load_preset(base, dataset), tree)


def _folder(name: str) -> Traversable:
    if name not in presets():
        raise UnknownNameError("preset", name, presets())
    return resources.files(presets()[name].package) / name


def lay_over_preset(tree: Mapping[str, Any], *, default: str) -> Tree:  # Any: TOML
    """Lay settings over the preset that they name; without one they come back as they are.

    Tables are laid over tables, key by key. The preset's table ``options`` says of parts, by kind and name,
    which options they have where the settings use them.

    Args:
        tree: The settings; ``preset`` and ``dataset`` among them say which preset.
        default: The data set where the settings name none.

    Raises:
        UnknownNameError: There is no such preset.
        ConfigurationError: It has no settings for the data set, or there are several data sets.
    """
    name = tree.get("preset")
    if not isinstance(name, str):
        return dict(tree)
    datasets = [part.name for part in parts_of(tree.get("dataset", default))]
    if len(datasets) != 1:
        raise ConfigurationError(
            f"a preset is for one data set, but there are {listed(datasets) or 'none'}; run each by itself"
        )
    below = load_preset(name, datasets[0])
    options = below.pop("options", {})
    if tree.get("budget") is not None:  # from which these follow
        below = {key: value for key, value in below.items() if key not in ("initial_size", "batch_size")}
    own = tree.get("learner", {})
    if not isinstance(own, Mapping):  # which the configuration will refuse
        return dict(tree)
    merged = merge(below, tree)
    for kind in ("dataset", "strategy", "objective"):
        _lay_options(merged, kind, options.get(kind, {}))
    learner = merged["learner"] = dict(merged.get("learner", {}))
    _lay_options(learner, "model", options.get("model", {}))
    _lay_options(learner, "augment", options.get("augment", {}))
    named = {part.name for part in parts_of(learner.get("wrappers", ()))}
    others = [Part(name) for name in options.get("wrapper", {}) if name not in named]
    learner["wrappers"] = [*parts_of(learner.get("wrappers", ())), *others]
    _lay_options(learner, "wrappers", options.get("wrapper", {}))
    return merged


def _lay_options(tree: Tree, key: str, options: Mapping[str, Mapping[str, Any]]) -> None:  # Any: TOML
    """Lay the parts of a setting over what the preset says of parts of their names."""
    if tree.get(key) is None:
        return
    laid = [
        Part(part.name, {**options.get(part.name, {}), **part.options}, part.of)
        for part in parts_of(tree[key])
    ]
    tree[key] = laid[0] if key == "model" else laid
