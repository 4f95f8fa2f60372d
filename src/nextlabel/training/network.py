"""A user's module, wrapped so that a call gives raw outputs and, on demand, embeddings and stages.

Embeddings come from the timm contract or from a named layer. Knows nothing of training or tasks.
"""

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
    pre_logits=True)``, as every model of timm has them; a module without these gives none. With it, they are
    the output of the layer of that name, averaged over positions if it is (B, D, height, width), flattened
    if it has another shape.

    Args:
        module: The user's module; one call maps a batch to (B, C) raw outputs.
        embedding_layer: Dotted name of a layer as in ``module.named_modules()``, e.g. ``"layer4"``.

    Attributes:
        dense: Whether outputs are (B, C, height, width), one for every pixel.
        with_embeddings: Whether a call also computes embeddings; set it to what is needed.
        with_stages: Whether a call also returns the features after each stage, as the module's
            ``forward_stages`` gives them; its last stage must be what ``forward_head`` takes.

    Raises:
        UnknownNameError: The module has no such layer.
    """

    def __init__(self, module: nn.Module, *, embedding_layer: str | None = None) -> None:
        super().__init__()
        if embedding_layer is not None:
            layers = [name for name, _ in module.named_modules() if name]
            if embedding_layer not in layers:
                raise UnknownNameError("layer of the model", embedding_layer, layers)
        self.module = module
        self.embedding_layer = embedding_layer
        self.dense = False
        self.with_embeddings = False
        self.with_stages = False

    @property
    def has_embeddings(self) -> bool:
        """Whether the module can give embeddings."""
        return self.embedding_layer is not None or self._has("forward_features", "forward_head")

    @property
    def has_stages(self) -> bool:
        """Whether the module can give the features after each stage."""
        return self._has("forward_stages", "forward_head")

    def forward(self, x: Tensor) -> Forward:
        """Return the (B, C) raw outputs, and embeddings and stages where they are wanted.

        Embeddings are left out where the module has none; stages are not.

        Raises:
            ContractError: The module returned something else than (B, C) outputs, or has no stages.
        """
        if self.with_embeddings and self.embedding_layer is not None:
            return self._tapped(x, self.embedding_layer)
        if self.with_stages:
            stages = self._stages(x)
            return replace(self._of_features(stages[-1], len(x)), stages=stages)
        if self.with_embeddings and self.has_embeddings:
            features = self.module.forward_features(x)  # type: ignore[operator]  # has_embeddings checked it
            return self._of_features(features, len(x))
        return Forward(self._checked(self.module(x), len(x)))

    def _has(self, *methods: str) -> bool:
        return all(callable(getattr(self.module, method, None)) for method in methods)

    def _stages(self, x: Tensor) -> tuple[Tensor, ...]:
        if not self.has_stages:
            raise ContractError(
                "the features after each stage are needed, but the model "
                f"{type(self.module).__name__} has no forward_stages and forward_head; add them, or use one "
                "of the models of nextlabel"
            )
        return tuple(self.module.forward_stages(x))  # type: ignore[operator]  # has_stages checked it

    def _of_features(self, features: Tensor, batch: int) -> Forward:
        head = self.module.forward_head
        embeddings = None
        if self.with_embeddings and self.embedding_layer is None:
            embeddings = self._flat(head(features, pre_logits=True))  # type: ignore[operator]
        outputs = head(features)  # type: ignore[operator]  # has_stages or has_embeddings checked it
        return Forward(self._checked(outputs, batch), embeddings)

    def _tapped(self, x: Tensor, layer: str) -> Forward:
        # The hook lives for one call only, so that copies of this network never write into each other.
        seen: list[object] = []
        handle = self.module.get_submodule(layer).register_forward_hook(lambda *call: seen.append(call[2]))
        try:
            if self.with_stages:
                stages = self._stages(x)
                forward = replace(self._of_features(stages[-1], len(x)), stages=stages)
            else:
                forward = Forward(self._checked(self.module(x), len(x)))
        finally:
            handle.remove()
        if len(seen) != 1 or not isinstance(seen[0], Tensor):
            raise ContractError(
                f"the embedding layer '{layer}' must return one tensor in each pass of the model, but "
                f"gave {len(seen)} results of type {type(seen[0]).__name__ if seen else 'none'}; name "
                "another layer"
            )
        return replace(forward, embeddings=self._flat(seen[0]))

    def _flat(self, embeddings: Tensor) -> Tensor:
        return embeddings.mean((2, 3)) if embeddings.ndim == 4 else embeddings.flatten(1)

    def _checked(self, outputs: object, batch: int) -> Tensor:
        if not isinstance(outputs, Tensor):
            raise ContractError(
                f"the model must return a tensor of raw outputs, but returned {type(outputs).__name__}; "
                "wrap it in a module that picks the outputs"
            )
        axes = 4 if self.dense else 2
        if outputs.ndim != axes or len(outputs) != batch or not torch.is_floating_point(outputs):
            wanted = f"({batch}, outputs{', height, width' if self.dense else ''})"
            raise ContractError(
                f"the model must return raw outputs of shape {wanted} for {batch} items, but "
                "returned "
                f"shape {tuple(outputs.shape)} of {outputs.dtype}"
            )
        return outputs
