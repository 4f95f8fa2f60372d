"""The shape of one image, checked once for every network of images. Knows no particular network."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from nextlabel.errors import ConfigurationError

__all__ = ["check_sizes", "image_shape", "with_channels"]


def image_shape(
    input_shape: Sequence[int], *, model: str, least: int, multiple: int = 1
) -> tuple[int, int, int]:
    """Return (channels, height, width) of one image; a grey one without the axis has one channel.

    Args:
        input_shape: (channels, height, width), or (height, width) of grey images.
        model: The model's name, for the message.
        least: The smallest height and width that the model can take, in pixels.
        multiple: What height and width must be multiples of, in pixels.

    Raises:
        ConfigurationError: The items are no images, or of a size that the model does not take.
    """
    shape = (1, *input_shape) if len(input_shape) == 2 else tuple(input_shape)
    if len(shape) != 3 or shape[0] < 1 or min(shape[1:]) < least:
        raise ConfigurationError(
            f"the model '{model}' needs items of shape (channels, height, width) with at least {least} x "
            f"{least} pixels, but got {tuple(input_shape)}; resize them, or use another model"
        )
    channels, height, width = shape
    if height % multiple or width % multiple:
        raise ConfigurationError(
            f"the model '{model}' needs height and width to be multiples of {multiple}, but got images of "
            f"shape {tuple(input_shape)}; crop or pad them"
        )
    return channels, height, width


def check_sizes(*, model: str, classes: int, width: int, dropout: float = 0.0) -> None:
    """Refuse numbers of classes and channels that are not positive, and a dropout that leaves nothing.

    Raises:
        ConfigurationError: One is below 1, or the dropout is outside [0, 1).
    """
    if min(classes, width) < 1:
        raise ConfigurationError(
            f"the model '{model}' needs classes and width of at least 1, but got classes={classes}, "
            f"width={width}"
        )
    if not 0.0 <= dropout < 1.0:
        raise ConfigurationError(f"the model '{model}' needs a dropout in [0, 1), but got {dropout}")


def with_channels(x: Tensor) -> Tensor:
    """Return (B, height, width) grey images as (B, 1, height, width), and others as they are."""
    return x.unsqueeze(1) if x.ndim == 3 else x
