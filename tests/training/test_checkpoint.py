"""States on disk: whole or absent, exact to the bit, refused when they do not fit."""

from __future__ import annotations

import errno
import json
import os
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from learner_cases import POOL, X, Y
from nextlabel.errors import ConfigurationError, ContractError, DataError
from nextlabel.training.checkpoint import (
    as_json,
    check_same,
    joined,
    load_state,
    optimizer_state,
    part,
    read_json,
    read_tensors,
    restore_optimizer,
    training_arguments,
    write_json,
    write_tensors,
)
from nextlabel.training.config import TrainingConfig
from nextlabel.training.preprocess import RandomCrop, augmentation


def test_tensors_and_notes_come_back_to_the_bit(tmp_path):
    tensors = {"a": torch.rand(3, 2).T, "b": torch.tensor(7), "c": torch.rand(2, dtype=torch.float64)}
    notes = {"loss": 0.1 + 0.2, "nested": {"none": None}}
    write_tensors(tmp_path / "s.safetensors", tensors, notes)
    found, told = read_tensors(tmp_path / "s.safetensors")
    assert told == notes
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_tensors_that_share_memory_are_kept_both(tmp_path):
    weight = torch.rand(3)
    write_tensors(tmp_path / "s.safetensors", {"a": weight, "b": weight})
    found, _ = read_tensors(tmp_path / "s.safetensors")
    assert torch.equal(found["a"], found["b"])


def test_parts_are_distinguished_by_name():
    one, two = torch.ones(1), torch.zeros(1)
    together = joined({"model": {"a.b": one}, "objective": {"a.b": two}})
    assert part(together, "model") == {"a.b": one}
    assert part(together, "objective") == {"a.b": two}


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(DataError, match="there is no state at"):
        read_tensors(tmp_path / "none.safetensors")
    assert read_json(tmp_path / "none.json") is None


def test_damaged_files_are_refused(tmp_path):
    (tmp_path / "s.safetensors").write_bytes(b"not tensors at all")
    (tmp_path / "j.json").write_text("{")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(DataError, match="cannot be read"):
        read_tensors(tmp_path / "s.safetensors")
    with pytest.raises(DataError, match="cannot be read"):
        read_json(tmp_path / "j.json")
    with pytest.raises(DataError, match="JSON dict, got list"):
        read_json(tmp_path / "list.json")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_cannot_be_written_is_one_sentence_and_the_old_file_stays(tmp_path, monkeypatch, number):
    path = tmp_path / "fit.json"
    write_json(path, {"old": 1})

    def refuse(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(DataError, match=f"{os.strerror(number)}.*nothing is lost"):
        write_json(path, {"new": 2})
    assert read_json(path) == {"old": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["fit.json"]


def test_a_folder_that_is_not_there_is_one_sentence():
    with pytest.raises(DataError, match="cannot write"):
        write_json(Path("/nowhere/at/all/fit.json"), {})


def test_a_state_that_does_not_fit_is_refused_by_the_names_of_its_tensors():
    good = nn.Linear(2, 3).state_dict()
    load_state(nn.Linear(2, 3), good, what="the model")
    with pytest.raises(ConfigurationError, match=r"another shape of 'weight \(3, 2\) instead of \(3, 4\)'"):
        load_state(nn.Linear(4, 3), good, what="the model")
    with pytest.raises(ConfigurationError, match="the model, but it lacks 'bias'"):
        load_state(nn.Linear(2, 3), {"weight": good["weight"]}, what="the model")
    with pytest.raises(ConfigurationError, match="it has the unknown 'bias'"):
        load_state(nn.Linear(2, 3, bias=False), good, what="the model")


def test_a_lazy_module_takes_a_state_of_any_shape():
    load_state(nn.LazyLinear(3), nn.Linear(2, 3).state_dict(), what="the model")


@pytest.mark.parametrize(
    "make",
    [
        lambda weights: torch.optim.SGD(weights, lr=0.1, momentum=0.9),
        lambda weights: torch.optim.SGD(weights, lr=0.1),
        lambda weights: torch.optim.AdamW(weights, lr=0.1),
        lambda weights: torch.optim.RMSprop(weights, lr=0.1),
    ],
)
def test_an_optimiser_goes_on_to_the_bit(tmp_path, make):
    weights = [nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2, 2))]

    def step(optimizer, on):
        for index, weight in enumerate(on):
            weight.grad = weight.detach() * (index + 2)
        optimizer.step()

    optimizer = make(weights)
    step(optimizer, weights)
    tensors, others = optimizer_state(optimizer)
    write_tensors(tmp_path / "s.safetensors", tensors, others)
    copies = [nn.Parameter(weight.detach().clone()) for weight in weights]
    again = make(copies)
    restore_optimizer(again, *read_tensors(tmp_path / "s.safetensors"))
    for _ in range(3):
        step(optimizer, weights)
        step(again, copies)
    assert all(torch.equal(one, two) for one, two in zip(weights, copies, strict=True))


def test_an_optimiser_state_that_cannot_be_kept_is_refused():
    weights = [nn.Parameter(torch.ones(3))]
    optimizer = torch.optim.SGD(weights, lr=0.1)
    optimizer.state[weights[0]] = {"history": [1, 2]}
    with pytest.raises(ContractError, match=r"'history' of type list.*use another optimizer"):
        optimizer_state(optimizer)


def test_every_change_of_data_recipe_or_seed_shows():
    plain = training_arguments(X, Y, POOL, TrainingConfig(), 1)
    others = [
        training_arguments(X.slice(0, 20), Y[:20], POOL, TrainingConfig(), 1),
        training_arguments(X, Y.flip(0), POOL, TrainingConfig(), 1),
        training_arguments(X, Y, None, TrainingConfig(), 1),
        training_arguments(X, Y, POOL, TrainingConfig(milestones=(0.5,)), 1),
        training_arguments(X, Y, POOL, TrainingConfig(optimizer=torch.optim.SGD), 1),
        training_arguments(X, Y, POOL, TrainingConfig(), 2),
    ]
    assert all(other != plain for other in others)
    assert training_arguments(X, Y, POOL, TrainingConfig(), 1) == plain


def test_arguments_are_as_json_gives_them_back():
    made = training_arguments(X, Y, POOL, TrainingConfig(optimizer=partial(torch.optim.SGD, lr=0.1)), 1)
    assert json.loads(json.dumps(made)) == made
    assert "lr" in made["optimizer"]


def test_augmentations_are_described_with_their_options_and_without_addresses():
    one, two = (as_json(augmentation([RandomCrop(padding), "horizontal_flip"])) for padding in (2, 4))
    assert one != two
    assert "0x" not in one
    assert as_json(augmentation([RandomCrop(2), "horizontal_flip"])) == one


def test_a_file_of_another_training_is_refused_by_the_argument_that_differs():
    check_same({"seed": 1}, {"seed": 1}, Path("fit.json"))
    with pytest.raises(DataError, match=r"lr=0\.2, got one with lr=0\.1; use another folder"):
        check_same({"seed": 1, "lr": 0.1}, {"seed": 1, "lr": 0.2}, Path("fit.json"))
    with pytest.raises(DataError, match="epochs=3, got one with epochs=None"):
        check_same({}, {"epochs": 3}, Path("fit.json"))
