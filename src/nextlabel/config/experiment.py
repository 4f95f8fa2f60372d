"""The configuration of an experiment: defaults < TOML file < command line, validated on loading.

Whether the parts it names exist is for the benchmark to check.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import tomli_w
from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from nextlabel.config.budget import with_sizes
from nextlabel.config.learner import LearnerConfig, PartsSetting, Strict, option
from nextlabel.config.settings import USUAL, Setting
from nextlabel.errors import ConfigurationError, did_you_mean, listed
from nextlabel.files import absolute_root
from nextlabel.parts import Part
from nextlabel.presets.catalogue import lay_over_preset
from nextlabel.trees import Tree, tomllib

__all__ = ["Device", "ExperimentConfig", "fingerprint", "load_config", "read_toml", "to_toml"]

CountOrFraction: TypeAlias = Annotated[int | float, Field(gt=0)]
"""An integer is a count, a float below 1 a fraction of the pool."""

Device: TypeAlias = Literal["auto", "cpu", "cuda"]
"""``auto`` is ``cuda`` if there is one, else ``cpu``."""


def _as_list(names: Any) -> Any:  # Any: not validated yet
    return [names] if isinstance(names, str) else names


def _usual(kind: str, description: str) -> Any:  # Any: as of pydantic's Field
    return Field(default=[*map(Part, USUAL[kind])], min_length=1, description=description)


PROBLEMS: Mapping[str, str] = {
    "int": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float": "must be a number",
    "bool": "must be true or false",
    "model": "must be a table",
    "dict": "must be a table",
    "too_short": "must not be empty",
}
"""What a setting must be, by pydantic's type of the error, where pydantic says it in its own terms."""


class ExperimentConfig(Strict):
    """A grid of campaigns: every data set with every strategy, objective and seed."""

    preset: str | None = option(
        "Shipped settings to start from: those of the papers' code, literal or repaired, of their text, or "
        "faster ones."
    )
    dataset: PartsSetting = _usual("dataset", "Data sets.")
    strategy: PartsSetting = _usual("strategy", "Query strategies.")
    objective: PartsSetting = _usual("objective", "Training losses.")
    # 3 leave open whether COD is ahead of random in the main job, 10 settle it (docs/results.md) within 60 s
    seeds: int = Field(default=10, ge=1, description="Number of seeds; they are 0, 1, 2, ...")
    cycles: int = Field(
        default=7, ge=1, description="Number of active-learning cycles; a batch is labelled between two."
    )
    initial_size: CountOrFraction = Field(
        default=0.10,
        description="Labels before the first cycle: a count (100) or a fraction of the pool (0.10).",
    )
    batch_size: CountOrFraction = Field(
        default=0.05, description="Labels to query per cycle: a count (50) or a fraction of the pool (0.05)."
    )
    budget: CountOrFraction | None = option(
        "Labels at the end: a count or a fraction of the pool. Initial set and batch follow from it and from "
        "the cycles, the initial set twice the batch as in the TOD papers."
    )
    device: Device = Field(default="auto", description="Where the model runs.")
    threads: int = Field(
        default=1, ge=1, description="CPU threads per run; they affect the last digits of a result."
    )
    learner: LearnerConfig = Field(default=LearnerConfig(), description="How the model is trained.")
    candidate_size: int | float | Literal["all"] | None = option(
        "Unlabelled items drawn at random in each cycle for the strategy to choose from: a count or a "
        "fraction of the pool; all, the default, is every one."
    )
    label_noise: float = Field(
        default=0.0, ge=0, lt=1, description="Fraction of the labels that are wrong, uniformly."
    )
    diagnostics: PartsSetting = Field(
        default_factory=list,
        description="Further strategies whose scores are compared with the true losses, on the models that "
        "each run trains.",
    )
    score_last: bool | None = option(
        "Whether to score the pool after the last training run too, for diagnostics of the score; nothing is "
        "queried then."
    )
    full_training: Annotated[list[Literal["once", "equal_updates"]], BeforeValidator(_as_list)] = Field(
        default_factory=list,
        description="References trained on all labels: once as a cycle is, or with as many updates as all "
        "cycles together.",
    )

    training: dict[str, dict[str, Any]] | None = option(
        "How a record says the model is trained on each data set; compared, never set.", exclude=True
    )

    def differences(self) -> Tree:
        """Return the settings that differ from the defaults; a budget shows in those that follow from it."""
        return {key: value for key, value in super().differences().items() if key != "budget"}

    @model_validator(mode="before")
    @classmethod
    def _within_budget(cls, tree: Any) -> Any:  # Any: not validated yet
        return with_sizes(tree, cycles=cls.model_fields["cycles"].default) if isinstance(tree, dict) else tree

    @field_validator("dataset", "strategy", "objective", "full_training")
    @classmethod
    def _distinct(cls, parts: list[Any]) -> list[Any]:  # Any: parts, or names
        if len(set(parts)) != len(parts):
            raise ValueError(f"must be distinct, got {', '.join(map(str, parts))}")
        return parts

    @field_validator("initial_size", "batch_size", "budget", "candidate_size", mode="wrap")
    @classmethod
    def _count_or_fraction(cls, given: Any, validated: Callable[[Any], Any]) -> Any:  # Any: not validated yet
        try:
            amount = validated(given)
        except ValidationError:
            amount = 0
        if isinstance(amount, (int, float)) and not amount > 0:
            raise ValueError(f"must be a count or a fraction above 0, got {given!r}")
        if isinstance(amount, float) and amount >= 1:
            if amount == 1 or not amount.is_integer():  # 1.0 may be meant as the whole pool
                raise ValueError(f"must be a count (an integer) or a fraction below 1, got {amount}")
            return int(amount)
        return amount

    @field_validator("dataset")
    @classmethod
    def _absolute_root(cls, parts: list[Part]) -> list[Part]:
        return [Part(part.name, absolute_root(part.options), part.of) for part in parts]


