"""What a batch goes through before the network: augmentation, normalisation, layout, compilation."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from learner_cases import same_bits, state
from nextlabel.errors import ConfigurationError, DataError
from nextlabel.models.small_cnn import SmallCnn
from nextlabel.pool import Pool
from nextlabel.training import loop as training
from nextlabel.training.preprocess import resized
from torch_learners import torch_learner

LOG_PROBS = frozenset({"log_probs"})
MEAN, STD = (0.5, 0.4), (0.25, 0.2)
IMAGES = torch.randint(256, (24, 2, 8, 8), generator=torch.Generator().manual_seed(5), dtype=torch.uint8)
SCALED = (IMAGES.float() / 255 - torch.tensor(MEAN).view(2, 1, 1)) / torch.tensor(STD).view(2, 1, 1)
LABELS = torch.arange(24) % 3


def learner(**options):
    defaults = {"epochs": 2, "batch_size": 8, "lr": 0.05, "device": "cpu"}
    return torch_learner(lambda: SmallCnn((2, 8, 8), 3, width=4), **{**defaults, **options})


def trained(folder, images=IMAGES, **options):
    folder.mkdir()
    made = learner(**options)
    pool = Pool(images, [f"image {row}" for row in range(24)])
    made.fit(pool, LABELS, pool.slice(0, 0), seed=1, workdir=folder)
    return made.predict(pool, needs=LOG_PROBS, seed=0).log_probs


def test_normalising_equals_a_pool_that_was_normalised_before(tmp_path):
    found = trained(tmp_path / "a", normalise=(MEAN, STD))
    torch.testing.assert_close(found, trained(tmp_path / "b", SCALED), rtol=1e-5, atol=1e-5)
    assert not torch.allclose(found, trained(tmp_path / "c"), atol=1e-3)


def test_augmentation_sees_inputs_before_they_are_normalised_so_that_crops_pad_with_black(tmp_path):
    seen = []

    def look(batch, generator):
        seen.append((batch.min().item(), batch.max().item()))
        return batch

    trained(tmp_path / "a", normalise=(MEAN, STD), augment=look)
    assert min(low for low, _ in seen) >= 0.0
    assert max(high for _, high in seen) <= 1.0


def test_grey_images_without_a_channel_axis_have_one_mean(tmp_path):
    made = torch_learner(
        lambda: SmallCnn((8, 8), 3, width=4), epochs=1, device="cpu", normalise=((0.5,), (0.2,))
    )
    pool = Pool(IMAGES[:, 0], [f"image {row}" for row in range(24)])
    made.fit(pool, LABELS, pool.slice(0, 0), seed=1, workdir=tmp_path)
    assert made.predict(pool, needs=LOG_PROBS, seed=0).log_probs.shape == (24, 1, 3)


def test_images_of_other_channels_than_the_means_are_refused_before_training(tmp_path):
    with pytest.raises(
        DataError, match=r"normalise has 3 means, got shape \(2, 8, 8\); give one mean and std"
    ):
        trained(tmp_path / "a", normalise=((0.5,) * 3, (0.2,) * 3))


@pytest.mark.parametrize(
    ("normalise", "sentence"),
    [
        (((0.5,), (0.2, 0.2)), r"one mean and one std per channel, got \(\(0.5,\), \(0.2, 0.2\)\)"),
        (((0.5,), (0.0,)), r"stds above 0, got \(\(0.5,\), \(0.0,\)\)"),
        (((float("nan"),), (1.0,)), "finite means"),
        ((0.5, 0.2), r"normalise must be \(mean, std\)"),
        (((), ()), r"one mean and one std per channel, got \(\(\), \(\)\)"),
    ],
)
def test_impossible_normalisations_are_refused(normalise, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        learner(normalise=normalise)


def test_channels_last_moves_memory_and_no_names_or_results(tmp_path):
    layouts = []

    class Looking(SmallCnn):
        def forward_features(self, x):
            layouts.append(x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous())
            return super().forward_features(x)

    expected = trained(tmp_path / "a")
    made = torch_learner(
        lambda: Looking((2, 8, 8), 3, width=4),
        epochs=2, batch_size=8, lr=0.05, device="cpu", channels_last=True,
    )  # fmt: skip
    pool = Pool(IMAGES, [f"image {row}" for row in range(24)])
    (tmp_path / "b").mkdir()
    made.fit(pool, LABELS, pool.slice(0, 0), seed=1, workdir=tmp_path / "b")
    found = made.predict(pool, needs=LOG_PROBS, seed=0).log_probs
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert all(layouts)
    ended = {n: t.shape for n, t in state(tmp_path / "b").items()}
    assert ended == {n: t.shape for n, t in state(tmp_path / "a").items()}
    again = learner()
    again.load(tmp_path / "b")
    torch.testing.assert_close(
        again.predict(pool, needs=LOG_PROBS, seed=0).log_probs, found, rtol=1e-4, atol=1e-4
    )


def test_images_grow_in_equal_parts_of_the_training_and_are_whole_in_predictions(tmp_path):
    sides = []

    class Looking(SmallCnn):
        def forward(self, x):
            sides.append((self.training, *x.shape[-2:]))
            return super().forward(x)

    made = torch_learner(
        lambda: Looking((2, 8, 8), 3, width=4),
        epochs=2, batch_size=8, lr=0.05, device="cpu", progressive_resize=(0.5, 0.75, 1.0),
    )  # fmt: skip
    pool = Pool(IMAGES, [f"image {row}" for row in range(24)])
    made.fit(pool, LABELS, pool.slice(0, 0), seed=1, workdir=tmp_path)
    assert [side for training, *side in sides if training] == [[4, 4]] * 2 + [[6, 6]] * 2 + [[8, 8]] * 2
    sides.clear()
    made.predict(pool, needs=LOG_PROBS, seed=0)
    assert sides == [(False, 8, 8)]


def test_unlabelled_images_grow_with_the_labelled_ones(tmp_path):
    seen = []

    class Looking(SmallCnn):
        def forward(self, x):
            if self.training:
                seen.append(tuple(x.shape))
            return super().forward(x)

    made = torch_learner(
        lambda: Looking((2, 8, 8), 3, width=4),
        objective="tod", epochs=2, batch_size=8, device="cpu", progressive_resize=(0.5, 1.0),
    )  # fmt: skip
    pool = Pool(IMAGES, [f"image {row}" for row in range(24)])
    made.fit(pool.slice(0, 16), LABELS[:16], pool.slice(16, 24), seed=1, workdir=tmp_path)
    # each of the four steps is a joint pass of student and of teacher, 8 labelled and 8 unlabelled items
    assert seen == [(16, 2, 4, 4)] * 4 + [(16, 2, 8, 8)] * 4


def test_a_training_that_was_killed_while_images_grow_ends_in_the_same_bits(tmp_path, monkeypatch):
    class KilledError(Exception):
        pass

    def kill(_phase, done, total):
        if done == 3:
            raise KilledError

    monkeypatch.setattr(training, "PROGRESS_SECONDS", 0.0)
    growing = {"progressive_resize": (0.5, 0.75, 1.0), "augment": "horizontal_flip"}
    whole = trained(tmp_path / "whole", **growing)
    made = learner(**growing, checkpoint_seconds=0)
    made.progress = kill
    pool = Pool(IMAGES, [f"image {row}" for row in range(24)])
    (tmp_path / "killed").mkdir()
    with pytest.raises(KilledError):
        made.fit(pool, LABELS, pool.slice(0, 0), seed=1, workdir=tmp_path / "killed")
    again = learner(**growing)
    again.fit(pool, LABELS, pool.slice(0, 0), seed=1, workdir=tmp_path / "killed")
    assert torch.equal(again.predict(pool, needs=LOG_PROBS, seed=0).log_probs, whole)


def test_least_steps_make_the_training_that_smaller_batches_at_a_lower_rate_make(tmp_path):
    tod = {"objective": "tod", "epochs": 3}
    found = trained(tmp_path / "a", batch_size=16, lr=0.1, min_steps_per_epoch=3, **tod)
    assert torch.equal(found, trained(tmp_path / "b", batch_size=8, lr=0.05, **tod))
    assert not torch.equal(found, trained(tmp_path / "c", batch_size=16, lr=0.1, **tod))


@pytest.mark.parametrize(("warm", "epochs"), [(True, [3, 1, 3]), (False, [3, 3, 3])])
def test_cold_epochs_are_of_fits_that_begin_with_new_weights(tmp_path, warm, epochs):
    made, pool, found = (
        learner(epochs=1, epochs_from_scratch=3, warm_start=warm),
        Pool(IMAGES, [f"{n}" for n in range(24)]),
        [],
    )
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        if number == 2:
            made.reset()
        metrics = made.fit(pool, LABELS, pool.slice(0, 0), seed=1, workdir=tmp_path / str(number))
        found.append(metrics["epochs"])
        again = learner(epochs=1, epochs_from_scratch=3, warm_start=warm)
        again.fit(
            pool, LABELS, pool.slice(0, 0), seed=1, workdir=tmp_path / str(number)
        )  # loads the finished
        assert same_bits(again.network.state_dict(), made.network.state_dict())
    assert found == epochs


def test_one_whole_resolution_is_none(tmp_path):
    assert torch.equal(trained(tmp_path / "a", progressive_resize=(1.0,)), trained(tmp_path / "b"))


@pytest.mark.parametrize("grey", [False, True])
def test_half_a_resolution_averages_neighbours_as_a_naive_filter_does(grey):
    batch = SCALED[:, 0] if grey else SCALED
    found = resized(batch, 0.5)
    weights = torch.tensor([1.0, 3.0, 3.0, 1.0])  # a triangle over two output pixels, cut at the borders
    for row in range(4):
        for column in range(4):
            total, norm = 0.0, 0.0
            for down, across in itertools.product(range(4), range(4)):
                y, x = 2 * row - 1 + down, 2 * column - 1 + across
                if 0 <= y < 8 and 0 <= x < 8:
                    weight = weights[down] * weights[across]
                    total, norm = total + weight * batch[..., y, x], norm + weight
            torch.testing.assert_close(found[..., row, column], total / norm, rtol=1e-5, atol=1e-5)


def test_sides_are_rounded_and_never_vanish():
    assert resized(SCALED, 0.7).shape == (24, 2, 6, 6)
    assert resized(SCALED, 0.01).shape == (24, 2, 1, 1)


@pytest.mark.parametrize("fractions", [(), (0.0, 1.0), (0.5, 1.5), (float("nan"),)])
def test_impossible_progressive_resize_are_refused(fractions):
    with pytest.raises(
        ConfigurationError, match=r"progressive_resize must be one or more fractions .* got \("
    ):
        learner(progressive_resize=fractions)


class Whole(nn.Module):
    """Takes images of 8 x 8 pixels only."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(128, 3)

    def forward(self, x):
        return self.head(x.flatten(1))


