"""Small data and networks for the tests of learners."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from nextlabel.learners.torch import TorchLearner
from nextlabel.models.mlp import Mlp
from nextlabel.pool import Pool
from nextlabel.types import Learner
from torch_learners import torch_learner


class NormedNet(nn.Module):
    """A network with batch norm and dropout, so that statistics and randomness both matter."""

    def __init__(self, inputs: int = 6, classes: int = 3) -> None:
        super().__init__()
        self.first, self.norm = nn.Linear(inputs, 8), nn.BatchNorm1d(8)
        self.dropout, self.head = nn.Dropout(0.2), nn.Linear(8, classes)

    def forward_features(self, x: Tensor) -> Tensor:
        features: Tensor = self.dropout(torch.relu(self.norm(self.first(x))))
        return features

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        outputs: Tensor = x if pre_logits else self.head(x)
        return outputs

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))


def pool_and_labels(count: int = 50, shape: tuple[int, ...] = (6,), classes: int = 3) -> tuple[Pool, Tensor]:
    rng = torch.Generator().manual_seed(3)
    labels = torch.arange(count) % classes
    points = torch.randn(count, *shape, generator=rng)
    points += labels.view(-1, *[1] * len(shape))
    return Pool(points, [f"item-{row:02d}" for row in range(count)]), labels


POOL, LABELS = pool_and_labels()
X, Y, UNLABELLED = POOL.slice(0, 21), LABELS[:21], POOL.slice(21, 50)


def learner(**options: object) -> TorchLearner:
    """A learner with 3 epochs of 3 steps (8 + 8 + 5 items) that trains fast."""
    model = options.pop("model", NormedNet)
    defaults = {"epochs": 3, "batch_size": 8, "lr": 0.05, "device": "cpu"}
    return torch_learner(model, **{**defaults, **options})


def small_mlp() -> nn.Module:
    return Mlp((6,), 3, width=5)


def fit(made: Learner, folder: Path, *, seed: int = 1) -> dict[str, float]:
    folder.mkdir(parents=True, exist_ok=True)
    return made.fit(X, Y, UNLABELLED, seed=seed, workdir=folder)


def state(folder: Path, snapshot: str = "end") -> dict[str, Tensor]:
    return load_file(folder / f"{snapshot}.safetensors")


def same_bits(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)
