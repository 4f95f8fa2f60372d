"""From a batch as the pool has it to what the network takes: augmented, resized, normalised, laid out.

Batches are on the device. An augmentation is any callable of a batch and a generator that draws for each item
separately. Resizing and augmentation are for training, the rest for predictions too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from nextlabel.adapters import check_call
from nextlabel.errors import ConfigurationError, DataError
from nextlabel.parts import Part, check_ranges
from nextlabel.registry import Card, Registry
from nextlabel.seeds import derive
from nextlabel.training.config import check_option

__all__ = [
    "AUGMENTATIONS",
    "Augmentation",
    "Composed",
    "HorizontalFlip",
    "Normalise",
    "Preparation",
    "Prepare",
    "RandomCrop",
    "augmentation",
    "augmented",
    "listed_augmentations",
    "resized",
]

Normalise: TypeAlias = "tuple[Sequence[float], Sequence[float]]"
"""Mean and standard deviation of every channel, in the unit of the inputs after uint8 became [0, 1]."""

Prepare: TypeAlias = Callable[[Tensor], Tensor]

Augmentation: TypeAlias = Callable[[Tensor, torch.Generator], Tensor]
"""Maps a (B, ...) float batch to one of the same shape; all randomness comes from the generator, which is on
the batch's device."""

Augment: TypeAlias = "str | Part | Augmentation"
"""An augmentation, or the name or call of one."""


