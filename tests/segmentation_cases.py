"""Small images with masks, and a network for them, for the tests of segmentation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nextlabel.learners.segmentation import SegmentationLearner
from nextlabel.models.small_fcn import SmallFcn
from nextlabel.pool import Pool
from nextlabel.tasks.segmentation import Segmentation
from torch_learners import segmentation_learner_of

COUNT, SIDE = 22, 16


def _scenes() -> tuple[np.ndarray, np.ndarray]:
    """Bright blobs of two classes on a dark ground."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 60, (COUNT, 3, SIDE, SIDE), dtype=np.uint8)
    masks = np.zeros((COUNT, SIDE, SIDE), dtype=np.uint8)
    for row in range(COUNT):
        top, left = rng.integers(0, SIDE - 6, 2)
        kind = 1 + row % 2
        images[row, kind, top : top + 6, left : left + 6] += 150
        masks[row, top : top + 6, left : left + 6] = kind
        masks[row, 0, row % SIDE] = 255  # one pixel without a class
    return images, masks


IMAGES, MASK_ARRAY = _scenes()
IDS = tuple(f"scene-{row:02d}" for row in range(COUNT))
MASKS = dict(zip(IDS, MASK_ARRAY, strict=True))
POOL = Pool(IMAGES, IDS)
X, UNLABELLED = POOL.slice(0, 9), POOL.slice(9, COUNT)
TASK = Segmentation(("ground", "green", "blue"))
LABELS = {item: TASK.encode(mask) for item, mask in MASKS.items()}
TARGETS = TASK.targets({item: LABELS[item] for item in X.ids})


class Listed:
    """The same images one at a time, as a data set gives them."""

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: int) -> np.ndarray:
        return IMAGES[index]


def small_net() -> SmallFcn:
    return SmallFcn((3, SIDE, SIDE), 3, width=4)


def segmentation_learner(**options: object) -> SegmentationLearner:
    """A learner with 2 epochs of 3 steps that trains fast."""
    model, task = options.pop("model", small_net), options.pop("task", TASK)
    defaults = {"epochs": 2, "batch_size": 4, "lr": 0.01, "device": "cpu"}
    return segmentation_learner_of(model, task, **{**defaults, **options})


def segmentation_fit(
    made: SegmentationLearner,
    folder: Path,
    *,
    seed: int = 1,
    x: Pool = X,
    masks: Mapping[str, np.ndarray] = MASKS,
) -> dict[str, float]:
    folder.mkdir(parents=True, exist_ok=True)
    others = POOL.subset([item for item in IDS if item not in x.ids])
    return made.fit(x, [masks[item] for item in x.ids], others, seed=seed, workdir=folder)
