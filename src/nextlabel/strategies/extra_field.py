"""Reads an extra field of a view that holds one number per item. Knows no strategy."""

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


def one_number_per_item(view: PoolView, name: str, *, part: str) -> Float[Tensor, " items"]:
    """Return the (N,) extra field of this name, float32 or wider.

    Args:
        view: What holds it.
        name: The field, without ``extra:``.
        part: Who reads it, for the message.

    Raises:
        DataError: It holds more than one number per item.
    """
    field = view.pool.extra[name]
    if field.shape != (view.size,):
        raise DataError(
            f"{part} needs one number per item in 'extra:{name}', shape ({view.size},), got shape "
            f"{tuple(field.shape)}"
        )
    return field.to(torch.promote_types(field.dtype, torch.float32))
