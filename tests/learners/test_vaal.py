"""VAAL: conformance, the task learner untouched, the steps of the paper, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy

from image_cases import SHORT_VAAL, image_data, image_learner, images
from learner_cases import same_bits, state
from nextlabel.errors import ConfigurationError, ContractError, DataError, UnknownNameError
from nextlabel.learners.vaal import Vaal
from nextlabel.models.vae import ConvolutionalVae, Discriminator
from nextlabel.pool import Pool
from nextlabel.seeds import derive
from nextlabel.testing.learners import LEARNER_CHECKS
from nextlabel.training import vaal as trainer
from nextlabel.training.batches import Order
from nextlabel.training.device import isolated_rng
from nextlabel.training.vaal import VaalConfig
from nextlabel.types import Learner, Restorable

OWN = "extra:labelled_probability"
DATA = image_data(frozenset({"log_probs", OWN}))


def vaal(**options):
    return Vaal(image_learner(), **{**SHORT_VAAL, **options})


def fitted(made, folder):
    folder.mkdir(parents=True, exist_ok=True)
    metrics = made.fit(DATA.x, DATA.y, DATA.unlabelled, seed=1, workdir=folder)
    return made, metrics


def probabilities(made, pool=DATA.unlabelled):
    return made.predict(pool, needs=frozenset({OWN}), seed=0).extra["labelled_probability"]


@pytest.mark.parametrize("check", LEARNER_CHECKS, ids=lambda check: check.__name__)
def test_keeps_every_promise_of_a_learner(check, tmp_path):
    check(vaal, tmp_path, DATA)


def test_is_a_learner_that_can_be_restored():
    assert isinstance(vaal(), Learner)
    assert isinstance(vaal(), Restorable)


def test_the_task_learner_ends_bit_for_bit_as_it_does_alone(tmp_path):
    _, alone = fitted(image_learner(), tmp_path / "alone")
    made, metrics = fitted(vaal(), tmp_path / "wrapped")
    assert same_bits(state(tmp_path / "alone"), state(tmp_path / "wrapped"))
    assert alone.items() <= metrics.items()
    assert made.warm_start == made.main.warm_start


def naive_training(config, seed, x, unlabelled):
    """Train step by step, with the losses as the paper's code writes them."""
    with isolated_rng(derive(seed, "vaal", "weights")):
        vae = ConvolutionalVae((1, 8, 8), latent=config.latent, width=config.width)
        critic = Discriminator(config.latent, units=config.units)
    of_vae, of_critic = (torch.optim.Adam(net.parameters(), lr=config.lr) for net in (vae, critic))
    orders = [
        Order(len(pool), config.batch_size, seed=seed, purpose=purpose, whole=False)
        for pool, purpose in ((x, "vaal-labelled"), (unlabelled, "vaal-unlabelled"))
    ]

    def batch(which, number):
        at, start, stop = orders[which].locate(number)
        return (x, unlabelled)[which].tensor()[orders[which].permutation(at)[start:stop]].float() / 255

    for step in range(config.steps):
        noise = torch.Generator().manual_seed(derive(seed, "vaal", "step", step))
        for inner in range(config.vae_steps):
            loss = 0
            for which in (0, 1):
                images = batch(which, step * config.vae_steps + inner)
                mean, log_variance = vae.encode(images)
                drawn = mean + torch.randn(mean.shape, generator=noise) * log_variance.exp().sqrt()
                loss = loss + ((vae.decode(drawn) - images) ** 2).mean()
                loss = loss + config.beta * -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum()
                believed = critic(mean).sigmoid()
                loss = loss + config.adversarial * binary_cross_entropy(believed, torch.ones_like(believed))
            of_vae.zero_grad()
            loss.backward()
            of_vae.step()
        loss = 0
        for which in (0, 1):
            with torch.no_grad():
                mean, _ = vae.encode(batch(which, (step + 1) * config.vae_steps - 1))
            believed = critic(mean).sigmoid()
            truth = torch.ones_like(believed) if which == 0 else torch.zeros_like(believed)
            loss = loss + binary_cross_entropy(believed, truth)
        of_critic.zero_grad()
        loss.backward()
        of_critic.step()
    return vae.eval(), critic.eval()


@pytest.mark.parametrize("vae_steps", [1, 2])
def test_the_training_is_that_of_the_paper_step_by_step(vae_steps, tmp_path):
    options = {**SHORT_VAAL, "vae_steps": vae_steps, "beta": 0.5, "adversarial": 2.0}
    made, _ = fitted(Vaal(image_learner(), **options), tmp_path)
    vae, critic = naive_training(VaalConfig(**options), 1, DATA.x, DATA.unlabelled)
    with torch.no_grad():
        expected = critic(vae.encode(DATA.unlabelled.tensor().float() / 255)[0]).sigmoid()
    torch.testing.assert_close(probabilities(made), expected, atol=1e-5, rtol=1e-4)


