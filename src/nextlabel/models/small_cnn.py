"""A small convolutional network for small images."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from nextlabel.models.blocks import convolution
from nextlabel.models.image_shape import check_sizes, image_shape, with_channels
from nextlabel.registry import Card

__all__ = ["SmallCnn"]

CARD = Card(
    "small_cnn",
    "SmallCnn",
    cost="O(pixels * width^2)",
    use_when="images of 8 x 8 to about 64 x 64 pixels",
)


class SmallCnn(nn.Module):
    """Map small images to raw class outputs: three 3 x 3 convolutions, mean over positions, linear head.

    Each convolution is followed by batch normalisation and ReLU, the first two by 2 x 2 max pooling; they
    have ``width``, twice and four times as many channels.

    Args:
        input_shape: (channels, height, width) of one item, or (height, width) of grey images.
        classes: C, the number of classes, or of regression outputs.
        width: Channels of the first convolution; embeddings have D = 4 * width features.
        dropout: Fraction of embedding features that are dropped in training, in [0, 1).

    Attributes:
        stage_channels: The channels of the three convolutions, for a loss-prediction module.

    Raises:
        ConfigurationError: The input is not an image of at least 4 x 4 pixels, or an option is out of range.
    """

    def __init__(
        self, input_shape: Sequence[int], classes: int, *, width: int = 16, dropout: float = 0.0
    ) -> None:
        super().__init__()
        channels, *_ = image_shape(input_shape, model=CARD.name, least=4)
        check_sizes(CARD.name, classes=classes, width=width, dropout=dropout)
        self.stage_channels = (width, 2 * width, 4 * width)
        self.features = nn.Sequential(
            *convolution(channels, width),
            nn.MaxPool2d(2),
            *convolution(width, 2 * width),
            nn.MaxPool2d(2),
            *convolution(2 * width, 4 * width),
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(4 * width, classes)

    def forward_stages(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the (B, channels, height, width) maps of each convolution, before any pooling."""
        x, stages = with_channels(x), list[Tensor]()
        for part in self.features:
            x = part(x)
            if isinstance(part, nn.ReLU):
                stages.append(x)
        return tuple(stages)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the (B, D, height / 4, width / 4) maps of the last convolution."""
        features: Tensor = self.features(with_channels(x))
        return features

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Return the (B, D) means over positions if ``pre_logits``, else the (B, C) raw outputs."""
        pooled: Tensor = self.dropout(x.mean((2, 3)))  # adaptive pooling is not reproducible on CUDA
        return pooled if pre_logits else self.head(pooled)

    def forward(self, x: Tensor) -> Tensor:
        """Return the (B, C) raw outputs of a batch of images."""
        return self.forward_head(self.forward_features(x))
