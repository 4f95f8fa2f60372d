"""Cityscapes: street scenes with fine masks of 19 classes, read from its own folders.

Knows nothing of models and training. The images may not be passed on: everybody fetches them themselves.
"""

from __future__ import annotations

from pathlib import Path

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Split
from nextlabel.datasets.files import Root, root_of
from nextlabel.datasets.images import StreamedImages
from nextlabel.datasets.mask_files import common_size
from nextlabel.errors import DataError, listed
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
other numbers are ignored. After the table of the benchmark's own scripts (M. Cordts and others, "The
Cityscapes Dataset for Semantic Urban Scene Understanding", CVPR 2016)."""

LARGEST_ID = 33
"""The largest number that a file of label ids may hold."""

# Huang et al., Semi-Supervised Active Learning with Temporal Output Discrepancy, ICCV 2021, table of
# hyper-parameters: Adam, lr 5e-4, batches of 4, 40 epochs per cycle, random crops of 688 x 688, flips, no
# decay # and no drop of the learning rate named. Mean and standard deviation are those of the DRN repository
# that # their segmentation builds on. A test image of 1,024 x 2,048 takes 160 MB of outputs: one at a time.
TRAINING_DEFAULTS: dict[str, object] = {
    "model": Part("drn_d_22"),
    "epochs": 40,
    "batch_size": 4,
    "optimizer": "adam",
    "lr": 5e-4,
    "weight_decay": 0.0,
    "schedule": "constant",
    "augment": ["horizontal_flip"],
    "crop": 688,
    "normalise": [[0.290101, 0.328081, 0.286964], [0.182954, 0.186566, 0.184475]],
    "predict_batch_size": 1,
}


def load(*, root: Root = None) -> BenchmarkDataset:
    """Load Cityscapes: the training images to label, the validation images to test.

    Sizes are those of the folders; the whole data set has 2,975 and 500 images of 1,024 x 2,048 pixels.

    Args:
        root: The folder that holds ``leftImg8bit/{train,val}/<city>/*_leftImg8bit.png`` and
            ``gtFine/{train,val}/<city>/*_gtFine_labelIds.png``; None for ``$NEXTLABEL_DATA/cityscapes``, else
            ``~/.cache/nextlabel/cityscapes``.

    Raises:
        DataError: The folders are missing or empty, an image has no mask, or sizes differ.
    """
    folder = root_of("cityscapes", root)
    return BenchmarkDataset(
        name="cityscapes",
        task=Segmentation(tuple(TRAIN_IDS), root=folder, stored=tuple(TRAIN_IDS.values()), known=LARGEST_ID),
        pool=_split(_paths(folder, "train")),
        test=_split(_paths(folder, "val")),
        licence=CARD.licence,
        source="www.cityscapes-dataset.com, leftImg8bit_trainvaltest and gtFine_trainvaltest; pool is the "
        "training part, test the validation part",
        training_defaults=TRAINING_DEFAULTS,
    )


def _paths(folder: Path, part: str) -> list[tuple[str, Path, Path]]:
    """Return the id, image and mask of every item, in the order of the ids."""
    images = sorted((folder / "leftImg8bit" / part).glob("*/*_leftImg8bit.png"))
    if not images:
        raise DataError(
            f"the data set 'cityscapes' needs {folder}/leftImg8bit/{part}/<city>/*_leftImg8bit.png, but "
            f"there are none; {CARD.remedy}"
        )
    names = [path.name.removesuffix("_leftImg8bit.png") for path in images]
    masks = [
        folder / "gtFine" / part / path.parent.name / f"{name}_gtFine_labelIds.png"
        for path, name in zip(images, names, strict=True)
    ]
    missing = [str(path) for path in masks if not path.exists()]
    if missing:
        raise DataError(
            f"every image of the data set 'cityscapes' needs its mask, but {len(missing)} of {len(masks)} "
            f"are not there: {listed(missing, limit=1)}; extract gtFine_trainvaltest.zip into {folder}"
        )
    return list(zip(names, images, masks, strict=True))


def _split(items: list[tuple[str, Path, Path]]) -> Split:
    ids, images, masks = zip(*items, strict=True)
    return Split(StreamedImages(images, ids, common_size(images, masks)), masks, ids)
