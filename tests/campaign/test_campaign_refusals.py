import shutil
from dataclasses import dataclass

import pytest
import torch

from campaigns import Endless, Plain, make, tell
from nextlabel.campaign.campaign import Budget
from nextlabel.errors import ConfigurationError, ContractError, DataError, LabelsError
from nextlabel.pool import Pool
from nextlabel.tasks.classification import Classification
from nextlabel.types import Outputs
from ridge import RidgeLearner


def test_an_oracle_that_returns_no_labels_by_id_is_refused_and_a_silent_one_ends_the_run(tmp_path, pool):
    campaign = make(tmp_path, pool)
    with pytest.raises(ContractError, match=r"an oracle must return a mapping, .* got \[0, 0"):
        campaign.run(lambda ids: [0] * len(ids), until=Budget(cycles=2))
    assert len(campaign.run(lambda ids: None, until=Budget(cycles=2)).pending) == 9


def test_opening_with_other_settings_shows_the_difference(tmp_path, pool):
    make(tmp_path, pool)
    with pytest.raises(ConfigurationError, match="batch_size: stored 5, given 6"):
        make(tmp_path, pool, batch_size=6)


@dataclass
class Odd(RidgeLearner):
    """Breaks the contract of ``predict`` in a chosen way."""

    def __init__(self, way):
        super().__init__()
        self.way = way

    def predict(self, x, *, needs, seed):
        outputs = super().predict(x, needs=needs, seed=seed)
        log_probs = outputs.log_probs
        if self.way == "rows":
            return Outputs(log_probs=log_probs[:-1])
        if self.way == "nan":
            log_probs[3, 0, 1] = float("nan")
            return Outputs(log_probs=log_probs)
        return Outputs(embeddings=outputs.embeddings)


@pytest.mark.parametrize(
    ("way", "sentence"),
    [
        (
            "rows",
            r"learner Odd must return one row of log_probs per item, 51 rows, got shape \(50, 1, 3\)",
        ),
        ("nan", "learner Odd must return finite log_probs, got nan for item 'item-0"),
        ("missing", "learner Odd must return log_probs, got 'embeddings'"),
    ],
)
def test_a_learner_that_breaks_its_contract_is_named_and_nothing_is_lost(
    tmp_path, pool, truth, way, sentence
):
    campaign = make(tmp_path, pool, Odd(way))
    tell(campaign, truth)
    with pytest.raises(ContractError, match=sentence):
        campaign.ask()
    assert len(make(tmp_path, pool).state.labels) == 9
    assert len(make(tmp_path, pool).ask()) == 5


def test_a_score_that_is_not_finite_names_strategy_and_item(tmp_path, pool, truth):
    campaign = make(tmp_path, pool, strategy=Endless())
    tell(campaign, truth)
    left = [item for item in pool.ids if item not in campaign.state.labels]
    with pytest.raises(
        ContractError, match=f"'endless' must return finite scores, got inf for item '{left[4]}'"
    ):
        campaign.ask()


def test_labels_of_one_class_only_are_refused_before_training(tmp_path, pool):
    learner = RidgeLearner()
    campaign = make(tmp_path, pool, learner, task=Classification(("ring", "disc", "bar")))
    campaign.tell(dict.fromkeys(campaign.ask(), "disc"))
    with pytest.raises(LabelsError, match="at least two classes, but all 9 labels are 'disc'"):
        campaign.ask()
    assert learner.fits == 0


def test_class_names_are_taken_for_their_indices_and_unknown_ones_refused(tmp_path, pool):
    campaign = make(tmp_path, pool, task=Classification(("ring", "disc", "bar")))
    campaign.tell({"item-000": "bar", "item-001": 1})
    assert campaign.state.labels == {"item-000": 2, "item-001": 1}
    with pytest.raises(LabelsError, match=r"'item-002': .*'dics'; did you mean 'disc'"):
        campaign.tell({"item-002": "dics"})
    with pytest.raises(LabelsError, match=r"'item-002': .* in 0..2, got 3"):
        campaign.tell({"item-002": 3})
    for label in (None, [1], True, torch.tensor(1)):
        with pytest.raises(LabelsError, match="'item-002': label must be a class name or an index"):
            campaign.tell({"item-002": label})
    assert len(campaign.state.labels) == 2


