import numpy as np
import pytest

from nextlabel.campaign.oracles import SimulatedOracle
from nextlabel.errors import ConfigurationError, LabelsError
from nextlabel.tasks.classification import Classification
from nextlabel.tasks.segmentation import Segmentation

TASK = Classification(tuple("abcd"))
LABELS = {f"i{n}": n % 4 for n in range(2000)}


def test_an_oracle_without_noise_tells_the_truth():
    assert SimulatedOracle(LABELS)(["i5", "i2"]) == {"i5": 1, "i2": 2}


def test_noise_changes_its_fraction_of_the_labels_evenly_to_the_other_classes():
    answers = SimulatedOracle(LABELS, noise=0.3, task=TASK, seed=1)(list(LABELS))
    wrong = [(LABELS[item], label) for item, label in answers.items() if label != LABELS[item]]
    assert abs(len(wrong) / 2000 - 0.3) < 0.04  # four standard deviations of a binomial share
    shifts = [(label - true) % 4 for true, label in wrong]
    assert all(abs(shifts.count(shift) / len(wrong) - 1 / 3) < 0.08 for shift in (1, 2, 3))


def test_noise_does_not_depend_on_the_order_of_the_queries():
    oracle = SimulatedOracle(LABELS, noise=0.5, task=TASK, seed=3)
    forward = oracle(list(LABELS))
    assert {item: oracle([item])[item] for item in reversed(LABELS)} == forward


def test_noise_takes_labels_in_every_form_of_the_task():
    task = Classification(("cat", "dog"))
    assert SimulatedOracle({"a": "cat", "b": 1}, noise=1.0, task=task)(["a", "b"]) == {"a": 1, "b": 0}
    mask = np.array([[0, 1]])
    task = Segmentation(("ground", "cell"))
    assert SimulatedOracle({"a": mask}, noise=1.0, task=task)(["a"]) == {"a": "rle:1x2:1*1,0*1"}


def test_an_item_without_a_known_label_is_named():
    with pytest.raises(LabelsError, match="labels not found: 'x'"):
        SimulatedOracle(LABELS)(["i1", "x"])


@pytest.mark.parametrize(
    "options", [{"noise": 1.5, "task": TASK}, {"noise": 0.1}, {"noise": 0.1, "task": "classification"}]
)
def test_noise_that_cannot_be_is_refused(options):
    with pytest.raises(ConfigurationError, match="noise"):
        SimulatedOracle(LABELS, **options)
