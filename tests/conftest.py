"""Parts that many tests share: a small learner in closed form, and a pool of three clusters of points.

torch is imported where it is used: the process that only hands out the tests begins seconds earlier.
"""

from __future__ import annotations

import multiprocessing
import os
from typing import TYPE_CHECKING

import pytest

from commands import quick_context

if TYPE_CHECKING:
    from torch import Tensor
    from xdist.remote import Producer

    from nextlabel.pool import Pool
    from ridge import RidgeLearner
    from scheduling import ByFile

os.environ["OMP_NUM_THREADS"] = "1"  # on such small tensors several threads only wait for each other


def points_and_labels(count: int = 60, classes: int = 3) -> tuple[Tensor, list[int]]:
    import torch

    rng = torch.Generator().manual_seed(7)
    labels = [row % classes for row in range(count)]
    centres = torch.eye(classes)[torch.tensor(labels)]
    return centres + 0.4 * torch.randn(count, classes, generator=rng), labels


@pytest.fixture
def ridge() -> RidgeLearner:
    from ridge import RidgeLearner

    return RidgeLearner()


@pytest.fixture
def pool() -> Pool:
    from nextlabel.pool import Pool

    points, labels = points_and_labels()
    return Pool(points, ids=[f"item-{row:03d}" for row in range(len(labels))])


@pytest.fixture
def truth() -> dict[str, int]:
    labels = points_and_labels()[1]
    return {f"item-{row:03d}": label for row, label in enumerate(labels)}


@pytest.fixture
def quick_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the workers of what runs here copies of a process that has imported what is slow."""
    monkeypatch.setattr(multiprocessing, "get_context", quick_context)


@pytest.hookimpl(optionalhook=True)  # where there is no xdist, there is no such hook
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile | None:
    from scheduling import ByFile

    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None
