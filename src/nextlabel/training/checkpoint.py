"""What a fit leaves on disk: tensors as safetensors, the rest as JSON, each file whole or not there.

A file records the arguments of its fit as plain JSON and is used only by a fit with the same ones. Nothing is
pickled, and no random state is kept.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from nextlabel import files
from nextlabel.errors import ConfigurationError, ContractError, DataError, MissingStateError, listed
from nextlabel.files import write_file
from nextlabel.parts import Part
from nextlabel.pool import Pool
from nextlabel.training.config import TrainingConfig

__all__ = [
    "as_json",
    "check_same",
    "joined",
    "load_state",
    "optimizer_state",
    "part",
    "read_json",
    "read_tensors",
    "restore_optimizer",
    "training_arguments",
    "write_json",
    "write_tensors",
]

WITHOUT_EFFECT = ("predict_batch_size", "checkpoint_seconds")
"""Settings that may change before a fit is continued: the weights do not depend on them."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], notes: Mapping[str, Any] | None = None) -> None:
    """Write tensors and notes that JSON can hold, atomically; DataError if the disk is full or read-only."""
    # Copies, because safetensors refuses tensors that share memory, and tied weights do.
    copies = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    write_file(path, save(copies, {"notes": json.dumps(dict(notes or {}))}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what :func:`write_tensors` wrote, the tensors on the CPU.

    Raises:
        MissingStateError: There is no such file.
        DataError: It is damaged or cannot be read.
    """
    try:
        with safe_open(path, framework="pt") as file:
            notes = json.loads((file.metadata() or {}).get("notes", "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, notes  # noqa: SIM118  # it is no dict
    except FileNotFoundError as error:
        raise MissingStateError(
            f"there is no state at {path}: it was not kept, or its fit is not finished"
        ) from error
    except (OSError, SafetensorError, ValueError) as error:
        raise DataError(f"the state at {path} cannot be read ({error}); delete it and train again") from error


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON atomically; DataError if the disk is full or read-only."""
    write_file(path, json.dumps(dict(content), indent=1) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """Read what :func:`write_json` wrote; None if there is no such file, DataError if it is damaged."""
    return files.read_json(path, dict, remedy="delete it and train again") if path.exists() else None


def joined(parts: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the tensors of all parts in one mapping, named ``part/tensor``."""
    return {f"{name}/{key}": tensor for name, tensors in parts.items() for key, tensor in tensors.items()}


def part(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Return the tensors of one part from what :func:`joined` returned."""
    prefix = f"{name}/"
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}


def load_state(module: nn.Module, tensors: Mapping[str, Tensor], *, what: str) -> None:
    """Load a state into a module, or leave the module alone where the state does not fit.

    Raises:
        ConfigurationError: Tensors are missing, unknown or of another shape; the message names them, and the
            module as ``what``. It is no DataError, because the state is whole and must not be trained over.
    """
    own = module.state_dict(keep_vars=True)
    faults = {
        "it lacks": [name for name in own if name not in tensors],
        "it has the unknown": [name for name in tensors if name not in own],
        "it has another shape of": [
            f"{name} {tuple(tensors[name].shape)} instead of {tuple(tensor.shape)}"
            for name, tensor in own.items()
            if name in tensors and not is_lazy(tensor) and tensors[name].shape != tensor.shape
        ],
    }
    found = "; ".join(f"{fault} {listed(names)}" for fault, names in faults.items() if names)
    if found:
        raise ConfigurationError(
            f"a saved state must fit {what}, but {found}; use the settings it was made with"
        )
    module.load_state_dict(tensors)


def optimizer_state(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the optimiser's state by ``index/name``: its tensors, and separately what is no tensor.

    Raises:
        ContractError: It holds something that neither safetensors nor JSON can keep.
    """
    tensors: dict[str, Tensor] = {}
    others: dict[str, Any] = {}
    for index, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            if isinstance(value, Tensor):
                tensors[f"{index}/{name}"] = value
            elif value is None or isinstance(value, bool | int | float | str):
                others[f"{index}/{name}"] = value
            else:
                raise ContractError(
                    f"the state of {type(optimizer).__name__} must be tensors and numbers, got '{name}' of "
                    f"type {type(value).__name__}, which cannot be saved; use another optimizer"
                )
    return tensors, others


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor], others: Mapping[str, Any]) -> None:
    """Load what :func:`optimizer_state` returned into an optimiser."""
    state: dict[int, dict[str, Any]] = {}
    for key, value in {**others, **tensors}.items():
        index, _, name = key.partition("/")
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def training_arguments(
    x: Pool, y: Tensor, unlabelled: Pool | None, config: TrainingConfig, seed: int
) -> dict[str, Any]:  # Any: whatever JSON holds
    """Return the arguments of a fit as JSON, items and their (L,) labels as digests."""
    return {
        "seed": seed,
        "labelled": x.digest(),
        "labels": hashlib.blake2b(y.cpu().numpy().tobytes(), digest_size=8).hexdigest(),
        "unlabelled": None if unlabelled is None else unlabelled.digest(),
        **{name: as_json(value) for name, value in vars(config).items() if name not in WITHOUT_EFFECT},
    }


def as_json(value: Any) -> Any:  # Any: a setting, as JSON gives it back
    """Return a setting as JSON gives it back; of a callable, a text that is the same in every process."""
    if isinstance(value, functools.partial):
        options = {name: as_json(one) for name, one in sorted(value.keywords.items())}
        return f"{as_json(value.func)}{value.args}{options}"
    if isinstance(value, Part):
        return str(value)
    if isinstance(value, tuple):
        return [as_json(part) for part in value]
    if not callable(value):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return f"{type(value).__qualname__}({fields})"
    return f"{value.__module__}.{getattr(value, '__qualname__', type(value).__qualname__)}"


def check_same(found: dict[str, Any], wanted: dict[str, Any], path: Path) -> None:
    """Raise :class:`DataError` if a file was made by a fit with other arguments, naming the first."""
    for name in sorted({*found, *wanted}):
        if found.get(name) != wanted.get(name):
            raise DataError(
                f"{path} must be of a fit with {name}={wanted.get(name)!r}, got one with "
                f"{name}={found.get(name)!r}; use another folder, or delete it"
            )
