"""A folder of the user's own images and masks, for segmentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset
from nextlabel.datasets.files import Root, root_of
from nextlabel.datasets.folders import image_files, split_with_masks
from nextlabel.datasets.reduction import split_off_test
from nextlabel.errors import ConfigurationError, DataError, listed
from nextlabel.maths.masks import NO_CLASS
from nextlabel.parts import Part, check_ranges
from nextlabel.registry import Card
from nextlabel.tasks.segmentation import Segmentation

__all__ = ["TRAINING_DEFAULTS", "load"]

CARD = Card(
    "mask_folder",
    "load",
    needs=("files",),
    cost="a fifth to test; images of one size, masks as PNG files of class indices",
    use_when="segmentation of your own images: folders images and masks, option classes",
    licence="your own",
    remedy="put images into images/, and PNG files of class indices with the same names into masks/",
)

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")

TRAINING_DEFAULTS: dict[str, object] = {
    "model": Part("small_fcn"),
    "epochs": 40,
    "batch_size": 4,
    "optimizer": "adam",
    "lr": 5e-4,
    "weight_decay": 0.0,
    "schedule": "constant",
    "augment": ["horizontal_flip"],
}


def load(
    *,
    classes: Sequence[str],
    root: Root = None,
    ignored: int | None = NO_CLASS,
    test: int | float = 0.2,
    split_seed: int = 0,
) -> BenchmarkDataset:
    """Load the images of ``root/images`` with the masks of the same stem in ``root/masks``.

    Args:
        classes: Names of the classes, in the order of their index in the masks.
        root: The folder; None for that of :func:`~nextlabel.datasets.files.root_of`.
        ignored: The value that the masks, PNG files of one channel, hold at pixels without a class; None if
            all pixels have one.
        test: The images of the test split: a count, or a fraction.
        split_seed: Draws the test split.

    Raises:
        ConfigurationError: ``test`` is out of range, or the classes are not a list of distinct names.
        DataError: There are no images, one has no mask, or sizes differ.
    """
    check_ranges(f"data set '{CARD.name}'", test=(test, "(0, inf)"))
    folder = root_of(CARD.name, root)
    if not isinstance(classes, (list, tuple)) or not all(isinstance(name, str) for name in classes):
        raise ConfigurationError(
            f"classes of the data set '{CARD.name}' must be a list of names, got {classes!r}"
        )
    images = image_files(folder / "images", "*", SUFFIXES)
    if len(images) < 2:
        raise DataError(
            f"the data set '{CARD.name}' must have at least 2 images in {folder}/images, got {len(images)}; "
            f"{CARD.remedy}"
        )
    ids = tuple(path.stem for path in images)
    if repeated := [stem for stem, times in Counter(ids).items() if times > 1]:
        raise DataError(
            f"images in {folder}/images must have distinct names without suffix, got more than once: "
            f"{listed(repeated)}; rename the others"
        )
    masks = tuple(folder / "masks" / f"{stem}.png" for stem in ids)
    whole = split_with_masks(CARD.name, images, masks, ids, remedy=CARD.remedy)
    splits = split_off_test(CARD.name, whole, test, split_seed)
    task = Segmentation(tuple(classes), ignored=ignored, root=folder)
    return BenchmarkDataset.of_card(CARD, task, splits, TRAINING_DEFAULTS, changes=str(folder))
