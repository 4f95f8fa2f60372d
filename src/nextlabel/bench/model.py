"""From a cell's settings to functions that make its model, and to what depends on the device."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset
from nextlabel.models.catalogue import MODELS
from nextlabel.parts import Part
from nextlabel.training.device import Engine

__all__ = ["Options", "for_device", "model_functions"]

Options = dict[str, Any]  # Any: what TOML may hold

PRETRAINED = ("weights", "pretrained")
"""The options by which a model starts from pretrained weights: ours and timm's."""


def model_functions(
    model: Part, data: BenchmarkDataset, *, random: bool
) -> tuple[Callable[[], nn.Module], Callable[[], nn.Module] | None]:
    """Return what makes the model, and what makes the networks it is compared with before any training.

    Args:
        model: The model.
        data: What it is for.
        random: Whether the latter are without the model's pretrained weights; they are None where they need
            no function of their own.

    Raises:
        UnknownNameError: The model does not have such an option.
        ConfigurationError: An option is out of range.
    """
    given = {"input_shape": data.input_shape, "classes": data.task.width}
    new_model = partial(MODELS.create, model, **given)
    new_model()  # what is wrong is refused here, not in a training run
    without = {option: value for option, value in model.options.items() if option not in PRETRAINED}
    if not random or len(without) == len(model.options):
        return new_model, None
    return new_model, partial(MODELS.create, Part(model.name, without), **given)


def for_device(options: Options, device: str) -> Options:
    """Resolve what depends on the device: half precision and compilation pay on a GPU alone."""
    options = dict(options)
    automatic = [name for name in ("mixed_precision", "compile") if options.get(name) == "auto"]
    if automatic:
        gpu = Engine(device, "no").device.type == "cuda"  # type: ignore[arg-type]  # a Device of the config
        options |= {"mixed_precision": "fp16" if gpu else "no"} if "mixed_precision" in automatic else {}
        options |= {"compile": gpu} if "compile" in automatic else {}
    return options
