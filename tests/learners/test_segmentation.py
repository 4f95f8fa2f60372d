"""The learner of segmentation keeps the promises of learners, and its fields are what they are said to be."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from learner_cases import same_bits, state
from nextlabel.bench.measure import item_losses, metrics
from nextlabel.errors import ConfigurationError, ContractError, DataError, LabelsError
from nextlabel.learners.segmentation import SEGMENTATION_FIELDS
from nextlabel.maths.overlap import mean_iou, pixel_accuracy
from nextlabel.pool import Pool
from nextlabel.tasks.segmentation import Segmentation
from nextlabel.testing.learners import LEARNER_CHECKS, LearnerData
from nextlabel.training import loop as training
from segmentation_cases import (
    IDS,
    LABELS,
    MASKS,
    POOL,
    TARGETS,
    TASK,
    UNLABELLED,
    Listed,
    X,
    segmentation_fit,
    segmentation_learner,
    small_net,
)  # fmt: skip

NEEDS = frozenset({"embeddings", *(f"extra:{name}" for name in SEGMENTATION_FIELDS)})
DATA = LearnerData(x=X, y=TARGETS, unlabelled=UNLABELLED, needs=NEEDS)


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """A learner after two warm-started fits, and their folders."""
    folder = tmp_path_factory.mktemp("dense")
    made = segmentation_learner(epochs=6)
    segmentation_fit(made, folder / "first")
    segmentation_fit(made, folder / "second", seed=2, x=POOL.slice(0, 14))
    return made, folder / "first", folder / "second"


def probabilities(folder, snapshot="end"):
    """Return (N, C, pixels) of a plain network with these weights, one image at a time."""
    net = small_net().eval()
    kept = state(folder, snapshot).items()
    net.load_state_dict({name.removeprefix("model/"): t for name, t in kept if name.startswith("model/")})
    with torch.no_grad():
        maps = [net(POOL.tensor()[row : row + 1].float() / 255)[0] for row in range(len(POOL))]
    return torch.stack(maps).double().softmax(1).flatten(2)


@pytest.mark.parametrize("check", LEARNER_CHECKS, ids=lambda check: check.__name__)
def test_it_conforms(check, tmp_path):
    check(segmentation_learner, tmp_path, DATA)


def test_its_fields_equal_naive_ones_over_all_pixels(twice):
    made, first, second = twice
    extra = made.predict(POOL, needs=NEEDS, seed=0).extra
    p, q = probabilities(second), probabilities(first)
    naive = {
        "discrepancy": ((p - q) ** 2).sum(1) / 2,
        "distance": ((p - q) ** 2).sum(1).sqrt(),
        "entropy": -(p * p.log()).sum(1),
        "gini": 1 - (p**2).sum(1),
        "margin": p.sort(1).values[:, -1] - p.sort(1).values[:, -2],
    }
    for name in SEGMENTATION_FIELDS - {"has_previous"}:
        aggregate, quantity = name.split("_")
        pixels = naive[quantity]
        expected = pixels.mean(1) if aggregate == "mean" else pixels.amax(1)
        torch.testing.assert_close(extra[name].double(), expected, atol=2e-6, rtol=1e-4)
    assert extra["mean_discrepancy"].min() > 0


def test_moves_are_since_the_previous_cycle_and_first_since_the_own_beginning(twice, tmp_path):
    _, first, second = twice
    fresh = segmentation_learner()
    fresh.load(first)
    one = fresh.predict(POOL, needs=NEEDS, seed=0).extra
    assert one["has_previous"].tolist() == [0.0] * len(POOL)
    p, q = probabilities(first), probabilities(first, "initial")
    torch.testing.assert_close(
        one["mean_discrepancy"].double(), (((p - q) ** 2).sum(1) / 2).mean(1), atol=2e-6, rtol=1e-4
    )
    fresh.load(second)
    assert fresh.predict(POOL, needs=NEEDS, seed=0).extra["has_previous"].tolist() == [1.0] * len(POOL)
    assert same_bits(
        {k: v for k, v in state(second, "initial").items() if "model/" in k},
        {k: v for k, v in state(first).items() if "model/" in k},
    )


def test_a_reset_learner_has_no_previous_cycle(twice, tmp_path):
    _, first, _ = twice
    made = segmentation_learner()
    made.load(first)
    made.reset()
    segmentation_fit(made, tmp_path)
    assert made.predict(X, needs=frozenset({"extra:has_previous"}), seed=0).extra["has_previous"].sum() == 0


def test_predictions_hold_no_more_maps_than_one_batch(twice):
    made, _, _ = twice
    seen = []
    handles = [
        net.register_forward_hook(lambda _, inputs, out: seen.append((len(inputs[0]), len(out.outputs))))
        for net in (made.learner.network, made._network_before(made.learner.network))
    ]
    usual = made.learner.training
    made.learner.training = replace(usual, predict_batch_size=4)
    outputs = made.predict(POOL, needs=NEEDS, seed=0)
    made.learner.training = usual
    for handle in handles:
        handle.remove()
    assert seen == [(size, size) for size in (4, 4, 4, 4, 4, 2) for _ in range(2)]  # both side by side
    assert {tensor.shape for tensor in outputs.extra.values()} == {(len(POOL),)}
    assert outputs.embeddings.shape == (len(POOL), 16)


def test_images_of_a_data_set_give_what_those_of_a_tensor_give(tmp_path):
    one, two = segmentation_learner(), segmentation_learner()
    listed = Pool(Listed(), IDS)
    segmentation_fit(one, tmp_path / "tensor")
    (tmp_path / "listed").mkdir()
    two.fit(listed.slice(0, 9), TARGETS, listed.slice(9, 22), seed=1, workdir=tmp_path / "listed")
    assert same_bits(state(tmp_path / "tensor"), state(tmp_path / "listed"))


def measured(made, pool):
    targets = TASK.targets({item: LABELS[item] for item in pool.ids})
    found = metrics(made, TASK, pool, targets, seed=0)
    return found, item_losses(made, TASK, pool, targets, seed=0)


def test_what_is_measured_while_maps_stream_leaves_pixels_without_a_class_out(twice):
    made, _, second = twice
    whole, losses = measured(made, POOL)
    p = probabilities(second)
    truth = torch.stack([torch.from_numpy(MASKS[item]) for item in IDS]).flatten(1).long()
    confusion = torch.zeros(3, 3, dtype=torch.int64)
    lost = []
    for row in range(len(POOL)):
        known = truth[row] != 255
        lost.append(-p[row][truth[row][known], known.nonzero()[:, 0]].log().mean())
        for true, predicted in zip(truth[row][known], p[row].argmax(0)[known], strict=True):
            confusion[true, predicted] += 1
    assert whole["metric"] == "mean IoU"
    assert whole["accuracy"] == mean_iou(confusion)
    assert whole["pixel_accuracy"] == pixel_accuracy(confusion)
    assert list(whole["class_iou"]) == list(TASK.classes)
    torch.testing.assert_close(losses.double(), torch.stack(lost), atol=1e-5, rtol=1e-4)
    assert whole["loss"] == pytest.approx(float(torch.stack(lost).mean()), rel=1e-4)


def test_it_learns_what_the_colours_say(tmp_path):
    made = segmentation_learner(epochs=40)
    segmentation_fit(made, tmp_path)
    assert measured(made, UNLABELLED)[0]["accuracy"] > 0.6


SETTINGS = {
    "supervised": {"augment": "horizontal_flip", "crop": 8},
    "tod": {"objective": "tod"},
    "normalised": {"normalise": ((0.1, 0.2, 0.3), (0.2, 0.2, 0.2)), "optimizer": "sgd"},
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_killed_training_ends_in_the_same_bits(tmp_path, setting, monkeypatch):
    class KilledError(Exception):
        pass

    def kill(_phase, done, total):
        if done == 4:
            raise KilledError

    monkeypatch.setattr(training, "PROGRESS_SECONDS", 0.0)
    unbroken = segmentation_fit(segmentation_learner(**SETTINGS[setting]), tmp_path / "unbroken")
    made = segmentation_learner(**SETTINGS[setting], checkpoint_seconds=0)
    made.progress = kill
    with pytest.raises(KilledError):
        segmentation_fit(made, tmp_path / "killed")
    made = segmentation_learner(**SETTINGS[setting], checkpoint_seconds=0)
    assert segmentation_fit(made, tmp_path / "killed") == unbroken
    assert same_bits(state(tmp_path / "killed"), state(tmp_path / "unbroken"))


def test_other_masks_in_the_same_folder_are_another_training(tmp_path):
    segmentation_fit(segmentation_learner(), tmp_path)
    changed = {**MASKS, X.ids[0]: 1 - (MASKS[X.ids[0]] > 0)}
    with pytest.raises(DataError, match="labels="):
        segmentation_fit(segmentation_learner(), tmp_path, masks=changed)


def test_normalising_is_the_same_in_training_and_prediction(tmp_path):
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.25, 0.2)

    class Normalising(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = small_net()

        def forward(self, x):
            return self.net((x - torch.tensor(mean).view(-1, 1, 1)) / torch.tensor(std).view(-1, 1, 1))

    one, two = segmentation_learner(normalise=(mean, std)), segmentation_learner(model=Normalising)
    need = frozenset({"extra:mean_entropy"})
    for made, name in ((one, "one"), (two, "two")):
        segmentation_fit(made, tmp_path / name)
    torch.testing.assert_close(
        one.predict(X, needs=need, seed=0).extra["mean_entropy"],
        two.predict(X, needs=need, seed=0).extra["mean_entropy"],
        rtol=1e-4, atol=1e-5,
    )  # fmt: skip


class Pooled(nn.Module):
    """Gives one answer per image."""

    def __init__(self):
        super().__init__()
        self.net = small_net()

    def forward(self, x):
        return self.net(x).mean((2, 3))


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"crop": 0}, ConfigurationError, "crop must be .* at least 1, got 0"),
        (
            {"augment": ["random_crop"]},
            ConfigurationError,
            "got 'random_crop', which pads with zeros, a class in masks",
        ),
        (
            {"objective": "squared_error"},
            ConfigurationError,
            "SquaredError is for regression; use objective='supervised'",
        ),
        (
            {"objective": "tod(form=code)"},
            ConfigurationError,
            "without features of whole items",
        ),
        ({"normalise": ((0.5,), (0.0,))}, ConfigurationError, "stds above 0"),
        (
            {"progressive_resize": (0.5, 1.0)},
            ConfigurationError,
            r"blur masks, got \(0.5, 1.0\); use a smaller",
        ),
    ],
)
def test_options_that_cannot_be_used_are_refused_at_once(options, error, sentence):
    with pytest.raises(error, match=sentence):
        segmentation_learner(**options)


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"crop": 17}, ConfigurationError, "smaller side, 16 of 16 x 16 pixels, got 17"),
        ({"model": Pooled}, ContractError, "shape .*outputs, height, width.* got shape"),
        ({"task": Segmentation(tuple("abcd"))}, ContractError, "model with 4 outputs, .* got 3"),
        (
            {"task": Segmentation(tuple("ab"))},
            DataError,
            r"item 'scene-01' must .* in \[0, 2\) or .* 255, got 2",
        ),
        ({"masks": {item: mask[:8] for item, mask in MASKS.items()}}, DataError, "a mask of 8 x 16"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_before_any_step(tmp_path, options, error, sentence):
    masks = options.get("masks", MASKS)
    made = segmentation_learner(**{name: option for name, option in options.items() if name != "masks"})
    with pytest.raises(error, match=sentence):
        segmentation_fit(made, tmp_path, masks=masks)
    assert not list(tmp_path.glob("*.safetensors"))


def test_as_many_masks_as_images_are_needed(tmp_path):
    with pytest.raises(LabelsError, match="one mask per labelled item, 9, got 2"):
        segmentation_learner().fit(X, TARGETS[:2], UNLABELLED, seed=0, workdir=tmp_path)


def test_images_that_are_no_bytes_are_refused(tmp_path):
    pool = Pool(torch.rand(5, 3, 16, 16), IDS[:5])
    with pytest.raises(DataError, match=r"bytes \(uint8\) .* got item 'scene-00' of .* torch.float32"):
        segmentation_learner().fit(pool, TARGETS[:5], pool.slice(0, 0), seed=0, workdir=tmp_path)


def test_predictions_that_cannot_be_made_are_refused(twice, tmp_path):
    made, first, _ = twice
    with pytest.raises(ContractError, match=r"one row per item .*not 'log_probs'; choose a strategy"):
        made.predict(X, needs=frozenset({"log_probs"}), seed=0)
    with pytest.raises(ContractError, match="there is none; call fit or load"):
        segmentation_learner().predict(X, needs=NEEDS, seed=0)
    with pytest.raises(DataError, match="at least one item"):
        made.predict(X.slice(0, 0), needs=NEEDS, seed=0)
    cold = segmentation_learner(warm_start=False)
    cold.load(first)
    with pytest.raises(ContractError, match="which a cold start forgets"):
        cold.predict(X, needs=frozenset({"extra:mean_discrepancy"}), seed=0)
    assert cold.predict(X, needs=frozenset({"extra:mean_gini"}), seed=0)
    bare = segmentation_learner(model=nn.Conv2d(3, 3, 1))
    segmentation_fit(bare, tmp_path)
    with pytest.raises(ContractError, match="Conv2d has no forward_features"):
        bare.predict(X, needs=frozenset({"embeddings"}), seed=0)
