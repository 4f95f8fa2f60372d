"""Cityscapes: street scenes with fine masks of 19 classes, read from its own folders.

The images may not be passed on: every user downloads them from the publisher.
"""

from __future__ import annotations

from pathlib import Path

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Split
from nextlabel.datasets.files import Root, root_of
from nextlabel.datasets.folders import split_with_masks
from nextlabel.datasets.mask_folder import TRAINING_DEFAULTS as MASK_FOLDER
from nextlabel.errors import DataError
from nextlabel.parts import Part
from nextlabel.registry import Card
from nextlabel.tasks.segmentation import Segmentation

__all__ = ["TRAIN_IDS", "load"]

CARD = Card(
    "cityscapes",
    "load",
    needs=("files",),
    cost="2,975 to label, 500 to test; 3 x 1,024 x 2,048 colours, masks of 19 classes",
    use_when="segmentation on a GPU, as in the TOD papers",
    citation="M. Cordts and others, The Cityscapes Dataset for Semantic Urban Scene Understanding, CVPR 2016",
    licence="the Cityscapes terms: research and teaching, no passing on",
    remedy="register at www.cityscapes-dataset.com, fetch leftImg8bit_trainvaltest.zip and "
    "gtFine_trainvaltest.zip, and extract both there",
)

TRAIN_IDS: dict[str, int] = {
    "road": 7, "sidewalk": 8, "building": 11, "wall": 12, "fence": 13, "pole": 17, "traffic light": 19,
    "traffic sign": 20, "vegetation": 21, "terrain": 22, "sky": 23, "person": 24, "rider": 25, "car": 26,
    "truck": 27, "bus": 28, "train": 31, "motorcycle": 32, "bicycle": 33,
}  # fmt: skip
"""The 19 classes that count, in the benchmark's order, by their number in the files ``*_labelIds.png``; all
other numbers are ignored. From the table in the benchmark's own scripts, see the citation of the card."""

LARGEST_ID = 33
"""The largest number that a file of label ids may hold."""

# Huang et al., Semi-Supervised Active Learning with Temporal Output Discrepancy, ICCV 2021, table of
# hyper-parameters: Adam, lr 5e-4, batches of 4, 40 epochs per cycle, random crops of 688 x 688, flips; it
# names neither a decay nor a drop of the learning rate. Mean and standard deviation are those of the DRN
# repository, on which their segmentation builds. The outputs for a test image of 1,024 x 2,048 take 160 MB:
# one at a time.
TRAINING_DEFAULTS: dict[str, object] = {
    **MASK_FOLDER,
    "model": Part("drn_d_22"),
    "crop": 688,
    "normalise": [[0.290101, 0.328081, 0.286964], [0.182954, 0.186566, 0.184475]],
    "predict_batch_size": 1,
}


def load(*, root: Root = None) -> BenchmarkDataset:
    """Load Cityscapes: the training images to label, the validation images to test.

    Sizes are those of the folders; the whole data set has 2,975 and 500 images of 1,024 x 2,048 pixels.

    Args:
        root: The folder that holds ``leftImg8bit/{train,val}/<city>/*_leftImg8bit.png`` and
            ``gtFine/{train,val}/<city>/*_gtFine_labelIds.png``; None for that of
            :func:`~nextlabel.datasets.files.root_of`.

    Raises:
        DataError: The folders are missing or empty, an image has no mask, or sizes differ.
    """
    folder = root_of(CARD.name, root)
    task = Segmentation(tuple(TRAIN_IDS), root=folder, stored=tuple(TRAIN_IDS.values()), known=LARGEST_ID)
    splits = _part(folder, "train"), _part(folder, "val")
    changes = "pool is the training part, test the validation part"
    return BenchmarkDataset.of_card(CARD, task, splits, TRAINING_DEFAULTS, changes=changes)


def _part(folder: Path, part: str) -> Split:
    images = sorted((folder / "leftImg8bit" / part).glob("*/*_leftImg8bit.png"))
    if not images:
        raise DataError(
            f"files of the data set '{CARD.name}' not found: "
            f"'{folder}/leftImg8bit/{part}/<city>/*_leftImg8bit.png'; {CARD.remedy}"
        )
    ids = tuple(path.name.removesuffix("_leftImg8bit.png") for path in images)
    masks = tuple(
        folder / "gtFine" / part / path.parent.name / f"{item}_gtFine_labelIds.png"
        for path, item in zip(images, ids, strict=True)
    )
    remedy = f"extract gtFine_trainvaltest.zip into {folder}"
    return split_with_masks(CARD.name, images, masks, ids, remedy=remedy)
