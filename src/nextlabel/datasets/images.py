"""Images as files, encoded bytes or arrays, prepared one by one on demand."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from nextlabel.errors import ConfigurationError, DataError

__all__ = ["StreamedImages", "check_pixels", "image_size"]

UNREADABLE = (OSError, SyntaxError, ValueError, struct.error, EOFError, Image.DecompressionBombError)
"""What pillow was seen to raise for damaged files."""

Source: TypeAlias = "Path | bytes | NDArray[np.uint8]"
"""An image: its file, the bytes of one, or a (height, width, 3) array."""


@dataclass(frozen=True)
class StreamedImages:
    """N colour images of one size, each decoded on demand.

    An image is decoded as RGB; then, with ``resize``, it is scaled to a square, which changes its
    proportions (bilinear with anti-aliasing, as torchvision scales); then its centre is cut out. The
    orientation that a camera recorded in the file is ignored.

    Attributes:
        sources: The images.
        ids: N ids, for messages.
        size: Height and width of the result, in pixels.
        resize: Side of the square to which images are scaled first, at least as long as the sides of
            ``size``; None for images that must have ``size`` already.

    Raises:
        ConfigurationError: ``size`` or ``resize`` is too small.
    """

    sources: Sequence[Source]
    ids: tuple[str, ...]
    size: tuple[int, int]
    resize: int | None = None

    def __post_init__(self) -> None:
        check_pixels(self.size, self.resize)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, 3, height, width)."""
        return (len(self.sources), 3, *self.size)

    @property
    def dtype(self) -> np.dtype[Any]:  # Any: as NumPy's arrays have it
        """uint8."""
        return np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, index: int, /) -> NDArray[np.uint8]:
        """Return the (3, height, width) bytes of one image.

        Raises:
            DataError: It cannot be decoded, or does not have the size that it must have.
        """
        decoded: NDArray[np.uint8] = _opened(self.sources[index], self.ids[index], self._decoded)
        if decoded.shape[:2] != self.size:
            raise DataError(
                f"images must be of one size, {self.size[1]} x {self.size[0]} pixels, but item "
                f"'{self.ids[index]}' has {decoded.shape[1]} x {decoded.shape[0]}; resize all of them alike"
            )
        return np.ascontiguousarray(decoded.transpose(2, 0, 1))

    def take(self, rows: Sequence[int]) -> StreamedImages:
        """Return the images of these rows, in this order, without reading them."""
        return replace(
            self, sources=[self.sources[row] for row in rows], ids=tuple(self.ids[row] for row in rows)
        )

    def _decoded(self, image: Image.Image) -> NDArray[np.uint8]:
        height, width = self.size
        colours = image.convert("RGB")
        if self.resize is not None:
            colours = colours.resize((self.resize, self.resize), Image.Resampling.BILINEAR)
            left, top = (self.resize - width) // 2, (self.resize - height) // 2
            colours = colours.crop((left, top, left + width, top + height))
        return np.asarray(colours)


def check_pixels(size: tuple[int, int], resize: int | None) -> None:
    """Raise :class:`ConfigurationError` if :class:`StreamedImages` cannot have this size and ``resize``."""
    for option, pixels, least in (("size", min(size), 1), ("resize", resize, max(size))):
        if pixels is not None and pixels < least:
            raise ConfigurationError(f"{option} must be at least {least} pixels, got {pixels}; raise it")


def image_size(source: Source, item: str) -> tuple[int, int]:
    """Return the (height, width) of an item's image, of which only the head is read.

    Raises:
        DataError: It is not an image.
    """
    width, height = _opened(source, item, lambda image: image.size)
    return height, width


def _opened(source: Source, item: str, look: Callable[[Image.Image], Any]) -> Any:  # Any: what look returns
    if isinstance(source, np.ndarray):
        return look(Image.fromarray(source))
    try:
        with Image.open(BytesIO(source) if isinstance(source, bytes) else source) as image:
            return look(image)
    except UNREADABLE as error:
        where = "" if isinstance(source, bytes) else f" ({source})"
        why = "not an image" if isinstance(error, UnidentifiedImageError) else str(error)
        raise DataError(
            f"item '{item}'{where} must be an image, but it cannot be decoded ({why}); fetch or copy it again"
        ) from error
