"""CIFAR-10 and CIFAR-100: 60,000 colour photographs of 32 x 32 pixels, as their authors publish them.

Their Python archives hold pickles of Python 2; nothing in them is run. Knows nothing of models and training.
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

__all__ = ["SOURCE", "TRAINING_DEFAULTS", "load_cifar10", "load_cifar100"]

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

SOURCE = CARDS[0].citation


def load_cifar10(
    *,
    root: Root = None,
) -> BenchmarkDataset:
    """Load CIFAR-10 from the folder ``cifar-10-batches-py``: 50,000 to label and 10,000 to test.

    Args:
        root: The folder in which ``cifar-10-batches-py`` lies, or that folder itself; None for
            ``./data`` if it has that folder, else ``$NEXTLABEL_DATA/cifar10``, or
            ``~/.cache/nextlabel/cifar10`` where that variable is not set.

    Raises:
        DataError: A file is missing, damaged or not what was published.
        ConfigurationError: An option is out of range.
    """
    place = place_of("cifar10", root, ("cifar-10-batches-py",))
    classes = _classes(place, "batches.meta", "label_names", 10)
    batches = [f"data_batch_{number}" for number in range(1, 6)]
    return _assembled(place, "labels", classes, batches, ["test_batch"])


def load_cifar100(
    *,
    root: Root = None,
) -> BenchmarkDataset:
    """Load CIFAR-100 with its 100 fine classes from the folder ``cifar-100-python``.

    Args:
        root: The folder in which ``cifar-100-python`` lies, or that folder itself; None for
            ``./data`` if it has that folder, else ``$NEXTLABEL_DATA/cifar100``, or
            ``~/.cache/nextlabel/cifar100`` where that variable is not set.

    Raises:
        DataError: A file is missing, damaged or not what was published.
        ConfigurationError: An option is out of range.
    """
    place = place_of("cifar100", root, ("cifar-100-python",))
    classes = _classes(place, "meta", "fine_label_names", 100)
    return _assembled(place, "fine_labels", classes, ["train"], ["test"])


def _assembled(
    place: Place, key: str, classes: tuple[str, ...], train: Sequence[str], test: Sequence[str]
) -> BenchmarkDataset:
    pool = _part(place, train, key, f"{place.name}-train", len(classes))
    tested = _part(place, test, key, f"{place.name}-test", len(classes))
    return BenchmarkDataset(
        name=place.name,
        task=Classification(classes),
        pool=pool,
        test=tested,
        licence=CARDS[0].licence,
        source=SOURCE,
        training_defaults=TRAINING_DEFAULTS,
    )


def _part(place: Place, files: Sequence[str], key: str, prefix: str, classes: int) -> Split:
    batches = [_batch(place, place.file(name), key, classes) for name in files]
    x = np.concatenate([images for images, _ in batches])
    return Split(x, np.concatenate([labels for _, labels in batches]), numbered(prefix, len(x)))


def _batch(place: Place, path: Path, key: str, classes: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    content = _content(place, path)
    data, labels = content.get("data"), _listed(content.get(key))
    if not (isinstance(data, np.ndarray) and isinstance(labels, list)) or (data.dtype, data.shape) != (
        np.uint8,
        (len(labels), 3 * 32 * 32),
    ):
        place.damaged(path, f"it lacks 'data' of 3 x 32 x 32 bytes per image with as many '{key}'")
    foreign = next((label for label in labels if label not in range(classes)), None)
    if foreign is not None:
        place.damaged(path, f"its '{key}' hold {foreign!r}, which is not in [0, {classes})")
    return data.reshape(-1, 3, 32, 32), np.asarray(labels, dtype=np.int64)


def _classes(place: Place, file: str, key: str, count: int) -> tuple[str, ...]:
    path = place.file(file)
    names = _content(place, path).get(key)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(names) != count:
        found = f"{len(names)}" if isinstance(names, list) else "none"
        place.damaged(path, f"it names {found} classes under '{key}' instead of {count}")
    return place.check_classes(path, names)


def _content(place: Place, path: Path) -> dict[str, Any]:  # Any: checked by whoever takes from it
    try:
        content = read_pickled(path)
    except DataError as error:
        place.damaged(path, str(error), error)
    if not isinstance(content, dict):
        place.damaged(path, f"it holds {type(content).__name__} instead of a dictionary")
    # keys and names are str as Python 2 wrote them, and bytes where Python 3 wrote the file again
    return {_text(key): _texts(value) for key, value in content.items()}


def _texts(value: Any) -> Any:  # Any: whatever the file holds
    return [_text(one) for one in value] if isinstance(value, list) else value


def _listed(labels: Any) -> Any:  # Any: whatever the file holds
    """Return labels as a list, also where somebody wrote them again as an array of integers."""
    whole = isinstance(labels, np.ndarray) and labels.ndim == 1 and labels.dtype.kind in "iu"
    return labels.tolist() if whole else labels


def _text(value: Any) -> Any:  # Any: whatever the file holds
    return value.decode("latin-1") if isinstance(value, bytes) else value
