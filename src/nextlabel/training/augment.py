"""Augmentation of whole batches on the device: every item draws for itself, from an explicit generator.

Knows nothing of labels, models or data sets; an augmentation is any callable of a batch and a generator.
"""

from __future__ import annotations

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
    "RandomCrop",
    "augmentation",
    "augmented",
]

Augmentation: TypeAlias = Callable[[Tensor, torch.Generator], Tensor]
"""Maps a (B, ...) float batch to one of the same shape; all randomness comes from the generator, which is on
the batch's device."""


Augment: TypeAlias = "str | Part | Augmentation"
"""An augmentation, or the name or call of one."""


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
