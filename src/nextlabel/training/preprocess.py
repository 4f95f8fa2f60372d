"""From a batch as the pool has it to what the network takes: augmented, resized, normalised, laid out.

Batches are on the device. An augmentation is any callable of a batch and a generator; every item draws for
itself. Resizing and augmentation are for training, the rest for predictions too. Knows nothing of labels,
models or data sets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from nextlabel.errors import ConfigurationError, DataError, UnknownNameError
from nextlabel.parts import Part
from nextlabel.seeds import derive

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
    "resized",
]

Normalise: TypeAlias = "tuple[Sequence[float], Sequence[float]]"
"""Mean and standard deviation of every channel, in the unit of the inputs after uint8 became [0, 1]."""

Prepare: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class RandomCrop:
    """Pad images with zeros and cut a window of their own size at a random place.

    Attributes:
        padding: Pixels on every side; the image moves by up to as many in each direction.
    """

    padding: int = 4

    def __post_init__(self) -> None:
        if self.padding < 1:
            raise ConfigurationError(
                f"random_crop needs a padding of at least 1 pixel, but got {self.padding}"
            )

    def __call__(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        """Return the (B, ..., height, width) images, each moved by its own random offset."""
        height, width = _pixels(batch, "random_crop")
        padded = functional.pad(batch, (self.padding,) * 4)
        windows = padded.unfold(-2, height, 1).unfold(
            -2, width, 1
        )  # (B, ..., offsets, offsets, height, width)
        offsets = torch.randint(
            2 * self.padding + 1, (2, len(batch)), generator=generator, device=batch.device
        )
        items = torch.arange(len(batch), device=batch.device)
        if batch.ndim == 3:
            return windows[items, offsets[0], offsets[1]]
        return windows[items, :, offsets[0], offsets[1]]


@dataclass(frozen=True)
class HorizontalFlip:
    """Mirror images left to right.

    Attributes:
        probability: Of every image to be mirrored, in [0, 1].
    """

    probability: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.probability <= 1.0:
            raise ConfigurationError(
                f"horizontal_flip needs a probability in [0, 1], but got {self.probability}"
            )

    def __call__(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        """Return the (B, ..., height, width) images, some of them mirrored."""
        _pixels(batch, "horizontal_flip")
        drawn = torch.rand(len(batch), generator=generator, device=batch.device)
        mirrored = (drawn < self.probability).view(-1, *[1] * (batch.ndim - 1))
        return torch.where(mirrored, batch.flip(-1), batch)


@dataclass(frozen=True)
class Composed:
    """Apply augmentations one after the other.

    Attributes:
        parts: The augmentations, first to last.
    """

    parts: tuple[Augmentation, ...]

    def __call__(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        """Return the batch after all parts."""
        for part in self.parts:
            batch = part(batch, generator)
        return batch


AUGMENTATIONS: dict[str, type[HorizontalFlip] | type[RandomCrop]] = {
    "horizontal_flip": HorizontalFlip,
    "random_crop": RandomCrop,
}
"""What can be named in configurations."""


def augmentation(given: Augment | Sequence[Augment] | None) -> Augmentation | None:
    """Return one augmentation for parts, callables or a sequence of them; None for none.

    Args:
        given: The augmentations, first to last: names, calls such as ``"random_crop(padding=2)"``, or
            callables.

    Raises:
        UnknownNameError: There is no augmentation of that name, or no such option.
        ConfigurationError: An option is out of range.
    """
    one = isinstance(given, (str, Part)) or callable(given)
    several: list[Augment] = [] if given is None else [given] if one else list(given)  # type: ignore[arg-type,list-item]
    parts = tuple(_named(Part.parse(part)) if isinstance(part, (str, Part)) else part for part in several)
    return Composed(parts) if parts else None


def augmented(
    batches: Iterable[Tensor], ids: Sequence[str], augment: Augmentation, seed: int, device: torch.device
) -> Iterator[Tensor]:
    """Yield batches augmented; the draws of each depend on the seed and its first item's id alone.

    Args:
        batches: (B, ...) float batches on the device, in the order of the ids.
        ids: The items'.
        augment: Applied to each batch.
        seed: The draws are derived from it.
        device: Where.
    """
    generator, start = torch.Generator(device), 0
    for batch in batches:
        yield augment(batch, generator.manual_seed(derive(seed, "augment", ids[start])))
        start += len(batch)


def _named(part: Part) -> Augmentation:
    name, options = part.name, part.options
    if name not in AUGMENTATIONS:
        raise UnknownNameError("augmentation", name, AUGMENTATIONS)
    made = AUGMENTATIONS[name]
    known = [option.name for option in fields(made)]
    for option in options:
        if option not in known:
            raise UnknownNameError(f"option of the augmentation '{name}'", option, known)
    try:
        return made(**options)
    except TypeError as error:
        raise ConfigurationError(f"the augmentation '{name}' cannot take {dict(options)}: {error}") from error


def _pixels(batch: Tensor, name: str) -> tuple[int, int]:
    if batch.ndim not in (3, 4):
        raise DataError(
            f"{name} needs images, (B, channels, height, width) or (B, height, width), but got items of "
            "shape "
            f"{tuple(batch.shape[1:])}; leave it out for other data"
        )
    return batch.shape[-2], batch.shape[-1]


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


Augmentation: TypeAlias = Callable[[Tensor, torch.Generator], Tensor]
"""Maps a (B, ...) float batch to one of the same shape; all randomness comes from the generator, which is on
the batch's device."""


Augment: TypeAlias = "str | Part | Augmentation"
"""An augmentation, or the name or call of one."""


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
