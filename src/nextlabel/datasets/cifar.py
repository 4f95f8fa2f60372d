"""CIFAR-10 and CIFAR-100: 60,000 colour photographs of 32 x 32 pixels, as their authors publish them.

Their Python archives hold pickles of Python 2; nothing in them is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Split
from nextlabel.datasets.files import Place, Root, numbered, place_of
from nextlabel.datasets.pickled import read_pickled
from nextlabel.errors import DataError
from nextlabel.parts import Part
from nextlabel.registry import Card
from nextlabel.tasks.classification import Classification

__all__ = ["TRAINING_DEFAULTS", "load_cifar10", "load_cifar100"]

CARDS = (
    Card(
        "cifar10",
        "load_cifar10",
        needs=("files",),
        cost="50,000 to label, 10,000 to test; 3 x 32 x 32 colour, 10 classes",
        use_when="the first benchmark of the TOD papers",
        citation="A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        licence="none stated; the authors ask to cite their report",
        remedy="fetch it with: nextlabel datasets download cifar10",
    ),
    Card(
        "cifar100",
        "load_cifar100",
        needs=("files",),
        cost="50,000 to label, 10,000 to test; 3 x 32 x 32 colour, 100 classes",
        use_when="many classes with few images each",
        citation="A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        licence="none stated; the authors ask to cite their report",
        remedy="fetch it with: nextlabel datasets download cifar100",
    ),
)

# How the TOD papers train on CIFAR and SVHN: Huang et al., Semi-Supervised Active Learning with Temporal
# Output Discrepancy, ICCV 2021, section 4.1 and the authors' released code.
TRAINING_DEFAULTS: dict[str, object] = {
    "model": Part("cifar_resnet18", {"width": 64}),
    "epochs": 200,
    "batch_size": 128,
    "optimizer": "sgd",
    "lr": 0.1,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "schedule": "multistep",  # by default a tenth after 80 % of the epochs, which is their epoch 160
    "augment": ["horizontal_flip", "random_crop"],
}


def load_cifar10(*, root: Root = None) -> BenchmarkDataset:
    """Load CIFAR-10: 50,000 to label and 10,000 to test.

    Args:
        root: The folder ``cifar-10-batches-py``, or the one that holds it; None for ``./data`` if it holds
            it, else the folder of :func:`~nextlabel.datasets.files.root_of`.

    Raises:
        DataError: A file is missing, damaged or not what was published.
    """
    place = place_of("cifar10", root, "cifar-10-batches-py")
    classes = _classes(place, "batches.meta", "label_names", 10)
    pool = _part(place, "train", [f"data_batch_{number}" for number in range(1, 6)], "labels", 10)
    splits = pool, _part(place, "test", ["test_batch"], "labels", 10)
    return BenchmarkDataset.of_card(CARDS[0], Classification(classes), splits, TRAINING_DEFAULTS)


def load_cifar100(*, root: Root = None) -> BenchmarkDataset:
    """Load CIFAR-100 with its 100 fine classes: 50,000 to label and 10,000 to test.

    Args:
        root: The folder ``cifar-100-python``, or the one that holds it; see :func:`load_cifar10`.

    Raises:
        DataError: A file is missing, damaged or not what was published.
    """
    place = place_of("cifar100", root, "cifar-100-python")
    classes = _classes(place, "meta", "fine_label_names", 100)
    pool = _part(place, "train", ["train"], "fine_labels", 100)
    splits = pool, _part(place, "test", ["test"], "fine_labels", 100)
    return BenchmarkDataset.of_card(CARDS[1], Classification(classes), splits, TRAINING_DEFAULTS)


def _classes(place: Place, file: str, key: str, count: int) -> tuple[str, ...]:
    path = place.file(file)
    return place.classes(path, _content(place, path).get(key), count)


def _part(place: Place, part: str, files: Sequence[str], key: str, count: int) -> Split:
    batches = [_batch(place, place.file(name), key, count) for name in files]
    x, y = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
    return Split(x, y, numbered(f"{place.name}-{part}", len(x)))


def _batch(place: Place, path: Path, key: str, count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    content = _content(place, path)
    data: Any = content.get("data")  # Any: checked below
    labels: Any = content.get(key)
    if isinstance(labels, np.ndarray) and labels.ndim == 1 and labels.dtype.kind in "iu":
        labels = labels.tolist()  # where somebody wrote the file again
    fits = isinstance(data, np.ndarray) and isinstance(labels, list) and data.dtype == np.uint8
    if not fits or data.shape != (len(labels), 3 * 32 * 32):
        place.damaged(path, f"it lacks 'data' of 3 x 32 x 32 bytes per image with as many '{key}'")
    return data.reshape(-1, 3, 32, 32), place.labels(path, labels, 0, count - 1)


def _content(place: Place, path: Path) -> dict[str, Any]:  # Any: checked by the callers
    try:
        content = read_pickled(path)
    except DataError as error:
        place.damaged(path, str(error), error)
    if not isinstance(content, dict):
        place.damaged(path, f"it holds {type(content).__name__} instead of a dictionary")
    return {
        _text(key): [_text(one) for one in value] if isinstance(value, list) else value
        for key, value in content.items()
    }


def _text(value: Any) -> Any:  # Any: whatever the file holds
    """Return bytes as text: keys and names are text as Python 2 wrote them, and bytes if Python 3 did."""
    return value.decode("latin-1") if isinstance(value, bytes) else value
