"""Parts that many tests share: a small learner in closed form, and a pool of three clusters of points."""

import pytest
import torch
from torch import Tensor

from nextlabel.pool import Pool
from ridge import RidgeLearner

torch.set_num_threads(1)  # on such small tensors several threads only wait for each other


def points_and_labels(count: int = 60, classes: int = 3) -> tuple[Tensor, list[int]]:
    rng = torch.Generator().manual_seed(7)
    labels = [row % classes for row in range(count)]
    centres = torch.eye(classes)[torch.tensor(labels)]
    return centres + 0.4 * torch.randn(count, classes, generator=rng), labels


@pytest.fixture
def ridge() -> RidgeLearner:
    return RidgeLearner()


@pytest.fixture
def pool() -> Pool:
    points, labels = points_and_labels()
    return Pool(points, ids=[f"item-{row:03d}" for row in range(len(labels))])


@pytest.fixture
def truth() -> dict[str, int]:
    labels = points_and_labels()[1]
    return {f"item-{row:03d}": label for row, label in enumerate(labels)}
