"""TorchLearner: conformance, determinism, warm and cold starts, what is kept, and what is refused."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from learner_cases import LABELS, POOL, UNLABELLED, NormedNet, X, Y, fit, learner, same_bits, small_mlp, state
from nextlabel.errors import ContractError, DataError
from nextlabel.models.mlp import Mlp
from nextlabel.objectives.supervised import Supervised
from nextlabel.objectives.tod import Tod
from nextlabel.pool import Pool
from nextlabel.testing.learners import LEARNER_CHECKS, example_data
from nextlabel.types import Learner, Losses, Restorable
from torch_learners import torch_learner

LOG_PROBS = frozenset({"log_probs"})


def named(check):
    return check.__name__


@pytest.mark.parametrize("objective", ["supervised", "tod"])
@pytest.mark.parametrize("check", LEARNER_CHECKS, ids=named)
def test_keeps_every_promise_of_a_learner(check, objective, tmp_path):
    data = example_data(frozenset({"log_probs", "embeddings"}))
    options = {"objective": objective, "epochs": 2, "batch_size": 8, "device": "cpu"}
    check(lambda: torch_learner(lambda: Mlp((8,), 3, width=6), **options), tmp_path, data)


def test_is_a_learner_that_can_be_restored():
    assert isinstance(learner(), Learner)
    assert isinstance(learner(), Restorable)


def test_other_seeds_give_other_weights_and_orders(tmp_path):
    for seed in (1, 2):
        fit(learner(snapshots=("initial",)), tmp_path / str(seed), seed=seed)
    for snapshot in ("initial", "end"):
        assert not same_bits(state(tmp_path / "1", snapshot), state(tmp_path / "2", snapshot))


def test_a_module_is_the_initial_state_and_is_never_trained_itself(tmp_path):
    module = NormedNet()
    before = {f"model/{name}": tensor.clone() for name, tensor in module.state_dict().items()}
    for seed in (1, 2):
        fit(learner(model=module), tmp_path / str(seed), seed=seed)
        assert same_bits(state(tmp_path / str(seed), "initial"), before)
    assert same_bits({f"model/{name}": tensor for name, tensor in module.state_dict().items()}, before)


def test_a_function_that_returns_the_same_module_twice_starts_from_it_twice(tmp_path):
    module = small_mlp()
    made = learner(model=lambda: module, warm_start=False)
    for name in ("one", "two"):
        fit(made, tmp_path / name)
    assert same_bits(state(tmp_path / "one"), state(tmp_path / "two"))


def test_a_warm_start_goes_on_from_the_end_and_a_cold_one_from_new_weights(tmp_path):
    for start in ("warm", "cold"):
        made = learner(warm_start=start == "warm")
        fit(made, tmp_path / start / "1", seed=1)
        fit(made, tmp_path / start / "2", seed=2)
        ended = {n: t for n, t in state(tmp_path / start / "1").items() if n.startswith("model/")}
        assert same_bits(state(tmp_path / start / "2", "initial"), ended) == (start == "warm")
    fit(learner(), tmp_path / "new", seed=2)
    assert same_bits(state(tmp_path / "cold" / "2"), state(tmp_path / "new"))


@pytest.mark.parametrize("form", ["paper", "code"])
def test_a_warm_start_in_a_new_process_equals_one_in_the_same(tmp_path, form):
    options = {"objective": f"tod(form={form})"}
    one = learner(**options)
    fit(one, tmp_path / "first", seed=1)
    fit(one, tmp_path / "unbroken", seed=2)
    two = learner(**options)
    two.load(tmp_path / "first")
    fit(two, tmp_path / "loaded", seed=2)
    unbroken = state(tmp_path / "unbroken")
    assert same_bits(unbroken, state(tmp_path / "loaded"))
    assert unbroken["objective/teacher.n_averaged"] == 1 + 2 * 9  # the count runs on over both fits


def test_after_a_reset_the_next_fit_is_the_first(tmp_path):
    made = learner(objective="tod")
    fit(made, tmp_path / "one", seed=1)
    fit(made, tmp_path / "two", seed=2)
    made.reset()
    fit(made, tmp_path / "three", seed=1)
    assert same_bits(state(tmp_path / "one"), state(tmp_path / "three"))


def test_the_epoch_snapshot_is_the_end_of_a_fit_with_one_epoch_less(tmp_path):
    fit(learner(schedule="constant"), tmp_path / "three")
    fit(learner(schedule="constant", epochs=2), tmp_path / "two")
    assert same_bits(state(tmp_path / "three", "epoch"), state(tmp_path / "two"))


def test_with_one_epoch_the_epoch_snapshot_is_the_initial_one(tmp_path):
    fit(learner(epochs=1), tmp_path)
    assert same_bits(state(tmp_path, "epoch"), state(tmp_path, "initial"))


def test_every_snapshot_can_be_loaded_and_predicts_as_it_did(tmp_path):
    made = learner(model=small_mlp)
    fit(made, tmp_path)
    predictions = {}
    for snapshot in ("initial", "epoch", "end"):
        other = learner(model=small_mlp)
        other.load(tmp_path, snapshot=snapshot)
        predictions[snapshot] = other.predict(POOL, needs=LOG_PROBS, seed=0).log_probs
        model = small_mlp()
        model.load_state_dict({n[len("model/") :]: t for n, t in state(tmp_path, snapshot).items()})
        expected = model.eval()(POOL.tensor()).log_softmax(1)
        torch.testing.assert_close(predictions[snapshot][:, 0], expected)
    assert not torch.equal(predictions["epoch"], predictions["end"])


def test_only_the_requested_snapshots_are_kept_and_the_checkpoint_goes(tmp_path):
    fit(learner(snapshots=(), checkpoint_seconds=0), tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["end.safetensors", "fit.json"]


def test_metrics_tell_steps_epochs_and_the_last_epochs_loss(tmp_path):
    metrics = fit(learner(), tmp_path)
    assert set(metrics) == {"train_loss", "steps", "epochs"}
    assert (metrics["steps"], metrics["epochs"]) == (9, 3)
    assert json.loads((tmp_path / "fit.json").read_text())["metrics"] == metrics
    parts = fit(learner(objective="tod"), tmp_path / "tod")
    assert parts["train_loss"] == pytest.approx(parts["supervised_loss"] + parts["tod_loss"])


def test_training_learns_what_can_be_learnt(tmp_path):
    made = learner(model=small_mlp, epochs=40)
    tmp_path.mkdir(exist_ok=True)
    made.fit(POOL, LABELS, UNLABELLED, seed=0, workdir=tmp_path)
    log_probs = made.predict(POOL, needs=LOG_PROBS, seed=0).log_probs
    assert (log_probs[:, 0].argmax(1) == LABELS).float().mean() > 0.9


def test_a_finished_folder_is_loaded_and_not_trained_again(tmp_path):
    metrics = fit(learner(), tmp_path)
    before = (tmp_path / "end.safetensors").stat().st_mtime_ns
    again, calls = learner(), []
    again.progress = lambda _, *progress: calls.append(progress)
    assert fit(again, tmp_path) == metrics
    assert calls == []
    assert (tmp_path / "end.safetensors").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("options", "seed", "stated"),
    [({}, 2, "seed=2"), ({"lr": 0.5}, 1, r"lr=0\.5"), ({"objective": "tod"}, 1, "objective='tod'")],
)
def test_a_folder_of_another_training_is_refused(tmp_path, options, seed, stated):
    fit(learner(), tmp_path)
    with pytest.raises(DataError, match=stated):
        fit(learner(**options), tmp_path, seed=seed)


def test_progress_ends_at_the_last_step(tmp_path):
    made, calls = learner(), []
    made.progress = lambda _, *progress: calls.append(progress)
    fit(made, tmp_path)
    assert calls[-1] == (9, 9)


def test_predictions_do_not_depend_on_the_scan_batch_size(tmp_path):
    needs = frozenset({"log_probs", "embeddings"})
    fit(learner(), tmp_path)
    small, large = learner(predict_batch_size=7), learner()
    for made in (small, large):
        made.load(tmp_path)
    one, two = (made.predict(POOL, needs=needs, seed=0) for made in (small, large))
    for name, tensor in one.fields().items():
        torch.testing.assert_close(tensor, two.fields()[name])
    assert two.log_probs.shape == (50, 1, 3)
    assert two.embeddings.shape == (50, 8)


def test_a_named_layer_gives_the_embeddings(tmp_path):
    made = learner(
        model=lambda: nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)), embedding_layer="1"
    )
    fit(made, tmp_path)
    outputs = made.predict(POOL, needs=frozenset({"embeddings"}), seed=0)
    assert outputs.embeddings.shape == (50, 4)
    assert outputs.embeddings.min() >= 0
    assert outputs.log_probs is None


def test_a_model_without_embeddings_is_refused_only_when_they_are_asked_for(tmp_path):
    made = learner(model=lambda: nn.Linear(6, 3))
    fit(made, tmp_path)
    assert len(made.predict(POOL, needs=LOG_PROBS, seed=0)) == 50
    with pytest.raises(ContractError, match="Linear has no forward_features"):
        made.predict(POOL, needs=frozenset({"embeddings"}), seed=0)


def test_lazy_modules_train_and_load(tmp_path):
    def lazy():
        return nn.Sequential(nn.LazyLinear(5), nn.ReLU(), nn.LazyLinear(3))

    made = learner(model=lazy)
    fit(made, tmp_path)
    other = learner(model=lazy)
    other.load(tmp_path)
    one, two = (each.predict(POOL, needs=LOG_PROBS, seed=0).log_probs for each in (made, other))
    assert torch.equal(one, two)


def test_a_model_of_timm_trains_and_gives_embeddings(tmp_path):
    import timm

    points = torch.rand(9, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    pool = Pool(points, [str(row) for row in range(9)])
    made = learner(model=lambda: timm.create_model("resnet10t", num_classes=3), epochs=1, batch_size=9)
    made.fit(pool, torch.arange(9) % 3, pool.slice(0, 0), seed=0, workdir=tmp_path)
    outputs = made.predict(pool, needs=frozenset({"log_probs", "embeddings"}), seed=0)
    assert outputs.embeddings.shape == (9, 512)


def test_regression_gives_values_near_the_targets(tmp_path):
    targets = POOL.tensor()[:, 0] * 2
    made = learner(
        model=lambda: nn.Linear(6, 1),
        task="regression",
        objective="squared_error",
        epochs=60,
        weight_decay=0,
        optimizer="adamw",
    )
    metrics = made.fit(POOL, targets, POOL.slice(0, 0), seed=0, workdir=tmp_path)
    values = made.predict(POOL, needs=frozenset({"values"}), seed=0).values
    assert values.shape == (50, 1, 1)
    torch.testing.assert_close(values[:, 0, 0], targets, atol=0.05, rtol=0)
    assert metrics["train_loss"] < 0.01


class Doubled(Supervised):
    """An objective of somebody else's."""

    def forward(self, model, x, y, unlabelled, *, step):
        parts = super().forward(model, x, y, unlabelled, step=step).parts
        return Losses({"doubled": 2 * parts["supervised"]})


