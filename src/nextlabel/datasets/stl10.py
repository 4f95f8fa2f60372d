"""STL-10: 13,000 labelled colour photographs of 96 x 96 pixels; its 100,000 unlabelled ones are not read.

Read from its authors' binary files, which hold images column by column. Knows nothing of models and
training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Inputs, Split
from nextlabel.datasets.cifar import TRAINING_DEFAULTS as CIFAR
from nextlabel.datasets.files import Place, Root, fetch, numbered, root_of
from nextlabel.errors import ConfigurationError
from nextlabel.registry import Card
from nextlabel.tasks.classification import Classification

__all__ = ["load"]

CARD = Card(
    "stl10",
    "load",
    needs=("files",),
    cost="5,000 to label, 8,000 to test; 3 x 96 x 96 colour, 10 classes",
    use_when="few labels on larger images",
    citation="Coates, Lee, Ng. An Analysis of Single-Layer Networks in Unsupervised Feature Learning. "
    "AISTATS 2011",
    licence="none stated; the images come from ImageNet",
    remedy="fetch it with: nextlabel datasets download stl10",
)

NAME = "stl10"
SIDE = 96

# Huang et al., Temporal Output Discrepancy for Loss Estimation-Based Active Learning, 2022: as on CIFAR, in
# batches of 64, mirrored and not moved.
TRAINING_DEFAULTS: dict[str, object] = {
    **CIFAR,
    "batch_size": 64,
    "augment": ["horizontal_flip"],
}


def load(
    *,
    root: Root = None,
    resize: int | None = None,
) -> BenchmarkDataset:
    """Load the labelled part of STL-10 from ``stl10_binary``: 5,000 to label and 8,000 to test.

    Args:
        root: The folder in which ``stl10_binary`` lies, or that folder itself; None for
            ``$NEXTLABEL_DATA/stl10``, or ``~/.cache/nextlabel/stl10`` where that variable is not set.
        resize: Side in pixels, at least 96, to which images are scaled (bilinear) before their centre of
            96 x 96 is cut out; the TOD journal paper scales to 128. None for the images as they are.

    Raises:
        DataError: A file is missing, damaged or not what was published.
        ConfigurationError: An option is out of range.
    """
    if resize is not None and (isinstance(resize, bool) or not isinstance(resize, int) or resize < SIDE):
        raise ConfigurationError(
            f"the data set '{NAME}' needs resize of at least {SIDE} pixels, but got {resize!r}"
        )
    place = Place(NAME, root_of(NAME, root), fetch(NAME, root), ("stl10_binary",))
    classes = _classes(place)
    train, tested = _part(place, "train", resize), _part(place, "test", resize)
    return BenchmarkDataset(
        name=NAME,
        task=Classification(classes),
        pool=train,
        test=tested,
        licence=CARD.licence,
        source="A. Coates, H. Lee, A. Y. Ng, An Analysis of Single-Layer Networks in Unsupervised Feature "
        "Learning, AISTATS 2011; without the unlabelled part",
        training_defaults=TRAINING_DEFAULTS,
        in_memory=resize is not None,
    )


def _part(place: Place, part: str, resize: int | None) -> Split:
    images, labels = place.file(f"{part}_X.bin"), place.file(f"{part}_y.bin")
    y = np.fromfile(labels, np.uint8)
    place.check_labels(labels, y, 1, 10)
    x = np.fromfile(images, np.uint8)
    if len(x) != len(y) * 3 * SIDE * SIDE:
        place.damaged(
            images,
            f"it has {len(x):,} bytes, which is not 3 x {SIDE} x {SIDE} for each of the {len(y):,} labels in "
            f"{labels.name}",
        )
    upright = np.ascontiguousarray(x.reshape(-1, 3, SIDE, SIDE).transpose(0, 1, 3, 2))
    images_seen: Inputs = upright if resize is None else _Zoomed(upright, resize)
    return Split(images_seen, y.astype(np.int64) - 1, numbered(f"{NAME}-{part}", len(y)))


def _classes(place: Place) -> tuple[str, ...]:
    path = place.file("class_names.txt")
    try:
        names = path.read_bytes().decode().split()
    except UnicodeDecodeError as error:
        place.damaged(path, f"it is no text ({error})", error)
    if len(names) != 10:
        place.damaged(path, f"it names {len(names)} classes instead of 10")
    return place.check_classes(path, names)


@dataclass(frozen=True)
class _Zoomed:
    """The (3, 96, 96) centres of images after scaling them to a side, each made when it is asked for."""

    images: NDArray[np.uint8]
    side: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self.images.shape

    @property
    def dtype(self) -> np.dtype[Any]:  # Any: as NumPy's arrays have it
        return self.images.dtype

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int, /) -> NDArray[np.uint8]:
        start = (self.side - SIDE) // 2
        image = Image.fromarray(np.ascontiguousarray(self.images[index].transpose(1, 2, 0)))
        scaled = np.asarray(image.resize((self.side, self.side), Image.Resampling.BILINEAR))
        centre: NDArray[np.uint8] = scaled[start : start + SIDE, start : start + SIDE]
        zoomed: NDArray[np.uint8] = centre.transpose(2, 0, 1)
        return zoomed

    def take(self, rows: Sequence[int]) -> _Zoomed:
        return _Zoomed(self.images[rows], self.side)
