"""Caltech-101: 8,677 colour photographs of 101 kinds of objects, about 300 x 200 pixels, in class folders.

The folder of background images is found by its name. There is no published split; ours is a function of the
files' names. Knows nothing of models and training.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Values
from nextlabel.datasets.files import Root, place_of
from nextlabel.datasets.folders import class_folders, part_of_folders
from nextlabel.datasets.reduction import divided, first_rows
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

NAME = "caltech101"

FOLDER = "101_ObjectCategories"

BACKGROUND = "BACKGROUND_Google"
"""The folder of images that show none of the objects."""

# Huang et al., Semi-Supervised Active Learning with Temporal Output Discrepancy, ICCV 2021, table of training
# settings; they begin from weights learnt on ImageNet, which a setting of the model names.
TRAINING_DEFAULTS: dict[str, object] = {
    "model": Part("imagenet_resnet18"),
    "epochs": 50,
    "batch_size": 64,
    "optimizer": "sgd",
    "lr": 0.01,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "schedule": "multistep",  # by default a tenth after 80 % of the epochs, which is their epoch 40
    "augment": ["horizontal_flip"],
}


def load(
    *,
    root: Root = None,
    in_memory: bool = False,
    split_seed: int = 0,
) -> BenchmarkDataset:
    """Load Caltech-101 from ``101_ObjectCategories``: 7,766 to label and 911 to test, 3 x 224 x 224.

    Every image is scaled to 256 x 256 pixels without regard to its proportions, and its centre of
    224 x 224 is cut out, as in the TOD papers' code. Of the n images of a class, ``floor(0.9 n)`` are in
    the pool, as there; which, depends on the seed and the images' paths alone.

    Args:
        root: The folder in which ``101_ObjectCategories`` or torchvision's ``caltech101`` lies, or the folder
            of the class folders itself; None for ``./data`` if it has ``101_ObjectCategories``, else
            ``$NEXTLABEL_DATA/caltech101``, or ``~/.cache/nextlabel/caltech101`` where that is not set.
        in_memory: Whether all images are decoded at once: 1.3 GB of memory, and no decoding in training.
        split_seed: Draws the test split.

    Raises:
        DataError: The folder is missing, has other than 101 classes besides the background, or an image
            cannot be read.
        ConfigurationError: An option is out of range.
    """
    inner = (FOLDER, f"caltech101/{FOLDER}", f"caltech-101/{FOLDER}")
    place = place_of(NAME, root, inner)
    classes = tuple(name for name in class_folders(place.folder) if name != BACKGROUND)
    if not (classes or place.folder.name == FOLDER) or (len(classes) != 101 and place.archives):
        place.missing(place.root / FOLDER)
    if not place.folder.is_dir():
        place.missing(place.folder)
    if len(classes) != 101:
        raise DataError(
            f"the data set '{NAME}' needs 101 class folders besides {BACKGROUND}, but {place.folder} has "
            f"{len(classes)}; {place.remedy}"
        )
    whole = part_of_folders(
        place.folder, place.folder, classes, size=224, resize=256, who=f"data set '{NAME}'"
    )
    pool, test = divided(whole, rows_to_test(whole.y, whole.ids, seed=split_seed))
    return BenchmarkDataset(
        name=NAME,
        task=Classification(classes),
        pool=pool,
        test=test,
        licence=CARD.licence,
        source="L. Fei-Fei, R. Fergus, P. Perona, Caltech-101, without the background images; split by us",
        training_defaults=TRAINING_DEFAULTS,
        in_memory=in_memory,
    )


def rows_to_test(y: Values, ids: tuple[str, ...], *, seed: int) -> NDArray[np.int64]:
    """Return the ascending rows that are tested on: n - floor(0.9 n) of the n items of every class."""
    chosen: list[int] = []
    labels = np.asarray(y)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        count = len(rows) - len(rows) * 9 // 10
        chosen += rows[first_rows([ids[row] for row in rows], count, "test", seed)].tolist()
    return np.sort(np.asarray(chosen, dtype=np.int64))
