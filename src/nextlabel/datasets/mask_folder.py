"""A folder of one's own images and masks as a data set for segmentation.

Knows nothing of models and training.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Split
from nextlabel.datasets.files import Root, root_of
from nextlabel.datasets.images import StreamedImages
from nextlabel.datasets.mask_files import common_size
from nextlabel.datasets.reduction import divided
from nextlabel.datasets.split import stratified_test_rows
from nextlabel.errors import ConfigurationError, DataError, listed
from nextlabel.maths.masks import NO_CLASS
from nextlabel.parts import Part
from nextlabel.registry import Card
from nextlabel.tasks.segmentation import Segmentation

__all__ = ["load"]

CARD = Card(
    "mask_folder",
    "load",
    needs=("files",),
    cost="a fifth to test; images of one size, masks as PNG files of class indices",
    use_when="segmentation of your own images: folders images and masks, option classes",
    licence="your own",
    remedy="put the images into images/, and for each a PNG of class indices of the same name into masks/",
)

SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"}

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
    test: float = 0.2,
    split_seed: int = 0,
) -> BenchmarkDataset:
    """Load the images of ``root/images`` with the masks of the same stem in ``root/masks``.

    Args:
        classes: Names of the classes, in the order of their index in the masks.
        root: The folder; None for ``$NEXTLABEL_DATA/mask_folder``, else ``~/.cache/nextlabel/mask_folder``.
        ignored: What the masks, PNG files of one channel, hold at pixels without a class; None where all have
            one.
        test: Fraction in (0, 1) of the images for the test part, drawn by the stems' derived ranks.
        split_seed: Another seed draws another test part.

    Raises:
        ConfigurationError: The fraction is outside (0, 1), or the classes are no list of distinct names.
        DataError: There are no images, one has no mask, or sizes differ.
    """
    folder = root_of("mask_folder", root)
    if not isinstance(classes, (list, tuple)) or not all(isinstance(name, str) for name in classes):
        raise ConfigurationError(
            f"the data set 'mask_folder' needs classes as a list of names, but got {classes!r}"
        )
    if not 0 < test < 1:
        raise ConfigurationError(f"test must be a fraction of the images in (0, 1), but is {test}")
    images, masks = _pairs(folder)
    size = common_size(images, masks)
    ids = tuple(path.stem for path in images)
    count = max(1, round(test * len(ids)))
    if count >= len(ids):
        raise DataError(
            f"the data set 'mask_folder' has {len(ids)} images in {folder}, of which {count} would be its "
            "test part; add images or set a smaller test"
        )
    rows = stratified_test_rows(np.zeros(len(ids), dtype=np.int64), ids, count, seed=split_seed)
    pool, tested = divided(Split(StreamedImages(images, ids, size), masks, ids), rows)
    return BenchmarkDataset(
        name="mask_folder",
        task=Segmentation(tuple(classes), ignored=ignored, root=folder),
        pool=pool,
        test=tested,
        licence=CARD.licence,
        source=str(folder),
        training_defaults=TRAINING_DEFAULTS,
    )


def _pairs(folder: Path) -> tuple[list[Path], list[Path]]:
    files = (path for path in folder.glob("images/*") if not path.name.startswith("."))
    images = sorted(path for path in files if path.suffix.lower() in SUFFIXES)
    if len(images) < 2:
        raise DataError(
            f"the data set 'mask_folder' needs at least 2 images in {folder}/images, but there are "
            f"{len(images)}; lay them there, and a mask of the same name, a PNG of class indices, in "
            f"{folder}/masks"
        )
    stems = [path.stem for path in images]
    if len(set(stems)) < len(stems):
        twice = sorted({stem for stem in stems if stems.count(stem) > 1})
        raise DataError(
            f"images are distinguished by their name without suffix, but in {folder}/images these come more "
            f"than once: {listed(twice)}; rename the others"
        )
    masks = [folder / "masks" / f"{stem}.png" for stem in stems]
    missing = [path.stem for path in masks if not path.exists()]
    if missing:
        raise DataError(
            f"every image in {folder}/images needs a mask in {folder}/masks, but there is none for "
            f"{listed(missing)}; a mask is a PNG of class indices with the image's name"
        )
    return images, masks
