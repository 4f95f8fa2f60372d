"""STL-10: 13,000 labelled colour photographs of 96 x 96 pixels; its 100,000 unlabelled ones are not read.

Read from its authors' binary files, which hold images column by column.
"""

from __future__ import annotations

import numpy as np

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Split
from nextlabel.datasets.cifar import TRAINING_DEFAULTS as CIFAR
from nextlabel.datasets.files import Place, Root, numbered, place_of
from nextlabel.datasets.images import StreamedImages, check_pixels
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

SIDE = 96

# Huang et al., Temporal Output Discrepancy for Loss Estimation-Based Active Learning, 2022: as on CIFAR, in
# batches of 64, mirrored and not moved.
TRAINING_DEFAULTS: dict[str, object] = {**CIFAR, "batch_size": 64, "augment": ["horizontal_flip"]}


def load(*, root: Root = None, resize: int | None = None) -> BenchmarkDataset:
    """Load the labelled part of STL-10: 5,000 to label and 8,000 to test.

    Args:
        root: The folder ``stl10_binary``, or the one that holds it; None for that of
            :func:`~nextlabel.datasets.files.root_of`.
        resize: Side in pixels, at least 96, to which images are scaled (bilinear) before their centre of
            96 x 96 is cut out; the TOD journal paper scales to 128. None for the images as they are.

    Raises:
        DataError: A file is missing, damaged or not what was published.
        ConfigurationError: ``resize`` is below 96.
    """
    check_pixels((SIDE, SIDE), resize)
    place = place_of(CARD.name, root, "stl10_binary")
    path = place.file("class_names.txt")
    try:
        classes = place.classes(path, path.read_bytes().decode().split(), 10)
    except UnicodeDecodeError as error:
        place.damaged(path, f"it is not text ({error})", error)
    return BenchmarkDataset.of_card(
        CARD,
        Classification(classes),
        (_part(place, "train", resize), _part(place, "test", resize)),
        TRAINING_DEFAULTS,
        changes="without the unlabelled part",
        in_memory=resize is not None,
    )


def _part(place: Place, part: str, resize: int | None) -> Split:
    images, labels = place.file(f"{part}_X.bin"), place.file(f"{part}_y.bin")
    y = place.labels(labels, np.fromfile(labels, np.uint8), 1, 10) - 1
    x, ids = np.fromfile(images, np.uint8), numbered(f"{CARD.name}-{part}", len(y))
    if len(x) != len(y) * 3 * SIDE * SIDE:
        place.damaged(
            images,
            f"it has {len(x):,} bytes, which is not 3 x {SIDE} x {SIDE} for each of the {len(y):,} labels in "
            f"{labels.name}",
        )
    upright = x.reshape(-1, 3, SIDE, SIDE).transpose(0, 1, 3, 2)
    if resize is None:
        return Split(np.ascontiguousarray(upright), y, ids)
    return Split(StreamedImages(list(upright.transpose(0, 2, 3, 1)), ids, (SIDE, SIDE), resize), y, ids)
