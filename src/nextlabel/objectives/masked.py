"""A training loss on the pixels of images: another objective, given masks in place of labels."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from nextlabel.errors import ConfigurationError, ContractError
from nextlabel.types import Forward, Losses, Network, Objective

__all__ = ["Masked"]


class Masked(Objective):
    """Apply an objective of classification to every pixel with a class.

    The objective gets (B, C, height, width) outputs and (B, height, width) class indices with -100 at pixels
    without one, which cross-entropy leaves out of its mean. An unsupervised part is the mean over all pixels
    of the unlabelled images: for ``tod`` in its form ``paper`` the mean over items and pixels of
    ||f(x; w) - f(x; w~)||^2, summed over classes. The paper does not say how pixels are counted; this is our
    reading.

    Args:
        objective: Of classification, without embeddings, stages and extra fields.
        split: Splits (B, channels + 1, height, width) pairs into images and class indices.
        classes: C, the channels of the model's outputs.

    Raises:
        ConfigurationError: The objective is not for pixels.
    """

    task = "segmentation"
    uses_embeddings = False

    def __init__(
        self,
        objective: Objective,
        *,
        split: Callable[[Tensor], tuple[Tensor, Tensor]],
        classes: int,
    ) -> None:
        super().__init__()
        given = objective.task or "classification"
        wants = objective.uses_embeddings or objective.uses_stages or bool(objective.extra_fields)
        if given != "classification" or wants:
            raise ConfigurationError(
                "the objective must be for classification without features of whole items to train on masks, "
                f"got {type(objective).__name__}; use 'supervised', or 'tod' with form='paper'"
            )
        self.inner, self.split, self.classes = objective, split, classes
        self.uses_unlabelled = objective.uses_unlabelled
        self.uses_fresh_network = objective.uses_fresh_network
        self._sides: tuple[int, ...] | None = None

    def take_fresh(self, network: Network) -> None:
        """Pass the unrelated network on."""
        self.inner.take_fresh(network)

    def inputs(self, x: Tensor) -> Tensor:
        """Return the images of a batch of pairs."""
        self._sides = tuple(x.shape[-2:])
        return self.split(x)[0]

    def begin(self, total_steps: int) -> None:
        """Pass the number of steps on."""
        self.inner.begin(total_steps)

    def bind(self, model: Network, example: Forward) -> None:
        """Bind the inner objective.

        Raises:
            ContractError: The outputs are not of C classes, or not as high and wide as the last images that
                :meth:`inputs` returned.
        """
        outputs = example.outputs
        if outputs.ndim != 4 or outputs.shape[1] != self.classes:
            raise ContractError(
                f"the model must return (B, {self.classes}, height, width) raw outputs for segmentation into "
                f"{self.classes} classes, got shape {tuple(outputs.shape)}; end it with one channel per class"
            )
        if self._sides not in (None, tuple(outputs.shape[-2:])):
            raise ContractError(
                f"the model's outputs must be as high and wide as its images, {self._sides} pixels, got "
                f"{tuple(outputs.shape[-2:])}; interpolate them in the model"
            )
        self.inner.bind(model, example)

    def forward(
        self, model: Network, x: Tensor, y: Tensor, unlabelled: Tensor | None, *, step: int
    ) -> Losses:
        """Return the inner objective's parts for pairs ``x`` and ``unlabelled``; ``y`` is ignored."""
        images, mask = self.split(x)
        others = None if unlabelled is None else self.inputs(unlabelled)
        losses: Losses = self.inner(model, images, mask, others, step=step)
        return losses

    def after_step(self, model: Network) -> None:
        """Let the inner objective follow the model."""
        self.inner.after_step(model)
