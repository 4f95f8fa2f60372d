"""The differences of the presets are read from their files, complete, and explained."""

import inspect
import re

import pytest

from nextlabel.config.experiment import ExperimentConfig, load_config
from nextlabel.config.learner import LearnerConfig
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.models.catalogue import MODELS
from nextlabel.models.imagenet_resnet import ImageNetResNet18
from nextlabel.objectives.catalogue import OBJECTIVES
from nextlabel.papers.differences import (
    NOT_COPIED,
    PRESETS,
    difference_lines,
    differences,
    flat_preset,
    reasons,
    shown,
)
from nextlabel.presets.catalogue import load_preset, preset_datasets
from nextlabel.strategies.catalogue import STRATEGIES
from nextlabel.training.config import TrainingConfig

TREES = {
    (name, dataset): flat_preset(load_preset(name, dataset))
    for name in PRESETS
    for dataset in preset_datasets("code")
}
EVERY = [(dataset, difference) for dataset in preset_datasets("code") for difference in differences(dataset)]


@pytest.mark.parametrize("dataset", preset_datasets("code"))
def test_every_setting_that_differs_is_there_with_the_values_of_the_files(dataset):
    trees = {name: TREES[name, dataset] for name in PRESETS}
    found = {difference.setting: difference.values for difference in differences(dataset)}
    for setting in set().union(*trees.values()):
        said = {name: shown(tree[setting]) for name, tree in trees.items() if setting in tree}
        if len(set(said.values())) > 1:
            assert setting in found, setting
        for name, value in said.items():
            assert found.get(setting, said)[name] == value


@pytest.mark.parametrize(("dataset", "difference"), EVERY)
def test_every_difference_has_a_reason(dataset, difference):
    assert difference.reason.why != "no reason is given", (dataset, difference.setting)
    assert difference.reason.why[0].isupper()
    assert not difference.reason.why.endswith(".")


def test_every_reason_is_of_a_setting_that_a_preset_has():
    settings = set().union(*TREES.values())
    for pattern in reasons():
        wanted = re.compile(re.escape(pattern).replace(r"\*", ".*"))
        assert any(wanted.fullmatch(setting) for setting in settings), pattern


def default_of(setting):
    """Return the default of the part that a setting belongs to."""
    head, *rest = setting.split(".")
    if head == "strategy":
        return getattr(STRATEGIES.create(rest[0]), rest[1])
    if head in ("objective", "wrapper"):
        name, option = rest[-2:]
        made = OBJECTIVES.factory(name) if head == "objective" or name == "learning_loss" else None
        return "as released" if made is None else inspect.signature(made).parameters[option].default
    if head == "dataset":
        return inspect.signature(DATASETS.factory(rest[0])).parameters[rest[1]].default
    if head == "augment":
        return 4
    if head == "model":
        return inspect.signature(ImageNetResNet18).parameters[rest[1]].default
    if head == "learner":
        return getattr(TrainingConfig(), rest[0], LearnerConfig.model_fields[rest[0]].default)
    return ExperimentConfig.model_fields[head].default


TRUE_WORDS = {
    "learner.epochs_from_scratch": None,  # as many as epochs
    "learner.progressive_resize": None,  # whole images throughout
    "learner.score_augmented": None,  # a learner of its own says False
    "score_last": None,  # a cell says False
    "learner.untrained_weights": None,
    "learner.channels_last": False,
    "objective.tod.outputs": None,  # of the form code, which alone leaves it out
}
"""Settings whose usual value is said in another word than the default, which means the same."""


@pytest.mark.parametrize("setting", sorted({difference.setting for _, difference in EVERY}))
def test_a_preset_that_leaves_a_setting_out_has_the_default_of_the_part(setting):
    left_out = any(
        setting not in TREES[name, dataset]
        for dataset, difference in EVERY
        for name in PRESETS
        if difference.setting == setting
    )
    reason = next(
        reason
        for pattern, reason in reasons().items()
        if re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), setting)
    )
    if left_out and setting not in ("learner.epochs", "learner.lr", "learner.schedule", "learner.augment"):
        expected = TRUE_WORDS.get(setting, reason.usual)
        assert shown(default_of(setting)) == shown(expected)


def test_a_setting_that_the_preset_leaves_at_its_default_is_not_called_changed():
    lines = list(difference_lines(load_config(options={"preset": "fast"}).resolved()))
    assert "learner.unlabelled_draw = passes; code fixed_first; repaired, paper passes." in " ".join(lines)
    assert not any("(changed from" in line for line in lines)


def test_the_lines_of_a_configuration_name_its_values_and_leave_out_parts_that_it_does_not_use():
    options = {"preset": "code", "dataset": ["svhn"], "objective": ["tod"], "strategy": ["random"]}
    config = load_config(options=options, settings=["objective.tod.passes=joint"])
    lines = list(difference_lines(config.resolved()))
    (passes,) = [line for line in lines if line.startswith("objective.tod.passes")]
    assert "= joint (changed from separate); repaired, paper, fast joint." in passes
    assert any(
        line.startswith("learner.score_augmented = true; repaired, paper, fast false.") for line in lines
    )
    unused = ("strategy.cod", "objective.learning_loss", "wrapper.")
    assert not any(line.startswith(unused) for line in lines)
    for what, instead in NOT_COPIED:
        assert f"Not copied: {what}. Instead, {instead}." in lines


@pytest.mark.parametrize("strategy", ["learning_loss", "ta_vaal"])
def test_the_loss_module_next_to_the_model_is_named_where_a_strategy_has_it(strategy):
    options = {"preset": "code", "dataset": ["svhn"], "strategy": [strategy], "objective": ["supervised"]}
    lines = list(difference_lines(load_config(options=options).resolved()))
    module = "wrapper.learning_loss.pooling = corner"
    assert any(line.startswith(module) for line in lines)
    assert any("wrapper.ta_vaal" in line for line in lines) == (strategy == "ta_vaal")


def test_only_the_preset_code_speaks_of_what_is_not_copied_and_a_run_without_preset_says_nothing():
    repaired = list(difference_lines(load_config(options={"preset": "repaired"}).resolved()))
    assert repaired
    assert not any(line.startswith("Not copied") for line in repaired)
    assert list(difference_lines(load_config().resolved())) == []
    assert list(difference_lines({"preset": "code", "dataset": ["mnist"]})) == []


def test_the_models_option_of_the_table_exists():
    MODELS.check_options("imagenet_resnet18", {"weight_stages": 3})