def load_config(
    path: Path | None = None, *, options: Mapping[str, Any] | None = None, settings: Sequence[str] = ()
) -> ExperimentConfig:
    """Build a configuration: defaults, then the file, then options, then ``key=value`` settings.

    If these name a ``preset``, it comes between the defaults and them.

    Args:
        path: A TOML file, or None.
        options: Values by top-level key; those that are None are left out.
        settings: Texts such as ``"learner.epochs=20"``; the value is read as TOML, else as a string.

    Raises:
        ConfigurationError: The file cannot be read, or a key or value is wrong.
        UnknownNameError: There is no such preset.
    """
    tree = read_toml(path) if path else {}
    for key in ("environment", "version"):  # in a record: where it ran, with which nextlabel
        tree.pop(key, None)
    tree |= {key: value for key, value in (options or {}).items() if value is not None}
    of_parts = [setting for setting in map(Setting.parse, settings) if not setting.assign(tree)]
    tree = lay_over_preset(tree, default="digits")
    for setting in of_parts:
        setting.set_option(tree)
    try:
        return ExperimentConfig.model_validate(tree)
    except ValidationError as error:
        raise ConfigurationError(_sentence(error, f" in {path}" if path else "")) from error


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
        raise ConfigurationError(f"{path} must be TOML, but {error}") from error


def to_toml(tree: Mapping[str, Any]) -> str:
    """Return the tree as TOML; keys whose value is None are left out, because TOML has no null."""

    def without_none(tree: Mapping[str, Any]) -> Tree:
        return {
            key: without_none(value) if isinstance(value, Mapping) else value
            for key, value in tree.items()
            if value is not None
        }

    return tomli_w.dumps(without_none(tree))


def fingerprint(tree: Mapping[str, Any]) -> str:
    """Return 8 hexadecimal digits that identify the tree's content."""
    text = json.dumps(tree, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def _sentence(error: ValidationError, source: str) -> str:
    first = error.errors()[0]
    path = [part for part in first["loc"] if isinstance(part, str)]
    if first["type"] == "extra_forbidden":
        known = sorted((LearnerConfig if path[0] == "learner" else ExperimentConfig).model_fields)
        guess = did_you_mean(path[-1], known) or f"; known: {listed(known, limit=50)}"
        return f"setting not found: '{'.'.join(path)}'{source}{guess}"
    branches = ("int", "float", "bool", "literal[")  # of a union, as pydantic names them
    name = ".".join(part for part in path if not part.startswith(branches))
    problem = first["msg"].removeprefix("Value error, ").replace("Input should", "must")
    problem = PROBLEMS.get(first["type"].removesuffix("_parsing").removesuffix("_type"), problem)
    if not name:
        return f"the settings{source} do not agree: {problem}"
    got = "" if first["type"] == "value_error" else f", got {first['input']!r}"  # ours say it themselves
    verb = "" if problem.startswith("must") else "is wrong: "
    return f"the setting '{name}'{source} {verb}{problem[0].lower()}{problem[1:]}{got}"
