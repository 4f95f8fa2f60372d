"""Where and in which arithmetic a learner works: devices and mixed precision, as accelerate does them.

Knows nothing of what is computed.
"""

from __future__ import annotations

import contextlib
from typing import Any, Literal

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor
from torch.optim import Optimizer

from nextlabel.errors import ConfigurationError, UnknownNameError
from nextlabel.training.config import MixedPrecision

__all__ = ["DEVICES", "DeviceName", "Engine", "device_title"]

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
