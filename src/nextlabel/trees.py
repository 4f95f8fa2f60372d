"""Trees of settings, as TOML holds them: tables within tables."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

__all__ = ["leaves", "merge"]


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:  # Any: TOML
    """Return both trees as one; tables are merged key by key, and any other value of ``above`` wins.

    >>> merge({"seed": 0, "model": {"name": "mlp", "depth": 2}}, {"model": {"depth": 3}})
    {'seed': 0, 'model': {'name': 'mlp', 'depth': 3}}
    """
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def leaves(
    tree: Mapping[str, Any],  # Any: TOML
    *,
    whole: Collection[tuple[str, ...]] = (),
    above: tuple[str, ...] = (),
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every value that is no table with its path of keys; tables at the paths in ``whole`` stay whole.

    >>> list(leaves({"seed": 0, "model": {"depth": 2}}))
    [(('seed',), 0), (('model', 'depth'), 2)]
    """
    for key, value in tree.items():
        path = (*above, key)
        if isinstance(value, Mapping) and path not in whole:
            yield from leaves(value, whole=whole, above=path)
        else:
            yield path, value
