"""Losses on the labelled items alone: cross-entropy and squared error. Unlabelled items are ignored."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from nextlabel.errors import ContractError
from nextlabel.parts import check_ranges
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
    """

    task = "classification"
    uses_embeddings = False

    def __init__(self, *, label_smoothing: float = 0.0) -> None:
        super().__init__()
        check_ranges("objective 'supervised'", label_smoothing=(label_smoothing, "[0, 1)"))
        self.label_smoothing = label_smoothing

    def forward(
        self, model: Network, x: Tensor, y: Tensor, unlabelled: Tensor | None, *, step: int
    ) -> Losses:
        """Return the part ``supervised``, in nats."""
        outputs = at_least_float32(model(x).outputs)
        entropy = functional.cross_entropy(outputs, y, label_smoothing=self.label_smoothing)
        return Losses({"supervised": entropy})


class SquaredError(Objective):
    """Mean squared error of the labelled batch, in squared units of the target."""

    task = "regression"
    uses_embeddings = False

    def bind(self, model: Network, example: Forward) -> None:
        """Check that the model gives one number per item; more raise a ContractError."""
        if example.outputs.shape[1] != 1:
            raise ContractError(
                "the model must have one output per item for objective 'squared_error', got "
                f"{example.outputs.shape[1]}; end it with a layer of one unit"
            )

    def forward(
        self, model: Network, x: Tensor, y: Tensor, unlabelled: Tensor | None, *, step: int
    ) -> Losses:
        """Return the part ``squared_error``."""
        outputs = at_least_float32(model(x).outputs)
        return Losses({"squared_error": functional.mse_loss(outputs[:, 0], y.to(outputs.dtype))})
