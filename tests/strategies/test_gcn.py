"""Promises of the strategies that train a graph network."""

import pytest
import torch

from nextlabel.errors import ConfigurationError, DataError
from nextlabel.maths.graph import GraphTraining, trained_graph
from nextlabel.strategies.core_gcn import CoreGcn
from nextlabel.strategies.uncertain_gcn import UncertainGcn
from nextlabel.types import Outputs, PoolView

SHORT = {"steps": 15, "hidden": 6}


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def view(items=12, labelled=5):
    points = torch.rand(items + labelled, 7, generator=rng(9))
    return PoolView(items, Outputs(embeddings=points[:items]), labelled=Outputs(embeddings=points[items:]))


def graph(shown):
    return trained_graph(shown.pool.embeddings, shown.labelled.embeddings, GraphTraining(**SHORT), rng=rng(1))


def test_uncertain_gcn_takes_the_scores_nearest_the_margin():
    scores, _ = graph(view())
    for margin in (0.1, 0.6):
        expected = -(scores[:12] - margin).abs()
        assert torch.equal(UncertainGcn(margin=margin, **SHORT).score(view(), rng=rng(1)), expected)


def test_core_gcn_covers_the_hidden_features_farthest_first():
    _, hidden = graph(view())
    gaps = torch.cdist(hidden.double(), hidden.double())
    chosen, centres = [], list(range(12, 17))
    for _ in range(4):
        nearest = gaps[:12][:, centres].amin(1)
        chosen.append(int(nearest.argmax()))
        centres.append(chosen[-1])
    assert CoreGcn(**SHORT).select(view(), 4, rng=rng(1)).tolist() == chosen


@pytest.mark.parametrize("strategy", [CoreGcn, UncertainGcn])
def test_every_option_reaches_the_training_of_the_graph(strategy, monkeypatch):
    options = {
        "hidden": 6, "steps": 15, "lr": 0.02, "weight_decay": 0.01, "dropout": 0.1, "unlabelled_weight": 2.0,
    }  # fmt: skip
    fits = []

    def spy(embeddings, labelled, training, *, rng):
        fits.append(training)
        return trained_graph(embeddings, labelled, training, rng=rng)

    monkeypatch.setattr(f"{strategy.__module__}.trained_graph", spy)
    made = strategy(**options)
    _ = made.select(view(), 2, rng=rng()) if strategy is CoreGcn else made.score(view(), rng=rng())
    assert [{option: getattr(fit, option) for option in options} for fit in fits] == [options]


def test_the_choice_follows_the_seed():
    one, two = (UncertainGcn(**SHORT).score(view(), rng=rng(seed)) for seed in (1, 2))
    assert not torch.equal(one, two)


@pytest.mark.parametrize("made", [CoreGcn(**SHORT), UncertainGcn(**SHORT)])
def test_without_labels_there_is_nothing_to_tell_apart(made):
    ask = made.select if isinstance(made, CoreGcn) else None
    with pytest.raises(DataError, match=r"at least 1 labelled item .*got 0; label some at random"):
        ask(view(labelled=0), 3, rng=rng()) if ask else made.score(view(labelled=0), rng=rng())


def test_options_out_of_range_are_refused_when_the_strategy_is_made():
    with pytest.raises(ConfigurationError, match=r"'margin' of strategy .* in \[0, 1\], got 1.5"):
        UncertainGcn(margin=1.5)
    for made in (CoreGcn, UncertainGcn):
        with pytest.raises(ConfigurationError, match=r"'dropout' of the graph .* in \[0, 1\), got 1.0"):
            made(dropout=1.0)
