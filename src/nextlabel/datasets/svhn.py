"""SVHN: house numbers photographed from the street, cropped to one digit of 32 x 32 colour pixels.

Read from the two MATLAB files of its authors, in which the digit 0 has the label 10.
"""

from __future__ import annotations

import zlib

import numpy as np

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Split
from nextlabel.datasets.cifar import TRAINING_DEFAULTS as CIFAR
from nextlabel.datasets.files import Place, Root, numbered, place_of
from nextlabel.registry import Card
from nextlabel.tasks.classification import Classification

__all__ = ["load"]

CARD = Card(
    "svhn",
    "load",
    needs=("files",),
    cost="73,257 to label, 26,032 to test; 3 x 32 x 32 colour, 10 classes",
    use_when="digits in colour, with unequal class sizes",
    citation="Netzer, Wang, Coates, Bissacco, Wu, Ng. Reading Digits in Natural Images with Unsupervised "
    "Feature Learning. NIPS Workshop 2011",
    licence="for non-commercial use only, as its authors' page says",
    remedy="fetch it with: nextlabel datasets download svhn",
)

NEWEST = 1
"""The newest major version that scipy reads, by the files' header; 1 is MATLAB 5, 2 is 7.3, which is HDF5."""

# As on CIFAR, but unlike the TOD papers' code digits are not mirrored: no mirrored digit ever occurs.
TRAINING_DEFAULTS: dict[str, object] = {**CIFAR, "augment": ["random_crop"]}


def load(*, root: Root = None) -> BenchmarkDataset:
    """Load SVHN from ``train_32x32.mat`` and ``test_32x32.mat``: 73,257 to label and 26,032 to test.

    Args:
        root: The folder of the two files; None for ``./data/svhn`` or ``./data`` if it holds them, else that
            of :func:`~nextlabel.datasets.files.root_of`.

    Raises:
        DataError: A file is missing, damaged or not what was published.
    """
    place = place_of(CARD.name, root)
    splits = _part(place, "train"), _part(place, "test")
    task, changes = Classification(tuple("0123456789")), "cropped digits, without the extra part"
    return BenchmarkDataset.of_card(CARD, task, splits, TRAINING_DEFAULTS, changes=changes)


def _part(place: Place, part: str) -> Split:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError, matfile_version

    path = place.file(f"{part}_32x32.mat")
    file = path.open("rb")  # a file without read permission is not damaged, which scipy does not distinguish
    try:
        with file:
            newer = matfile_version(file)[0] > NEWEST
            content = {} if newer else loadmat(file, variable_names=("X", "y"))
    except (  # what damaged files were seen to raise
        *(OSError, ValueError, TypeError, LookupError, MemoryError, AttributeError),
        *(zlib.error, MatReadError),
    ) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        place.damaged(path, f"it cannot be read as a MATLAB file ({reason})", error)
    if newer:
        place.damaged(path, "it is a MATLAB file of version 7.3, while version 5 was published")
    images, labels = content.get("X"), content.get("y")
    if not isinstance(images, np.ndarray) or not isinstance(labels, np.ndarray):
        place.damaged(path, "it lacks the variables 'X' and 'y'")
    shape = (32, 32, 3, labels.size)
    if (images.dtype, images.shape) != (np.uint8, shape):
        place.damaged(
            path, f"its 'X' must be bytes of shape {shape} to fit 'y', got {images.dtype} {images.shape}"
        )
    y = place.labels(path, labels, 1, 10) % 10
    return Split(np.ascontiguousarray(images.transpose(3, 2, 0, 1)), y, numbered(f"svhn-{part}", len(y)))
