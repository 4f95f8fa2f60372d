"""Images in files or in memory as encoded bytes, decoded one by one when they are wanted.

Knows no particular data set, and nothing of labels and training.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from nextlabel.errors import DataError

__all__ = ["StreamedImages"]

UNREADABLE = (OSError, SyntaxError, ValueError, struct.error, EOFError, Image.DecompressionBombError)
"""What pillow was seen to raise at damaged files."""


@dataclass(frozen=True)
class StreamedImages:
    """N colour images of one size, each decoded when it is asked for.

    An image is decoded as RGB; then, with ``resize``, it is scaled to a square without regard to its
    proportions (bilinear with anti-aliasing, as torchvision scales); then its centre is cut out. A note on
    orientation that a camera left in the file is not followed.

    Attributes:
        sources: Where the encoded images are: paths, or the bytes themselves.
        ids: N ids, for messages.
        size: Height and width of what is returned, in pixels.
        resize: Side of the square to which images are scaled first, at least as long as the sides of
            ``size``; None for images that have this very size and are refused otherwise.
    """

    sources: Sequence[Path | bytes]
    ids: tuple[str, ...]
    size: tuple[int, int]
    resize: int | None = None

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
            DataError: It cannot be decoded, or has another size where it must not.
        """
        decoded: NDArray[np.uint8] = self._opened(index, self._decoded)
        if decoded.shape[:2] != self.size:
            raise DataError(
                f"expected images of one size, {self.size[1]} x {self.size[0]} pixels, but item "
                f"'{self.ids[index]}' has {decoded.shape[1]} x {decoded.shape[0]}; resize them all alike"
            )
        return np.ascontiguousarray(decoded.transpose(2, 0, 1))

    def check(self) -> None:
        """Read the head of every file, so that what is no image is found before any work starts.

        Raises:
            DataError: One is no image.
        """
        for index in range(len(self)):
            self._opened(index, lambda image: image.size)

    def take(self, rows: Sequence[int]) -> StreamedImages:
        """Return the images of these rows, in this order; nothing is read."""
        return replace(
            self, sources=[self.sources[row] for row in rows], ids=tuple(self.ids[row] for row in rows)
        )

    def _opened(self, index: int, look: Callable[[Image.Image], Any]) -> Any:  # Any: whatever look returns
        source = self.sources[index]
        try:
            with Image.open(BytesIO(source) if isinstance(source, bytes) else source) as image:
                return look(image)
        except UNREADABLE as error:
            where = "" if isinstance(source, bytes) else f" ({source})"
            why = "no image" if isinstance(error, UnidentifiedImageError) else str(error)
            raise DataError(
                f"expected an image as item '{self.ids[index]}'{where}, but it cannot be decoded ({why}); "
                "fetch or copy it again"
            ) from error

    def _decoded(self, image: Image.Image) -> NDArray[np.uint8]:
        height, width = self.size
        colours = image.convert("RGB")
        if self.resize is not None:
            colours = colours.resize((self.resize, self.resize), Image.Resampling.BILINEAR)
            left, top = (self.resize - width) // 2, (self.resize - height) // 2
            colours = colours.crop((left, top, left + width, top + height))
        return np.asarray(colours)