class Fours(SmallCnn):
    """Takes images whose sides are multiples of 4, and says nothing of why it fails."""

    def __init__(self):
        super().__init__((2, 8, 8), 3, width=4)

    def forward(self, x):
        if x.shape[-1] % 4:
            raise AssertionError
        return super().forward(x)


@pytest.mark.parametrize(
    ("model", "fractions", "sentence"),
    [
        (Whole, (1.0, 0.5), r"got 0\.5, .* items of shape \(2, 4, 4\) \(.*mat1 .*; use other"),
        (Fours, (0.5, 0.75, 1.0), r"got 0\.75, .* items of shape \(2, 6, 6\) \(AssertionError\)"),
    ],
)
def test_images_of_sizes_that_the_model_cannot_take_are_refused_before_training(
    tmp_path, model, fractions, sentence
):
    pool = Pool(IMAGES, [f"image {row}" for row in range(24)])
    steps = []
    made = torch_learner(model, epochs=1, device="cpu", progressive_resize=fractions)
    made.progress = lambda _, *progress: steps.append(progress)
    with pytest.raises(ConfigurationError, match=sentence):
        made.fit(pool, LABELS, pool.slice(0, 0), seed=1, workdir=tmp_path)
    assert not steps


def test_items_that_are_no_images_have_no_progressive_resize(tmp_path):
    pool = Pool(torch.zeros(24, 5), [f"row {row}" for row in range(24)])
    made = torch_learner(lambda: nn.Linear(5, 3), epochs=1, device="cpu", progressive_resize=(1.0, 0.5))
    with pytest.raises(DataError, match=r"images for progressive_resize.* shape \(5,\)"):
        made.fit(pool, LABELS, pool.slice(0, 0), seed=1, workdir=tmp_path)


