"""The ResNet-18 for images of about 32 x 32 pixels, as the TOD papers train it on CIFAR and SVHN."""

from __future__ import annotations

from typing import final

from torch import Tensor
from torch.nn import functional

from nextlabel.models.blocks import ResNet18
from nextlabel.models.image_shape import with_channels
from nextlabel.registry import Card

__all__ = ["CifarResNet18"]

CARD = Card(
    "cifar_resnet18",
    "CifarResNet18",
    cost="O(pixels * width^2); at width 64 11.2 million parameters",
    use_when="images of about 32 x 32 pixels, as in the TOD papers",
    citation="He, Zhang, Ren, Sun. Deep Residual Learning for Image Recognition. CVPR 2016",
)


@final
class CifarResNet18(ResNet18):
    """Map small images to raw class outputs: a 3 x 3 stem without pooling, four stages, linear head.

    Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun: Deep Residual Learning for Image Recognition, CVPR
    2016, in the usual variant for small images, which Siyu Huang, Tianyang Wang, Haoyi Xiong, Jun Huan,
    Dejing Dou: Semi-Supervised Active Learning with Temporal Output Discrepancy, ICCV 2021, train.
    For colour images and 10 classes it has 11,173,962 parameters at width 64; with the second head that the
    objective ``tod`` adds in its form ``code``, 11,179,092. Weights start as torch draws them.

    Deviation from the latter: the mean over positions covers the whole map, where the released code pools
    4 x 4; at 32 x 32 pixels the map is 4 x 4 and the two agree.

    Args:
        input_shape: (channels, height, width) of one item, or (height, width) of grey images.
        classes: C, the number of classes, or of regression outputs.
        width: Channels of the stem; embeddings have D = 8 * width features.
        dropout: Fraction of the features before the head that are dropped in training, in [0, 1); 0 in the
            papers.

    Raises:
        ConfigurationError: The input is not an image of at least 8 x 8 pixels, or an option is out of range.
    """

    NAME, LEAST, KERNEL, STRIDE = CARD.name, 8, 3, 1

    def forward_stem(self, x: Tensor) -> Tensor:
        """Return the maps of the stem, as high and wide as the images."""
        return functional.relu(self.bn1(self.conv1(with_channels(x))), inplace=True)
