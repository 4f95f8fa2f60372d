"""A small fully convolutional network with outputs for every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import final

from torch import Tensor, nn
from torch.nn import functional

from nextlabel.models.blocks import convolution
from nextlabel.models.image_shape import check_sides, check_sizes, image_shape, with_channels
from nextlabel.registry import Card

__all__ = ["STRIDE", "SmallFcn"]

CARD = Card(
    "small_fcn",
    "SmallFcn",
    cost="O(pixels * width^2); at width 32 some 240,000 parameters",
    use_when="segmentation of images of about 128 x 128 pixels on a CPU",
    citation="Long, Shelhamer, Darrell. Fully Convolutional Networks for Semantic Segmentation. CVPR 2015",
)

STRIDE = 4
"""Pixels of the image per position of the last map, along each axis."""


@final
class SmallFcn(nn.Module):
    """Map images to raw class outputs of each pixel: an encoder of stride 4, a skip to its first stage.

    A network for CPU studies and tests, in the manner of Jonathan Long, Evan Shelhamer, Trevor Darrell: Fully
    Convolutional Networks for Semantic Segmentation, CVPR 2015, not a published one. 3 x 3 convolutions with
    batch norm and ReLU: one of w channels with stride 2, one of 2 w with stride 2, two of 4 w with dilation 1
    and 2. 1 x 1 convolutions of the last maps and of the first stage give C classes each; the former are
    interpolated bilinearly by 2 and added to the latter, and the sum is interpolated by 2.

    Args:
        input_shape: (channels, height, width) of one item, or (height, width) of grey images; height and
            width are multiples of 4. A call accepts other such sizes.
        classes: C, the number of classes of a pixel.
        width: w, channels of the first convolution; embeddings have D = 4 * width features.

    Raises:
        ConfigurationError: The images' sides are not multiples of 4, or an option is out of range.
    """

    def __init__(self, input_shape: Sequence[int], classes: int, *, width: int = 32) -> None:
        super().__init__()
        channels, *_ = image_shape(input_shape, model=CARD.name, least=STRIDE, multiple=STRIDE)
        check_sizes(CARD.name, classes=classes, width=width)
        self.first = nn.Sequential(*convolution(channels, width, stride=2))
        self.rest = nn.Sequential(
            *convolution(width, 2 * width, stride=2),
            *convolution(2 * width, 4 * width),
            *convolution(4 * width, 4 * width, dilation=2),
        )
        self.skip = nn.Conv2d(width, classes, 1)
        self.head = nn.Conv2d(4 * width, classes, 1)

    def forward_features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the maps of the first stage and the last, at a half and a quarter of the image's sides.

        Raises:
            DataError: The images' sides are not multiples of 4.
        """
        check_sides(x.shape, model=CARD.name, multiple=STRIDE)
        first = self.first(with_channels(x))
        return first, self.rest(first)

    def forward_head(self, x: tuple[Tensor, Tensor], pre_logits: bool = False) -> Tensor:
        """Return (B, D) means over positions if ``pre_logits``, else (B, C, height, width) raw outputs."""
        first, last = x
        if pre_logits:
            return last.mean((2, 3))
        double = partial(functional.interpolate, scale_factor=2, mode="bilinear", align_corners=False)
        return double(self.skip(first) + double(self.head(last)))

    def forward(self, x: Tensor) -> Tensor:
        """Return the (B, C, height, width) raw outputs of all pixels of a batch of images."""
        return self.forward_head(self.forward_features(x))
