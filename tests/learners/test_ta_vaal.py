"""VAAL with ranking (TA-VAAL): conformance, the task learner untouched, what the networks see, refusals."""

from __future__ import annotations

import pytest
import torch

from image_cases import SHORT_VAAL, image_data, image_learner
from learner_cases import same_bits, state
from nextlabel.errors import ConfigurationError
from nextlabel.learners.vaal import Vaal, ta_vaal
from nextlabel.testing.learners import LEARNER_CHECKS
from nextlabel.training import vaal as trainer
from nextlabel.types import Learner, Restorable

OWN = "extra:task_labelled_probability"
DATA = image_data(frozenset({"log_probs", OWN}))


def task(**options):
    return image_learner(objective="learning_loss(rank=bce)", **options)


def short(**options):
    return ta_vaal(task(), **{**SHORT_VAAL, **options})


def fitted(made, folder):
    folder.mkdir(parents=True, exist_ok=True)
    return made, made.fit(DATA.x, DATA.y, DATA.unlabelled, seed=1, workdir=folder)


def probabilities(made):
    return made.predict(DATA.unlabelled, needs=frozenset({OWN}), seed=0).extra["task_labelled_probability"]


@pytest.mark.parametrize("check", LEARNER_CHECKS, ids=lambda check: check.__name__)
def test_keeps_every_promise_of_a_learner(check, tmp_path):
    check(short, tmp_path, DATA)


def test_is_a_learner_that_can_be_restored():
    assert isinstance(short(), Learner)
    assert isinstance(short(), Restorable)


def test_the_task_learner_ends_bit_for_bit_as_it_does_alone(tmp_path):
    _, alone = fitted(task(), tmp_path / "alone")
    _, metrics = fitted(short(), tmp_path / "wrapped")
    assert same_bits(state(tmp_path / "alone"), state(tmp_path / "wrapped"))
    assert alone.items() <= metrics.items()


def test_decoder_and_discriminator_see_the_sigmoid_of_the_predicted_loss(tmp_path):
    made, _ = fitted(short(), tmp_path)
    vae, discriminator = made._trainer._trained
    assert vae.decoder[0].in_features == discriminator.layers[0].in_features == SHORT_VAAL["latent"] + 1
    losses = made.predict(DATA.unlabelled, needs=frozenset({"extra:predicted_loss"}), seed=0)
    ranks = losses.extra["predicted_loss"].sigmoid().unsqueeze(1)
    with torch.no_grad():
        mean, _ = vae.eval().encode(DATA.unlabelled.tensor().float() / 255)
        expected = discriminator(mean, ranks).sigmoid()
        elsewhere = discriminator(mean, 1 - ranks).sigmoid()
    torch.testing.assert_close(probabilities(made), expected)
    assert not torch.allclose(expected, elsewhere)


def test_the_predicted_loss_follows_its_image_through_the_training(tmp_path):
    seen, critic = [], []

    class Recorded(Vaal):
        def _conditions(self, x, seed):
            return torch.arange(len(x)) / 100 + (0.5 if x.ids[0] == DATA.unlabelled.ids[0] else 0)

    made = Recorded(task(), ranking=True, vae_steps=1, kl="mean", **SHORT_VAAL)
    new_networks = type(made._trainer)._networks

    def networks(self, shape):
        vae, discriminator = new_networks(self, shape)
        vae.encoder.register_forward_hook(lambda *call: seen.append([call[1][0]]))
        vae.decoder.register_forward_hook(lambda *call: seen[-1].append(call[1][0][:, -1]))
        discriminator.register_forward_hook(lambda *call: critic.append(call[1][1][:, 0]))
        return vae, discriminator

    made._trainer._networks = networks.__get__(made._trainer)
    fitted(made, tmp_path)
    rows = {tuple(image.flatten().tolist()): row for row, image in enumerate(DATA.x.tensor().float() / 255)}
    others = {
        tuple(image.flatten().tolist()): row
        for row, image in enumerate(DATA.unlabelled.tensor().float() / 255)
    }
    pairs = [pair for pair in seen if len(pair) == 2]
    assert len(pairs) == 2 * SHORT_VAAL["steps"]
    for number, (batch, ranks) in enumerate(pairs):
        where, offset = ((rows, 0.0), (others, 0.5))[number % 2]
        expected = [where[tuple(image.flatten().tolist())] / 100 + offset for image in batch]
        assert ranks.tolist() == pytest.approx(expected)
        # the discriminator sees the same twice: in the autoencoder's step and in its own
        first = 4 * (number // 2) + number % 2
        assert torch.equal(critic[first], ranks)
        assert torch.equal(critic[first + 2], ranks)
    assert len(critic) == 4 * SHORT_VAAL["steps"]


def test_a_training_that_was_killed_starts_over_and_ends_in_the_same_weights(tmp_path, monkeypatch):
    whole, _ = fitted(short(), tmp_path / "whole")

    def dies(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "discriminator_loss", dies)
        with pytest.raises(KeyboardInterrupt):
            fitted(short(), tmp_path / "killed")
    resumed, _ = fitted(short(), tmp_path / "killed")  # its task is loaded and predicts the losses again
    assert torch.equal(probabilities(resumed), probabilities(whole))


def test_the_factory_takes_a_mean_divergence_and_one_step():
    made, plain = short(), Vaal(task(), **SHORT_VAAL)
    assert (made._trainer.config.kl, made._trainer.config.vae_steps) == ("mean", 1)
    assert (plain._trainer.config.kl, plain._trainer.config.vae_steps) == ("sum", 2)


def test_other_snapshots_of_the_fit_can_be_loaded(tmp_path):
    made, _ = fitted(short(), tmp_path)
    made.load(tmp_path, snapshot="initial")
    assert len(made.predict(DATA.unlabelled, needs=frozenset({"log_probs"}), seed=0)) == 13


def test_without_unlabelled_images_it_makes_no_steps(tmp_path):
    made = short()
    assert made.fit(DATA.x, DATA.y, DATA.x.slice(0, 0), seed=1, workdir=tmp_path)["vaal_steps"] == 0
    assert len(probabilities(made)) == 13


def test_a_learner_that_predicts_no_losses_is_refused():
    with pytest.raises(ConfigurationError, match="use objective='learning_loss'"):
        Vaal(image_learner(), ranking=True)
