"""A user's module, wrapped so that a call gives raw outputs and, on demand, embeddings and stages."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from nextlabel.errors import ContractError, UnknownNameError
from nextlabel.types import Forward

__all__ = ["ModuleNetwork"]


class ModuleNetwork(nn.Module):
    """Call a user's module and return a :class:`Forward`.

    Without ``embedding_layer``, embeddings come from ``forward_features`` and ``forward_head(x,
    pre_logits=True)``, which every model of timm has; a module without these gives none. With it, they are
    the output of the layer of that name, averaged over positions if it is (B, D, height, width), flattened
    if it has another shape.

    Args:
        module: The user's module; one call maps a batch to (B, C) raw outputs.
        embedding_layer: Dotted name of a layer as in ``module.named_modules()``, e.g. ``"layer4"``.
        per_pixel: Whether outputs are (B, C, height, width), one for every pixel.

    Attributes:
        with_embeddings: Whether a call also computes embeddings.
        with_stages: Whether a call also returns the features after each stage, as the module's
            ``forward_stages`` gives them; its last stage must be what ``forward_head`` takes.

    Raises:
        UnknownNameError: The module has no such layer.
    """

    def __init__(
        self, module: nn.Module, *, embedding_layer: str | None = None, per_pixel: bool = False
    ) -> None:
        super().__init__()
        if embedding_layer is not None:
            layers = [name for name, _ in module.named_modules() if name]
            if embedding_layer not in layers:
                raise UnknownNameError("layer of the model", embedding_layer, layers)
        self.module, self.embedding_layer, self.per_pixel = module, embedding_layer, per_pixel
        self.with_embeddings = self.with_stages = False

    @property
    def has_embeddings(self) -> bool:
        """Whether the module can give embeddings."""
        return self.embedding_layer is not None or self._has("forward_features", "forward_head")

    def forward(self, x: Tensor) -> Forward:
        """Return the (B, C) raw outputs, and embeddings and stages where they are wanted.

        A module without embeddings gives None in their place; stages must be there if they are wanted.

        Raises:
            ContractError: The module returned something else than (B, C) outputs, or has no stages.
        """
        if not self.with_embeddings or self.embedding_layer is None:
            return self._pass(x)
        # The hook lives for one call only, so that copies of this network never write into each other.
        layer, seen = self.embedding_layer, list[object]()
        handle = self.module.get_submodule(layer).register_forward_hook(lambda *call: seen.append(call[2]))
        try:
            forward = self._pass(x)
        finally:
            handle.remove()
        if len(seen) != 1 or not isinstance(seen[0], Tensor):
            raise ContractError(
                f"the embedding layer '{layer}' must return one tensor in each pass of the model, got "
                f"{len(seen)} results of type {type(seen[0]).__name__ if seen else 'none'}; name another "
                "layer"
            )
        return replace(forward, embeddings=_flat(seen[0]))

    def _pass(self, x: Tensor) -> Forward:
        """Return outputs and stages, and the embeddings that need no layer."""
        named = self.embedding_layer is not None
        stages, module = None, self.module
        if self.with_stages:
            if not self._has("forward_stages", "forward_head"):
                raise ContractError(
                    "the features after each stage are needed, but the model "
                    f"{type(module).__name__} has no forward_stages and forward_head; add them, or use a "
                    "model of nextlabel"
                )
            stages = tuple(module.forward_stages(x))  # type: ignore[operator]  # it was checked
            features = stages[-1]
        elif self.with_embeddings and not named and self.has_embeddings:
            features = module.forward_features(x)  # type: ignore[operator]  # has_embeddings checked it
        else:
            return Forward(self._checked(module(x), len(x)))
        head, embeddings = module.forward_head, None
        if self.with_embeddings and not named:
            embeddings = _flat(head(features, pre_logits=True))  # type: ignore[operator]  # as above
        outputs = self._checked(head(features), len(x))  # type: ignore[operator]  # as above
        return Forward(outputs, embeddings, stages)

    def _has(self, *methods: str) -> bool:
        return all(callable(getattr(self.module, method, None)) for method in methods)

    def _checked(self, outputs: object, batch: int) -> Tensor:
        if not isinstance(outputs, Tensor):
            raise ContractError(
                f"the model must return a tensor of raw outputs, got {type(outputs).__name__}; wrap it in a "
                "module that picks the outputs"
            )
        axes = 4 if self.per_pixel else 2
        if outputs.ndim != axes or len(outputs) != batch or not torch.is_floating_point(outputs):
            raise ContractError(
                f"the model must return raw outputs of shape ({batch}, outputs"
                f"{', height, width' if self.per_pixel else ''}) for {batch} items, got shape "
                f"{tuple(outputs.shape)} of {outputs.dtype}; correct its forward or use another model"
            )
        return outputs


def _flat(embeddings: Tensor) -> Tensor:
    return embeddings.mean((2, 3)) if embeddings.ndim == 4 else embeddings.flatten(1)
