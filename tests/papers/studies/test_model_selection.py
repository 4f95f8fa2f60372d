"""Promises of the model-selection study: what it finds, and that it goes on where it was killed."""

import json
from functools import partial

import pytest
import torch

from nextlabel.config.experiment import ExperimentConfig
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.errors import ConfigurationError
from nextlabel.models.mlp import Mlp
from nextlabel.papers.studies.model_selection import (
    ModelResult,
    model_selection,
    run_model_selection,
    summary,
)
from torch_learners import torch_learner

GAPS = ("epoch", "2 steps")


def new_learner(fits=None):
    learner = torch_learner(
        partial(Mlp, (1, 8, 8), 10, width=8), epochs=2, batch_size=64, lr=0.2, device="cpu", snapshots=GAPS
    )
    if fits is not None:
        inner = learner.fit

        def fit(*arguments, seed, workdir):
            fits.append(seed)
            return inner(*arguments, seed=seed, workdir=workdir)

        learner.fit = fit
    return learner


@pytest.fixture(scope="module")
def data():
    return DATASETS.create("digits")


OPTIONS = {"gaps": GAPS, "labelled": 0.2, "seed": 1}


@pytest.fixture(scope="module")
def study(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("selection")
    return folder, model_selection(data, new_learner, folder, settings={"epochs": 2}, models=3, **OPTIONS)


def judged(probs, before, train_loss):
    now, earlier = (torch.tensor(values, dtype=torch.float64) for values in (probs, before))
    return ModelResult(train_loss, 1.0, now.log(), {"epoch": (now - earlier).square().sum(1)})


def test_the_choices_are_those_worked_out_by_hand():
    truth = torch.tensor([0, 1])
    models = [
        judged([[0.9, 0.1], [0.6, 0.4]], [[0.5, 0.5], [0.6, 0.4]], 0.1),  # one right; 0.32 and 0
        judged([[0.8, 0.2], [0.3, 0.7]], [[0.8, 0.2], [0.4, 0.6]], 0.2),  # both right; 0 and 0.02
        judged([[0.4, 0.6], [0.5, 0.5]], [[0.4, 0.6], [0.1, 0.9]], 0.3),  # none right; 0 and 0.32
    ]
    found = summary(models, truth, subsets=10, rng=torch.Generator())
    assert found["single"] == {"accuracies": [0.5, 1.0, 0.0], "min": 0.0, "mean": 0.5, "max": 1.0}
    assert found["ensemble"] == 1.0  # probabilities of the true classes: 0.7 and 0.533
    assert found["any_right"] == 1.0
    top = {name: level["top"]["1(3)"]["fraction"] for name, level in found["model_level"].items()}
    assert (top["tod"], top["train_loss"]) == (1.0, 0.0)
    assert set(found["model_level"]["tod"]["top"]) == {"1(3)"}
    assert found["model_level"]["train_loss"]["rank_correlation"] == pytest.approx(0.5)
    assert found["sample_level"]["least_confidence"] == 1.0  # models 1 and 2
    assert found["sample_level"]["tod"] == 0.5  # models 2 and 1
    assert found["gaps"]["epoch"]["sample_level"] == 0.5
    assert found["gaps"]["epoch"]["mean_discrepancy"] == pytest.approx((0.32 + 0.02 + 0.32) / 6)
    assert found["gaps"]["epoch"]["round_off"] == 0.5  # three of six did not move
    [note] = found["notes"]
    assert "50% over 'epoch'" in note
    assert "learner.schedule=multistep" in note


def test_a_study_measures_every_model_and_states_a_random_choice(study):
    folder, result = study
    assert result == json.loads((folder / "model_selection.json").read_text())
    assert (result["models"], result["n_labelled"], result["test_items"]) == (3, 287, 360)
    assert len(set(result["single"]["accuracies"])) == 3
    names = {"least_confidence", "margin", "ratio", "entropy", "tod"}
    assert set(result["sample_level"]) == names
    assert set(result["model_level"]) == {"train_loss", *names}
    assert result["model_level"]["tod"]["top"]["1(3)"]["random"] == pytest.approx(1 / 3)
    assert set(result["gaps"]) == set(GAPS)
    assert result["gaps"]["epoch"]["sample_level"] == result["sample_level"]["tod"]
    assert max(result["sample_level"].values()) <= result["any_right"]
    assert not list(folder.glob("models/*/fit"))


def test_a_study_that_lost_a_model_trains_that_one_alone_and_ends_alike(study, data):
    folder, result = study
    (folder / "models" / "001" / "judged.safetensors").unlink()
    fits: list[int] = []
    making = partial(new_learner, fits)
    again = model_selection(data, making, folder, settings={"epochs": 2}, models=3, **OPTIONS)
    assert len(fits) == 1
    assert {**again, "fit_seconds": 0} == {**result, "fit_seconds": 0}


def test_a_folder_of_another_study_and_too_few_models_are_refused(study, data):
    folder, _ = study
    with pytest.raises(ConfigurationError, match=r"other settings \(epochs: stored 2, given 3\)"):
        model_selection(data, new_learner, folder, settings={"epochs": 3}, **OPTIONS)
    with pytest.raises(ConfigurationError, match="at least 2 models and 1 gap"):
        model_selection(data, new_learner, folder, settings={}, models=1)


def test_a_configuration_is_studied_by_its_recipe_with_predicted_losses(tmp_path):
    config = ExperimentConfig.model_validate(
        {"device": "cpu", "learner": {"epochs": 2, "model": "mlp(width=8)"}, "strategy": "cod"}
    )
    told = []
    result = run_model_selection(
        config, tmp_path, models=2, gaps=["step"], labelled=60, predicted_loss=True,
        progress=lambda *work: told.append(work),
    )  # fmt: skip
    assert result["settings"]["learner"]["lr"] == 0.2
    assert (result["n_labelled"], list(result["gaps"])) == (60, ["step"])
    assert "predicted_loss" in result["sample_level"]
    assert result["model_level"]["tod"]["top"] == {}
    assert told[-1] == ("model 2 of 2", 4, 4)
    assert 0 < result["gaps"]["step"]["mean_discrepancy"] < 2


def test_several_data_sets_at_once_are_refused(tmp_path):
    config = ExperimentConfig(dataset=["digits", "animals"])
    with pytest.raises(ConfigurationError, match=r"one data set with one objective.*digits, animals"):
        run_model_selection(config, tmp_path)
