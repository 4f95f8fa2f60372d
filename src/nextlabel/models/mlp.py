"""A multi-layer perceptron: flatten, hidden ReLU layers, a linear head."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from nextlabel.models.image_shape import check_sizes
from nextlabel.registry import Card

__all__ = ["Mlp"]

CARD = Card(
    "mlp",
    "Mlp",
    cost="O(input * width + layers * width^2)",
    use_when="vectors, and images of up to about 16 x 16 pixels",
)


class Mlp(nn.Module):
    """Map items of any shape to raw class outputs through hidden ReLU layers.

    Args:
        input_shape: The shape of one item, without the batch axis.
        classes: C, the number of classes, or of regression outputs.
        width: D, the units of every hidden layer.
        layers: The number of hidden layers.
        dropout: Fraction of hidden units that are dropped in training, in [0, 1).

    Attributes:
        stage_channels: The units of each hidden layer, for a loss-prediction module.

    Raises:
        ConfigurationError: A size is not positive, or the dropout is outside [0, 1).
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        classes: int,
        *,
        width: int = 128,
        layers: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_sizes(CARD.name, classes=classes, width=width, layers=layers, dropout=dropout)
        inputs, hidden = math.prod(input_shape), list[nn.Module]()
        for _ in range(layers):
            hidden += [nn.Linear(inputs, width), nn.ReLU()]
            if dropout > 0:
                hidden.append(nn.Dropout(dropout))
            inputs = width
        self.stage_channels = (width,) * layers
        self.hidden = nn.Sequential(nn.Flatten(), *hidden)
        self.head = nn.Linear(width, classes)

    def forward_stages(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the (B, D) activations of every hidden layer, the first layer first."""
        flat, *parts = self.hidden
        x, size, stages = flat(x), len(parts) // len(self.stage_channels), list[Tensor]()
        for number, part in enumerate(parts, 1):
            x = part(x)
            if number % size == 0:
                stages.append(x)
        return tuple(stages)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the (B, D) activations of the last hidden layer."""
        features: Tensor = self.hidden(x)
        return features

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Return the (B, D) embeddings themselves if ``pre_logits``, else the (B, C) raw outputs."""
        outputs: Tensor = x if pre_logits else self.head(x)
        return outputs

    def forward(self, x: Tensor) -> Tensor:
        """Return the (B, C) raw outputs of a batch of items."""
        return self.forward_head(self.forward_features(x))
