from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from nextlabel.bench.grid import make_grid
from nextlabel.bench.setup import main_learner, make_learner, model_functions, needs_of
from nextlabel.config.experiment import load_config
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.errors import ConfigurationError
from nextlabel.learners.torch import TorchLearner
from nextlabel.learners.vaal import Vaal
from nextlabel.models.imagenet_resnet import ImageNetResNet18
from nextlabel.parts import Part
from nextlabel.pool import Pool
from nextlabel.tasks.classification import Classification


@pytest.fixture(scope="module")
def digits():
    return DATASETS.create("digits")


def objective_of(learner):
    return learner._objective.name, learner._objective.options


def cell_of(**options):
    return make_grid(load_config(options={"seeds": 1, **options})).cells[0]


def test_the_learner_keeps_the_snapshots_that_the_strategy_and_the_diagnosed_ones_need(digits):
    cell = cell_of(
        strategy=["cod(first_cycle=initial)"],
        diagnostics=["cod(first_cycle=epoch)", "margin"],
    )
    assert needs_of(cell) == {
        "output",
        "log_probs",
        "snapshot:previous",
        "snapshot:initial",
        "snapshot:epoch",
    }
    learner = make_learner(cell, digits)
    assert isinstance(learner, TorchLearner)
    assert main_learner(learner) is learner
    assert learner.snapshots == {"initial", "epoch"}


