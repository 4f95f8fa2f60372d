"""The variational autoencoder and the discriminator of VAAL."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import final

import torch
from torch import Tensor, nn

from nextlabel.models.image_shape import check_sizes, image_shape, with_channels

__all__ = ["ConvolutionalVae", "Discriminator"]

LEAST_PIXELS = 8
"""Height and width of the smallest images, which two halvings reduce to 2 x 2."""


@final
class ConvolutionalVae(nn.Module):
    """Encode images as Gaussians in a latent space, and decode latent points.

    Samarth Sinha, Sayna Ebrahimi, Trevor Darrell: Variational Adversarial Active Learning, ICCV 2019, with
    the sizes of the authors' released code for images of 32 x 32: convolutions of 4 x 4 pixels with stride
    2, batch norm and ReLU, of 128, 256, 512 and 1,024 channels; a linear layer each for mean and
    log-variance; a linear layer to 1,024 maps of 4 x 4, transposed convolutions of 4 x 4 pixels with stride
    2 to 512, 256 and 128 channels, and a transposed convolution of one pixel to the image, without a final
    nonlinearity. The convolutions and the decoder's linear layer start Kaiming-normal with bias 0; the latent
    layers and the transposed convolutions as in torch, since the released initialisation does not reach them.

    Deviation: the released sizes fit 32 x 32 only. Here an image is halved until its shorter side is 2 or 3
    pixels, floor(log2 side) - 1 times, and upsampled once less, from the smallest maps that give at least the
    image's size, to which the result is cropped; channels stop at eight times the first width.

    Args:
        input_shape: (channels, height, width) of one image, or (height, width) of grey ones; 8 x 8 or more.
        latent: Z, the dimensions of the latent space.
        width: Channels of the first convolution.
        conditions: Numbers that the decoder is given next to the latent point; 1 in TA-VAAL.

    Raises:
        ConfigurationError: The items are not images, or too small, or a size is out of range.
    """

    def __init__(
        self, input_shape: Sequence[int], *, latent: int = 32, width: int = 128, conditions: int = 0
    ) -> None:
        super().__init__()
        channels, self.height, self.width = image_shape(input_shape, model="vae", least=LEAST_PIXELS)
        check_sizes("vae", latent=latent, width=width)
        halvings = math.floor(math.log2(min(self.height, self.width))) - 1
        widths = [width * 2 ** min(stage, 3) for stage in range(halvings)]
        self.encoder = nn.Sequential(
            *(part for pair in pairwise([channels, *widths]) for part in _block(nn.Conv2d, *pair)),
            nn.Flatten(),
        )
        features = widths[-1] * (self.height >> halvings) * (self.width >> halvings)
        self.mean, self.log_variance = nn.Linear(features, latent), nn.Linear(features, latent)
        scale = 2 ** (halvings - 1)
        maps = widths[-1], math.ceil(self.height / scale), math.ceil(self.width / scale)
        self.decoder = nn.Sequential(
            nn.Linear(latent + conditions, math.prod(maps)),
            nn.Unflatten(1, maps),
            *(part for pair in pairwise(widths[::-1]) for part in _block(nn.ConvTranspose2d, *pair)),
            nn.ConvTranspose2d(widths[0], channels, 1),
        )
        _kaiming_normal((*self.encoder, *self.decoder))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the (B, Z) means and (B, Z) log-variances of a batch of images."""
        features = self.encoder(with_channels(x))
        return self.mean(features), self.log_variance(features)

    def decode(self, latent: Tensor, conditions: Tensor | None = None) -> Tensor:
        """Return the (B, channels, height, width) images of (B, Z) points and their (B, conditions)."""
        maps: Tensor = self.decoder(latent if conditions is None else torch.cat((latent, conditions), 1))
        return maps[:, :, : self.height, : self.width]


@final
class Discriminator(nn.Module):
    """Predict from a latent point whether its image is labelled: (B, Z) to (B,) log-odds.

    Three linear layers, ReLU after the first two, as in Sinha, Ebrahimi, Darrell, ICCV 2019; the sigmoid is
    part of the loss. Weights start Kaiming-normal and biases at 0, as in the authors' code.

    Args:
        latent: Z, the dimensions of the latent space.
        units: Units of each hidden layer.
        conditions: Numbers next to the latent point; 1 in TA-VAAL.

    Raises:
        ConfigurationError: A size is out of range.
    """

    def __init__(self, latent: int = 32, *, units: int = 512, conditions: int = 0) -> None:
        super().__init__()
        check_sizes("vaal discriminator", latent=latent, units=units)
        self.layers = nn.Sequential(
            nn.Linear(latent + conditions, units),
            nn.ReLU(),
            nn.Linear(units, units),
            nn.ReLU(),
            nn.Linear(units, 1),
        )
        _kaiming_normal(self.layers)

    def forward(self, latent: Tensor, conditions: Tensor | None = None) -> Tensor:
        """Return (B,) log-odds of being labelled, of (B, Z) points and their (B, conditions)."""
        odds: Tensor = self.layers(latent if conditions is None else torch.cat((latent, conditions), 1))
        return odds.squeeze(1)


def _block(
    layer: type[nn.Conv2d] | type[nn.ConvTranspose2d], inputs: int, outputs: int
) -> tuple[nn.Module, ...]:
    return layer(inputs, outputs, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()


def _kaiming_normal(layers: Iterable[nn.Module]) -> None:
    for layer in layers:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
