"""Single settings: as typed, ``key=value``, and the tree of settings as dotted names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nextlabel.errors import ConfigurationError, did_you_mean, listed
from nextlabel.parts import Part, parts_of
from nextlabel.trees import KINDS, Tree, leaves, tomllib

__all__ = ["Setting", "flat_settings"]

USUAL: Mapping[str, tuple[str, ...]] = {
    "dataset": ("digits",),
    "strategy": ("cod", "margin", "random"),
    "objective": ("supervised",),
}
"""The parts of an experiment that names none."""


@dataclass(frozen=True)
class Setting:
    """A setting or, as ``KIND.NAME.OPTION``, an option of a part.

    Attributes:
        path: The keys, outermost first.
        text: Its value as typed.
    """

    path: tuple[str, ...]
    text: str

    @staticmethod
    def parse(setting: str) -> Setting:
        """Read a text such as ``learner.epochs=20`` or ``objective.tod.weight=0.1``.

        Raises:
            ConfigurationError: It is not a key with a value.
        """
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise ConfigurationError(f"a setting must be key=value, as in learner.epochs=20, got '{setting}'")
        return Setting(tuple(key.strip().split(".")), text.strip())

    def assign(self, tree: Tree) -> bool:
        """Put the value into the tree; return False, without doing anything, for an option of a part.

        Raises:
            ConfigurationError: A key on the way holds a value.
        """
        if self.path[0] in KINDS and len(self.path) > 1:
            return False
        *branches, leaf = self.path
        if kind := _kind(branches):
            raise ConfigurationError(
                f"an option must be set as {kind}.NAME.{leaf}={self.text}, got '{self}'; name the part"
            )
        for branch in branches:
            tree = tree.setdefault(branch, {})
            if not isinstance(tree, dict):
                raise ConfigurationError(f"'{branch}' must be a table of settings to set {self}, got a value")
        tree[leaf] = self._value(of_parts=self.path in KINDS.values())
        return True

    def set_option(self, tree: Tree) -> None:
        """Set an option of a part that the tree has, or that every experiment has.

        Raises:
            ConfigurationError: There is no such part.
        """
        kind, *names, option = self.path
        name = ".".join(names)  # names may have dots, as timm's have
        if not name:
            raise ConfigurationError(
                f"an option of a part must be set as {kind}.NAME.{option}=VALUE, got '{self}'; name the part"
            )
        *branches, leaf = KINDS[kind]
        for branch in branches:
            tree = tree.setdefault(branch, {})
        parts = parts_of(tree.get(leaf, USUAL.get(kind, ())))
        known = [part.name for part in parts]
        # wrappers, and the data set's own model, need not be named first
        if name not in known and (kind == "wrapper" or (kind == "model" and not parts)):
            parts.append(Part(name))
        elif name not in known:
            where = f"add it to '{'.'.join(KINDS[kind])}', which has {listed(map(str, parts)) or 'none'}"
            guess = did_you_mean(name, known) or f"; {where}"
            raise ConfigurationError(f"{kind} not found: '{name}', to set {self}{guess}")
        value = self._value(of_parts=False)
        changed = [part.with_options({option: value}) if part.name == name else part for part in parts]
        tree[leaf] = changed[0] if kind == "model" else changed

    def _value(self, *, of_parts: bool) -> Any:  # Any: what TOML may hold
        try:
            return tomllib.loads(f"value = {self.text}")["value"]
        except tomllib.TOMLDecodeError:
            several = "," in self.text and not of_parts
            return [part.strip() for part in self.text.split(",")] if several else self.text

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}={self.text}"


def flat_settings(tree: Mapping[str, Any]) -> dict[str, Any]:  # Any: TOML
    """Return a tree of settings by dotted names, with options of parts as ``KIND.NAME.OPTION``.

    Several parts with the same name are given as text, since their options have no name of their own.
    """
    flat: dict[str, Any] = {}
    for path, value in leaves(tree, whole=KINDS.values()):
        name = ".".join(path)
        kind = _kind(path)
        if kind is None or value is None:
            flat[name] = value
            continue
        parts = parts_of(value)
        names = [part.name for part in parts]
        if len(set(names)) < len(names) or any(part.of for part in parts):
            flat[name] = [str(part) for part in parts]
            continue
        if kind != "wrapper":  # they are there without being named
            flat[name] = names[0] if kind == "model" else names
        for part in parts:
            flat |= {f"{kind}.{part.name}.{option}": one for option, one in part.options.items()}
    return flat


def _kind(path: Sequence[str]) -> str | None:
    """Return the kind of the parts that the setting with these keys holds, if it holds parts."""
    return next((kind for kind, place in KINDS.items() if place == tuple(path)), None)
