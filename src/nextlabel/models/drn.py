"""The dilated residual network DRN-D-22, which gives raw class outputs for every pixel.

Knows nothing of training, masks or ignored labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextlabel.errors import DataError
from nextlabel.models.image_shape import check_sizes, image_shape, with_channels
from nextlabel.models.residual import initialise_by_fan_out, stage
from nextlabel.registry import Card

__all__ = ["STRIDE", "DrnD22", "bilinear_kernel"]

CARD = Card(
    "drn_d_22",
    "DrnD22",
    cost="O(pixels * width^2); at width 16 15.9 million parameters with 19 classes",
    use_when="segmentation of large images, as on Cityscapes in the TOD papers",
    citation="Yu, Koltun, Funkhouser. Dilated Residual Networks. CVPR 2017",
)

NAME = "drn_d_22"

STRIDE = 8
"""Pixels of the image to one position of the last map, along each axis."""


@final
class DrnD22(nn.Module):
    """Map images to raw class outputs of each pixel, by dilation instead of ever smaller maps.

    Fisher Yu, Vladlen Koltun, Thomas Funkhouser: Dilated Residual Networks, CVPR 2017, the network DRN-D-22,
    with which Huang et al. segment Cityscapes in Semi-Supervised Active Learning with Temporal Output
    Discrepancy, ICCV 2021. With w = 16: a 7 x 7 convolution of w channels; a 3 x 3 one of w; a 3 x 3 one of 2
    w with stride 2; two residual blocks each of 4 w (stride 2), 8 w (stride 2), 16 w (dilation 2) and 32 w
    (dilation 4); 3 x 3 convolutions of 32 w with dilation 2 and 1; a 1 x 1 convolution to C classes; and a
    fixed transposed convolution, 16 x 16 with stride 8, that interpolates bilinearly back to all pixels.
    Convolutions begin at N(0, sqrt(2 / (k * k * outputs))), biases at 0. At w = 16 and for colours it has
    15,890,499 parameters with 19 classes; the published 16.4 million are those with 1,000.

    Deviation: the outputs are raw, without the final log-softmax, as in all models here; and the
    interpolation is a buffer that is in no checkpoint, since it follows from C.

    Args:
        input_shape: (channels, height, width) of one item, or (height, width) of grey images; height and
            width are multiples of 8. Other such sizes can be given to a call.
        classes: C, the number of classes of a pixel.
        width: Channels of the first convolution; embeddings have D = 32 * width features.

    Raises:
        ConfigurationError: The input is not an image whose sides are multiples of 8, or an option is out of
            range.
    """

    interpolation: Tensor

    def __init__(self, input_shape: Sequence[int], classes: int, *, width: int = 16) -> None:
        super().__init__()
        channels, *_ = image_shape(input_shape, model=NAME, least=STRIDE, multiple=STRIDE)
        check_sizes(model=NAME, classes=classes, width=width)
        self.features = nn.Sequential(
            *_convolution(channels, width, kernel=7),
            *_convolution(width, width),
            *_convolution(width, 2 * width, stride=2),
            stage(2 * width, 4 * width, stride=2),
            stage(4 * width, 8 * width, stride=2),
            stage(8 * width, 16 * width, dilation=2),
            stage(16 * width, 32 * width, dilation=4),
            *_convolution(32 * width, 32 * width, dilation=2),
            *_convolution(32 * width, 32 * width),
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
        if any(side % STRIDE for side in x.shape[-2:]):
            raise DataError(
                f"the model '{NAME}' needs height and width to be multiples of {STRIDE}, but got a batch of "
                f"shape {tuple(x.shape)}; crop or pad them"
            )
        features: Tensor = self.features(with_channels(x))
        return features

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Return (B, D) means over positions if ``pre_logits``, else (B, C, height, width) raw outputs.

        Args:
            x: (B, D, height / 8, width / 8) maps of :meth:`forward_features`.
            pre_logits: Whether to give embeddings of whole images instead of outputs of pixels.
        """
        if pre_logits:
            return x.mean((2, 3))
        coarse: Tensor = self.head(x)
        return functional.conv_transpose2d(
            coarse,
            self.interpolation.to(coarse.dtype),
            stride=STRIDE,
            padding=STRIDE // 2,
            groups=coarse.shape[1],
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the (B, C, height, width) raw outputs of all pixels of a batch of images."""
        return self.forward_head(self.forward_features(x))


def bilinear_kernel(size: int) -> Tensor:
    """Return the (size, size) kernel of a transposed convolution that interpolates bilinearly.

    The interpolation is by f = size / 2: position i weighs 1 - |i - (size - 1) / 2| / f along each axis, and
    the weights that meet at one pixel sum to 1. At the border the maps count as 0 outside.

    Args:
        size: An even number of pixels, twice the stride of the convolution.
    """
    weights = 1 - (torch.arange(size) - (size - 1) / 2).abs() / (size / 2)
    return torch.outer(weights, weights)


def _convolution(
    inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, dilation: int = 1
) -> tuple[nn.Module, ...]:
    padding = dilation * (kernel // 2)
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False)
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
