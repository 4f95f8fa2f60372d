"""A campaign of regression: numbers are labels, and COD compares values."""

from __future__ import annotations

import torch
from torch import nn

from nextlabel.campaign.campaign import Campaign
from nextlabel.learners.torch import TorchLearner
from nextlabel.pool import Pool
from nextlabel.training.config import TrainingConfig


def test_cod_asks_where_the_values_moved_since_the_previous_cycle(tmp_path):
    points = torch.linspace(-1, 1, 40)[:, None]
    pool = Pool(points, ids=[f"p{row:02d}" for row in range(40)])
    truth = {item: float(point.sin()) for item, point in zip(pool.ids, points[:, 0], strict=True)}
    learner = TorchLearner(
        lambda: nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1)),
        task="regression",
        training=TrainingConfig(lr=0.01, batch_size=8),
        epochs=3,
        device="cpu",
    )
    seen = []

    def look(query):
        seen.append(query)
        return {}

    with Campaign(
        tmp_path,
        pool,
        learner,
        "cod(first_cycle='initial')",
        batch_size=4,
        initial_size=8,
        task="regression",
        on_query=look,
    ) as campaign:
        for _ in range(3):
            campaign.tell({item: truth[item] for item in campaign.ask()})
        assert len(campaign.state.labels) == 16
        assert all(type(label) is float for label in campaign.state.labels.values())
    for query in seen:
        view = query.view
        assert (view.output, view.pool.log_probs) == ("values", None)
        moved = (view.pool.values - view.snapshots[0].values)[:, 0, 0].square() / 2
        torch.testing.assert_close(query.choice.scores, moved)
    assert [tuple(query.view.snapshot_names) for query in seen] == [("initial",), ("previous",)]