def test_an_objective_of_ones_own_is_used(tmp_path):
    one = fit(learner(objective=Doubled, schedule="constant", lr=1e-6), tmp_path / "own")
    two = fit(learner(schedule="constant", lr=1e-6), tmp_path / "supervised")
    assert one["train_loss"] == pytest.approx(2 * two["train_loss"], rel=1e-4)


class Recorder(Tod):
    """Notes the unlabelled batches that it is given."""

    seen: list = []  # noqa: RUF012

    def forward(self, model, x, y, unlabelled, *, step):
        self.seen.append(None if unlabelled is None else unlabelled[:, 0].tolist())
        return super().forward(model, x, y, unlabelled, step=step)


def test_unlabelled_batches_are_full_and_shuffled_and_none_of_one_item(tmp_path):
    Recorder.seen.clear()
    fit(learner(objective=Recorder), tmp_path / "many")
    known = set(UNLABELLED.tensor()[:, 0].tolist())
    assert [len(batch) for batch in Recorder.seen] == [8] * 9
    assert all(set(batch) <= known for batch in Recorder.seen)
    assert len({value for batch in Recorder.seen[:3] for value in batch}) == 24
    assert Recorder.seen[0] != UNLABELLED.tensor()[:8, 0].tolist()
    Recorder.seen.clear()
    (tmp_path / "one").mkdir()
    learner(objective=Recorder).fit(X, Y, UNLABELLED.slice(0, 1), seed=1, workdir=tmp_path / "one")
    assert Recorder.seen == [None] * 9


def test_augmentation_is_for_training_only(tmp_path):
    def vanish(batch, generator):
        return torch.zeros_like(batch)

    made = learner(model=small_mlp, augment=vanish)
    fit(made, tmp_path)
    log_probs = made.predict(POOL, needs=LOG_PROBS, seed=0).log_probs
    assert log_probs.std(0).max() > 1e-3
    first = {name: t for name, t in state(tmp_path).items() if "hidden.1.weight" in name}
    start = {name: t for name, t in state(tmp_path, "initial").items() if "hidden.1.weight" in name}
    shrunk = first["model/hidden.1.weight"] / start["model/hidden.1.weight"]
    torch.testing.assert_close(shrunk, shrunk.mean().expand_as(shrunk))  # zeros give no gradient, only decay


def test_bfloat16_and_float32_learners_live_in_one_process(tmp_path):
    losses = [
        fit(learner(mixed_precision=kind), tmp_path / str(i)) for i, kind in enumerate(["no", "bf16", "no"])
    ]
    assert losses[0] == losses[2]
    assert losses[1]["train_loss"] == pytest.approx(losses[0]["train_loss"], rel=0.05)
    assert losses[1] != losses[0]
