"""The configuration of an experiment: defaults < TOML file < command line, checked at the edge.

Knows the shape of a configuration, not the parts it names: whether there is a strategy of some name is for
the benchmark to say. Imports no torch.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import tomli_w
from pydantic import Field, ValidationError, field_validator, model_validator

from nextlabel.config.budget import with_sizes
from nextlabel.config.learner import LearnerConfig, PartsSetting, Strict, Tree
from nextlabel.config.setting import Setting
from nextlabel.errors import ConfigurationError, UnknownNameError, nearest
from nextlabel.files import absolute_root
from nextlabel.parts import Part
from nextlabel.presets.catalogue import lay_over_preset, presets

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "CountOrFraction",
    "Device",
    "ExperimentConfig",
    "fingerprint",
    "load_config",
    "read_toml",
    "to_toml",
]

CountOrFraction: TypeAlias = Annotated[int | float, Field(gt=0)]
"""A count where it is an integer, a fraction of the pool where it is a float below 1."""

RECORDED = ("environment", "version")
"""What a record of a run holds besides settings: where it ran, and with which nextlabel."""

Device: TypeAlias = Literal["auto", "cpu", "cuda"]
"""``auto`` is ``cuda`` where there is one, else ``cpu``."""


class ExperimentConfig(Strict):
    """A grid of campaigns: every data set with every strategy, objective and seed."""

    preset: str | None = Field(
        default=None,
        description="Shipped settings below these: of the papers' code, literal or repaired, of their text, "
        "or faster ones.",
    )
    dataset: PartsSetting = Field(default=[Part("digits")], min_length=1, description="Data sets.")
    strategy: PartsSetting = Field(
        default=[Part("cod"), Part("margin"), Part("random")], min_length=1, description="Query strategies."
    )
    objective: PartsSetting = Field(
        default=[Part("supervised")], min_length=1, description="Training losses."
    )
    # 3 leave open whether COD is ahead of random in the main job, 10 settle it (docs/results.md) within 60 s
    seeds: int = Field(default=10, ge=1, description="Number of seeds; they are 0, 1, 2, ...")
    cycles: int = Field(
        default=7,
        ge=1,
        description="Number of active-learning cycles; a batch is labelled between two of them.",
    )
    initial_size: CountOrFraction = Field(
        default=0.10,
        description="Labels before the first cycle: a count (100) or a fraction of the pool (0.10).",
    )
    batch_size: CountOrFraction = Field(
        default=0.05, description="Labels to query per cycle: a count (50) or a fraction of the pool (0.05)."
    )
    budget: CountOrFraction | None = Field(
        default=None,
        description="Labels at the end: a count, or a fraction of the pool. The initial set and the batch "
        "follow from it and the cycles, the initial set twice the batch as in the TOD papers.",
    )
    device: Device = Field(default="auto", description="Where the model runs.")
    threads: int = Field(
        default=1, ge=1, description="CPU threads of a cell; part of the result's last digits."
    )
    learner: LearnerConfig = Field(default=LearnerConfig(), description="How the model is trained.")
    candidate_size: int | float | Literal["all"] | None = Field(
        default=None,
        description="Unlabelled items drawn at random in each cycle for the strategy to choose from: a "
        "count, or a fraction of the pool; all, as when left out, lets it see every one.",
    )
    label_noise: float = Field(
        default=0.0, ge=0, lt=1, description="Fraction of the labels that are given wrong, uniformly."
    )
    diagnostics: PartsSetting = Field(
        default_factory=list,
        description="Further strategies whose scores are compared with the true losses on the models that "
        "each cell trains.",
    )
    score_last: bool | None = Field(
        default=None,
        description="Whether the pool is scored after the last training run too, for diagnostics of the "
        "score; nothing is queried then.",
    )
    full_training: list[Literal["once", "equal_updates"]] = Field(
        default_factory=list,
        description="References trained on all labels: once as a cycle is, or with as many updates as all "
        "cycles together.",
    )

    recipes: dict[str, dict[str, Any]] | None = Field(
        default=None,
        exclude=True,
        description="What a resolved file says of the training on each data set; compared, never set.",
    )

    def differences(self) -> Tree:
        """Return the settings that are not the defaults; a budget is in what follows from it."""
        return {key: value for key, value in super().differences().items() if key != "budget"}

    @model_validator(mode="before")
    @classmethod
    def _within_budget(cls, tree: Any) -> Any:  # Any: not validated yet
        return with_sizes(tree, cycles=cls.model_fields["cycles"].default) if isinstance(tree, dict) else tree

    @field_validator("full_training", mode="before")
    @classmethod
    def _one_or_many(cls, names: Any) -> Any:  # Any: not validated yet
        return [names] if isinstance(names, str) else names

    @field_validator("dataset", "strategy", "objective", "full_training")
    @classmethod
    def _distinct(cls, parts: list[Any]) -> list[Any]:  # Any: parts, or names
        if len(set(parts)) != len(parts):
            raise ValueError(f"must be distinct, got {', '.join(map(str, parts))}")
        return parts

    @field_validator("preset")
    @classmethod
    def _known_preset(cls, preset: str | None) -> str | None:
        if preset is not None and preset not in presets():
            raise ValueError(str(UnknownNameError("preset", preset, presets())))
        return preset

    @field_validator("initial_size", "batch_size", "budget", "candidate_size", mode="before")
    @classmethod
    def _a_number(cls, amount: Any) -> Any:  # Any: not validated yet
        if isinstance(amount, bool):
            raise ValueError(f"expected a count or a fraction, but got {str(amount).lower()}")
        return amount

    @field_validator("initial_size", "batch_size", "budget", "candidate_size")
    @classmethod
    def _count_or_fraction(cls, amount: int | float | str | None) -> int | float | str | None:
        if (
            isinstance(amount, (int, float)) and not amount > 0
        ):  # of the candidate subset, whose type does not say it
            raise ValueError(f"expected a count or a fraction above 0, but got {amount}")
        if isinstance(amount, float) and amount >= 1:
            if amount == 1 or not amount.is_integer():  # 1.0 may be meant as the whole pool
                raise ValueError(f"expected a count (an integer) or a fraction below 1, but got {amount}")
            return int(amount)
        return amount

    @field_validator("dataset")
    @classmethod
    def _one_folder(cls, parts: list[Part]) -> list[Part]:
        return [Part(part.name, absolute_root(part.options), part.of) for part in parts]


def load_config(
    path: Path | None = None, *, options: Mapping[str, Any] | None = None, settings: Sequence[str] = ()
) -> ExperimentConfig:
    """Build a configuration: defaults, then the file, then options, then ``key=value`` settings.

    Where these name a ``preset``, it is laid between the defaults and them.

    Args:
        path: A TOML file, or None.
        options: Values by top-level key; those that are None are left out.
        settings: Texts such as ``"learner.epochs=20"``; the value is read as TOML, else as a string.

    Raises:
        ConfigurationError: The file cannot be read, or a key or value is wrong.
        UnknownNameError: There is no such preset.
    """
    tree = read_toml(path) if path else {}
    for record in RECORDED:
        tree.pop(record, None)
    tree |= {key: value for key, value in (options or {}).items() if value is not None}
    of_parts = [setting for setting in map(Setting.parse, settings) if not setting.assign(tree)]
    tree = lay_over_preset(tree, default="digits")
    for setting in of_parts:
        setting.set_option(tree)
    try:
        return ExperimentConfig.model_validate(tree)
    except ValidationError as error:
        raise ConfigurationError(_sentence(error, path)) from error


def read_toml(path: Path) -> Tree:
    """Read a TOML file.

    Raises:
        ConfigurationError: It is missing or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"expected TOML in {path}, but {error}") from error


