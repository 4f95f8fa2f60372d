"""Images paired with their masks: one tensor of channels + 1, so that both are cut and mirrored alike.

The mask is the last channel, in bytes, 255 at pixels without a class; unlabelled images have such a channel
too, filled with 255.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextlabel.errors import ConfigurationError, DataError
from nextlabel.ledger.events import ItemId
from nextlabel.maths.masks import NO_CLASS, checked_mask
from nextlabel.pool import Pool
from nextlabel.tasks.segmentation import IGNORED

__all__ = ["RandomWindow", "check_crop", "mask_digests", "paired", "split"]


class _Pairs:
    """Pairs that are read one at a time."""

    def __init__(self, pool: Pool, masks: Sequence[NDArray[Any]] | None, classes: int) -> None:
        self.pool, self.masks, self.classes = pool, masks, classes

    def __len__(self) -> int:
        return len(self.pool)

    def __getitem__(self, row: int) -> Tensor:
        item, given = self.pool.ids[row], self.pool[row]
        image = given if isinstance(given, Tensor) else torch.from_numpy(np.array(given))
        if image.dtype != torch.uint8 or image.ndim != 3:
            raise DataError(
                f"images must be (channels, height, width) bytes (uint8) for segmentation, got item '{item}' "
                f"of shape {tuple(image.shape)} and type {image.dtype}; convert them"
            )
        if self.masks is None:
            return torch.cat((image, torch.full_like(image[:1], NO_CLASS)))
        mask = torch.from_numpy(_checked(item, self.masks[row], self.classes))
        if image.shape[1:] != mask.shape:
            raise DataError(
                f"a mask must have its image's height and width, got item '{item}' with an image of "
                f"{image.shape[1]} x {image.shape[2]} pixels and a mask of {mask.shape[0]} x {mask.shape[1]}"
            )
        return torch.cat((image, mask[None]))


def paired(pool: Pool, masks: Sequence[NDArray[Any]] | None, classes: int) -> Pool:
    """Return the pool of (channels + 1, height, width) bytes: each image with its mask as last channel.

    If the pool is one tensor, so is the result; the pairs of others are read one at a time.

    Args:
        pool: Images, (channels, height, width) bytes each.
        masks: (height, width) class indices in [0, C) of each image, 255 at pixels without a class; None for
            unlabelled images.
        classes: C.

    Raises:
        DataError: An image is not of bytes; a mask holds a value that is no class, or differs in size from
            its image.
    """
    pairs = _Pairs(pool, masks, classes)
    if pool.resident is None or not len(pool):
        return Pool(pairs, pool.ids)
    return Pool(torch.stack([pairs[row] for row in range(len(pool))]), pool.ids)


def split(pairs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the images and masks of a (B, channels + 1, height, width) batch, whose mask is divided by 255.

    Returns:
        (B, channels, height, width) images as they are, and (B, height, width) int64 class indices,
        :data:`IGNORED` where there is no class.
    """
    mask = (pairs[:, -1] * 255).round().long()
    return pairs[:, :-1], torch.where(mask == NO_CLASS, IGNORED, mask)


def mask_digests(pool: Pool, masks: Sequence[NDArray[Any]], classes: int) -> Tensor:
    """Return (N,) int64 digests of the items' masks; DataError if one holds a value that is no class."""
    contents = (_checked(item, mask, classes).tobytes() for item, mask in zip(pool.ids, masks, strict=True))
    digests = [hashlib.blake2b(content, digest_size=7).digest() for content in contents]
    return torch.tensor([int.from_bytes(digest, "big") for digest in digests])


@dataclass(frozen=True)
class RandomWindow:
    """Cut a square window at a random place, the same of an image and its mask.

    If the window would hold no pixel with a class, but the mask has some, it is moved to hold the first of
    them, because the mean loss over no pixel is undefined.

    ``size`` is the height and width of the window in pixels.
    """

    size: int

    def __call__(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        """Return the (B, channels + 1, size, size) windows of a batch of pairs."""
        height, width = batch.shape[-2:]
        check_crop(self.size, height, width)
        draw = partial(torch.randint, size=(len(batch),), generator=generator, device=batch.device)
        tops, lefts = (draw(side - self.size + 1).tolist() for side in (height, width))
        windows = []
        for item, top, left in zip(batch, tops, lefts, strict=True):
            window = item[:, top : top + self.size, left : left + self.size]
            if not _has_class(window[-1]).any() and _has_class(item[-1]).any():
                window = _around_first_class(item, self.size)
            windows.append(window)
        return torch.stack(windows)


def check_crop(crop: int, height: int, width: int) -> None:
    """Raise :class:`ConfigurationError` if the window is larger than the images."""
    if crop > min(height, width):
        raise ConfigurationError(
            f"crop must be at most the images' smaller side, {min(height, width)} of {height} x {width} "
            f"pixels, got {crop}; choose a smaller one, or leave it out to train on whole images"
        )


def _has_class(mask: Tensor) -> Tensor:
    return (mask * 255).round() != NO_CLASS


def _around_first_class(item: Tensor, size: int) -> Tensor:
    height, width = item.shape[-2:]
    row, column = divmod(int(_has_class(item[-1]).flatten().float().argmax()), width)
    top = min(max(row - size // 2, 0), height - size)
    left = min(max(column - size // 2, 0), width - size)
    return item[:, top : top + size, left : left + size]


def _checked(item: ItemId, mask: NDArray[Any], classes: int) -> NDArray[np.uint8]:
    return checked_mask(np.asarray(mask), item, classes=classes, ignored=NO_CLASS)
