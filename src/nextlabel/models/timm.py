"""The image models of timm under the names ``timm:NAME``; timm is imported when such a name is used."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from nextlabel.errors import ConfigurationError, DataError, MissingExtraError, UnknownNameError
from nextlabel.models.image_shape import image_shape, with_channels

__all__ = ["create", "timm_model"]

REFUSALS = (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What timm's models were seen to raise for options and inputs that they do not accept."""

NEAR_NAMES = 5
"""How many names a message offers instead of all of timm's, more than a thousand."""


def timm_model(name: str) -> Callable[..., nn.Module]:
    """Return :func:`create` for the timm model of this name.

    Args:
        name: A name of ``timm.list_models()``, or with the tag of its weights of ``timm.list_pretrained()``.

    Raises:
        MissingExtraError: timm is not installed.
        UnknownNameError: timm has no such model.
    """
    try:
        import timm
    except ImportError as error:
        raise MissingExtraError("timm", "vision", f"the model 'timm:{name}'") from error
    names = timm.list_models()
    if name not in names and name not in timm.list_pretrained():
        near = difflib.get_close_matches(name, names, NEAR_NAMES)
        raise UnknownNameError("timm model", name, near or names)
    return partial(create, name)


def create(
    name: str,
    input_shape: Sequence[int],
    classes: int,
    *,
    dropout: float | None = None,
    **options: Any,  # Any: timm and each of its models check their own
) -> nn.Module:
    """Create a model of timm for images of this shape.

    Args:
        name: Its name in timm, for example ``resnet18``.
        input_shape: (channels, height, width) of one item, or (height, width) of grey images.
        classes: C, the number of classes, or of regression outputs.
        dropout: timm's ``drop_rate`` under the name that nextlabel's own models use; ``drop_rate`` wins.
        options: Of ``timm.create_model`` and the model: ``pretrained``, ``drop_rate``, ``img_size`` ...

    Raises:
        ConfigurationError: The items are not images, or timm rejects an option or images of this size.
        DataError: The pretrained weights cannot be loaded.
    """
    import timm

    called = f"timm:{name}"
    shape = image_shape(input_shape, model=called, least=1)
    if dropout is not None:
        options = {"drop_rate": dropout, **options}
    try:
        model: nn.Module = timm.create_model(name, num_classes=classes, in_chans=shape[0], **options)
    except (OSError, *REFUSALS) as error:
        if options.get("pretrained") and isinstance(error, OSError | RuntimeError):
            raise DataError(
                f"the pretrained weights of '{called}' must be in timm's cache or be downloadable, got "
                f"\"{_reason(error)}\"; check the connection and try again, or leave 'pretrained' out"
            ) from error
        raise ConfigurationError(
            f"the options of '{called}' must be ones that timm accepts, got {options} ({_reason(error)}); "
            "correct them, or leave them out"
        ) from error
    try:  # timm states no rule about sizes that holds for all models: pass one image
        with torch.no_grad():
            model.eval()(torch.zeros(1, *shape))
    except REFUSALS as error:
        can_be_sized = "img_size" in inspect.signature(type(model).__init__).parameters.keys() - options
        remedy = f"set the option img_size={list(shape[1:])}" if can_be_sized else "resize them"
        raise ConfigurationError(
            f"images must have a size that the model '{called}' accepts, got {shape} ({_reason(error)}); "
            f"{remedy}, or use another model"
        ) from error
    model.train()
    return _GreyImages(model) if len(input_shape) == 2 else model


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


class _GreyImages(nn.Module):
    """A timm model for batches of grey images without a channel axis."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward_features(self, x: Tensor) -> Tensor:
        features: Tensor = self.model.forward_features(with_channels(x))  # type: ignore[operator]
        return features

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        outputs: Tensor = self.model.forward_head(x, pre_logits=pre_logits)  # type: ignore[operator]
        return outputs

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.model(with_channels(x))
        return outputs
