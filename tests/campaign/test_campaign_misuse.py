"""Campaigns opened, told and forked in ways that cannot work: each is refused in one sentence."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from nextlabel.campaign.campaign import Budget, Campaign
from nextlabel.campaign.oracles import SimulatedOracle
from nextlabel.errors import ConfigurationError, ContractError, DataError, LabelsError
from nextlabel.strategies.margin import Margin
from nextlabel.tasks.classification import Classification
from nextlabel.tasks.segmentation import Segmentation
from nextlabel.types import Outputs
from ridge import RidgeLearner
from torch_learners import torch_learner


def score(view, *, rng):
    return torch.zeros(view.size)


class Own:
    """A learner that returns what it was given."""

    def __init__(self, metrics=(), outputs=None):
        self.metrics, self.outputs = metrics if metrics is None else dict(metrics), outputs

    def fit(self, x, y, unlabelled, *, seed, workdir):
        return self.metrics

    def predict(self, x, *, needs, seed):
        return self.outputs


def make(path, pool, strategy="margin", **options):
    return Campaign(path, pool, RidgeLearner(), strategy, batch_size=5, initial_size=9, **options)


def test_data_without_ids_is_no_pool(tmp_path):
    with pytest.raises(DataError, match=r"pool must be a Pool, got Tensor; build one with Pool\(data, ids\)"):
        make(tmp_path, torch.zeros(3, 1))


@pytest.mark.parametrize("task", [3, None, ("cat", "dog")])
def test_what_is_no_task_is_refused(tmp_path, pool, task):
    with pytest.raises(ConfigurationError, match="task must be a name or a Task"):
        make(tmp_path, pool, task=task)


def test_a_campaign_of_another_task_is_refused(tmp_path, pool):
    make(tmp_path, pool, task=Classification(("cat", "dog"))).close()
    with pytest.raises(ConfigurationError, match="task"):
        make(tmp_path, pool, task=Classification(("dog", "cat")))


def test_numbers_are_labels_of_regression(tmp_path, pool):
    campaign = make(tmp_path, pool, task="regression")
    state = campaign.tell({pool.ids[0]: 2, pool.ids[1]: "0.5"})
    assert state.labels == {pool.ids[0]: 2.0, pool.ids[1]: 0.5}
    with pytest.raises(LabelsError, match=f"item '{pool.ids[2]}': label must be a number"):
        campaign.tell({pool.ids[2]: "cat"})


@pytest.mark.parametrize("number", [0, 1.5, "2", True])
def test_a_budget_is_whole_numbers(number):
    with pytest.raises(ConfigurationError, match="cycles must be a whole number of at least 1"):
        Budget(cycles=number)


def test_labels_must_come_by_id(tmp_path, pool):
    with pytest.raises(LabelsError, match=r"labels must be a mapping \{id: label\}, got list"):
        make(tmp_path, pool).tell([(pool.ids[0], 1)])


def test_a_fork_inside_the_campaign_is_refused(tmp_path, pool):
    with pytest.raises(ConfigurationError, match=r"path must be a folder outside .*, got"):
        make(tmp_path / "one", pool).fork(tmp_path / "one" / "cycles" / "fork")


def test_a_fork_can_change_the_options_of_its_strategy_alone(tmp_path, pool):
    campaign = make(tmp_path / "one", pool, strategy="cod")
    fork = campaign.fork(tmp_path / "two", strategy="cod(first_cycle=random)")
    assert fork.setup.settings()["strategy"]["first_cycle"] == "random"


def test_another_network_than_before_is_refused_and_no_state_is_lost(tmp_path, pool, truth):
    def opened(width):
        network = nn.Sequential(nn.Linear(3, width), nn.Linear(width, 3))
        made = torch_learner(network, epochs=1, device="cpu")
        return Campaign(tmp_path, pool, made, "margin", batch_size=5, initial_size=9)

    opened(4).run(SimulatedOracle(truth), until=Budget(cycles=2))
    kept = sorted(tmp_path.rglob("end.safetensors"))
    with pytest.raises(ConfigurationError, match="use the settings it was made with"):
        opened(5).train()
    assert sorted(tmp_path.rglob("end.safetensors")) == kept
    assert len(kept) == 2


def test_a_fork_leaves_foreign_files_among_the_cycles_behind(tmp_path, pool, truth):
    campaign = make(tmp_path / "one", pool)
    campaign.run(SimulatedOracle(truth), until=Budget(cycles=2))
    (tmp_path / "one" / "cycles" / ".DS_Store").touch()
    for name, before in (("two", 2), ("three", None)):
        campaign.fork(tmp_path / name, before_cycle=before)
        assert not (tmp_path / name / "cycles" / ".DS_Store").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"learner": LogisticRegression()}, r"fit\(x, y, unlabelled, seed=, workdir=\) must be a valid call"),
        ({"learner": RidgeLearner}, "a learner must be an object, got the class RidgeLearner"),
        ({"strategy": Margin}, "a strategy must be an object, got the class Margin"),
        ({"strategy": SimpleNamespace(name="z", needs={"outputs"}, score=score)}, "did you mean 'output'"),
        ({"strategy": SimpleNamespace(name="z", needs=["output"], score=score)}, "needs .* must be a set"),
        ({"strategy": SimpleNamespace(name="z", needs={1, "labels"}, score=score)}, "unknown need, '1'"),
        ({"strategy": SimpleNamespace(name="z", needs=set(), score=max, select=max)}, "with both"),
        ({"evaluate": 3}, r"evaluate\(learner\) must be a valid call, got 3"),
        ({"on_query": lambda: {}}, r"on_query\(query\) must be a valid call"),
        ({"progress": 3}, r"progress\(phase, done, total\) must be a valid call, got 3"),
        ({"task": Segmentation(("ground", "cell")), "strategy": "cod"}, "such as 'cod_segmentation'"),
        ({"learner": torch_learner(lambda: nn.Linear(3, 3))} | {"task": "regression"}, "got 'regression'"),
    ],
)
def test_parts_that_cannot_work_are_refused_before_anything_is_asked(tmp_path, pool, options, sentence):
    given = {"learner": RidgeLearner(), "strategy": "margin", "batch_size": 5, "initial_size": 9, **options}
    with pytest.raises((ConfigurationError, ContractError), match=sentence):
        Campaign(tmp_path / "one", pool, **given)
    assert not list(tmp_path.glob("one/campaign.db"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"evaluate": lambda learner: None}, "evaluate must return a mapping, .* got None"),
        ({"on_query": lambda query: 0.5}, "on_query must return a mapping, .* got 0.5"),
        ({"learner": Own(metrics=None)}, "fit of the learner must return a mapping, .* got None"),
        ({"learner": Own(outputs=None)}, "learner Own must return Outputs from predict, got NoneType"),
        ({"learner": Own(outputs=Outputs(np.zeros((9, 1, 3))))}, "log_probs as a tensor, got ndarray"),
    ],
)
def test_what_parts_return_is_checked(tmp_path, pool, truth, options, sentence):
    given = {"learner": RidgeLearner(), "strategy": "margin", "batch_size": 5, "initial_size": 9, **options}
    campaign = Campaign(tmp_path, pool, **given)
    campaign.tell({item: truth[item] for item in campaign.ask()})
    with pytest.raises(ContractError, match=sentence):
        campaign.ask()
    assert len(campaign.state.labels) == 9


def test_a_run_needs_an_oracle_and_a_budget(tmp_path, pool, truth):
    campaign = make(tmp_path / "one", pool)
    with pytest.raises(ContractError, match=r"oracle\(ids\) must be a valid call, got None"):
        campaign.run(None, until=Budget(cycles=2))
    with pytest.raises(ConfigurationError, match="until must be a Budget, got 3"):
        campaign.run(SimulatedOracle(truth), until=3)
    for cycle in ("1", 1.0, -1, 1):
        with pytest.raises(ConfigurationError, match="before_cycle must be"):
            campaign.fork(tmp_path / "two", before_cycle=cycle)
