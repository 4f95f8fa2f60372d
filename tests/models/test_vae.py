"""VAAL's networks: the published sizes, other sizes, their start, and what they refuse."""

from __future__ import annotations

import pytest
import torch
from model_cases import parameters

from nextlabel.errors import ConfigurationError
from nextlabel.models.vae import ConvolutionalVae, Discriminator


def test_for_32_pixels_the_vae_has_the_published_parameters():
    with torch.device("meta"):
        vae, discriminator = ConvolutionalVae((3, 32, 32)), Discriminator()
    convolutions = 16 * (3 * 128 + 2 * (128 * 256 + 256 * 512 + 512 * 1024)) + (128 * 3 + 3)
    norms = 2 * (128 + 256 + 512 + 1024) + 2 * (512 + 256 + 128)
    latent, unfolded = 2 * (1024 * 4 * 32 + 32), 32 * 1024 * 16 + 1024 * 16
    assert parameters(vae) == convolutions + norms + latent + unfolded == 22_835_139
    assert parameters(discriminator) == 33 * 512 + 513 * 512 + 513 == 280_065


def test_with_a_predicted_loss_next_to_the_latent_point_they_have_ta_vaals_parameters():
    with torch.device("meta"):
        vae, discriminator = ConvolutionalVae((3, 32, 32), conditions=1), Discriminator(conditions=1)
    assert parameters(vae) == 22_835_139 + 1024 * 16  # the decoder's input is 33 wide
    assert parameters(discriminator) == 280_065 + 512  # and so is the discriminator's


@pytest.mark.parametrize(
    ("shape", "halvings"),
    [((1, 8, 8), 2), ((8, 9), 2), ((1, 28, 28), 3), ((3, 32, 32), 4), ((3, 17, 40), 3), ((3, 224, 224), 6)],
)
def test_images_of_any_size_are_decoded_at_their_size_and_halved_to_2_or_3_pixels(shape, halvings):
    vae = ConvolutionalVae(shape, latent=5, width=2)
    x = torch.rand(3, *shape)
    mean, log_variance = vae.encode(x)
    assert mean.shape == log_variance.shape == (3, 5)
    channels = shape[0] if len(shape) == 3 else 1
    assert vae.decode(mean).shape == (3, channels, *shape[-2:])
    convolutions = [layer for layer in vae.encoder if isinstance(layer, torch.nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [2, 4, 8, 16, 16, 16][:halvings]
    maps = vae.encoder[:-1](x if x.ndim == 4 else x.unsqueeze(1))
    assert min(maps.shape[-2:]) in (2, 3)


def test_a_condition_is_given_to_decoder_and_discriminator():
    vae, discriminator = (
        ConvolutionalVae((8, 8), latent=4, width=2, conditions=1),
        Discriminator(4, conditions=1),
    )
    vae.eval()
    latent, low, high = torch.zeros(2, 4), torch.zeros(2, 1), torch.ones(2, 1)
    assert not torch.equal(vae.decode(latent, low), vae.decode(latent, high))
    assert not torch.equal(discriminator(latent, low), discriminator(latent, high))
    assert discriminator(latent, low).shape == (2,)


def test_convolutions_start_kaiming_normal_and_latent_layers_as_torch_has_them():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vae = ConvolutionalVae((3, 16, 16), width=64)
    second = vae.encoder[3].weight
    assert second.std().item() == pytest.approx((2 / (64 * 16)) ** 0.5, rel=0.03)
    bound = vae.mean.in_features**-0.5
    assert bound * 0.95 < vae.mean.weight.abs().max().item() <= bound
    assert not vae.decoder[0].bias.any()


@pytest.mark.parametrize("shape", [(3,), (3, 7, 32), (2, 3, 32, 32)])
def test_items_that_are_no_images_of_8_pixels_are_refused(shape):
    with pytest.raises(ConfigurationError, match="at least 8 x 8 pixels"):
        ConvolutionalVae(shape)


def test_sizes_out_of_range_are_refused():
    with pytest.raises(ConfigurationError, match=r"'latent' of model 'vae' .*got 0"):
        ConvolutionalVae((8, 8), latent=0)
    with pytest.raises(ConfigurationError, match=r"'units' of model 'vaal discriminator' .*got 0"):
        Discriminator(units=0)
