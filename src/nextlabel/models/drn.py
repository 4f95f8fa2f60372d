"""The dilated residual network DRN-D-22, which gives raw class outputs for every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextlabel.models.blocks import convolution, initialise_by_fan_out, stage
from nextlabel.models.image_shape import check_sides, check_sizes, image_shape, with_channels
from nextlabel.registry import Card

__all__ = ["STRIDE", "DrnD22", "bilinear_kernel"]

CARD = Card(
    "drn_d_22",
    "DrnD22",
    cost="O(pixels * width^2); at width 16 15.9 million parameters with 19 classes",
    use_when="segmentation of large images, as on Cityscapes in the TOD papers",
    citation="Yu, Koltun, Funkhouser. Dilated Residual Networks. CVPR 2017",
)

STRIDE = 8
"""Pixels of the image per position of the last map, along each axis."""


@final
class DrnD22(nn.Module):
    """Map images to raw class outputs of each pixel, with dilation in place of ever smaller maps.

    Fisher Yu, Vladlen Koltun, Thomas Funkhouser: Dilated Residual Networks, CVPR 2017, the network DRN-D-22,
    with which Huang et al. segment Cityscapes in Semi-Supervised Active Learning with Temporal Output
    Discrepancy, ICCV 2021. With w = 16: a 7 x 7 convolution of w channels; a 3 x 3 one of w; a 3 x 3 one of 2
    w with stride 2; two residual blocks each of 4 w (stride 2), 8 w (stride 2), 16 w (dilation 2) and 32 w
    (dilation 4); 3 x 3 convolutions of 32 w with dilation 2 and 1; a 1 x 1 convolution to C classes; and a
    fixed transposed convolution, 16 x 16 with stride 8, that interpolates bilinearly back to all pixels.
    Convolutions are drawn from N(0, sqrt(2 / (k * k * outputs))), biases start at 0. At w = 16 and for colour
    images it has 15,890,499 parameters with 19 classes; the published 16.4 million are with 1,000.

    Deviation: the outputs are raw, without the final log-softmax, as in all models of this package; and the
    interpolation is a buffer that checkpoints leave out, since it follows from C.

    Args:
        input_shape: (channels, height, width) of one item, or (height, width) of grey images; height and
            width are multiples of 8. A call accepts other such sizes.
        classes: C, the number of classes of a pixel.
        width: w, channels of the first convolution; embeddings have D = 32 * width features.

    Raises:
        ConfigurationError: The images' sides are not multiples of 8, or an option is out of range.
    """

    interpolation: Tensor

    def __init__(self, input_shape: Sequence[int], classes: int, *, width: int = 16) -> None:
        super().__init__()
        channels, *_ = image_shape(input_shape, model=CARD.name, least=STRIDE, multiple=STRIDE)
        check_sizes(CARD.name, classes=classes, width=width)
        self.features = nn.Sequential(
            *convolution(channels, width, kernel=7),
            *convolution(width, width),
            *convolution(width, 2 * width, stride=2),
            stage(2 * width, 4 * width, stride=2),
            stage(4 * width, 8 * width, stride=2),
            stage(8 * width, 16 * width, dilation=2),
            stage(16 * width, 32 * width, dilation=4),
            *convolution(32 * width, 32 * width, dilation=2),
            *convolution(32 * width, 32 * width),
        )
        self.head = nn.Conv2d(32 * width, classes, 1)
        kernel = bilinear_kernel(2 * STRIDE).expand(classes, 1, -1, -1).clone()
        self.register_buffer("interpolation", kernel, persistent=False)
        initialise_by_fan_out(self)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the (B, D, height / 8, width / 8) maps before the head.

        Raises:
            DataError: The images' sides are not multiples of 8.
        """
        check_sides(x.shape, model=CARD.name, multiple=STRIDE)
        features: Tensor = self.features(with_channels(x))
        return features

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Return (B, D) means over positions if ``pre_logits``, else (B, C, height, width) raw outputs."""
        if pre_logits:
            return x.mean((2, 3))
        coarse: Tensor = self.head(x)
        weight = self.interpolation.to(coarse.dtype)
        return functional.conv_transpose2d(
            coarse, weight, stride=STRIDE, padding=STRIDE // 2, groups=coarse.shape[1]
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the (B, C, height, width) raw outputs of all pixels of a batch of images."""
        return self.forward_head(self.forward_features(x))


def bilinear_kernel(size: int) -> Tensor:
    """Return the (size, size) kernel of a transposed convolution that interpolates bilinearly.

    The interpolation is by f = size / 2: position i weighs 1 - |i - (size - 1) / 2| / f along each axis, and
    the weights that meet at one pixel sum to 1. Outside its border a map counts as 0.

    Args:
        size: An even number of pixels, twice the stride of the convolution.
    """
    weights = 1 - (torch.arange(size) - (size - 1) / 2).abs() / (size / 2)
    return torch.outer(weights, weights)
