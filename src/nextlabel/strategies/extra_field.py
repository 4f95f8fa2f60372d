"""Extra fields of a view that hold one number per item."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.errors import DataError
from nextlabel.types import PoolView

__all__ = ["Aggregate", "one_number_per_item"]

Aggregate: TypeAlias = Literal["mean", "max"]
"""How the numbers of an item's pixels become one."""


def one_number_per_item(view: PoolView, name: str, *, strategy: str) -> Float[Tensor, " items"]:
    """Return the (N,) extra field ``name``, float32 or wider.

    Raises:
        DataError: It does not hold one number per item; the message names the strategy.
    """
    field = view.pool.extra[name]
    if field.shape != (view.size,):
        raise DataError(
            f"'extra:{name}' must hold one number per item for strategy '{strategy}', shape ({view.size},), "
            f"got shape {tuple(field.shape)}; reduce it to one number per item"
        )
    return field.to(torch.promote_types(field.dtype, torch.float32))
