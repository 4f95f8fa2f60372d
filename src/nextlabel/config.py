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
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import tomli_w
from pydantic import Field, ValidationError, field_validator

from nextlabel.errors import ConfigurationError, nearest
from nextlabel.files import absolute_root
from nextlabel.learner_config import LearnerConfig, Strict, Tree
from nextlabel.presets.catalogue import lay_over_preset

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

Device: TypeAlias = Literal["auto", "cpu", "cuda"]
"""``auto`` is ``cuda`` where there is one, else ``cpu``."""


class ExperimentConfig(Strict):
    """A grid of campaigns: every data set with every strategy, objective and seed."""

    first: ClassVar[frozenset[str]] = frozenset(
        {
            "dataset",
            "strategy",
            "objective",
            "seeds",
            "cycles",
            "initial_size",
            "batch_size",
            "device",
            "threads",
            "learner",
            "strategy_options",
            "objective_options",
        }
    )

    preset: str | None = Field(
        default=None,
        description="Shipped settings below these: of the papers' code, literal or repaired, of their text, "
        "or faster ones.",
    )
    dataset: list[str] = Field(default=["digits"], min_length=1, description="Data sets, by name.")
    strategy: list[str] = Field(
        default=["cod", "margin", "random"], min_length=1, description="Query strategies, by name."
    )
    objective: list[str] = Field(
        default=["supervised"], min_length=1, description="Training losses, by name."
    )
    # 3 leave open whether COD is ahead of random in the main job, 10 settle it (docs/results.md) within 60 s
    seeds: int = Field(default=10, ge=1, description="Number of seeds; they are 0, 1, 2, ...")
    cycles: int = Field(default=7, ge=1, description="Fits; between two of them a batch is labelled.")
    initial_size: CountOrFraction = Field(
        default=0.10, description="Labels before the first cycle: a count, or a fraction of the pool."
    )
    batch_size: CountOrFraction = Field(
        default=0.05, description="Labels asked per cycle: a count, or a fraction of the pool."
    )
    device: Device = Field(default="auto", description="Where the model runs.")
    threads: int = Field(
        default=1, ge=1, description="CPU threads of a cell; part of the result's last digits."
    )
    learner: LearnerConfig = Field(default=LearnerConfig(), description="How the model is trained.")
    strategy_options: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Options of strategies, by strategy."
    )
    objective_options: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Options of objectives, by objective."
    )
    dataset_options: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Options of data sets, by data set."
    )
    candidate_size: int | float | Literal["all"] | None = Field(
        default=None,
        description="Unlabelled items drawn at random in each cycle for the strategy to choose from: a "
        "count, or a fraction of the pool; all, as when left out, lets it see every one.",
    )
    label_noise: float = Field(
        default=0.0, ge=0, lt=1, description="Fraction of the labels that are told wrong, uniformly."
    )
    audit: list[dict[str, Any]] = Field(
        default_factory=list,
        description="Further strategies, each a table with strategy and its options, whose scores are "
        "compared with the true losses on the models that each cell trains.",
    )
    score_last: bool | None = Field(
        default=None,
        description="Whether the pool is scored after the last training too, for diagnostics of the score; "
        "nothing is queried then.",
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

    @field_validator("dataset", "strategy", "objective", "full_training", mode="before")
    @classmethod
    def _one_or_many(cls, names: Any) -> Any:  # Any: not validated yet
        return [names] if isinstance(names, str) else names

    @field_validator("dataset", "strategy", "objective", "full_training")
    @classmethod
    def _distinct(cls, names: list[str]) -> list[str]:
        if len(set(names)) != len(names):
            raise ValueError(f"names must be distinct, but got {', '.join(names)}")
        return names

    @field_validator("initial_size", "batch_size", "candidate_size", mode="before")
    @classmethod
    def _a_number(cls, amount: Any) -> Any:  # Any: not validated yet
        if isinstance(amount, bool):
            raise ValueError(f"expected a count or a fraction, but got {str(amount).lower()}")
        return amount

    @field_validator("initial_size", "batch_size", "candidate_size")
    @classmethod
    def _count_or_share(cls, amount: int | float | str | None) -> int | float | str | None:
        if (
            isinstance(amount, (int, float)) and not amount > 0
        ):  # of the candidate subset, whose type does not say it
            raise ValueError(f"expected a count or a fraction above 0, but got {amount}")
        if isinstance(amount, float) and amount >= 1:
            if amount == 1 or not amount.is_integer():  # 1.0 may be meant as the whole pool
                raise ValueError(f"expected a count (an integer) or a fraction below 1, but got {amount}")
            return int(amount)
        return amount

    @field_validator("dataset_options")
    @classmethod
    def _one_folder(cls, tables: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:  # Any: TOML
        return {name: absolute_root(options) for name, options in tables.items()}

    @field_validator("audit")
    @classmethod
    def _names_its_strategy(cls, audit: list[dict[str, Any]]) -> list[dict[str, Any]]:  # Any: TOML
        for table in audit:
            if not isinstance(table.get("strategy"), str):
                raise ValueError(
                    f"every table must name its strategy, as {{strategy = 'entropy'}} does, but got {table}"
                )
        return audit


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
    tree.pop("environment", None)  # a resolved file records where it ran; that is not a setting
    tree |= {key: value for key, value in (options or {}).items() if value is not None}
    for setting in settings:
        _assign(tree, setting)
    tree = lay_over_preset(tree, default="digits")
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


def _assign(tree: Tree, setting: str) -> None:
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise ConfigurationError(f"expected key=value, for example learner.epochs=20, but got '{setting}'")
    *branches, leaf = key.strip().split(".")
    for branch in branches:
        tree = tree.setdefault(branch, {})
        if not isinstance(tree, dict):
            raise ConfigurationError(f"'{branch}' in '{setting}' is a value, not a table of settings")
    tree[leaf] = _value(text.strip())


def _value(text: str) -> Any:  # Any: what TOML may hold
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return [part.strip() for part in text.split(",")] if "," in text else text


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
        known = _keys_beside(first["loc"])
        hint = nearest(str(first["loc"][-1]), known)
        guess = f"; did you mean '{hint}'?" if hint else f"; known: {', '.join(known)}"
        return f"there is no setting '{where}'{source}{guess}"
    problem = first["msg"].removeprefix("Value error, ")
    got = "" if first["type"] == "value_error" else f"; got {first['input']!r}"  # ours say it themselves
    return f"the setting '{where}'{source} is wrong: {problem[0].lower()}{problem[1:]}{got}"


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    fields = LearnerConfig.model_fields if location[0] == "learner" else ExperimentConfig.model_fields
    return sorted(fields)