@pytest.mark.parametrize("labels", [{"nothing": 1}, {"item-000": float("nan")}, {"item-000": "disc"}])
def test_labels_that_cannot_be_taken_leave_the_campaign_as_it_was(tmp_path, pool, labels):
    campaign = make(tmp_path, pool)
    with pytest.raises(LabelsError):
        campaign.tell({"item-005": 0, **labels})
    assert not campaign.state.labels


def test_a_snapshot_that_the_learner_cannot_keep_is_refused_with_a_way_out(tmp_path, pool, truth):
    campaign = make(tmp_path, pool, Plain(), "cod(first_cycle=initial)")
    tell(campaign, truth)
    with pytest.raises(ContractError, match=r"without them; .* choose first_cycle='least_confident'"):
        campaign.ask()


def test_a_previous_model_that_the_learner_cannot_give_is_refused_with_a_way_out(tmp_path, pool, truth):
    campaign = make(tmp_path / "a", pool, Plain(), "cod")
    for _ in range(3):
        tell(campaign, truth)
    campaign.ask()
    for kept in (tmp_path / "a").glob("cycles/0001/train-*/scan"):
        shutil.rmtree(kept)
    with pytest.raises(ContractError, match="got Plain without them; add load and reset"):
        campaign.fork(tmp_path / "b", before_cycle=2).ask()


class Misspelt:
    name, needs = "misspelt", frozenset({"log_prob"})

    def score(self, view, *, rng):
        return torch.zeros(view.size)


class Both(Misspelt):
    needs = frozenset()

    def select(self, view, batch_size, *, rng):
        return torch.arange(batch_size)


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"batch_size": 0}, ConfigurationError, "batch_size must be a whole number of at least 1, got 0"),
        ({"batch_size": True}, ConfigurationError, "batch_size must be a whole number"),
        ({"initial_size": 2.5}, ConfigurationError, "initial_size must be a whole number"),
        ({"seed": 1.9}, ConfigurationError, "seed must be a whole number, got 1.9"),
        ({"strategy": "margn"}, ConfigurationError, "did you mean 'margin'"),
        (
            {"strategy": object()},
            ContractError,
            "a strategy must have a name, needs and exactly one of .*, got object",
        ),
        ({"strategy": type("Strategy", (), {})}, ContractError, "got the class Strategy; create one"),
        ({"strategy": Both()}, ContractError, "got Both with both methods"),
        ({"strategy": Misspelt()}, ContractError, "unknown need, 'log_prob'; did you mean 'log_probs'"),
        ({"learner": object()}, ContractError, "object without 'fit'"),
        ({"learner": Plain}, ContractError, "a learner must be an object, got the class Plain"),
        ({"task": "clasification"}, ConfigurationError, "did you mean 'classification'"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_written(tmp_path, pool, options, error, sentence):
    with pytest.raises(error, match=sentence):
        make(tmp_path / "new", pool, **options)
    assert not (tmp_path / "new").exists()


def test_an_empty_pool_is_refused(tmp_path):
    with pytest.raises(DataError, match="pool must hold at least one item"):
        make(tmp_path, Pool(torch.zeros(0, 2), ids=[]))


def test_a_budget_below_one_is_refused():
    with pytest.raises(ConfigurationError, match=r"labels must be a whole number of at least 1 .*, got 0"):
        Budget(labels=0)


def test_training_without_labels_says_what_to_do(tmp_path, pool):
    with pytest.raises(LabelsError, match="ask, label and tell first"):
        make(tmp_path, pool).train()