def test_the_loss_module_next_to_the_model_takes_the_options_of_the_preset(digits):
    for preset, pooling, rate in (("code", "corner", "constant"), ("repaired", "mean", "scheduled")):
        options = {"preset": preset, "strategy": ["learning_loss"], "objective": ["supervised"]}
        name, given = objective_of(make_learner(cell_of(**options), digits))
        assert name == "learning_loss"
        expected = {"pooling": pooling, "module_rate": rate, "ties": "negative", "detach_after": 0.0}
        assert {key: given[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("preset", "stages", "pretrained"), [("code", 3, False), ("repaired", 4, True), ("paper", 4, True)]
)
def test_the_networks_of_caltech_are_pretrained_as_the_preset_says(tmp_path, preset, stages, pretrained):
    donor = ImageNetResNet18((3, 32, 32), 3, width=2)
    torch.nn.init.constant_(donor.layer1[0].conv1.weight, 0.5)
    torch.nn.init.constant_(donor.layer4[0].conv1.weight, 0.5)
    torch.save(donor.state_dict(), tmp_path / "weights.pth")
    learner = load_config(options={"preset": preset, "dataset": ["caltech101"]}).learner
    options = {"width": 2, "weights": str(tmp_path / "weights.pth")}
    options |= {key: value for key, value in learner.model.options.items() if key == "weight_stages"}
    size = SimpleNamespace(input_shape=(3, 32, 32), task=Classification(tuple("abc")))
    random = learner.untrained_weights == "random"
    model, untrained = model_functions(Part("imagenet_resnet18", options), size, random=random)
    assert (model().layer1[0].conv1.weight == 0.5).all()
    assert bool((model().layer4[0].conv1.weight == 0.5).all()) == (stages == 4)
    twin = (untrained or model)()
    assert bool((twin.layer1[0].conv1.weight == 0.5).all()) == pretrained


def test_untrained_networks_of_timm_are_created_without_its_pretrained_weights(monkeypatch):
    loaded = []
    monkeypatch.setattr("timm.models._builder.load_pretrained", lambda *given, **options: loaded.append(1))
    size = SimpleNamespace(input_shape=(1, 8, 8), task=Classification(("a", "b")))
    options = {"pretrained": True, "channels": (4, 4, 8, 8)}
    model, untrained = model_functions(Part("timm:resnet10t", options), size, random=True)
    untrained()
    assert loaded == [1]  # by the check that the model can be created
    model()
    assert loaded == [1, 1]


def test_the_cell_hands_the_function_of_untrained_networks_to_its_learner(digits, tmp_path):
    donor = ImageNetResNet18((3, 32, 32), 10, width=2)
    torch.save(donor.state_dict(), tmp_path / "weights.pth")
    weights = str(tmp_path / "weights.pth")
    model = {"model": Part("imagenet_resnet18", {"width": 2, "weights": weights})}
    large = SimpleNamespace(input_shape=(3, 32, 32), task=digits.task)
    for weights, given in (("random", None), ("as_model", 1)):
        made = make_learner(replace(cell_of(), learner={**model, "untrained_weights": weights}), large)
        function = made._networks.untrained_model or made._networks.model
        assert (function().loading is None) == (given is None)
        assert made.new_network(0).module.loading is not None


def test_without_a_gpu_automatic_precision_is_float32_and_nothing_is_compiled(digits, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    learner = make_learner(cell_of(learner={"mixed_precision": "auto"}), digits)
    assert learner.training.mixed_precision == "no"


def test_a_loss_module_trains_next_to_the_objective_of_the_cell(digits):
    cell = cell_of(strategy=["learning_loss"], objective=["tod(weight=0.1)"])
    learner = make_learner(cell, digits)
    assert learner.extra_fields == {"predicted_loss"}
    assert str(learner._objective) == "learning_loss(tod(weight=0.1), detach_after=0.0)"


def test_an_objective_that_predicts_losses_itself_is_taken_as_it_is(digits):
    cell = cell_of(strategy=["learning_loss"], objective=["learning_loss"])
    assert objective_of(make_learner(cell, digits)) == ("learning_loss", {})


def test_what_a_strategy_trains_next_to_the_model_takes_its_own_options(digits):
    cell = cell_of(strategy=["vaal"], learner={"wrappers": ["vaal(steps=3, width=8)"]})
    learner = make_learner(cell, digits)
    assert isinstance(learner, Vaal)
    assert isinstance(main_learner(learner), TorchLearner)
    assert objective_of(main_learner(learner)) == ("supervised", {})


def test_the_loss_module_of_ta_vaal_ranks_by_cross_entropy_without_moving_the_model(digits):
    cell = cell_of(strategy=["ta_vaal"], objective=["tod(weight=0.1)"])
    learner = make_learner(cell, digits)
    assert isinstance(learner, Vaal)
    assert learner.ranking
    expected = "learning_loss(tod(weight=0.1), detach_after=0.0, rank='bce')"
    assert str(main_learner(learner)._objective) == expected


def test_the_model_of_every_strategy_starts_alike_and_trains_alike(digits, tmp_path):
    labelled, rest = (
        Pool(digits.pool.x[:48], digits.pool.ids[:48]),
        Pool(digits.pool.x[48:80], digits.pool.ids[48:80]),
    )
    states = []
    for strategy in ("random", "learning_loss", "vaal"):
        options = ["vaal(steps=1, width=4, units=8, batch_size=8)"]
        cell = cell_of(strategy=[strategy], learner={"epochs": 2, "wrappers": options})
        learner = make_learner(cell, digits)
        folder = tmp_path / strategy
        folder.mkdir()
        learner.fit(labelled, torch.from_numpy(digits.pool.y[:48]), rest, seed=5, workdir=folder)
        outputs = main_learner(learner).predict(rest, needs=frozenset({"log_probs"}), seed=0)
        states.append(outputs.log_probs)
    assert torch.equal(states[0], states[1])
    assert torch.equal(states[0], states[2])


def test_strategies_that_need_different_wrappers_need_runs_of_their_own(digits, monkeypatch):
    needs = frozenset({"extra:labelled_probability", "draws:dropout"})
    monkeypatch.setattr("nextlabel.bench.setup.needs_of", lambda cell: needs)
    with pytest.raises(ConfigurationError, match=r"one learner wrapper, .* need 2 \('vaal', 'mc_dropout'\)"):
        make_learner(cell_of(strategy=["vaal"]), digits)
