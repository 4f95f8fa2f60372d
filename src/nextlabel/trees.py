"""Trees of settings, as TOML holds them: how they are read, merged, flattened and compared."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeAlias

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["KINDS", "Tree", "changes", "differences", "leaves", "merge", "tomllib"]

Tree: TypeAlias = dict[str, Any]  # Any: what TOML may hold

KINDS: Mapping[str, tuple[str, ...]] = {
    "dataset": ("dataset",),
    "strategy": ("strategy",),
    "objective": ("objective",),
    "diagnostics": ("diagnostics",),
    "model": ("learner", "model"),
    "augment": ("learner", "augment"),
    "wrapper": ("learner", "wrappers"),
}
"""The kinds of parts, and the setting that holds the parts of each kind."""

KeyPath: TypeAlias = "tuple[str, ...]"


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
    tree: Mapping[str, Any], *, whole: Collection[KeyPath] = (), above: KeyPath = ()
) -> Iterator[tuple[KeyPath, Any]]:
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


def changes(stored: Mapping[str, object], given: Mapping[str, object]) -> list[tuple[str, object, object]]:
    """Return every setting that differs as (dotted key, stored, given), sorted by key; None if absent.

    Values are compared as JSON: a tuple equals a list, and 2 differs from 2.0. None and an empty table count
    as absent, because TOML can write neither.

    >>> changes({"seed": 1, "model": {"depth": 2}}, {"seed": 1, "model": {"depth": 3}})
    [('model.depth', 2, 3)]
    """
    old, new = ({".".join(path): value for path, value in leaves(tree)} for tree in (stored, given))
    keys = sorted(old.keys() | new.keys())
    return [(key, old.get(key), new.get(key)) for key in keys if _json(old.get(key)) != _json(new.get(key))]


def differences(stored: Mapping[str, object], given: Mapping[str, object]) -> list[str]:
    """Return a phrase for every setting that differs.

    >>> differences({"batch_size": 100, "old": 1}, {"batch_size": 50, "form": "l2"})
    ['batch_size: stored 100, given 50', 'form: not stored, given "l2"', 'old: stored 1, not given']
    """
    return [
        f"{key}: {'not stored' if old is None else f'stored {_json(old)}'}, "
        f"{'not given' if new is None else f'given {_json(new)}'}"
        for key, old, new in changes(stored, given)
    ]


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)
