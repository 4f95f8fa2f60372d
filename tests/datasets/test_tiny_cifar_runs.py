"""Every sampler and every training loss once, through all that a reproduction on CIFAR-10 goes
through."""

import json

import pytest
import torch
from published import write_cifar10
from safetensors.torch import load_file

from nextlabel.bench.grid import make_grid
from nextlabel.bench.outcome import is_finished, rows_of
from nextlabel.bench.run_cell import run_cell
from nextlabel.config.experiment import load_config
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.models.cifar_resnet import CifarResNet18
from nextlabel.objectives.catalogue import OBJECTIVES
from nextlabel.parts import Part
from nextlabel.strategies.catalogue import STRATEGIES

SAMPLERS = [card.name for card in STRATEGIES if not card.name.endswith("_segmentation")]
LOSSES = [card.name for card in OBJECTIVES if card.name not in ("supervised", "squared_error")]
SHORT_VAAL = {"steps": 1, "width": 4, "units": 8, "batch_size": 8}
WRAPPERS = [
    Part("vaal", SHORT_VAAL),
    Part("ta_vaal", SHORT_VAAL),
    "ensemble(members=2)",
    "mc_dropout(draws=2)",
]
STATISTICS = [(0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)]
"""Means and deviations that the released code normalises by."""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cifar10")
    write_cifar10(folder, per_batch=8)
    return folder


def run(root, folder, strategy, objective, cycles=2):
    options = {
        "preset": "code",
        "dataset": Part("cifar10", {"root": str(root)}),
        "strategy": [strategy],
        "objective": [objective],
        **{
            "seeds": 1,
            "cycles": cycles,
            "initial_size": 10,
            "batch_size": 5,
            "candidate_size": 12,
            "device": "cpu",
        },
        "learner": {
            "model": "cifar_resnet18(width=4)",
            "epochs": 1,
            "batch_size": 8,
            "wrappers": WRAPPERS,
        },
    }
    (cell,) = make_grid(load_config(options=options)).cells
    run_cell(cell, folder, lambda *work: None)
    assert is_finished(folder)
    return rows_of(folder)


@pytest.mark.parametrize(
    ("strategy", "objective"),
    [*((strategy, "supervised") for strategy in SAMPLERS), *(("random", loss) for loss in LOSSES)],
)
def test_two_cycles_on_a_tiny_cifar10_go_through_with(root, tmp_path, strategy, objective):
    first, second = run(root, tmp_path, strategy, objective)
    assert (first.strategy, first.objective) == (strategy, objective)
    assert [(row.n_labelled, row.n_chosen) for row in (first, second)] == [(10, 5), (15, 0)]
    assert all(0 <= row.accuracy <= 1 for row in (first, second))
    (query,) = json.loads((tmp_path / "queries.json").read_text())
    assert len(set(query["ids"])) == 5
    assert sum(query["pool_classes"]) == 30


def probabilities(training, x):
    """Return (N, C) probabilities in float64 of the network that a training run left."""
    network = CifarResNet18((3, 32, 32), 10, width=4)
    state = load_file(training / "end.safetensors")
    weights = {
        name.removeprefix("model/"): value for name, value in state.items() if name.startswith("model/")
    }
    network.load_state_dict(weights)
    with torch.no_grad():
        return network.double().eval()(x.double()).softmax(1)


def test_the_published_pair_of_sampler_and_loss_queries_what_moved_furthest_since_the_last_cycle(
    root, tmp_path
):
    assert [row.n_labelled for row in run(root, tmp_path, "cod", "tod", cycles=3)] == [10, 15, 20]
    before, now = (next(tmp_path.glob(f"cycles/000{cycle}/train-*")) for cycle in (1, 2))
    candidates = json.loads((now / "scan" / "ids.json").read_text())
    assert len(candidates) == 12  # the candidate subset
    data = DATASETS.create("cifar10", root=str(root))
    images = torch.from_numpy(data.pool.x[[data.pool.ids.index(item) for item in candidates]])
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in STATISTICS)
    x = (images / 255 - mean) / deviation
    distances = 0.5 * (probabilities(now, x) - probabilities(before, x)).square().sum(1)
    furthest = {candidates[row] for row in distances.topk(5).indices.tolist()}
    assert set(json.loads((tmp_path / "queries.json").read_text())[1]["ids"]) == furthest
    assert (
        distances.sort(descending=True).values[4:6].diff().abs() > 5e-9
    )  # that of a scan in float32 is 1e-10
