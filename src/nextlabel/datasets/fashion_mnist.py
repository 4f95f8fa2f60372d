"""Fashion-MNIST: 70,000 grey images of clothes from a shop's catalogue, 28 x 28 pixels.

Read from its authors' four idx files, packed or unpacked.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Split
from nextlabel.datasets.cifar import TRAINING_DEFAULTS
from nextlabel.datasets.files import Place, Root, numbered, place_of
from nextlabel.registry import Card
from nextlabel.tasks.classification import Classification

__all__ = ["CLASSES", "load"]

CARD = Card(
    "fashion_mnist",
    "load",
    needs=("files",),
    cost="60,000 to label, 10,000 to test; 1 x 28 x 28 grey, 10 classes",
    use_when="many small grey images that are harder than digits",
    citation="Xiao, Rasul, Vollgraf. Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning "
    "Algorithms. arXiv 1708.07747, 2017",
    licence="MIT, copyright (c) 2017 Zalando SE",
    remedy="fetch it with: nextlabel datasets download fashion_mnist",
)

CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
"""Table 2 of the paper."""


def load(*, root: Root = None) -> BenchmarkDataset:
    """Load Fashion-MNIST: 60,000 to label and 10,000 to test.

    The training defaults are those of CIFAR, as in Huang et al., Temporal Output Discrepancy for Loss
    Estimation-Based Active Learning, 2022.

    Args:
        root: The folder of the files ``train-images-idx3-ubyte.gz`` and so on, or the folder in which
            torchvision put ``FashionMNIST/raw``; None for that of
            :func:`~nextlabel.datasets.files.root_of`.

    Raises:
        DataError: A file is missing, damaged or not what was published.
    """
    place = place_of(CARD.name, root, "FashionMNIST/raw")
    splits = _part(place, "train", "train"), _part(place, "t10k", "test")
    return BenchmarkDataset.of_card(CARD, Classification(CLASSES), splits, TRAINING_DEFAULTS)


def _part(place: Place, files: str, part: str) -> Split:
    images, labels = (
        place.file(f"{files}-{kind}-ubyte.gz", f"{files}-{kind}-ubyte")
        for kind in ("images-idx3", "labels-idx1")
    )
    x, y = _idx(place, images, axes=3), place.labels(labels, _idx(place, labels, axes=1), 0, 9)
    if x.shape != (len(y), 28, 28):
        place.damaged(images, f"it holds images of shape {x.shape} for {len(y)} labels in {labels.name}")
    return Split(x[:, None], y, numbered(f"{CARD.name}-{part}", len(x)))


def _idx(place: Place, path: Path, *, axes: int) -> NDArray[np.uint8]:
    """Read bytes: a magic number that gives type and axes, then the sizes, big-endian, then the data."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        place.damaged(path, f"it cannot be unpacked ({error})", error)
    start = 4 * (1 + axes)
    head = np.frombuffer(content[:start], dtype=">u4") if len(content) >= start else np.zeros(1, ">u4")
    if head[0] != 0x0800 + axes:
        place.damaged(path, f"it does not begin as an idx file of bytes with {axes} axes does")
    shape = tuple(int(size) for size in head[1:])
    if len(content) - start != np.prod(shape):
        place.damaged(path, f"it has {len(content) - start:,} bytes of data, while its head states {shape}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
