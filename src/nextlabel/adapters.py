"""Adapters for learners and objectives of one's own: optional members that are missing get their defaults."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import FunctionType, MethodType
from typing import Any, cast

from torch import nn

from nextlabel.errors import ContractError, brief, listed
from nextlabel.types import Learner, Objective

__all__ = ["as_learner", "as_mapping", "as_objective", "check_call"]


def check_call(usage: str, call: object, *arguments: object, **options: object) -> None:
    """Raise :class:`ContractError` unless ``call`` takes these arguments, which ``usage`` shows."""
    try:
        inspect.signature(call).bind(*arguments, **options)  # type: ignore[arg-type]  # if it is not callable
    except TypeError as error:
        raise ContractError(
            f"{usage} must be a valid call, got {brief(call)} ({error}); correct it"
        ) from error
    except ValueError:  # some built-in functions do not give their parameters
        return


def as_objective(made: object) -> Objective:
    """Return the objective with all members; one that cannot be completed raises ContractError."""
    if isinstance(made, nn.Module) and type(made).forward in (Objective.forward, nn.Module.forward):
        raise ContractError(
            f"an objective must define forward(model, x, y, unlabelled, *, step), got {type(made).__name__} "
            "without it; return Losses from it"
        )
    if isinstance(made, Objective):
        return made
    needed = ("uses_unlabelled", "bind", "after_step")
    if not isinstance(made, nn.Module) or not all(hasattr(made, name) for name in needed):
        raise ContractError(
            f"an objective must be an nn.Module with {listed(needed)}, got {type(made).__name__}; subclass "
            "nextlabel.types.Objective"
        )
    return cast(Objective, _completed(made, Objective))


def as_learner(made: object) -> Learner:
    """Return the learner with all members; one that cannot be completed raises ContractError."""
    if isinstance(made, type):
        raise ContractError(f"a learner must be an object, got the class {made.__name__}; create one")
    missing = [name for name in ("fit", "predict") if not callable(getattr(made, name, None))]
    if missing:
        raise ContractError(
            f"a learner must have the methods fit and predict, got {type(made).__name__} without "
            f"{listed(missing)}; add them"
        )
    learner = cast(Learner, made)
    check_call("fit(x, y, unlabelled, seed=, workdir=)", learner.fit, 0, 0, 0, seed=0, workdir=0)
    check_call("predict(x, needs=, seed=)", learner.predict, 0, needs=0, seed=0)
    return cast(Learner, _completed(made, Learner))


def as_mapping(who: str, given: object) -> dict[str, Any]:  # Any: labels or JSON, checked by the ledger
    """Return what a user's function returned as a dictionary; a ContractError says that it is no mapping."""
    if not isinstance(given, Mapping):
        raise ContractError(f"{who} must return a mapping, such as {{'name': 1}}, got {brief(given)}")
    return dict(given)


def _completed(part: object, contract: type) -> object:
    for name, default in vars(contract).items():
        if not name.startswith("_") and not hasattr(part, name):
            value = MethodType(default, part) if isinstance(default, FunctionType) else default
            try:
                setattr(part, name, value)
            except AttributeError as error:  # of a class with __slots__, or a frozen one
                raise ContractError(
                    f"{type(part).__name__} must have a member '{name}', as its attributes cannot be set; "
                    f"subclass nextlabel.types.{contract.__name__}"
                ) from error
    return part