def test_compiled_steps_go_through_torch_and_leave_the_states_names_alone(tmp_path, monkeypatch):
    compiled = []

    class Wrapped(nn.Module):
        def __init__(self, module):
            super().__init__()
            self._orig_mod, self.calls = module, 0
            compiled.append(self)

        def forward(self, x):
            self.calls += 1
            return self._orig_mod(x)

    monkeypatch.setattr(torch, "compile", Wrapped)
    trained(tmp_path / "a", compile=True)
    trained(tmp_path / "b")
    assert [each.calls for each in compiled] == [2 * 3]
    assert same_bits(state(tmp_path / "a"), state(tmp_path / "b"))


def test_options_of_an_augmentation_reach_it(tmp_path):
    pool = IMAGES.clone()
    pool[:] = 255
    options = {"augment": ["random_crop(padding=1)", lambda batch, generator: seen.append(batch) or batch]}
    seen = []
    trained(tmp_path / "a", pool, **options)
    assert all(batch[:, :, 1:-1, 1:-1].min() == 1.0 for batch in seen)
    assert any(batch.min() == 0.0 for batch in seen)


@pytest.mark.parametrize(
    ("augment", "error", "sentence"),
    [
        ("random_crop(pading=2)", ConfigurationError, "did you mean 'padding'"),
        ("random_crop(padding=0)", ConfigurationError, r"'padding' .* in \[1, inf\), got 0"),
    ],
)
def test_options_that_no_augmentation_takes_are_refused(augment, error, sentence):
    with pytest.raises(error, match=sentence):
        learner(augment=augment)
