"""What a strategy sees: views built from arrays, and views validated against what a strategy needs.

A validated view holds the declared needs and nothing else, all of the right shape, finite and, for
log-probabilities, normalised.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import TypeAlias, TypedDict

import numpy as np
import torch
from torch import Tensor
from typing_extensions import Unpack

from nextlabel.errors import ContractError, DataError, UnknownNameError, brief, did_you_mean, listed
from nextlabel.ledger.events import ItemId
from nextlabel.maths.blocks import row_blocks
from nextlabel.pool import tensor_of
from nextlabel.snapshots import SNAPSHOT, Snapshot, snapshots_in_view
from nextlabel.types import EXTRA, NEEDS, Outputs, PoolView, need_meaning

__all__ = ["Array", "Arrays", "check_needs", "make_view", "resolve_output", "validate_view"]

Array: TypeAlias = "np.ndarray | Tensor"


class Arrays(TypedDict, total=False):
    """The arrays of :func:`select`, :func:`score` and :func:`make_view`, NumPy or torch; None means absent.

    Attributes:
        log_probs: (N, C) or (N, K, C) class log-probabilities of the candidates, in nats.
        values: (N, O) or (N, K, O) regression outputs of the candidates.
        embeddings: (N, D) embeddings of the candidates.
        snapshots: Log-probabilities, or values in regression, of the candidates under earlier states of the
            model, newest first.
        labelled_log_probs: (L, C) or (L, K, C) log-probabilities of the labelled items.
        labelled_embeddings: (L, D) embeddings of the labelled items; (0, D) if nothing is labelled yet.
        labels: (L,) labels of the labelled items.
        extra: Further arrays (N, ...) by name, for strategies that need ``extra:NAME``.
        snapshot_names: The name of each snapshot, for strategies that need particular ones: ``"previous"``
            for the end of the previous cycle, ``"untrained"``, ``"ema"`` or ``"10 steps"``.
    """

    log_probs: Array | None
    values: Array | None
    embeddings: Array | None
    snapshots: Sequence[Array] | None
    labelled_log_probs: Array | None
    labelled_embeddings: Array | None
    labels: Array | None
    extra: Mapping[str, Array] | None
    snapshot_names: Sequence[str] | None


_LARGEST = 1e15
"""Squares of this size, summed over a million features, still fit into float32 (3.4e38)."""

_AXES = {"log_probs": ("N", "K", "C"), "values": ("N", "K", "O"), "embeddings": ("N", "D")}

_ANSWERS = ("log_probs", "values")
"""The fields that may answer a task."""

_TOLERANCE = 1e-3
"""Largest |ln SUM_c p_c| of a row: a thousand times the rounding of float32, far below that of logits."""


def validate_view(
    view: PoolView, needs: frozenset[str], *, part: str, ids: Sequence[ItemId] | None = None
) -> PoolView:
    """Return the view that holds ``needs`` and nothing else, every tensor float32 or wider.

    Snapshots must be in the order of :func:`nextlabel.snapshots.snapshots_in_view`; of a view with snapshot
    names, the strategy sees those that it needs. Messages name the ``part`` that needs them, such as
    ``"strategy 'cod'"``, and the candidates by the (N,) ``ids``, if given, or their rows.

    Raises:
        ContractError: A need is unknown.
        DataError: Something needed is missing, of the wrong shape, not finite or not normalised, or there are
            fewer draws or snapshots than needed.
    """
    check_needs(needs, part=part)
    if ids is not None and len(ids) != view.size:
        raise DataError(f"ids must be one per candidate, got {len(ids)} ids for {view.size} candidates")
    present = [name for name in _ANSWERS if name in view.pool.fields()]
    output = view.output or (present[0] if len(present) == 1 else None)
    if "output" in needs and output is None:
        got = listed(present) or "neither"
        raise DataError(f"{part} needs 'output' ({NEEDS['output']}), got {got}; pass one of the two")
    needs = resolve_output(needs, output)
    items = _Items(part, view.size, lambda row: f"row {row}" if ids is None else f"item '{ids[row]}'")
    wanted = [need for need in needs if need in _AXES or need.startswith(EXTRA)]
    pool = _checked_outputs(view.pool, wanted, items)
    draws = 0 if pool.log_probs is None else pool.log_probs.shape[1]
    for need, wrapper in (("draws:dropout", "McDropout"), ("draws:ensemble", "Ensemble")):
        if need in needs and draws < 2:
            raise DataError(
                f"{part} needs '{need}' ({NEEDS[need]}), so log_probs must be (N, K, C) with K >= 2, got "
                f"K = {draws}; wrap the learner in {wrapper}, or pass several draws"
            )
    inner = [need.removeprefix("labelled_") for need in needs if need.startswith("labelled_")]
    labelled_items = _Items(part, None, lambda row: f"labelled row {row}", prefix="labelled_")
    labelled = _checked_outputs(view.labelled, inner, labelled_items, widths=view.pool)
    labels = _labels(view.labels, labelled) if "labels" in needs else torch.empty(0, dtype=torch.int64)
    snapshots, names = _needed_snapshots(view, needs, part)
    checked = []
    for number, snapshot in enumerate(snapshots):
        # outputs are what a snapshot is for; embeddings and extra fields are passed on if they are there
        fields = [name for name in wanted if name in _ANSWERS or name in snapshot.fields()]
        of_snapshot = replace(items, prefix=f"snapshot {number}: ")
        checked.append(_checked_outputs(snapshot, fields, of_snapshot, widths=view.pool))
    return PoolView(view.size, pool, tuple(checked), labelled, labels, tuple(names), output)


def check_needs(needs: object, *, part: str) -> None:
    """Refuse needs that are no set, or that do not exist; a ContractError names the nearest."""
    if not isinstance(needs, Set):
        raise ContractError(
            f"needs of {part} must be a set, got {brief(needs)}; write frozenset({{'output'}})"
        )
    for need in sorted(needs, key=str):
        if not isinstance(need, str) or need_meaning(need) is None:
            guess = did_you_mean(need, NEEDS) or "."
            raise ContractError(
                f"{part} declares an unknown need, '{need}'{guess} Known: {listed(NEEDS, limit=20)}."
            )


def make_view(**arrays: Unpack[Arrays]) -> PoolView:
    """Build a view from :class:`Arrays`, sharing their memory if possible.

    Raises:
        ConfigurationError: An argument or a snapshot name does not exist.
        DataError: Something is not an array or has the wrong number of axes, or the candidates' N differ.
    """
    for name in arrays:
        if name not in Arrays.__annotations__:
            raise UnknownNameError("argument", name, Arrays.__annotations__)
    for name, kind, must in (
        ("snapshots", Sequence, "a list, newest first, as in snapshots=[before]"),
        ("snapshot_names", Sequence, "a list of names, as in snapshot_names=['previous']"),
        ("extra", Mapping, "arrays by name, as in extra={'depth': depths}"),
    ):
        value = arrays.get(name)
        if value is not None and (isinstance(value, str) or not isinstance(value, kind)):
            raise DataError(f"{name} must be {must}, got {brief(value)}")
    snapshots, names = arrays.get("snapshots") or (), arrays.get("snapshot_names") or ()
    given = {
        name: _tensor(name, arrays.get(name), draws=name.endswith(_ANSWERS))
        for name in (*_AXES, "labelled_log_probs", "labelled_embeddings", "labels")
    }
    extra = {name: _tensor(f"{EXTRA}{name}", array) for name, array in (arrays.get("extra") or {}).items()}
    extra_given = {name: tensor for name, tensor in extra.items() if tensor is not None}
    pool = Outputs(given["log_probs"], given["values"], given["embeddings"], extra_given)
    field = "values" if pool.log_probs is None and pool.values is not None else "log_probs"
    tensors = [_tensor(f"snapshots[{i}]", array, draws=True) for i, array in enumerate(snapshots)]
    sizes = {name: len(tensor) for name, tensor in pool.fields().items()}
    if not sizes:
        raise DataError("one of log_probs, embeddings and values must be given, got none of them")
    if len(set(sizes.values())) > 1:
        raise DataError(f"the candidates' arrays must have the same number of rows, got {sizes}")
    labels = given["labels"]
    return PoolView(
        size=next(iter(sizes.values())),
        pool=pool,
        snapshots=[Outputs.from_fields({} if one is None else {field: one}) for one in tensors],
        labelled=Outputs(given["labelled_log_probs"], embeddings=given["labelled_embeddings"]),
        labels=torch.empty(0, dtype=torch.int64) if labels is None else labels,
        snapshot_names=[name if name == "previous" else Snapshot.parse(name).name for name in names],
    )


def resolve_output(needs: frozenset[str], output: str | None) -> frozenset[str]:
    """Return the needs with the field that answers the task instead of ``output``.

    >>> sorted(resolve_output(frozenset({"output", "labels"}), "values"))
    ['labels', 'values']
    """
    return needs if output is None or "output" not in needs else needs - {"output"} | {output}


@dataclass(frozen=True)
class _Items:
    """The items whose outputs are checked: how many (None for any number), and their names in messages."""

    part: str
    size: int | None
    named: Callable[[int], str]
    prefix: str = ""


def _checked_outputs(
    outputs: Outputs, names: Iterable[str], items: _Items, *, widths: Outputs | None = None
) -> Outputs:
    """Return these fields, checked, and as wide as those of ``widths``."""
    fields, expected, checked = outputs.fields(), {} if widths is None else widths.fields(), {}
    for name in sorted(names):
        label, size, axes = items.prefix + name, items.size, _AXES.get(name)
        if name not in fields:
            meaning = need_meaning(label) or need_meaning(name)
            raise DataError(f"{items.part} needs '{label}' ({meaning}), got none{_remedy(label)}")
        tensor, shape = fields[name], tuple(fields[name].shape)
        fits = len(shape) == len(axes) if axes else len(shape) >= 1
        if not fits or 0 in shape[1:] or (size is not None and len(tensor) != size):
            must = f"({', '.join(axes or ('N', '...'))})" + ("" if size is None else f" with N = {size}")
            raise DataError(f"{label} must have shape {must} and no empty axis, got {shape}")
        if tensor.is_floating_point():
            _check_values(name, tensor, label, items.named)
            tensor = tensor.to(torch.promote_types(tensor.dtype, torch.float32))
        elif axes or tensor.is_complex():
            raise DataError(f"{label} must be floating-point numbers, got {tensor.dtype}; convert to float32")
        if name in expected and expected[name].shape[-1] != shape[-1]:
            raise DataError(
                f"{label} must be as wide as the candidates' ({expected[name].shape[-1]}), got {shape}; "
                "use the outputs of one architecture"
            )
        checked[name] = tensor
    return Outputs.from_fields(checked)


def _remedy(label: str) -> str:
    """Return how to pass what is missing, as a clause; empty if no argument has that name."""
    if label.startswith(EXTRA):
        return f"; pass extra={{'{label.removeprefix(EXTRA)}': an array with a row for every candidate}}"
    if label not in NEEDS:
        return ""
    return f"; pass {label}" + (", of 0 rows if nothing is labelled yet" if "labelled" in label else "")


def _needed_snapshots(
    view: PoolView, needs: frozenset[str], part: str
) -> tuple[Sequence[Outputs], Sequence[str]]:
    """Return the snapshots of the view that are needed, and their names as far as they are known."""
    if not any(need.startswith(SNAPSHOT) for need in needs):
        return (), ()
    there = dict(zip(view.snapshot_names, view.snapshots, strict=False))
    wanted = snapshots_in_view(needs, first_cycle="previous" not in there)
    if not view.snapshot_names:
        # after the first cycle that of the previous one is enough
        least = min(len(wanted), 1) if SNAPSHOT + "previous" in needs else len(wanted)
        if len(view.snapshots) < least:
            names = listed((SNAPSHOT + name for name in wanted), limit=20)
            meaning = f" ({need_meaning(SNAPSHOT + wanted[0])})" if len(wanted) == 1 else ""
            count = f"{least} snapshots" if least > 1 else "a snapshot"
            raise DataError(
                f"{part} needs {count}, {names}{meaning}, got {len(view.snapshots) or 'none'}; pass "
                "snapshots=[...], newest first, or choose an option of the strategy that needs none"
            )
        return view.snapshots, ()
    if not len(there) == len(view.snapshot_names) == len(view.snapshots):
        raise DataError(
            f"snapshot_names must be one per snapshot and distinct, got {len(view.snapshots)} snapshots "
            f"named {listed(view.snapshot_names, limit=20)}"
        )
    for name in wanted:
        if name not in there:
            raise DataError(
                f"{part} needs '{SNAPSHOT}{name}' ({need_meaning(SNAPSHOT + name)}), got snapshots "
                f"{listed(there, limit=20)} only; add that one, or choose another option of the strategy"
            )
    return [there[name] for name in wanted], wanted


def _labels(labels: Tensor, labelled: Outputs) -> Tensor:
    shapes = {f"labelled_{name}": tuple(tensor.shape) for name, tensor in labelled.fields().items()}
    if labels.ndim != 1 or any(shape[0] != len(labels) for shape in shapes.values()):
        raise DataError(f"labels must be (L,), one per labelled item, got {tuple(labels.shape)} and {shapes}")
    if labels.is_floating_point():
        _check_values("labels", labels, "labels", lambda row: f"labelled row {row}")
    return labels


def _check_values(name: str, tensor: Tensor, label: str, named: Callable[[int], str]) -> None:
    begin = 0
    for rows in row_blocks(len(tensor), math.prod(tensor.shape[1:]) * 8):
        block = tensor[rows].reshape(-1, *(tensor.shape[1:] or (1,)))
        for wrong, value, must, remedy in _faults(name, block):
            if wrong.any():
                row = int(wrong.nonzero()[0])
                got, item = value(row).item(), named(begin + row)
                raise DataError(f"{label} must be {must}, got {got:.6g} for {item}; {remedy}")
        begin += len(block)


def _faults(name: str, block: Tensor) -> Iterator[tuple[Tensor, Callable[[int], Tensor], str, str]]:
    """Yield the rows that fail a check, a function for a row's value, what it must be, and the remedy."""
    finite = torch.isfinite(block).flatten(1)
    remedy = "find where the outputs overflow or leave the item out"
    yield ~finite.all(1), lambda row: block[row].flatten()[~finite[row]][0], "finite", remedy
    if name == "embeddings":
        size = block.abs().amax(1)
        must = f"at most {_LARGEST:.0e} in size, because distances are squared"
        yield size > _LARGEST, lambda row: size[row], must, "scale or normalise them"
    if name == "log_probs":
        # Rounding every ln p moves ln SUM p by at most eps / 2 times the entropy, which is at most ln C.
        tolerance = _TOLERANCE + torch.finfo(block.dtype).eps / 2 * math.log(block.shape[-1])
        totals = torch.logsumexp(block.to(torch.promote_types(block.dtype, torch.float32)), -1)
        must, remedy = "log-probabilities, whose probabilities sum to 1", "pass torch.log_softmax(logits, -1)"
        yield (totals.abs() > tolerance).any(1), lambda row: totals[row].exp().max(), must, remedy


def _tensor(name: str, array: object, *, draws: bool = False) -> Tensor | None:
    """Return the array as a tensor, with ``draws`` also (N, C) as (N, 1, C)."""
    if array is None:
        return None
    if not isinstance(array, (np.ndarray, Tensor)):
        raise DataError(
            f"{name} must be a NumPy array or a torch tensor, got {type(array).__name__}; "
            "convert it with numpy.asarray"
        )
    tensor = tensor_of(name, array) if isinstance(array, np.ndarray) else array.detach()
    if tensor.ndim == 0:
        raise DataError(f"{name} must have a row for every item, got a single number")
    if draws and tensor.ndim not in (2, 3):
        raise DataError(f"{name} must have shape (N, C) or (N, K, C), got {tuple(tensor.shape)}")
    return tensor[:, None] if draws and tensor.ndim == 2 else tensor
