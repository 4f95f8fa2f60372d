"""The module that predicts the loss of an item from a network's stages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextlabel.errors import ContractError
from nextlabel.models.image_shape import check_sizes

__all__ = ["LossPrediction", "Pooling"]

Pooling: TypeAlias = Literal["mean", "corner"]

CORNER = 32
"""Pixels of the first stage's pool in the released code of the TOD papers; each later stage has half."""


@final
class LossPrediction(nn.Module):
    """Predict one loss per item: every stage's mean over positions, a hidden layer each, one linear layer.

    Donggeun Yoo, In So Kweon: Learning Loss for Active Learning, CVPR 2019, section 3.2, figure 2: mean over
    positions, linear layer of 128 units and ReLU for each stage, then one linear layer over all of them.

    As in the paper the mean is over the whole map, whatever its size. With ``pooling="corner"`` it is over
    the upper left 32, 16, 8, 4, ... pixels of the first, second, ... stage, as in the released code of Huang
    et al.: Semi-Supervised Active Learning with Temporal Output Discrepancy, ICCV 2021: the whole maps of
    32 x 32 images, but a corner of larger ones.

    Args:
        stage_channels: The channels of each stage, the first stage first, e.g. (64, 128, 256, 512).
        units: Units of each hidden layer.
        pooling: ``"mean"`` or ``"corner"``.

    Raises:
        ConfigurationError: There is no stage, or a size is not positive.
    """

    def __init__(self, stage_channels: Sequence[int], *, units: int = 128, pooling: Pooling = "mean") -> None:
        super().__init__()
        channels = min(stage_channels, default=0)
        check_sizes("loss prediction", stages=len(stage_channels), channels=channels, units=units)
        self.pooling = pooling
        self.hidden = nn.ModuleList(nn.Linear(channels, units) for channels in stage_channels)
        self.head = nn.Linear(units * len(stage_channels), 1)

    def forward(self, stages: Sequence[Tensor]) -> Tensor:
        """Return (B,) predicted losses, of which only the order is meaningful.

        Args:
            stages: For each stage its (B, channels, height, width) maps, as ``forward_stages`` gives them, or
                (B, channels) features of a stage without positions.

        Raises:
            ContractError: Their number or channels differ from those that the module was made for.
        """
        shapes = [tuple(maps.shape) for maps in stages]
        expected = [layer.in_features for layer in self.hidden]  # ModuleList of nn.Linear
        if [shape[1] if len(shape) in (2, 4) else None for shape in shapes] != expected:
            raise ContractError(
                f"stages for the loss prediction must be (B, channels, height, width) or (B, channels) with "
                f"{expected} channels, got shapes {shapes}; create it with the model's stage_channels"
            )
        means = [self._pooled(maps, number) for number, maps in enumerate(stages)]
        hidden = [functional.relu(layer(mean)) for layer, mean in zip(self.hidden, means, strict=True)]
        losses: Tensor = self.head(torch.cat(hidden, 1))
        return losses.squeeze(1)

    def _pooled(self, maps: Tensor, stage: int) -> Tensor:
        """Return the (B, channels) means over positions of a stage, numbered from 0."""
        if maps.ndim != 4:
            return maps
        if self.pooling == "corner":
            side = max(CORNER >> stage, 1)
            maps = maps[:, :, :side, :side]
        return maps.mean((2, 3))
