"""Tensor pools and data sets, with and without worker processes, train alike."""

from __future__ import annotations

import os
import signal

import pytest
import torch
from torch import nn

from learner_cases import LABELS, POOL, UNLABELLED, X, Y, learner, same_bits, state
from nextlabel.errors import DataError
from nextlabel.pool import Pool
from nextlabel.testing.random_state import global_random_state_untouched

NEEDS = frozenset({"log_probs", "embeddings"})


class Pairs:
    """A data set of inputs and targets, as torchvision has them."""

    def __init__(self, noise=0.0):
        self.points, self.noise = POOL.tensor(), noise

    def __len__(self):
        return len(self.points)

    def __getitem__(self, index):
        return self.points[index] + self.noise * torch.randn(6), int(LABELS[index])


def fitted(pool, folder, **options):
    folder.mkdir()
    made = learner(objective="tod", epochs=2, **options)
    made.fit(pool.subset(X.ids), Y, pool.subset(UNLABELLED.ids), seed=1, workdir=folder)
    return made.predict(pool, needs=NEEDS, seed=3)


def test_a_data_set_trains_and_predicts_as_the_tensor_of_its_items(tmp_path):
    outputs = [
        fitted(pool, tmp_path / name) for name, pool in (("tensor", POOL), ("set", Pool(Pairs(), POOL.ids)))
    ]
    assert same_bits(state(tmp_path / "tensor"), state(tmp_path / "set"))
    for name, tensor in outputs[0].fields().items():
        assert torch.equal(tensor, outputs[1].fields()[name])


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_worker_processes_change_nothing_even_where_the_data_set_draws(tmp_path):
    outputs = [
        fitted(Pool(Pairs(noise=0.5), POOL.ids), tmp_path / str(workers), num_workers=workers)
        for workers in (0, 2)
    ]
    assert same_bits(state(tmp_path / "0"), state(tmp_path / "2"))
    assert torch.equal(outputs[0].log_probs, outputs[1].log_probs)


def test_bytes_train_as_numbers_from_zero_to_one(tmp_path):
    points = torch.randint(256, (50, 6), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    fitted(Pool(points, POOL.ids), tmp_path / "bytes")
    fitted(Pool(points.float() / 255, POOL.ids), tmp_path / "floats")
    assert same_bits(state(tmp_path / "bytes"), state(tmp_path / "floats"))


def test_arrays_of_doubles_train_as_floats(tmp_path):
    fitted(Pool(POOL.tensor().double().numpy(), POOL.ids), tmp_path / "doubles")
    fitted(POOL, tmp_path / "floats")
    assert same_bits(state(tmp_path / "doubles"), state(tmp_path / "floats"))


def test_a_data_set_leaves_the_global_random_state_alone(tmp_path):
    with global_random_state_untouched("the learner"):
        fitted(Pool(Pairs(noise=0.5), POOL.ids), tmp_path / "fit")


def lazy():
    return nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.Linear(4, 3))


def test_weights_of_lazy_modules_follow_the_seed_and_not_the_items(tmp_path):
    pools = {"tensor": POOL, "set": Pool(Pairs(), POOL.ids)}
    began = {}
    for name, pool in pools.items():
        for seed in (1, 2):
            folder = tmp_path / f"{name}-{seed}"
            folder.mkdir()
            learner(model=lazy, epochs=1).fit(
                pool.subset(X.ids), Y, pool.slice(0, 0), seed=seed, workdir=folder
            )
            began[name, seed] = state(folder, "initial")
    assert same_bits(began["tensor", 1], began["set", 1])
    assert not torch.equal(began["set", 1]["model/0.weight"], began["set", 2]["model/0.weight"])


class Deadly(Pairs):
    """Its eleventh item ends the process that loads it."""

    def __getitem__(self, row):
        if row == 10:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(row)


def test_a_killed_loader_process_is_reported_in_one_sentence(tmp_path):
    with pytest.raises(
        DataError, match=r"was killed \(DataLoader worker .*out of memory\?\); use fewer num_workers"
    ):
        fitted(Pool(Deadly(), POOL.ids), tmp_path / "deadly", num_workers=1)


class Ragged(Pairs):
    def __getitem__(self, index):
        return torch.ones(6 + index % 2)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("workers", [0, 1])
def test_items_of_different_shapes_are_refused_in_one_sentence(tmp_path, workers):
    with pytest.raises(DataError, match="tensors or arrays of one shape") as caught:
        fitted(Pool(Ragged(), POOL.ids), tmp_path / "ragged", num_workers=workers)
    assert "\n" not in str(caught.value)
