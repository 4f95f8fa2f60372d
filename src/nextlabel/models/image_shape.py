"""Checks of shapes and sizes that the models share."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from nextlabel.errors import ConfigurationError, DataError, NextlabelError
from nextlabel.parts import check_ranges

__all__ = ["check_sides", "check_sizes", "image_shape", "with_channels"]


def image_shape(
    input_shape: Sequence[int], *, model: str, least: int, multiple: int = 1
) -> tuple[int, int, int]:
    """Return the (channels, height, width) of one image; (height, width) is an image of one channel.

    Args:
        input_shape: The shape of one item.
        model: The model's name, for messages.
        least: The smallest height and width, in pixels.
        multiple: What height and width must be multiples of, in pixels.

    Raises:
        ConfigurationError: The items are not images, or the model does not accept their size.
    """
    shape = (1, *input_shape) if len(input_shape) == 2 else tuple(input_shape)
    if len(shape) != 3 or shape[0] < 1 or min(shape[1:]) < least:
        raise ConfigurationError(
            f"items for the model '{model}' must be of shape (channels, height, width) with at least {least} "
            f"x {least} pixels, got {tuple(input_shape)}; resize them, or use another model"
        )
    check_sides(shape, model=model, multiple=multiple, error=ConfigurationError)
    return shape[0], shape[1], shape[2]


def check_sides(
    shape: Sequence[int], *, model: str, multiple: int, error: type[NextlabelError] = DataError
) -> None:
    """Refuse images whose height or width, the last two axes, is not a multiple of ``multiple``."""
    if any(side % multiple for side in shape[-2:]):
        raise error(
            f"height and width of images for the model '{model}' must be multiples of {multiple}, got shape "
            f"{tuple(shape)}; crop or pad them"
        )


def check_sizes(model: str, *, dropout: float = 0.0, **sizes: int) -> None:
    """Refuse sizes below 1, and a dropout outside [0, 1).

    Raises:
        ConfigurationError: One of them is out of range.
    """
    ranges = {name: (size, "[1, inf)") for name, size in sizes.items()}
    check_ranges(f"model '{model}'", **ranges, dropout=(dropout, "[0, 1)"))


def with_channels(x: Tensor) -> Tensor:
    """Return (B, height, width) grey images as (B, 1, height, width), and others unchanged."""
    return x.unsqueeze(1) if x.ndim == 3 else x
