"""Caltech-101: 8,677 colour photographs of 101 kinds of objects, about 300 x 200 pixels, in class folders.

There is no published split; ours is a function of the files' names.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Values
from nextlabel.datasets.cifar import TRAINING_DEFAULTS as CIFAR
from nextlabel.datasets.files import Root, place_of
from nextlabel.datasets.folders import class_folders, split_of_classes
from nextlabel.datasets.reduction import divided, first_of_classes
from nextlabel.errors import DataError
from nextlabel.parts import Part
from nextlabel.registry import Card
from nextlabel.tasks.classification import Classification

__all__ = ["BACKGROUND", "TRAINING_DEFAULTS", "load", "rows_to_test"]

CARD = Card(
    "caltech101",
    "load",
    needs=("files",),
    cost="7,766 to label, 911 to test; 3 x 224 x 224 colour, 101 classes",
    use_when="large images of classes of very unequal size, read one by one",
    citation="Fei-Fei, Fergus, Perona. Learning Generative Visual Models from Few Training Examples. CVPR "
    "Workshop 2004",
    licence="CC BY 4.0",
    remedy="fetch it with: nextlabel datasets download caltech101",
)

FOLDER = "101_ObjectCategories"

BACKGROUND = "BACKGROUND_Google"
"""The folder of images that show none of the objects."""

# Huang et al., Semi-Supervised Active Learning with Temporal Output Discrepancy, ICCV 2021, table of training
# settings; they start from ImageNet weights, which an option of the model selects.
TRAINING_DEFAULTS: dict[str, object] = {
    **CIFAR,
    "model": Part("imagenet_resnet18"),
    "epochs": 50,
    "batch_size": 64,
    "lr": 0.01,
    "augment": ["horizontal_flip"],
}


def load(*, root: Root = None, in_memory: bool = False, split_seed: int = 0) -> BenchmarkDataset:
    """Load Caltech-101: 7,766 to label and 911 to test, 3 x 224 x 224.

    Every image is scaled to a square of 256 x 256 pixels and its centre of 224 x 224 is cut out, as in the
    TOD papers' code. As in that code, ``floor(0.9 n)`` of the n images of a class are in the pool; which ones
    depends on the seed and the images' paths alone.

    Args:
        root: The folder of the class folders, or the one that holds ``101_ObjectCategories`` or
            torchvision's ``caltech101``; None for ``./data`` if it holds ``101_ObjectCategories``, else that
            of :func:`~nextlabel.datasets.files.root_of`.
        in_memory: Whether all images are decoded at once: 1.3 GB of memory, and no decoding in training.
        split_seed: Draws the test split.

    Raises:
        DataError: The folder is missing, does not have 101 classes besides the background, or an image
            cannot be read.
    """
    place = place_of(CARD.name, root, FOLDER, f"caltech101/{FOLDER}", f"caltech-101/{FOLDER}")
    folder = place.folder
    classes = tuple(name for name in class_folders(folder) if name != BACKGROUND)
    if not (classes or folder.name == FOLDER) or (len(classes) != 101 and place.archives):
        place.missing(place.root / FOLDER)
    if not folder.is_dir():
        place.missing(folder)
    if len(classes) != 101:
        raise DataError(
            f"the data set '{CARD.name}' must have 101 class folders besides {BACKGROUND}, but {folder} has "
            f"{len(classes)}; {place.remedy}"
        )
    whole = split_of_classes(CARD.name, folder, folder, classes, size=224, resize=256)
    splits = divided(whole, rows_to_test(whole.y, whole.ids, seed=split_seed))
    task, changes = Classification(classes), "without the background images; split by us"
    return BenchmarkDataset.of_card(
        CARD, task, splits, TRAINING_DEFAULTS, changes=changes, in_memory=in_memory
    )


def rows_to_test(y: Values, ids: tuple[str, ...], *, seed: int) -> NDArray[np.int64]:
    """Return the ascending rows of the test split: n - floor(0.9 n) of the n items of every class."""
    sizes = np.bincount(np.asarray(y))
    return first_of_classes(np.asarray(y), ids, (sizes - sizes * 9 // 10).tolist(), seed=seed)
