"""MC dropout: conformance, the learner untouched, consistent masks, and models without dropout."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from learner_cases import POOL, NormedNet, fit, learner, same_bits, small_mlp, state
from nextlabel.errors import ConfigurationError, ContractError
from nextlabel.learners.mc_dropout import McDropout
from nextlabel.pool import Pool
from nextlabel.seeds import derive
from nextlabel.testing.learners import LEARNER_CHECKS, example_data
from nextlabel.training.device import isolated_rng
from nextlabel.types import Learner, Restorable
from torch_learners import torch_learner

NEEDS = frozenset({"log_probs", "embeddings"})
LOG_PROBS = frozenset({"log_probs"})


def dropping(draws=4, **options):
    return McDropout(learner(epochs=2, **options), draws=draws)


@pytest.mark.parametrize("check", LEARNER_CHECKS, ids=lambda check: check.__name__)
def test_keeps_every_promise_of_a_learner(check, tmp_path):
    def make():
        options = {"epochs": 1, "batch_size": 8, "device": "cpu", "predict_batch_size": 5}
        return McDropout(torch_learner(lambda: NormedNet(8), **options), draws=3)

    check(make, tmp_path, example_data(NEEDS))


def test_is_a_learner_that_can_be_restored():
    assert isinstance(dropping(), Learner)
    assert isinstance(dropping(), Restorable)


def test_training_and_the_learner_itself_are_as_without_it(tmp_path):
    alone = learner(epochs=2)
    fit(alone, tmp_path / "alone")
    made = dropping()
    fit(made, tmp_path / "wrapped")
    made.predict(POOL, needs=NEEDS, seed=0)
    assert same_bits(state(tmp_path / "alone"), state(tmp_path / "wrapped"))
    expected = alone.predict(POOL, needs=NEEDS, seed=0)
    assert torch.equal(made.main.predict(POOL, needs=NEEDS, seed=0).log_probs, expected.log_probs)
    assert torch.equal(made.predict(POOL, needs=NEEDS, seed=0).embeddings, expected.embeddings)


def test_a_draw_is_one_network_for_every_item(tmp_path):
    made = dropping()
    fit(made, tmp_path)
    found = made.predict(POOL, needs=LOG_PROBS, seed=7).log_probs
    assert found.shape == (50, 4, 3)
    module = made.main.network.module.double().eval()
    for draw in range(4):
        seed = derive(derive(7, "dropout", draw), "module.dropout")
        kept = torch.rand(8, generator=torch.Generator().manual_seed(seed)) >= 0.2
        hidden = torch.relu(module.norm(module.first(POOL.tensor().double()))) * kept / 0.8
        expected = module.head(hidden).log_softmax(1)
        torch.testing.assert_close(found[:, draw].double(), expected, atol=1e-5, rtol=1e-5)


def test_the_mean_of_many_draws_comes_near_to_the_network_without_dropout():
    with isolated_rng(
        0
    ):  # or the weights, and with them the error of a mean of 100, would be another each time
        module = nn.Sequential(nn.Linear(6, 40), nn.Dropout(0.5), nn.Linear(40, 1))
    made = McDropout(learner(model=module, task="regression", objective="squared_error"), draws=100)
    made.main._network = made.main.new_network(0)
    draws = made.predict(POOL, needs=frozenset({"values"}), seed=0).values
    exact = made.main.predict(POOL, needs=frozenset({"values"}), seed=0).values
    off = (draws.mean(1) - exact[:, 0]).abs() / (draws.std(1) / 100**0.5)
    assert off.mean() < 2  # in standard errors


def test_whole_channels_are_dropped_where_the_layer_drops_channels():
    module = nn.Sequential(nn.Conv2d(1, 5, 1), nn.Dropout2d(0.5), nn.Flatten(), nn.Linear(20, 3))
    made = McDropout(learner(model=module), draws=6)
    made.main._network = made.main.new_network(0)
    seen = []
    handle = made.main.network.module[2].register_forward_hook(lambda *call: seen.append(call[1][0]))
    made.predict(Pool(torch.rand(3, 1, 2, 2) + 1, ["a", "b", "c"]), needs=LOG_PROBS, seed=0)
    handle.remove()
    for maps in seen:
        dropped = maps == 0
        assert torch.equal(dropped, dropped[:1, :, :1, :1].expand(3, 5, 2, 2))
    assert 0 < torch.stack(seen).eq(0).float().mean() < 1


def test_other_seeds_drop_other_units_and_leave_no_hooks(tmp_path):
    made = dropping()
    fit(made, tmp_path)
    one, two = (made.predict(POOL, needs=LOG_PROBS, seed=seed).log_probs for seed in (1, 2))
    assert not torch.equal(one, two)
    assert not any(layer._forward_hooks for layer in made.main.network.modules())


def test_a_model_without_dropout_is_refused_before_its_training(tmp_path):
    for model in (small_mlp, lambda: nn.Sequential(nn.Dropout(0.0), nn.Linear(6, 3))):
        with pytest.raises(ContractError, match=r"give the model the option dropout=0\.5"):
            fit(dropping(model=model), tmp_path)
    assert not list(tmp_path.iterdir())


def test_one_draw_is_none_and_predicting_needs_a_training():
    with pytest.raises(ConfigurationError, match="draws must be a whole number of at least 2, got 1"):
        dropping(draws=1)
    with pytest.raises(ContractError, match="call fit or load first"):
        dropping().predict(POOL, needs=LOG_PROBS, seed=0)
