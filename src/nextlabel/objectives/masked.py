"""A training loss on the pixels of images: another objective, given masks in place of labels.

Knows pairs of images and masks as batches bring them; how they are drawn and cut is not known here.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from nextlabel.errors import ConfigurationError, ContractError
from nextlabel.types import Forward, Losses, Network, Objective

__all__ = ["Masked"]


class Masked(Objective):
    """Apply an objective of classification to every pixel with a class.

    The objective sees (B, C, height, width) outputs and (B, height, width) class indices with -100 at pixels
    without one, which cross-entropy leaves out of its mean. An unsupervised part takes its mean over all
    pixels of the unlabelled images: for ``tod`` in its form ``paper`` this is the mean over items and
    pixels of ||f(x; w) - f(x; w~)||^2, summed over classes. The paper does not say how pixels are counted;
    this is our reading.

    Args:
        objective: Of classification; it must want neither embeddings nor stages.
        split: Takes a batch of pairs apart, into images and class indices.
        classes: C, which the model's outputs must have.

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
            reason = f"is for {given}" if given != "classification" else "wants features of whole items"
            raise ConfigurationError(
                f"the objective {type(objective).__name__} {reason}, so it cannot train on masks; use "
                "'supervised', or 'tod' with form='paper'"
            )
        self.inner, self.split, self.classes = objective, split, classes
        self.uses_unlabelled = objective.uses_unlabelled
        self.uses_fresh_network = objective.uses_fresh_network
        self._sides: tuple[int, ...] | None = None

    def take_fresh(self, network: Network) -> None:
        """Hand the unrelated network on to the inner objective."""
        self.inner.take_fresh(network)

    def inputs(self, x: Tensor) -> Tensor:
        """Return what the network takes of a batch of pairs."""
        self._sides = tuple(x.shape[-2:])
        return self.split(x)[0]

    def begin(self, total_steps: int) -> None:
        """Pass the number of steps on to the inner objective."""
        self.inner.begin(total_steps)

    def bind(self, model: Network, example: Forward) -> None:
        """Bind the inner objective.

        Raises:
            ContractError: The model does not give as many classes for every pixel of the images that
                :meth:`inputs` saw last.
        """
        outputs = example.outputs
        if outputs.ndim != 4 or outputs.shape[1] != self.classes:
            raise ContractError(
                f"segmentation into {self.classes} classes needs a model that returns (B, {self.classes}, "
                f"height, width) raw outputs, but it returned shape {tuple(outputs.shape)}"
            )
        if self._sides not in (None, tuple(outputs.shape[-2:])):
            raise ContractError(
                "segmentation needs a model whose outputs are as high and wide as its images, "
                f"{' x '.join(map(str, self._sides or ()))} pixels, but they are "
                f"{' x '.join(map(str, outputs.shape[-2:]))}; interpolate them in the model"
            )
        self.inner.bind(model, example)

    def forward(
        self, model: Network, x: Tensor, y: Tensor, unlabelled: Tensor | None, *, step: int
    ) -> Losses:
        """Return the inner objective's parts.

        Args:
            model: The network in training.
            x: (B, channels + 1, height, width) pairs.
            y: Ignored: the labels are in the pairs.
            unlabelled: (U, channels + 1, height, width) pairs without classes, or None.
            step: Passed on.
        """
        images, mask = self.split(x)
        others = None if unlabelled is None else self.inputs(unlabelled)
        losses: Losses = self.inner(model, images, mask, others, step=step)
        return losses

    def after_step(self, model: Network) -> None:
        """Pass the word on."""
        self.inner.after_step(model)
