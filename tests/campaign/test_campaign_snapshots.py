"""What a campaign shows a strategy of earlier snapshots, and what that costs."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from campaigns import make, seen_by, tell
from nextlabel.campaign.campaign import Budget
from nextlabel.campaign.oracles import SimulatedOracle
from nextlabel.campaign.view_builder import ViewBuilder
from nextlabel.discrepancy import cyclic_discrepancy
from nextlabel.errors import ConfigurationError
from nextlabel.snapshots import kept_snapshots
from nextlabel.strategies.catalogue import STRATEGIES
from nextlabel.strategies.cod import Cod
from ridge import RidgeLearner
from torch_learners import torch_learner

LOG_PROBS = frozenset({"log_probs"})


def keeping_learner(needs=frozenset(), **options):
    defaults = {"epochs": 3, "batch_size": 4, "lr": 0.05, "device": "cpu"}
    return torch_learner(partial(nn.Linear, 3, 3), snapshots=kept_snapshots(needs), **{**defaults, **options})


class SinceTheStart(Cod):
    """Compares with the weights that every cycle's training began with."""

    needs = frozenset({"log_probs", "snapshot:initial"})


def test_a_strategy_without_the_previous_cycle_sees_its_snapshots_in_every_cycle(tmp_path, pool, truth):
    learner, seen = RidgeLearner(), []
    campaign = make(tmp_path, pool, learner, SinceTheStart(), on_query=seen_by(seen))
    campaign.run(SimulatedOracle(truth), until=Budget(cycles=3))
    assert [tuple(query.view.snapshot_names) for query in seen] == [("initial",), ("initial",)]
    rows = [campaign.state.measurements[cycle, "query"]["rows_forwarded"] for cycle in (1, 2)]
    assert rows == [2 * 51, 2 * 46]
    assert learner.rows_predicted == sum(rows)


def test_a_campaign_tells_what_its_snapshots_are(tmp_path, pool, truth):
    seen = []
    options = {"strategy": "cod(first_cycle=initial)", "on_query": seen_by(seen)}
    make(tmp_path, pool, None, **options).run(SimulatedOracle(truth), until=Budget(cycles=3))
    assert [tuple(query.view.snapshot_names) for query in seen] == [("initial",), ("previous",)]


@pytest.mark.parametrize(
    ("name", "options", "snapshot"),
    [
        ("cod", {"gap": "5 steps"}, "5 steps"),
        ("cod", {"gap": "2 epochs"}, "2 epochs"),
        ("ema_discrepancy", {}, "ema"),
    ],
)
def test_a_discrepancy_is_that_of_the_kept_weights_in_every_cycle(
    tmp_path, pool, truth, name, options, snapshot
):
    strategy, seen = STRATEGIES.create(name, **options), []
    learner = keeping_learner(strategy.needs, ema_decay=0.9)
    campaign = make(tmp_path, pool, learner, strategy, on_query=seen_by(seen))
    campaign.run(SimulatedOracle(truth), until=Budget(cycles=3))
    for query in seen:
        folder = next(tmp_path.glob(f"cycles/{query.cycle:04d}/train-*"))
        outputs = {}
        for at in ("end", snapshot):
            learner.load(folder, snapshot=at)
            outputs[at] = learner.predict(pool.subset(query.ids), needs=LOG_PROBS, seed=0).log_probs
        expected = cyclic_discrepancy(outputs["end"].double(), outputs[snapshot].double())
        torch.testing.assert_close(query.choice.scores.double(), expected, rtol=0, atol=1e-6)
        assert expected.max() > 1e-4


def test_the_first_cycle_against_an_untrained_network_takes_the_smallest_distance(tmp_path, pool, truth):
    strategy, seen = Cod(first_cycle="untrained"), []
    learner = keeping_learner(strategy.needs)
    campaign = make(tmp_path, pool, learner, strategy, on_query=seen_by(seen))
    campaign.run(SimulatedOracle(truth), until=Budget(cycles=3))
    first, second = seen
    assert (first.view.snapshot_names, second.view.snapshot_names) == (("untrained",), ("previous",))
    distance = cyclic_discrepancy(first.view.pool.log_probs, first.view.snapshots[0].log_probs)
    assert first.choice.rows.tolist() == torch.sort(distance, stable=True).indices[:5].tolist()
    distance = cyclic_discrepancy(second.view.pool.log_probs, second.view.snapshots[0].log_probs)
    largest = torch.sort(distance, descending=True, stable=True).indices[:5]
    assert second.choice.rows.tolist() == largest.tolist()


def test_a_snapshot_that_was_not_kept_is_named_with_the_way_out(tmp_path, pool, truth):
    campaign = make(tmp_path, pool, keeping_learner(), "ema_discrepancy")
    tell(campaign, truth)
    with pytest.raises(ConfigurationError, match=r"'ema'.* none; create it with snapshots=\['ema'\]"):
        campaign.ask()
    assert not campaign.state.measurements  # nothing was trained, so the same folder goes on
    campaign.close()
    assert len(make(tmp_path, pool, keeping_learner({"snapshot:ema"}), "ema_discrepancy").ask()) == 5


def test_a_second_view_of_the_same_cycle_forwards_nothing_that_the_first_did(tmp_path, pool, truth):
    learner = RidgeLearner()
    campaign = make(tmp_path, pool, learner)
    tell(campaign, truth)
    campaign.train()
    folder, loads = next(tmp_path.glob("cycles/0001/train-*")), len(learner.loads)
    view_builder = ViewBuilder(learner, folder, None, 0)
    for _ in range(2):
        for needs in ({"log_probs", "snapshot:initial", "embeddings"}, {"log_probs", "snapshot:initial"}):
            view_builder.view(frozenset(needs), pool, pool.slice(0, 0), torch.empty(0))
        assert view_builder.rows_forwarded == learner.rows_predicted == 2 * len(pool)
        assert len(learner.loads) == loads + 2
