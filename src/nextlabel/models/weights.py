"""Load a checkpoint into a network and account for every tensor.

A checkpoint that does not fit as a whole is refused, so that no tensor silently stays random. No code in a
file is run.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError  # only its name: torch raises it for anything but plain tensors
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from nextlabel.errors import DataError, listed

__all__ = ["LoadingReport", "checked_state", "load_weights", "read_weights"]

COUNTER = "num_batches_tracked"
"""A batch norm's count of batches. Files from before torch 0.4.1 lack it, and torch starts it at 0."""

UNREADABLE = (
    *(OSError, EOFError, RuntimeError, ValueError, UnpicklingError, SafetensorError),
    *(AssertionError, LookupError, TypeError, struct.error),  # damaged files in torch's old format
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
        stated = [f"; {fault}: {listed(names)}" for fault, names in faults.items() if names]
        return f"{len(self.loaded)} of {total} tensors loaded" + "".join(stated)


def load_weights(
    module: nn.Module,
    state: Mapping[str, Tensor],
    head: str,
    *,
    source: str,
    remedy: str,
    left_new: Sequence[str] = (),
) -> LoadingReport:
    """Copy a state into the module and return what was loaded.

    Every tensor must be present with its shape, except: the part ``head`` of the module, which stays new if
    the state has none, or one for other classes; the batch counters of batch norm, which old files lack; and
    the parts ``left_new``, which always stay new. Messages name the state's ``source`` and the ``remedy``.

    Raises:
        DataError: The state does not fit or is not finite; the message names the tensors, and the module is
            unchanged.
    """
    state = {name: tensor for name, tensor in state.items() if name.split(".")[0] not in left_new}
    own = module.state_dict(keep_vars=True)
    shared = [name for name in own if name in state]
    report = LoadingReport(
        loaded=tuple(name for name in shared if state[name].shape == own[name].shape),
        missing=tuple(name for name in own if name not in state),
        unexpected=tuple(name for name in state if name not in own),
        wrong_shape=tuple(name for name in shared if state[name].shape != own[name].shape),
    )
    of_head = {name for name in own if name.startswith(f"{head}.")}
    head_is_new = of_head <= set(report.missing) or of_head <= set(report.wrong_shape)
    excused = {name for name in own if name.split(".")[0] in left_new or name.endswith(f".{COUNTER}")}
    excused |= of_head if head_is_new else set()
    faults = {
        "it lacks": [name for name in report.missing if name not in excused],
        "it has the unknown": report.unexpected,
        "it has another shape of": [
            f"{name} {tuple(state[name].shape)} instead of {tuple(own[name].shape)}"
            for name in report.wrong_shape
            if not (head_is_new and name in of_head)
        ],
    }
    if stated := "; ".join(f"{fault} {listed(names)}" for fault, names in faults.items() if names):
        raise DataError(f"{source} must fit the model as a whole, but {stated}; {remedy}")
    infinite = [name for name in report.loaded if not torch.isfinite(state[name]).all()]
    if infinite:
        raise DataError(
            f"{source} must be finite, got NaN or infinity in {listed(infinite)}; use another checkpoint"
        )
    module.load_state_dict({name: state[name] for name in report.loaded}, strict=False)
    return report


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read tensors by name from a ``.safetensors`` file, or from a file of ``torch.save``, onto the CPU.

    Raises:
        DataError: The file is missing or cannot be read, or does not hold tensors by name.
    """
    try:
        content: Any = (  # Any: torch.load returns what is in the file; checked below
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except FileNotFoundError as error:
        raise DataError(f"file of weights not found: {path}; correct the path, or download it") from error
    except UNREADABLE as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        if isinstance(error, UnpicklingError):  # torch's message advises running what is in the file
            reason = "it is damaged, or holds more than tensors"
        raise DataError(
            f"{path} must hold tensors by name, but it cannot be read ({reason}); download it again, or save "
            "it as a state dict"
        ) from error
    return checked_state(content, str(path))


def checked_state(content: object, source: str) -> dict[str, Tensor]:
    """Return the content as tensors by name.

    Raises:
        DataError: It is something else.
    """
    if not isinstance(content, Mapping):
        raise DataError(
            f"{source} must hold tensors by name, got {type(content).__name__}; give the state dict itself"
        )
    others = [str(name) for name, tensor in content.items() if not isinstance(tensor, Tensor)]
    if others:
        raise DataError(
            f"{source} must hold tensors by name, but {listed(others)} are none; give the state dict itself"
        )
    return {str(name): tensor for name, tensor in content.items()}
