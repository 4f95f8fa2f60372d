"""Weights from elsewhere, put into a network with an account of every tensor.

A checkpoint fits whole or is refused: no tensor is left at random unsaid. Nothing in a file is run. Knows
no particular network.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError  # only its name: torch refuses with it what is not plain tensors
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from nextlabel.errors import DataError, listed

__all__ = ["LoadingReport", "checked_state", "compare", "load_weights", "read_weights"]

COUNTER = "num_batches_tracked"
"""A batch norm's count of batches. Files from before torch 0.4.1 lack it, and torch starts it at 0."""

UNREADABLE = (
    *(OSError, EOFError, RuntimeError, ValueError, UnpicklingError, SafetensorError),
    *(
        AssertionError,
        LookupError,
        TypeError,
        struct.error,
    ),  # torch.load's, of damaged files in its old format
)
"""What damaged files were seen to raise."""


@dataclass(frozen=True)
class LoadingReport:
    """Which tensors of a network a checkpoint gives, by name.

    Attributes:
        loaded: In both, with one shape.
        missing: In the network only.
        unexpected: In the checkpoint only.
        wrong_shape: In both, with different shapes.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    wrong_shape: tuple[str, ...]

    def __str__(self) -> str:
        """Return one line: how many tensors were loaded, and the names of those that were not."""
        total = len(self.loaded) + len(self.missing) + len(self.wrong_shape)
        faults = {
            "missing": self.missing,
            "unexpected": self.unexpected,
            "of another shape": self.wrong_shape,
        }
        told = [f"{fault}: {listed(names)}" for fault, names in faults.items() if names]
        return "; ".join((f"{len(self.loaded)} of {total} tensors loaded", *told))


def compare(module: nn.Module, state: Mapping[str, Tensor]) -> LoadingReport:
    """Return which tensors of the module the state gives; nothing is changed."""
    own = module.state_dict(keep_vars=True)
    shared = [name for name in own if name in state]
    return LoadingReport(
        loaded=tuple(name for name in shared if state[name].shape == own[name].shape),
        missing=tuple(name for name in own if name not in state),
        unexpected=tuple(name for name in state if name not in own),
        wrong_shape=tuple(name for name in shared if state[name].shape != own[name].shape),
    )


def load_weights(
    module: nn.Module,
    state: Mapping[str, Tensor],
    *,
    head: str,
    source: str = "the state dict",
    left_new: Sequence[str] = (),
    remedy: str = "use a checkpoint of this very architecture",
) -> LoadingReport:
    """Copy a state into the module and return what was loaded.

    Every tensor has to be there in its shape, with three exceptions: the head, which is loaded where it fits
    and stays new where the checkpoint has none or one for other classes; the batch counters of batch
    norm, which old files lack; and parts that are to stay new.

    Args:
        module: Whose tensors are overwritten.
        state: Tensors by name.
        head: Name of the head within the module.
        source: Where the state comes from, for the message.
        left_new: Parts of the module that stay as they are, whether the state has them or not.
        remedy: What to do where it does not fit, as a clause.

    Raises:
        DataError: The state does not fit or has a number that is not finite; the message names the tensors,
            and the module is unchanged.
    """
    state = {name: tensor for name, tensor in state.items() if name.split(".")[0] not in left_new}
    report = compare(module, state)
    faulty = _without_new_head(module, report, head)
    lacking = [name for name in faulty.missing if name.split(".")[0] not in left_new]
    missing = [name for name in lacking if not name.endswith(f".{COUNTER}")]
    own = module.state_dict(keep_vars=True)
    shapes = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(own[name].shape)}"
        for name in faulty.wrong_shape
    ]
    faults = {
        "it lacks": missing,
        "it has besides": faulty.unexpected,
        "it has another shape of": shapes,
    }
    stated = "; ".join(f"{fault} {listed(names)}" for fault, names in faults.items() if names)
    if stated:
        raise DataError(f"expected {source} to fit the model whole, but {stated}; {remedy}")
    infinite = [name for name in report.loaded if not torch.isfinite(state[name]).all()]
    if infinite:
        raise DataError(
            f"expected finite weights in {source}, but found NaN or infinity in {listed(infinite)}; "
            "use another checkpoint"
        )
    module.load_state_dict({name: state[name] for name in report.loaded}, strict=False)
    return report


def _without_new_head(module: nn.Module, report: LoadingReport, head: str) -> LoadingReport:
    """Return the report without a head that the checkpoint lacks whole, or has whole for other classes."""
    names = {f"{head}.{name}" for name in module.get_submodule(head).state_dict()}
    if not (names <= set(report.missing) or names <= set(report.wrong_shape)):
        return report
    return LoadingReport(
        report.loaded,
        tuple(name for name in report.missing if name not in names),
        report.unexpected,
        tuple(name for name in report.wrong_shape if name not in names),
    )


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read tensors by name from a ``.safetensors`` file, or from a file of ``torch.save``, onto the CPU.

    Raises:
        DataError: There is no such file, it cannot be read, or it holds something else.
    """
    try:
        content: Any = (  # Any: torch.load returns what is in the file; checked below
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except FileNotFoundError as error:
        raise DataError(
            f"expected weights at {path}, but there is no such file; correct the path, or download them there"
        ) from error
    except UNREADABLE as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        if isinstance(error, UnpicklingError):  # torch's words advise to run what is in the file
            reason = "it is damaged, or holds more than tensors"
        raise DataError(
            f"expected tensors by name in {path}, but it cannot be read as such ({reason}); download it "
            "again, or save it as a state dict"
        ) from error
    return checked_state(content, str(path))


def checked_state(content: object, source: str) -> dict[str, Tensor]:
    """Return the content as tensors by name.

    Raises:
        DataError: It is something else.
    """
    if not isinstance(content, Mapping):
        raise DataError(
            f"expected tensors by name in {source}, but it holds {type(content).__name__}; give the state "
            "dict"
        )
    others = [str(name) for name, tensor in content.items() if not isinstance(tensor, Tensor)]
    if others:
        raise DataError(
            f"expected only tensors by name in {source}, but {listed(others)} are none; give the state dict "
            "itself"
        )
    return {str(name): tensor for name, tensor in content.items()}
