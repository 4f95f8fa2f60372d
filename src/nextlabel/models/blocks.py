"""The blocks that several networks share, and the body of the 18-layer residual networks.

Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun: Deep Residual Learning for Image Recognition, CVPR 2016:
the block of figure 5 (left), with the projection of option B where the shape changes. Its parts have the
names that torchvision uses, so that torchvision's weights can be loaded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from nextlabel.models.image_shape import check_sizes, image_shape

__all__ = ["BasicBlock", "ResNet18", "convolution", "initialise_by_fan_out", "stage"]


def convolution(
    inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, dilation: int = 1
) -> tuple[nn.Module, ...]:
    """Return a convolution, batch norm and ReLU; with stride 1 the maps keep their size."""
    padding = dilation * (kernel // 2)
    layer = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False)  # the norm has a bias
    return layer, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions with batch norm, added to a shortcut, then ReLU.

    The shortcut is the input itself, or a 1 x 1 convolution with batch norm where channels or size change.
    The stride is that of the first convolution and of the shortcut, the dilation that of both convolutions.
    """

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Return the (B, outputs, height / stride, width / stride) maps."""
        shortcut = x if self.downsample is None else self.downsample(x)
        maps = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        return functional.relu(self.bn2(self.conv2(maps)) + shortcut, inplace=True)


def stage(inputs: int, outputs: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Return two blocks, the first of which changes channels and size."""
    first = BasicBlock(inputs, outputs, stride=stride, dilation=dilation)
    return nn.Sequential(first, BasicBlock(outputs, outputs, dilation=dilation))


def initialise_by_fan_out(module: nn.Module) -> None:
    """Draw every convolution of the module from N(0, sqrt(2 / (k * k * outputs))) for k x k kernels.

    Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun: Delving Deep into Rectifiers, ICCV 2015, equation 14.
    Biases become 0; batch norms keep torch's initial 1 and 0.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)


class ResNet18(nn.Module, ABC):
    """Four stages of two residual blocks with strides 1, 2, 2, 2, the mean over positions, a linear head.

    A subclass adds the stem, from images to the input of the first stage, and sets the class variables: its
    name for messages, the smallest side of an image, and kernel size and stride of the stem's convolution.

    Args:
        input_shape: (channels, height, width) of one item, or (height, width) of grey images.
        classes: C, the number of classes, or of regression outputs.
        width: Channels of the stem and of the first stage; the later ones have 2, 4 and 8 times as many.
        dropout: Fraction of the features before the head that are dropped in training, in [0, 1).

    Attributes:
        stage_channels: The channels of the four stages, for a loss-prediction module.
    """

    NAME: ClassVar[str]
    LEAST: ClassVar[int]
    KERNEL: ClassVar[int]
    STRIDE: ClassVar[int]

    def __init__(
        self, input_shape: Sequence[int], classes: int, *, width: int = 64, dropout: float = 0.0
    ) -> None:
        channels, *_ = image_shape(input_shape, model=self.NAME, least=self.LEAST)
        check_sizes(self.NAME, classes=classes, width=width, dropout=dropout)
        super().__init__()
        self.stage_channels = (width, 2 * width, 4 * width, 8 * width)
        self.conv1 = nn.Conv2d(channels, width, self.KERNEL, self.STRIDE, self.KERNEL // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = stage(width, width)
        self.layer2 = stage(width, 2 * width, stride=2)
        self.layer3 = stage(2 * width, 4 * width, stride=2)
        self.layer4 = stage(4 * width, 8 * width, stride=2)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(8 * width, classes)

    @abstractmethod
    def forward_stem(self, x: Tensor) -> Tensor:
        """Return the input of the first stage for a batch of images."""

    def forward_stages(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the (B, channels, height, width) maps of each of the four stages, the first stage first."""
        first = self.layer1(self.forward_stem(x))
        second = self.layer2(first)
        third = self.layer3(second)
        return first, second, third, self.layer4(third)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the (B, D, height, width) maps of the last stage."""
        return self.forward_stages(x)[-1]

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Return the (B, D) means over positions if ``pre_logits``, else the (B, C) raw outputs."""
        pooled = self.dropout(x.mean((2, 3)))  # a mean, as adaptive pooling is not reproducible on CUDA
        outputs: Tensor = pooled if pre_logits else self.fc(pooled)
        return outputs

    def forward(self, x: Tensor) -> Tensor:
        """Return the (B, C) raw outputs of a batch of images."""
        return self.forward_head(self.forward_features(x))
