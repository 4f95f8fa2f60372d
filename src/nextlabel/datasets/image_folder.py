"""A folder of the user's own images, one sub-folder per class, with or without a test part of its own.

Knows nothing of models and training.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Split
from nextlabel.datasets.caltech101 import TRAINING_DEFAULTS
from nextlabel.datasets.files import Place, Root, root_of
from nextlabel.datasets.folders import class_folders, part_of_folders
from nextlabel.datasets.reduction import divided
from nextlabel.datasets.split import stratified_test_rows
from nextlabel.errors import ConfigurationError, DataError, listed
from nextlabel.registry import Card
from nextlabel.tasks.classification import Classification

__all__ = ["load"]

CARD = Card(
    "image_folder",
    "load",
    needs=("files",),
    cost="as many as there are; 3 x size x size colour",
    use_when="your own images in one folder per class, read one by one",
    licence="that of the images, which nextlabel does not know",
    remedy="put the images of every class into a sub-folder of its name, or into train/CLASS and test/CLASS",
)

NAME = "image_folder"

PARTS = {"train", "training", "val", "valid", "validation", "test", "testing"}
"""Names of folders that, where there are no others, hold parts and not classes."""


def load(
    *,
    root: Root = None,
    size: int = 224,
    resize: int | None = None,
    test_fraction: float | None = None,
    in_memory: bool = False,
    split_seed: int = 0,
) -> BenchmarkDataset:
    """Load images from ``ROOT/CLASS/...``, or from ``ROOT/train/CLASS/...`` and ``ROOT/test/CLASS/...``.

    Args:
        root: The folder; None for ``$NEXTLABEL_DATA/image_folder``, or ``~/.cache/nextlabel/image_folder``
            where that variable is not set.
        size: Height and width of what the model sees, in pixels.
        resize: Side to which images are scaled, without regard to their proportions, before their centre of
            ``size`` is cut out; None for ``size``.
        test_fraction: Fraction of the images that is tested on where there is no folder ``test``, every class
            with its fraction; None for 0.2.
        in_memory: Whether all images are decoded at once and kept, 3 * size * size bytes each.
        split_seed: Draws the test split.

    Raises:
        DataError: There are fewer than two classes, a class has no image, or an image cannot be read; or
            the folders are parts, and none is called test.
        ConfigurationError: An option is out of range.
    """
    scaled = size if resize is None else resize
    _check(size, scaled, test_fraction)
    place = Place(NAME, root_of(NAME, root), CARD.remedy)
    if not place.root.is_dir():
        place.missing(place.root)
    parted = {"train", "test"} <= set(class_folders(place.root))
    folder = place.root / "train" if parted else place.root
    classes = tuple(class_folders(folder))
    if len(classes) < 2:
        raise DataError(
            f"the data set '{NAME}' needs at least 2 classes, but {folder} has {len(classes)} sub-folders; "
            f"{CARD.remedy}"
        )
    if not parted and set(classes) <= PARTS:
        raise DataError(
            f"the data set '{NAME}' needs the folders train and test, or one per class, but {folder} has "
            f"{listed(classes)}; call the part to test on 'test'"
        )
    train = part_of_folders(place.root, folder, classes, size=size, resize=scaled, who=f"data set '{NAME}'")
    if parted:
        tested = _test_part(place.root, classes, size, scaled, test_fraction)
    else:
        rows = _drawn(train, 0.2 if test_fraction is None else test_fraction, split_seed)
        train, tested = divided(train, rows)
    return BenchmarkDataset(
        name=NAME,
        task=Classification(classes),
        pool=train,
        test=tested,
        licence=CARD.licence,
        source=f"the images in {place.root}",
        training_defaults=TRAINING_DEFAULTS,
        in_memory=in_memory,
    )


def _check(size: int, resize: int, test_fraction: float | None) -> None:
    for option, pixels, least in (("size", size, 1), ("resize", resize, size)):
        if isinstance(pixels, bool) or not isinstance(pixels, int) or pixels < least:
            raise ConfigurationError(
                f"the data set '{NAME}' needs {option} of at least {least} pixels, but got {pixels!r}"
            )
    if test_fraction is not None and not (isinstance(test_fraction, float) and 0 < test_fraction < 1):
        raise ConfigurationError(
            f"the data set '{NAME}' needs test_fraction between 0 and 1, but got {test_fraction!r}"
        )


def _test_part(
    root: Path, classes: tuple[str, ...], size: int, resize: int, test_fraction: float | None
) -> Split:
    if test_fraction is not None:
        raise ConfigurationError(
            f"the data set '{NAME}' has no use for test_fraction where there is a folder {root / 'test'}; "
            "leave it out"
        )
    tested = tuple(class_folders(root / "test"))
    if tested != classes:
        differing = sorted(set(tested) ^ set(classes))
        raise DataError(
            f"the data set '{NAME}' needs the same class folders in train and test, but only one of them has "
            f"{listed(differing)}; make them alike"
        )
    return part_of_folders(root, root / "test", classes, size=size, resize=resize, who=f"data set '{NAME}'")


def _drawn(whole: Split, fraction: float, seed: int) -> np.ndarray:
    size, items = max(1, round(fraction * len(whole.ids))), len(whole.ids)
    if size >= items:
        raise DataError(
            f"the data set '{NAME}' has {items} images, of which {size} would be its test part; add "
            "images or set a smaller test_fraction"
        )
    return stratified_test_rows(np.asarray(whole.y), whole.ids, size, seed=seed)
