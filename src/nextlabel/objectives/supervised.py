"""Losses on the labelled items alone: cross-entropy and squared error. Unlabelled items are ignored."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from nextlabel.errors import ConfigurationError, ContractError
from nextlabel.registry import Card
from nextlabel.types import Forward, Losses, Network, Objective

__all__ = ["SquaredError", "Supervised", "at_least_float32"]

CARDS = (
    Card(
        "supervised",
        "Supervised",
        needs=("labelled",),
        cost="1 forward and backward pass of the labelled batch",
        use_when="classification from the labelled items alone; the default",
    ),
    Card(
        "squared_error",
        "SquaredError",
        needs=("labelled",),
        cost="1 forward and backward pass of the labelled batch",
        use_when="regression from the labelled items alone",
    ),
)


def at_least_float32(outputs: Tensor) -> Tensor:
    """Return half-precision outputs as float32 and others unchanged: losses are never summed in half."""
    return outputs.to(torch.promote_types(outputs.dtype, torch.float32))


class Supervised(Objective):
    """Mean cross-entropy of the labelled batch, in nats.

    Args:
        label_smoothing: Fraction of every label's mass that is spread over all classes, in [0, 1).

    Raises:
        ConfigurationError: ``label_smoothing`` is outside [0, 1).
    """

    task = "classification"
    uses_embeddings = False

    def __init__(self, *, label_smoothing: float = 0.0) -> None:
        super().__init__()
        if not 0.0 <= label_smoothing < 1.0:
            raise ConfigurationError(f"label_smoothing must be in [0, 1), but is {label_smoothing}")
        self.label_smoothing = label_smoothing

    def forward(
        self, model: Network, x: Tensor, y: Tensor, unlabelled: Tensor | None, *, step: int
    ) -> Losses:
        """Return the part ``supervised``, a scalar in nats.

        Args:
            model: The network in training.
            x: (B, ...) labelled inputs.
            y: (B,) class indices.
            unlabelled: Ignored.
            step: Ignored.
        """
        outputs = at_least_float32(model(x).outputs)
        return Losses(
            {"supervised": functional.cross_entropy(outputs, y, label_smoothing=self.label_smoothing)}
        )


class SquaredError(Objective):
    """Mean squared error of the labelled batch, in squared units of the target."""

    task = "regression"
    uses_embeddings = False

    def bind(self, model: Network, example: Forward) -> None:
        """Check that the model gives one number per item, as a regression label is one number.

        Raises:
            ContractError: It gives more.
        """
        if example.outputs.shape[1] != 1:
            raise ContractError(
                "the objective 'squared_error' needs a model with one output per item, but the model has "
                f"{example.outputs.shape[1]}; end it with a layer of one unit"
            )

    def forward(
        self, model: Network, x: Tensor, y: Tensor, unlabelled: Tensor | None, *, step: int
    ) -> Losses:
        """Return the part ``squared_error``, a scalar.

        Args:
            model: The network in training.
            x: (B, ...) labelled inputs.
            y: (B,) target values.
            unlabelled: Ignored.
            step: Ignored.
        """
        outputs = at_least_float32(model(x).outputs)
        return Losses({"squared_error": functional.mse_loss(outputs[:, 0], y.to(outputs.dtype))})
