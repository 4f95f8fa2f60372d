"""How a batch is prepared for the network after augmentation: resized, normalised by channel, laid out.

All but the first are the same in training and prediction. Knows nothing of data sets or networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from nextlabel.errors import ConfigurationError, DataError

__all__ = ["Normalise", "Preparation", "Prepare", "resized"]

Normalise: TypeAlias = "tuple[Sequence[float], Sequence[float]]"
"""Mean and standard deviation of every channel, in the unit of the inputs after uint8 became [0, 1]."""

Prepare: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Preparation:
    """What is done to every batch.

    Attributes:
        mean: Of every channel; None for no normalisation.
        std: Of every channel.
        channels_last: Whether images are laid out channel by channel for each pixel.
    """

    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    channels_last: bool

    @staticmethod
    def checked(normalise: Normalise | None, *, channels_last: bool) -> Preparation:
        """Return the preparation if it can be done.

        Raises:
            ConfigurationError: There is not one finite mean and one positive deviation for every channel.
        """
        if normalise is None:
            return Preparation(None, None, channels_last)
        try:
            mean, std = (tuple(float(value) for value in part) for part in normalise)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(
                "normalise must be (mean, std), each with one number per channel, such as ((0.5,), (0.25,)), "
                f"but is {normalise!r}"
            ) from error
        if not mean or len(mean) != len(std):
            raise ConfigurationError(
                f"normalise must have one mean and one std per channel, but has {len(mean)} means and "
                f"{len(std)} stds"
            )
        if not all(map(math.isfinite, mean)) or not all(0 < value < math.inf for value in std):
            raise ConfigurationError(
                f"normalise needs finite means and stds above 0, but the means are {mean} and the stds {std}"
            )
        return Preparation(mean, std, channels_last)

    @property
    def normalise(self) -> list[list[float]] | None:
        """Mean and std as JSON has them, or None."""
        return None if self.mean is None or self.std is None else [list(self.mean), list(self.std)]

    def on(self, device: torch.device) -> Prepare:
        """Return the function that prepares a batch on this device.

        Of a batch (B, C, height, width), or (B, height, width) of one channel, it returns one of the same
        shape. It raises DataError where the channels are not as many as the means.
        """
        if self.mean is None or self.std is None:
            return self._laid_out
        mean, std = (torch.tensor(values, device=device).view(-1, 1, 1) for values in (self.mean, self.std))

        def prepare(batch: Tensor) -> Tensor:
            channels = 1 if batch.ndim == 3 else batch.shape[1]
            if batch.ndim not in (3, 4) or channels != len(mean):
                raise DataError(
                    f"normalise has {len(mean)} means, so items must be images of as many channels, but "
                    f"they have shape {tuple(batch.shape[1:])}; give one mean and std a channel"
                )
            return self._laid_out((batch - mean) / std)

        return prepare

    def _laid_out(self, batch: Tensor) -> Tensor:
        if self.channels_last and batch.ndim == 4:
            return batch.contiguous(memory_format=torch.channels_last)
        return batch


def resized(batch: Tensor, fraction: float) -> Tensor:
    """Return images with this fraction of their height and width, at least one pixel, by linear filters.

    Args:
        batch: (B, C, height, width), or (B, height, width) of one channel, floats.
        fraction: In (0, 1]; 1 returns the batch as it is.

    Raises:
        DataError: The items are not images.
    """
    if fraction == 1.0:
        return batch
    if batch.ndim not in (3, 4):
        raise DataError(
            "progressive_resize needs images, (B, channels, height, width) or (B, height, width), but got "
            f"items of shape {tuple(batch.shape[1:])}; leave it out for other data"
        )
    images = batch if batch.ndim == 4 else batch[:, None]
    size = [max(1, round(fraction * side)) for side in batch.shape[-2:]]
    smaller = functional.interpolate(images, size=size, mode="bilinear", antialias=True)
    return smaller if batch.ndim == 4 else smaller[:, 0]