def test_the_discriminator_learns_to_separate_images_that_differ(tmp_path):
    shades = torch.randint(0, 256, (2, 16, 1, 1, 8), dtype=torch.uint8, generator=torch.Generator())
    bars, rungs = shades[0].expand(16, 1, 8, 8), shades[1].expand(16, 1, 8, 8).mT
    x, others = (
        Pool(data, [f"{name}-{row}" for row in range(16)])
        for name, data in (("bars", bars), ("rungs", rungs))
    )
    options = {"steps": 100, "vae_steps": 1, "lr": 0.01, "latent": 4, "width": 4, "units": 32}
    made = Vaal(image_learner(), batch_size=16, beta=0.0, adversarial=0.0, **options)
    made.fit(x, torch.arange(16) % 3, others, seed=1, workdir=tmp_path)
    assert probabilities(made, x).mean() > 0.8
    assert probabilities(made, others).mean() < 0.2


def test_a_training_that_was_killed_starts_over_and_ends_in_the_same_weights(tmp_path, monkeypatch):
    whole, _ = fitted(vaal(), tmp_path / "whole")

    def dies(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "discriminator_loss", dies)
        with pytest.raises(KeyboardInterrupt):
            fitted(vaal(), tmp_path / "killed")
    assert not (tmp_path / "killed" / trainer.STATE).exists()
    resumed, _ = fitted(vaal(), tmp_path / "killed")
    assert torch.equal(probabilities(resumed), probabilities(whole))


def test_a_finished_training_is_loaded_and_one_with_other_options_refused(tmp_path):
    _, first = fitted(vaal(), tmp_path)
    _, again = fitted(vaal(), tmp_path)
    assert first == again
    with pytest.raises(DataError, match=r"beta=2\.0"):
        fitted(vaal(beta=2.0), tmp_path)
    with pytest.raises(ConfigurationError, match="another shape"):
        vaal(latent=4).load(tmp_path)


def test_progress_counts_both_trainings_together(tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "PROGRESS_SECONDS", 0)
    made, calls = vaal(), []
    made.progress = lambda _, done, total: calls.append((done, total))
    fitted(made, tmp_path)
    assert calls[-5:] == [(done, 6) for done in (2, 3, 4, 5, 6)]


def test_other_snapshots_of_the_fit_can_be_loaded(tmp_path):
    made, _ = fitted(vaal(), tmp_path)
    end = made.predict(DATA.unlabelled, needs=DATA.needs, seed=0)
    made.load(tmp_path, snapshot="initial")
    initial = made.predict(DATA.unlabelled, needs=DATA.needs, seed=0)
    assert not torch.equal(end.log_probs, initial.log_probs)
    assert torch.equal(end.extra["labelled_probability"], initial.extra["labelled_probability"])


class Listed:
    """A data set of images one by one, as arrays."""

    def __init__(self, pool):
        self.items = list(pool.tensor().numpy())

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


def test_images_loaded_one_by_one_give_the_same_weights(tmp_path):
    resident, _ = fitted(vaal(), tmp_path / "resident")
    streamed = vaal()
    (tmp_path / "streamed").mkdir()
    x, others = (Pool(Listed(pool), pool.ids) for pool in (DATA.x, DATA.unlabelled))
    streamed.fit(x, DATA.y, others, seed=1, workdir=tmp_path / "streamed")
    torch.testing.assert_close(probabilities(streamed), probabilities(resident))


def test_without_unlabelled_images_it_makes_no_steps(tmp_path):
    made = vaal()
    metrics = made.fit(DATA.x, DATA.y, DATA.x.slice(0, 0), seed=1, workdir=tmp_path)
    assert metrics["vaal_steps"] == 0
    assert len(probabilities(made, DATA.x)) == len(DATA.x)


def test_steps_follow_from_epochs_over_all_images():
    assert VaalConfig(epochs=100).total(5000, 45_000) == 39_062  # the released code's count for CIFAR-10
    assert VaalConfig(epochs=1).total(3, 5) == 1
    assert VaalConfig(steps=7).total(5000, 45_000) == 7


def test_pools_without_images_are_refused_before_any_training(tmp_path):
    points = Pool(np.zeros((6, 5), dtype=np.float32), [str(row) for row in range(6)])
    with pytest.raises(DataError, match=r"VAAL, got shape \(5,\) for item '0'; choose a strategy"):
        vaal().fit(points, torch.arange(6) % 3, points.slice(0, 0), seed=1, workdir=tmp_path)
    small, labels = images(6, (1, 8, 7))
    with pytest.raises(DataError, match="at least 8 x 8 pixels"):
        vaal().fit(small, labels, small.slice(0, 0), seed=1, workdir=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options", [{"epochs": 0}, {"steps": 0}, {"lr": 0}, {"beta": -1}, {"vae_steps": 0}, {"width": 0}]
)
def test_options_out_of_range_are_refused(options):
    [(name, value)] = options.items()
    with pytest.raises(
        ConfigurationError, match=f"^option '{name}' of wrapper 'vaal' must be in .*, got {value}$"
    ):
        vaal(**options)


def test_an_unknown_kind_of_divergence_is_refused():
    with pytest.raises(UnknownNameError, match="'som'"):
        vaal(kl="som")


def test_predicting_needs_a_training_and_items(tmp_path):
    with pytest.raises(ContractError, match="call fit or load first"):
        probabilities(vaal())
    made, _ = fitted(vaal(), tmp_path)
    with pytest.raises(DataError, match="the pool is empty"):
        probabilities(made, DATA.x.slice(0, 0))


def test_diverging_losses_are_refused(tmp_path):
    with pytest.raises(ContractError, match="training loss must be finite"):
        fitted(vaal(lr=1e30, steps=3), tmp_path)
