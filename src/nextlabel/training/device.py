"""Where and in which arithmetic a learner works, and under which random states.

Devices and mixed precision are those of accelerate. Modules such as dropout draw from torch's default
generators, and data sets may draw from ``random`` and NumPy; so these are set from derived seeds while a
learner works, and given back as they were. No other file touches them. Knows nothing of what is computed.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor
from torch.optim import Optimizer

from nextlabel.errors import ConfigurationError, UnknownNameError
from nextlabel.training.config import MixedPrecision

__all__ = [
    "DEVICES",
    "DeviceName",
    "Engine",
    "default_generators",
    "deterministic_kernels",
    "device_title",
    "isolated_rng",
    "seed_everything",
]

DeviceName = Literal["auto", "cpu", "cuda"]
DEVICES: tuple[DeviceName, ...] = ("auto", "cpu", "cuda")
"""``auto`` is ``cuda`` where there is one, else ``cpu``."""


def device_title(device: torch.device) -> str:
    """Return what results call a device: the name of the GPU, else ``cpu``."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


class Engine:
    """Run forward and backward passes on one device in one arithmetic.

    Args:
        device: One of :data:`DEVICES`.
        mixed_precision: ``"no"`` is float32 and costs nothing over plain PyTorch.

    Raises:
        UnknownNameError: There is no such device.
        ConfigurationError: This machine lacks the device, or the device cannot do the arithmetic.
    """

    def __init__(self, device: DeviceName, mixed_precision: MixedPrecision) -> None:
        if device not in DEVICES:
            raise UnknownNameError("device", device, DEVICES)
        if device == "cuda" and not torch.cuda.is_available():
            raise ConfigurationError(
                "device='cuda' needs a CUDA GPU that PyTorch can use, but found none; use device='auto'"
            )
        cpu = device == "cpu" or not torch.cuda.is_available()
        if cpu and mixed_precision == "fp16":
            raise ConfigurationError("mixed_precision='fp16' needs a CUDA GPU; on a CPU use 'bf16' or 'no'")
        self._accelerator = _accelerator(cpu, mixed_precision)
        self._mixed = mixed_precision != "no"
        self._optimizer: Any = None  # Any: accelerate is not typed
        self.device: torch.device = self._accelerator.device

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        """Return the context in which a forward pass runs."""
        return self._accelerator.autocast() if self._mixed else contextlib.nullcontext()

    def adopt(self, optimizer: Optimizer) -> None:
        """Take the optimiser whose steps :meth:`step` makes."""
        self._optimizer = self._accelerator.prepare_optimizer(optimizer) if self._mixed else optimizer

    def step(self, loss: Tensor) -> None:
        """Make one optimiser step down the gradient of ``loss``, scaled against underflow in fp16."""
        self._optimizer.zero_grad()
        if self._mixed:
            self._accelerator.backward(loss)
        else:
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._optimizer.step()

    def state(self) -> dict[str, float]:
        """Return what must be kept to continue: the loss scale in fp16, else nothing."""
        scaler = self._accelerator.scaler
        return dict(scaler.state_dict()) if scaler is not None else {}

    def restore(self, state: dict[str, float]) -> None:
        """Become what :meth:`state` told."""
        if state and self._accelerator.scaler is not None:
            self._accelerator.scaler.load_state_dict(state)


def _accelerator(cpu: bool, mixed_precision: MixedPrecision) -> Any:  # Any: accelerate is not typed
    # accelerate keeps one device and one precision per process and refuses a second Accelerator with others.
    # Two learners in one process may well differ, and no learner keeps an Accelerator between calls, so the
    # old state can go; outside of accelerate's own tests this function is the only way to let it go.
    if AcceleratorState._shared_state:
        present = AcceleratorState()
        if present.mixed_precision != mixed_precision or (present.device.type == "cpu") != cpu:
            AcceleratorState._reset_state(reset_partial_state=True)
    return Accelerator(cpu=cpu, mixed_precision=mixed_precision)


def default_generators(device: torch.device | None = None) -> list[torch.Generator]:
    """Return torch's default generators that modules on this device draw from: the CPU's, and its own."""
    generators = [torch.default_generator]
    if device is not None and device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]  # the generators do not exist before
        index = device.index if device.index is not None else torch.cuda.current_device()
        generators.append(torch.cuda.default_generators[index])
    return generators


def seed_everything(seed: int, device: torch.device | None = None) -> None:
    """Set every global random state; to be called inside :func:`isolated_rng` or in a worker process only.

    Args:
        seed: A derived seed, in [0, 2^63).
        device: Where modules draw besides the CPU.
    """
    for generator in default_generators(device):
        generator.manual_seed(seed)
    random.setstate(random.Random(seed).getstate())
    np.random.set_state(np.random.RandomState(seed % 2**32).get_state())


@contextmanager
def isolated_rng(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Run the block with every global random state set from ``seed``, and restore them all after it.

    Args:
        seed: A derived seed, in [0, 2^63).
        device: Where modules draw besides the CPU.
    """
    generators = default_generators(device)
    kept = [generator.get_state() for generator in generators]
    kept_python, kept_numpy = random.getstate(), np.random.get_state()
    seed_everything(seed, device)
    try:
        yield
    finally:
        for generator, state in zip(generators, kept, strict=True):
            generator.set_state(state)
        random.setstate(kept_python)
        np.random.set_state(kept_numpy)


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
