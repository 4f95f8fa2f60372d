"""What the tests of several networks do with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from nextlabel.pool import Pool
from torch_learners import torch_learner

NEEDS = frozenset({"log_probs", "embeddings"})


def parameters(module: nn.Module) -> int:
    """Count the numbers that a training run changes."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def learns_in_one_step(
    make: Callable[[], nn.Module], shape: tuple[int, ...], features: int, folder: Path, **options: object
) -> None:
    """Train a model of two classes for one step of 8 images; check weights, outputs and reloading."""
    images = torch.rand(12, *shape, generator=torch.Generator().manual_seed(0))
    pool = Pool(images, [f"image-{row}" for row in range(12)])
    learner = torch_learner(make, epochs=1, batch_size=8, device="cpu", **options)
    metrics = learner.fit(pool.slice(0, 8), torch.arange(8) % 2, pool.slice(8, 12), seed=1, workdir=folder)
    assert metrics["steps"] == 1
    before, after = (load_file(folder / f"{snapshot}.safetensors") for snapshot in ("initial", "end"))
    trained = [name for name, _ in make().named_parameters()]
    assert trained
    for name in trained:
        assert not torch.equal(before[f"model/{name}"], after[f"model/{name}"]), name
    outputs = learner.predict(pool, needs=NEEDS, seed=0)
    assert outputs.log_probs.shape == (12, 1, 2)
    assert outputs.embeddings.shape == (12, features)
    torch.testing.assert_close(outputs.log_probs.exp().sum(2), torch.ones(12, 1))
    again = torch_learner(make, epochs=1, batch_size=8, device="cpu", **options)
    again.load(folder)
    assert torch.equal(again.predict(pool, needs=NEEDS, seed=0).log_probs, outputs.log_probs)
