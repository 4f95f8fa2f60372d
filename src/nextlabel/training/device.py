"""The device and the arithmetic of a learner, and the random states that it works under.

Modules such as dropout draw from torch's default generators, and data sets may draw from ``random`` and
NumPy. No other file sets these states: they are set from derived seeds while a learner works, and restored
afterwards.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from nextlabel.errors import ConfigurationError, UnknownNameError
from nextlabel.training.config import MixedPrecision

__all__ = [
    "DeviceName",
    "Engine",
    "default_generators",
    "deterministic_kernels",
    "device_title",
    "isolated_rng",
    "seed_everything",
]

DeviceName = Literal["auto", "cpu", "cuda"]


def device_title(device: torch.device) -> str:
    """Return what results call a device: the name of the GPU, else ``cpu``."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


class Engine:
    """Run forward and backward passes on one device in one arithmetic, by ``torch.amp``.

    Args:
        device: ``auto`` is ``cuda`` where there is one, else ``cpu``.
        mixed_precision: ``"no"`` is float32 and costs nothing over plain PyTorch.

    Raises:
        UnknownNameError: There is no such device.
        ConfigurationError: This machine lacks the device, or the device cannot do the arithmetic.
    """

    def __init__(self, device: DeviceName, mixed_precision: MixedPrecision) -> None:
        if device not in get_args(DeviceName):
            raise UnknownNameError("device", device, get_args(DeviceName))
        if device == "cuda" and not torch.cuda.is_available():
            raise ConfigurationError("device='cuda' needs a CUDA GPU, but there is none; use device='auto'")
        gpu = device != "cpu" and torch.cuda.is_available()
        if not gpu and mixed_precision == "fp16":
            raise ConfigurationError("mixed_precision='fp16' needs a CUDA GPU; on a CPU use 'bf16' or 'no'")
        self.device = torch.device("cuda" if gpu else "cpu")
        self._half = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(mixed_precision)
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=mixed_precision == "fp16")

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        """Return the context in which a forward pass runs."""
        return torch.autocast(self.device.type, self._half) if self._half else contextlib.nullcontext()

    def step(self, optimizer: Optimizer, loss: Tensor) -> None:
        """Make one optimiser step down the gradient of ``loss``, scaled against underflow in fp16."""
        optimizer.zero_grad()
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._scaler.step(optimizer)
        self._scaler.update()

    def state(self) -> dict[str, Any]:  # Any: numbers
        """Return what a checkpoint must keep: the loss scale in fp16, else nothing."""
        return dict(self._scaler.state_dict())

    def restore(self, state: dict[str, Any]) -> None:  # Any: as above
        """Continue from what :meth:`state` returned."""
        self._scaler.load_state_dict(state)


def default_generators(device: torch.device | None = None) -> list[torch.Generator]:
    """Return torch's default generators that modules on this device draw from: the CPU's, and its own."""
    generators = [torch.default_generator]
    if device is not None and device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]  # the generators do not exist before
        index = device.index if device.index is not None else torch.cuda.current_device()
        generators.append(torch.cuda.default_generators[index])
    return generators


def seed_everything(seed: int, device: torch.device | None = None) -> None:
    """Set every global random state, in :func:`isolated_rng` or a worker only; seeds are in [0, 2^63)."""
    for generator in default_generators(device):
        generator.manual_seed(seed)
    random.setstate(random.Random(seed).getstate())
    np.random.set_state(np.random.RandomState(seed % 2**32).get_state())


@contextmanager
def isolated_rng(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Run the block under :func:`seed_everything`, and restore every global random state after it."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng([device] if device is not None and device.type == "cuda" else []):
        seed_everything(seed, device)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


@contextmanager
def deterministic_kernels() -> Iterator[None]:
    """Run the block with cuDNN's reproducible kernels, chosen without timing; restore the choice after it."""
    cudnn = torch.backends.cudnn
    kept = cudnn.deterministic, cudnn.benchmark
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = kept