def to_toml(tree: Mapping[str, Any]) -> str:
    """Return the tree as TOML; keys whose value is None are left out, for TOML has no null."""
    return tomli_w.dumps(_without_none(tree))


def fingerprint(tree: Mapping[str, Any]) -> str:
    """Return 8 hexadecimal digits that stand for the tree's content."""
    text = json.dumps(tree, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def _without_none(tree: Mapping[str, Any]) -> Tree:
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in tree.items()
        if value is not None
    }


def _sentence(error: ValidationError, path: Path | None) -> str:
    first = error.errors()[0]
    kinds = (
        "int",
        "float",
        "bool",
        "literal[",
    )  # the branch of a union that was tried
    where = ".".join(part for part in first["loc"] if isinstance(part, str) and not part.startswith(kinds))
    source = f" in {path}" if path else ""
    if first["type"] == "extra_forbidden":
        known = _keys_next_to(first["loc"])
        hint = nearest(str(first["loc"][-1]), known)
        guess = f"; did you mean '{hint}'?" if hint else f"; known: {', '.join(known)}"
        return f"there is no setting '{where}'{source}{guess}"
    problem = first["msg"].removeprefix("Value error, ")
    got = "" if first["type"] == "value_error" else f"; got {first['input']!r}"  # ours say it themselves
    if not where:
        return f"the settings{source} do not agree: {problem}"
    return f"the setting '{where}'{source} is wrong: {problem[0].lower()}{problem[1:]}{got}"


def _keys_next_to(location: tuple[int | str, ...]) -> list[str]:
    fields = LearnerConfig.model_fields if location[0] == "learner" else ExperimentConfig.model_fields
    return sorted(fields)
