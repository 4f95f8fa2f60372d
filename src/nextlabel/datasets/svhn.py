"""SVHN: house numbers photographed from the street, cropped to one digit of 32 x 32 colour pixels.

Read from the two MATLAB files of its authors, in which the digit 0 has the label 10. Knows nothing of models
and training.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Split
from nextlabel.datasets.cifar import TRAINING_DEFAULTS as CIFAR_TRAINING_DEFAULTS
from nextlabel.datasets.files import Place, Root, numbered, place_of
from nextlabel.registry import Card
from nextlabel.tasks.classification import Classification

__all__ = ["load"]

CARD = Card(
    "svhn",
    "load",
    needs=("files",),
    cost="73,257 to label, 26,032 to test; 3 x 32 x 32 colour, 10 classes",
    use_when="digits in colour, of unequal number",
    citation="Netzer, Wang, Coates, Bissacco, Wu, Ng. Reading Digits in Natural Images with Unsupervised "
    "Feature Learning. NIPS Workshop 2011",
    licence="for non-commercial use only, as its authors' page says",
    remedy="fetch it with: nextlabel datasets download svhn",
)

NAME = "svhn"

NEWEST = 1
"""The newest major version that scipy reads, by the files' header; 1 is MATLAB 5, 2 is 7.3, which is HDF5."""

# As on CIFAR. Unlike the TOD papers' code, which mirrors digits left to right as well: no mirrored digit is
# ever met.
TRAINING_DEFAULTS: dict[str, object] = {**CIFAR_TRAINING_DEFAULTS, "augment": ["random_crop"]}


def load(
    *,
    root: Root = None,
) -> BenchmarkDataset:
    """Load SVHN from ``train_32x32.mat`` and ``test_32x32.mat``: 73,257 to label and 26,032 to test.

    Args:
        root: The folder of the two files; None for ``./data/svhn`` or ``./data`` if they are there, else
            ``$NEXTLABEL_DATA/svhn``, or ``~/.cache/nextlabel/svhn`` where that variable is not set.

    Raises:
        DataError: A file is missing, damaged or not what was published.
        ConfigurationError: An option is out of range.
    """
    place = place_of(NAME, root)
    train, tested = _part(place, "train"), _part(place, "test")
    return BenchmarkDataset(
        name=NAME,
        task=Classification(tuple("0123456789")),
        pool=train,
        test=tested,
        licence=CARD.licence,
        source="Y. Netzer et al., Street View House Numbers, cropped digits, without the extra part",
        training_defaults=TRAINING_DEFAULTS,
    )


def _part(place: Place, part: str) -> Split:
    path = place.file(f"{part}_32x32.mat")
    content = _content(place, path)
    images, labels = content.get("X"), content.get("y")
    if not isinstance(images, np.ndarray) or not isinstance(labels, np.ndarray):
        place.damaged(path, "it lacks the variables 'X' and 'y'")
    if (images.dtype, images.shape) != (np.uint8, (32, 32, 3, labels.size)):
        place.damaged(
            path,
            f"its 'X' must be bytes of shape (32, 32, 3, {labels.size}) for as many labels in 'y', but is "
            f"{images.dtype} {images.shape}",
        )
    place.check_labels(path, labels.ravel(), 1, 10)
    x = np.ascontiguousarray(images.transpose(3, 2, 0, 1))
    return Split(x, labels.ravel().astype(np.int64) % 10, numbered(f"{NAME}-{part}", len(x)))


def _content(place: Place, path: Path) -> dict[str, Any]:  # Any: checked by whoever takes from it
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError, matfile_version

    file = path.open("rb")  # a file that may not be read is not damaged, and scipy does not say so
    try:
        with file:
            newer = matfile_version(file)[0] > NEWEST
            content: dict[str, Any] = {} if newer else loadmat(file, variable_names=("X", "y"))
    except (  # what damaged files were seen to raise
        *(OSError, ValueError, TypeError, LookupError, MemoryError, AttributeError),
        *(zlib.error, MatReadError),
    ) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        place.damaged(path, f"it cannot be read as a MATLAB file ({reason})", error)
    if newer:
        place.damaged(path, "it is a MATLAB file of version 7.3, where version 5 was published")
    return content
