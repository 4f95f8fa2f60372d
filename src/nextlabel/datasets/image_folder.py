"""A folder of the user's own images, one sub-folder per class, with or without a test part of its own."""

from __future__ import annotations

from functools import partial

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset
from nextlabel.datasets.caltech101 import TRAINING_DEFAULTS
from nextlabel.datasets.files import Root, place_of
from nextlabel.datasets.folders import class_folders, split_of_classes
from nextlabel.datasets.images import check_pixels
from nextlabel.datasets.reduction import split_off_test
from nextlabel.errors import ConfigurationError, DataError, listed
from nextlabel.parts import check_ranges
from nextlabel.registry import Card
from nextlabel.tasks.classification import Classification

__all__ = ["load"]

CARD = Card(
    "image_folder",
    "load",
    needs=("files",),
    cost="any number; 3 x size x size colour",
    use_when="your own images in one folder per class, read one by one",
    licence="that of the images, which nextlabel does not know",
    remedy="put the images of every class into a folder CLASS, or train/CLASS and test/CLASS",
)

PARTS = {"train", "training", "val", "valid", "validation", "test", "testing"}
"""Names of folders that, if there are no others, hold parts and not classes."""


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
        root: The folder; None for that of :func:`~nextlabel.datasets.files.root_of`.
        size: Height and width of what the model sees, in pixels.
        resize: Side of the square to which images are scaled before their centre of ``size`` is cut out;
            None for ``size``.
        test_fraction: Fraction of the images in the test split, with the proportions of the classes, where
            there is no folder ``test``; None for 0.2.
        in_memory: Whether all images are decoded at once and kept, 3 * size * size bytes each.
        split_seed: Draws the test split.

    Raises:
        DataError: There are fewer than two classes, a class has no image, or an image cannot be read; or
            the folders are parts, and none is called test.
        ConfigurationError: An option is out of range.
    """
    fraction = 0.2 if test_fraction is None else test_fraction
    check_ranges(f"data set '{CARD.name}'", test_fraction=(fraction, "(0, 1)"))
    side = size if resize is None else resize
    check_pixels((size, size), side)
    place = place_of(CARD.name, root, remedy=CARD.remedy)
    folder = place.root
    if not folder.is_dir():
        place.missing(folder)
    classes = class_folders(folder)
    parted = {"train", "test"} <= set(classes)
    if not parted and len(classes) > 1 and set(classes) <= PARTS:
        raise DataError(
            f"the data set '{CARD.name}' must have the folders train and test, or one per class, but "
            f"{folder} has {listed(classes)}; call the part to test on 'test'"
        )
    if parted:
        folder, classes = folder / "train", class_folders(folder / "train")
    if len(classes) < 2:
        raise DataError(
            f"the data set '{CARD.name}' must have at least 2 classes, but {folder} has "
            f"{listed(classes) or 'no sub-folder'}; {CARD.remedy}"
        )
    if parted:
        if test_fraction is not None:
            raise ConfigurationError(
                f"test_fraction of the data set '{CARD.name}' must be left out where there is a folder "
                f"{place.root / 'test'}, got {test_fraction}"
            )
        if differing := sorted(set(classes).symmetric_difference(class_folders(place.root / "test"))):
            raise DataError(
                f"train and test of the data set '{CARD.name}' must have the same class folders, but only "
                f"one of them has {listed(differing)}; make them alike"
            )
    read = partial(split_of_classes, CARD.name, place.root, classes=classes, size=size, resize=side)
    pool = read(folder)
    splits = (
        (pool, read(place.root / "test"))
        if parted
        else split_off_test(CARD.name, pool, fraction, split_seed, option="test_fraction", by_class=True)
    )
    task, changes = Classification(classes), f"the images in {place.root}"
    return BenchmarkDataset.of_card(
        CARD, task, splits, TRAINING_DEFAULTS, changes=changes, in_memory=in_memory
    )
