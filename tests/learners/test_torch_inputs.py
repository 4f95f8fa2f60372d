"""What a batch goes through before the network: augmentation, normalisation, layout, compilation."""

from __future__ import annotations

import pytest
import torch
from learner_cases import same_bits, state
from torch import nn

from nextlabel.errors import ConfigurationError, DataError, UnknownNameError
from nextlabel.learners.torch import TorchLearner
from nextlabel.models.small_cnn import SmallCnn
from nextlabel.pool import Pool

LOG_PROBS = frozenset({"log_probs"})
MEAN, STD = (0.5, 0.4), (0.25, 0.2)
PICTURES = torch.randint(256, (24, 2, 8, 8), generator=torch.Generator().manual_seed(5), dtype=torch.uint8)
SCALED = (PICTURES.float() / 255 - torch.tensor(MEAN).view(2, 1, 1)) / torch.tensor(STD).view(2, 1, 1)
LABELS = torch.arange(24) % 3


def learner(**options):
    defaults = {"epochs": 2, "batch_size": 8, "lr": 0.05, "device": "cpu"}
    return TorchLearner(lambda: SmallCnn((2, 8, 8), 3, width=4), **{**defaults, **options})


def trained(folder, pictures=PICTURES, **options):
    folder.mkdir()
    made = learner(**options)
    pool = Pool(pictures, [f"picture {row}" for row in range(24)])
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


def test_grey_pictures_without_a_channel_axis_have_one_mean(tmp_path):
    made = TorchLearner(
        lambda: SmallCnn((8, 8), 3, width=4), epochs=1, device="cpu", normalise=((0.5,), (0.2,))
    )
    pool = Pool(PICTURES[:, 0], [f"picture {row}" for row in range(24)])
    made.fit(pool, LABELS, pool.slice(0, 0), seed=1, workdir=tmp_path)
    assert made.predict(pool, needs=LOG_PROBS, seed=0).log_probs.shape == (24, 1, 3)


def test_pictures_of_other_channels_than_the_means_are_refused_before_training(tmp_path):
    with pytest.raises(DataError, match=r"normalise has 3 means.* shape \(2, 8, 8\); give one mean and std"):
        trained(tmp_path / "a", normalise=((0.5,) * 3, (0.2,) * 3))


@pytest.mark.parametrize(
    ("normalise", "sentence"),
    [
        (((0.5,), (0.2, 0.2)), "one mean and one std a channel, but has 1 means and 2 stds"),
        (((0.5,), (0.0,)), "stds above 0, but the means are"),
        (((float("nan"),), (1.0,)), "finite means"),
        ((0.5, 0.2), r"normalise must be \(mean, std\)"),
        (((), ()), "but has 0 means"),
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
    made = TorchLearner(
        lambda: Looking((2, 8, 8), 3, width=4),
        epochs=2, batch_size=8, lr=0.05, device="cpu", channels_last=True,
    )  # fmt: skip
    pool = Pool(PICTURES, [f"picture {row}" for row in range(24)])
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
    pool = PICTURES.clone()
    pool[:] = 255
    options = {"augment": ["random_crop", lambda batch, generator: seen.append(batch) or batch]}
    seen = []
    trained(tmp_path / "a", pool, **options, augment_options={"random_crop": {"padding": 1}})
    assert all(batch[:, :, 1:-1, 1:-1].min() == 1.0 for batch in seen)
    assert any(batch.min() == 0.0 for batch in seen)


@pytest.mark.parametrize(
    ("augment", "options", "error", "sentence"),
    [
        ("random_crop", {"random_crop": {"pading": 2}}, UnknownNameError, "did you mean 'padding'"),
        ("random_crop", {"random_crop": {"padding": 0}}, ConfigurationError, "at least 1 pixel, but got 0"),
        (
            "horizontal_flip",
            {"random_crop": {}},
            ConfigurationError,
            "names 'horizontal_flip', but",
        ),
        (None, {"random_crop": {}}, ConfigurationError, "which names nothing, but has 'random_crop'"),
    ],
)
def test_options_that_no_augmentation_takes_are_refused(augment, options, error, sentence):
    with pytest.raises(error, match=sentence):
        learner(augment=augment, augment_options=options)
