"""The commands of the released code's README, typed in the folder that it asks for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

TESTS = Path(__file__).parents[2]
TINY = {
    "initial_size": 8,
    "batch_size": 4,
    "candidate_size": 8,
    "learner.epochs": 1,
    "learner.batch_size": 8,
    "device": "cpu",
}
SET = [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]
NARROW = ["--set", "model.cifar_resnet18.width=2"]
FEW = [
    *("--set", "dataset.caltech101.pool=12", "--set", "dataset.caltech101.test=3"),
    *("--set", "model.imagenet_resnet18.width=2"),
]
COMMANDS = {
    "run.sh": ((*NARROW,), ("cifar10", "cod", "tod", "main_TOD.py")),
    "cifar100": (
        ("--config", "cifar100", "--sampling", "TOD", "--auxiliary", "NONE", *NARROW),
        ("cifar100", "cod", "supervised", "main_TOD.py"),
    ),
    "caltech101": (
        ("--config", "caltech101", "--sampling", "RANDOM", "--auxiliary", "TOD", *FEW),
        ("caltech101", "random", "tod", "main_TOD.py"),
    ),
    "svhn": (
        ("--config", "svhn", "--sampling", "LL4AL", "--auxiliary", "LL4AL", *NARROW),
        ("svhn", "learning_loss", "learning_loss", "main_LL4AL.py"),
    ),
}


@pytest.fixture
def release(tmp_path, monkeypatch):
    """Make the folder of the released code's README with small files in the published forms, and go there."""
    monkeypatch.syspath_prepend(TESTS / "datasets")
    monkeypatch.syspath_prepend(TESTS / "models")
    from published import write_cifar10, write_cifar100, write_image, write_svhn
    from torch_of_2016 import save_as_torch_0_1

    from nextlabel.models.imagenet_resnet import ImageNetResNet18

    data = tmp_path / "data"
    write_cifar10(data, per_batch=4)
    write_cifar100(data, items=20)
    write_svhn(data / "svhn", items=20)
    for folder in ("BACKGROUND_Google", *(f"class_{number:03d}" for number in range(101))):
        for number in range(2):
            write_image(data / "101_ObjectCategories" / folder / f"image_{number}.jpg", number, (8, 9))
    donor = ImageNetResNet18((3, 32, 32), 1000, width=2)
    parameters = dict(donor.named_parameters())
    save_as_torch_0_1(donor.state_dict(), tmp_path / "resnet18-5c106cde.pth", parameters)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NEXTLABEL_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    return tmp_path


@pytest.mark.usefixtures("no_workers")
def test_the_four_commands_of_the_readme_train_and_end_with_their_tables(nextlabel, release, monkeypatch):
    from nextlabel.bench.outcome import rows_of

    # reports have tests of their own, and drawing four takes longer than all training runs
    monkeypatch.setattr("nextlabel.report.build.build", lambda folder: folder / "report.html")
    for typed, (dataset, strategy, objective, script) in COMMANDS.values():
        done = nextlabel("reproduce", *typed, *SET, "--cycles", "2", "--trials", "1", "--jobs", "1")
        assert done.code == 0, done.err
        assert done.out.startswith(f"This is {script} --sampling ")
        assert "Labelled, %  Measured  Published" in done.out
        (cell,) = (release / "runs").glob(f"{dataset}-*/cells/{dataset}-{strategy}-{objective}-s0-*")
        assert [row.n_labelled for row in rows_of(cell)] == [8, 12]


@pytest.mark.usefixtures("no_workers")
def test_random_with_none_of_either_script_trains_the_same_network_and_one_an_unread_module(
    nextlabel, tmp_path, monkeypatch
):
    from safetensors.torch import load_file

    monkeypatch.setattr("nextlabel.report.build.build", lambda folder: folder / "report.html")
    words = ("--config", "digits", "--sampling", "RANDOM", "--auxiliary", "NONE")
    small = ("--trials", "1", "--cycles", "1", "--jobs", "1", "--set", "learner.epochs=3")
    ends = {}
    for script in ("main_TOD.py", "main_LL4AL.py"):
        done = nextlabel("reproduce", *words, "--script", script, *small, "--out", tmp_path / script)
        assert done.code == 0, done.err
        assert done.out.startswith(f"This is {script} --sampling RANDOM --auxiliary NONE")
        (end,) = (tmp_path / script).glob("cells/*/cycles/0001/train-*/end.safetensors")
        ends[script] = load_file(end)
    network, with_module = ends.values()
    models = [{k: v for k, v in end.items() if k.startswith("model/")} for end in (network, with_module)]
    assert all(torch.equal(tensor, models[1][name]) for name, tensor in models[0].items())
    accumulated = [name for name in with_module if "accumulated" in name]
    assert accumulated
    assert any(with_module[name].any() for name in accumulated)
    assert not any("predictor" in name for name in network)


def test_a_run_records_the_files_of_the_layout_so_that_going_on_elsewhere_reads_no_others(
    release, tmp_path_factory, monkeypatch
):
    from nextlabel.bench.experiment import Experiment
    from nextlabel.bench.grid import with_found_data
    from nextlabel.config.experiment import load_config, read_toml
    from nextlabel.errors import ConfigurationError, DataError
    from nextlabel.papers.exhibits.settings import base_settings

    weights = str(release / "resnet18-5c106cde.pth")
    folders = {
        "cifar10": release / "data" / "cifar-10-batches-py", "svhn": release / "data" / "svhn",
        "caltech101": release / "data" / "101_ObjectCategories",
    }  # fmt: skip
    for name, folder in folders.items():
        config = base_settings(name, "code")
        assert config.dataset[0].options["root"] == str(folder)
        assert config.learner.model.options.get("weights") == (weights if name == "caltech101" else None)
    small = {
        "preset": "code",
        "dataset": ["svhn"],
        "initial_size": 6,
        "batch_size": 2,
        "candidate_size": 4,
        "seeds": 1,
    }
    Experiment.open(load_config(options=small), release / "run")
    assert read_toml(release / "run" / "experiment.toml")["dataset"][0]["root"]
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    again = load_config(release / "run" / "experiment.toml")
    assert Experiment.open(again, release / "run").config == again
    with pytest.raises((ConfigurationError, DataError), match="svhn"):  # which has no data here
        Experiment.open(load_config(options=small), release / "run")
    other = tmp_path_factory.mktemp("other")
    shutil.copytree(release / "data", other / "data")
    monkeypatch.chdir(other)
    with pytest.raises(ConfigurationError, match=r"svhn\.root: stored \S+, given \S*other\S+"):
        Experiment.open(load_config(options=small), release / "run")
    assert with_found_data(load_config()) == load_config()