@dataclass(frozen=True)
class RandomCrop:
    """Pad images with this many zeros on every side and cut a random window of their own size."""

    padding: int = 4

    def __post_init__(self) -> None:
        check_ranges("augmentation 'random_crop'", padding=(self.padding, "[1, inf)"))

    def __call__(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        """Return the (B, ..., height, width) images, each moved by its own random offset."""
        _check_images(batch, "random_crop")
        height, width = batch.shape[-2:]
        padded = functional.pad(batch, (self.padding,) * 4)
        # (B, ..., offsets, offsets, height, width)
        windows = padded.unfold(-2, height, 1).unfold(-2, width, 1)
        count, device = len(batch), batch.device
        down, right = torch.randint(2 * self.padding + 1, (2, count), generator=generator, device=device)
        items = torch.arange(count, device=device)
        return windows[items, down, right] if batch.ndim == 3 else windows[items, :, down, right]


@dataclass(frozen=True)
class HorizontalFlip:
    """Mirror each image left to right with this probability, in [0, 1]."""

    probability: float = 0.5

    def __post_init__(self) -> None:
        check_ranges("augmentation 'horizontal_flip'", probability=(self.probability, "[0, 1]"))

    def __call__(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        """Return the (B, ..., height, width) images, some of them mirrored."""
        _check_images(batch, "horizontal_flip")
        drawn = torch.rand(len(batch), generator=generator, device=batch.device)
        mirrored = (drawn < self.probability).view(-1, *[1] * (batch.ndim - 1))
        return torch.where(mirrored, batch.flip(-1), batch)


@dataclass(frozen=True)
class Composed:
    """Apply augmentations one after the other, first to last."""

    parts: tuple[Augmentation, ...]

    def __call__(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        """Return the batch after all parts."""
        for part in self.parts:
            batch = part(batch, generator)
        return batch


AUGMENTATIONS: Registry[Augmentation] = Registry(
    "augmentation",
    "nextlabel.augmentations",
    (
        Card("horizontal_flip", "nextlabel.training.preprocess:HorizontalFlip"),
        Card("random_crop", "nextlabel.training.preprocess:RandomCrop"),
    ),
)
"""What can be named in configurations."""


def listed_augmentations(given: Augment | Sequence[Augment] | None) -> list[Any]:  # Any: Augment
    """Return the augmentations of a setting as a list: one, several, or none."""
    several = list(given) if isinstance(given, (list, tuple)) else [] if given is None else [given]
    for each in several:
        if not isinstance(each, (str, Part)):
            check_call("augment(batch, generator)", each, ..., ...)
    return several


def augmentation(given: Augment | Sequence[Augment] | None) -> Augmentation | None:
    """Return one augmentation for a name, a call such as ``"random_crop(padding=2)"``, a callable, or many.

    Raises:
        UnknownNameError: There is no augmentation of that name.
        ConfigurationError: An option is unknown or out of range.
    """
    several = listed_augmentations(given)
    parts = tuple(AUGMENTATIONS.create(each) if isinstance(each, (str, Part)) else each for each in several)
    return Composed(parts) if parts else None


def augmented(
    batches: Iterable[Tensor], ids: Sequence[str], augment: Augmentation, seed: int, device: torch.device
) -> Iterator[Tensor]:
    """Yield batches augmented; the draws of each depend on the seed and its first item's id alone.

    The (B, ...) float batches are on the device, in the order of the ids.
    """
    generator, start = torch.Generator(device), 0
    for batch in batches:
        yield augment(batch, generator.manual_seed(derive(seed, "augment", ids[start])))
        start += len(batch)


def _check_images(batch: Tensor, name: str) -> None:
    if batch.ndim not in (3, 4):
        raise DataError(
            f"items must be images for {name}, (B, channels, height, width) or (B, height, width), got "
            f"items of shape {tuple(batch.shape[1:])}; leave it out for other data"
        )


def resized(batch: Tensor, fraction: float) -> Tensor:
    """Return images with this fraction in (0, 1] of their height and width, by linear filters.

    The batch is (B, C, height, width), or (B, height, width) of one channel, floats; no side falls below one
    pixel, and 1 returns the batch as it is. DataError if the items are not images.
    """
    if fraction == 1.0:
        return batch
    _check_images(batch, "progressive_resize")
    images = batch if batch.ndim == 4 else batch[:, None]
    size = [max(1, round(fraction * side)) for side in batch.shape[-2:]]
    smaller = functional.interpolate(images, size=size, mode="bilinear", antialias=True)
    return smaller if batch.ndim == 4 else smaller[:, 0]


@dataclass(frozen=True)
class Preparation:
    """What is done to every batch.

    Attributes:
        normalise: Mean and standard deviation of every channel; None for no normalisation.
        channels_last: Whether images are stored in the channels-last memory format.
    """

    normalise: tuple[tuple[float, ...], tuple[float, ...]] | None
    channels_last: bool

    @staticmethod
    def checked(normalise: Normalise | None, *, channels_last: bool) -> Preparation:
        """Return the preparation; ConfigurationError without a finite mean and a positive std per channel."""
        if normalise is None:
            return Preparation(None, channels_last)
        remedy = "write it as normalise=((0.5,), (0.25,))"
        try:
            mean, std = (tuple(float(value) for value in part) for part in normalise)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(
                f"normalise must be (mean, std), one number per channel each, got {normalise!r}; {remedy}"
            ) from error
        paired = 0 < len(mean) == len(std)
        finite = all(map(math.isfinite, mean)) and all(0 < value < math.inf for value in std)
        check_option("normalise", normalise, paired, "one mean and one std per channel", remedy)
        check_option("normalise", normalise, finite, "finite means and stds above 0", remedy)
        return Preparation((mean, std), channels_last)

    def on(self, device: torch.device) -> Prepare:
        """Return the function that prepares a batch on this device.

        It takes (B, C, height, width), or (B, height, width) of one channel, keeps the shape, and raises
        DataError unless there is a mean for every channel.
        """
        if self.normalise is None:
            return self._laid_out
        mean, std = (torch.tensor(values, device=device).view(-1, 1, 1) for values in self.normalise)

        def prepare(batch: Tensor) -> Tensor:
            channels = 1 if batch.ndim == 3 else batch.shape[1]
            if batch.ndim not in (3, 4) or channels != len(mean):
                raise DataError(
                    f"items must be images of {len(mean)} channels, as normalise has {len(mean)} means, got "
                    f"shape {tuple(batch.shape[1:])}; give one mean and std per channel"
                )
            return self._laid_out((batch - mean) / std)

        return prepare

    def _laid_out(self, batch: Tensor) -> Tensor:
        if self.channels_last and batch.ndim == 4:
            return batch.contiguous(memory_format=torch.channels_last)
        return batch
