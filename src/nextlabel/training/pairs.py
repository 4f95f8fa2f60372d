"""Images paired with their masks: one tensor of channels + 1, so that both are cut and mirrored alike.

The mask travels as the last channel, in bytes, 255 at pixels without a class; unlabelled images have such
a channel too, of 255 alone. Knows nothing of training.
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
        item = self.pool.ids[row]
        given = self.pool[row]
        image = given if isinstance(given, Tensor) else torch.from_numpy(np.array(given))
        if image.dtype != torch.uint8 or image.ndim != 3:
            raise DataError(
                "segmentation needs images of (channels, height, width) bytes (uint8), but item "
                f"'{item}' has shape {tuple(image.shape)} and type {image.dtype}"
            )
        if self.masks is None:
            return torch.cat((image, torch.full_like(image[:1], NO_CLASS)))
        mask = torch.from_numpy(_mask_of(item, self.masks[row], self.classes))
        if image.shape[1:] != mask.shape:
            raise DataError(
                f"a mask must have its image's height and width, but item '{item}' has an image of "
                f"{image.shape[1]} x {image.shape[2]} pixels and a mask of {mask.shape[0]} x "
                f"{mask.shape[1]}"
            )
        return torch.cat((image, mask[None]))


def paired(pool: Pool, masks: Sequence[NDArray[Any]] | None, classes: int) -> Pool:
    """Return the pool of (channels + 1, height, width) bytes: each image with its mask as last channel.

    A pool that is one tensor gives a pool that is one tensor; the pairs of others are read one at a time.

    Args:
        pool: Images, (channels, height, width) bytes each.
        masks: (height, width) class indices in [0, C) of each image, 255 where a pixel has no class; None for
            images whose pixels have none.
        classes: C.

    Raises:
        DataError: An image is not of bytes; a mask holds a value that is no class, or is not as large as its
            image.
    """
    pairs = _Pairs(pool, masks, classes)
    if pool.resident is None or not len(pool):
        return Pool(pairs, pool.ids)
    return Pool(torch.stack([pairs[row] for row in range(len(pool))]), pool.ids)


def split(pairs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the (B, channels, height, width) images and the (B, height, width) class indices of a batch.

    Args:
        pairs: (B, channels + 1, height, width) as batches come, the mask divided by 255.

    Returns:
        Images as they are, and int64 class indices, :data:`IGNORED` where there is none.
    """
    mask = (pairs[:, -1] * 255).round().long()
    return pairs[:, :-1], torch.where(mask == NO_CLASS, IGNORED, mask)


def mask_digests(pool: Pool, masks: Sequence[NDArray[Any]], classes: int) -> Tensor:
    """Return (N,) int64 numbers that stand for the items' masks: they tell one training from another.

    Raises:
        DataError: A mask holds a value that is no class.
    """
    pairs = zip(pool.ids, masks, strict=True)
    contents = (_mask_of(item, mask, classes).tobytes() for item, mask in pairs)
    digests = [hashlib.blake2b(content, digest_size=7).digest() for content in contents]
    return torch.tensor([int.from_bytes(digest, "big") for digest in digests])


@dataclass(frozen=True)
class RandomWindow:
    """Cut a square window at a random place, the same of an image and its mask.

    A window that would hold no pixel with a class, of a mask that has some, is moved to hold the first of
    them, as the mean loss over no pixel is no number.

    Attributes:
        size: Height and width of the window in pixels.
    """

    size: int

    def __call__(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        """Return the (B, channels + 1, size, size) windows of a batch of pairs.

        Raises:
            ConfigurationError: The images are smaller than the window.
        """
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
    """Refuse a window that is larger than the images.

    Raises:
        ConfigurationError: So it is.
    """
    if crop > min(height, width):
        raise ConfigurationError(
            f"crop must be at most the images' smaller side, {min(height, width)} of {height} x {width} "
            f"pixels, but is {crop}; choose a smaller one, or leave it out to train on whole images"
        )


def _has_class(mask: Tensor) -> Tensor:
    return (mask * 255).round() != NO_CLASS


def _around_first_class(item: Tensor, size: int) -> Tensor:
    height, width = item.shape[-2:]
    row, column = divmod(int(_has_class(item[-1]).flatten().float().argmax()), width)
    top = min(max(row - size // 2, 0), height - size)
    left = min(max(column - size // 2, 0), width - size)
    return item[:, top : top + size, left : left + size]


def _mask_of(item: ItemId, mask: NDArray[Any], classes: int) -> NDArray[np.uint8]:
    return checked_mask(np.asarray(mask), item, classes=classes, ignored=NO_CLASS)
