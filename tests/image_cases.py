"""Small images of three classes, and small learners for them."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from nextlabel.learners.torch import TorchLearner
from nextlabel.models.small_cnn import SmallCnn
from nextlabel.pool import Pool
from nextlabel.testing.learners import LearnerData
from torch_learners import torch_learner

SHORT_VAAL = {"steps": 4, "batch_size": 8, "latent": 3, "width": 2, "units": 8}
"""Options of an adversarial training that takes milliseconds."""


def images(count: int = 37, shape: tuple[int, ...] = (1, 8, 8)) -> tuple[Pool, Tensor]:
    rng = torch.Generator().manual_seed(5)
    labels = torch.arange(count) % 3
    noise = torch.randint(0, 60, (count, *shape), generator=rng)
    x = (noise + 60 * labels.view(-1, *[1] * len(shape))).to(torch.uint8)
    return Pool(x, [f"image-{row:02d}" for row in range(count)]), labels


def image_data(needs: frozenset[str]) -> LearnerData:
    pool, labels = images()
    return LearnerData(x=pool.slice(0, 24), y=labels[:24], unlabelled=pool.slice(24, 37), needs=needs)


def image_learner(**options: object) -> TorchLearner:
    model = partial(SmallCnn, (1, 8, 8), 3, width=2)
    return torch_learner(model, **{"epochs": 1, "batch_size": 12, "device": "cpu", **options})
