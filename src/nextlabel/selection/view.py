"""What a strategy is shown: views built from arrays, and views checked against what a strategy needs.

A checked view holds the declared needs and nothing else, all of it of the right shape, finite and, for
log-probabilities, normalised: what reaches a strategy has been checked. Knows no strategy by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypedDict

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor
from typing_extensions import Unpack

from nextlabel.errors import ContractError, DataError, UnknownNameError, listed, nearest
from nextlabel.ledger.events import ItemId
from nextlabel.maths.blocks import row_blocks
from nextlabel.pool import tensor_of
from nextlabel.snapshots import SNAPSHOT, Snapshot, snapshots_in_view
from nextlabel.types import NEEDS, Outputs, PoolView, need_meaning

__all__ = ["Array", "Arrays", "make_view", "resolve_output", "validate_view"]

Array: TypeAlias = "np.ndarray | Tensor"


class Arrays(TypedDict, total=False):
    """The arrays of :func:`select`, :func:`score` and :func:`make_view`, NumPy or torch; None means absent.

    Attributes:
        log_probs: (N, C) or (N, K, C) class log-probabilities of the candidates, in nats.
        values: (N, O) or (N, K, O) regression outputs of the candidates.
        embeddings: (N, D) embeddings of the candidates.
        snapshots: Log-probabilities of the candidates under earlier states of the model, newest first.
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
"""Largest |ln SUM_c p_c| of a row: a thousand times the rounding of float32, far below what logits give."""


def validate_view(
    view: PoolView, needs: frozenset[str], *, part: str, ids: Sequence[ItemId] | None = None
) -> PoolView:
    """Return the view that holds what ``needs`` says and nothing else, every tensor float32 or wider.

    Whether a strategy can do without a snapshot in the first cycle is seen from its needs: one that declares
    a snapshot besides ``snapshot:previous`` cannot. Snapshots are newest first, in the order that
    :func:`nextlabel.snapshots.snapshots_in_view` gives; of a view that says what its snapshots are, the
    strategy is shown those that it needs.

    Args:
        view: What is there.
        needs: Words of ``NEEDS``, or ``extra:NAME``.
        part: The part that needs it, for messages: ``"strategy 'cod'"``.
        ids: (N,) ids of the candidates, for messages; without them rows are named.

    Raises:
        ContractError: A need is not a known word.
        DataError: Something needed is missing, of the wrong shape, not finite or not normalised, or there are
            fewer draws or snapshots than needed.
    """
    _check_words(needs, part)
    if ids is not None and len(ids) != view.size:
        raise DataError(f"expected one id per candidate, but got {len(ids)} ids for {view.size} candidates")

    output = view.output or _answering(view.pool, needs, part)
    needs = resolve_output(needs, output)
    items = _Items(part, view.size, lambda row: f"row {row}" if ids is None else f"item '{ids[row]}'")
    wanted = [need for need in needs if need in _AXES or need.startswith("extra:")]
    pool = _checked_outputs(view.pool, wanted, items)
    _check_draws(pool, needs, part)
    inner = [need.removeprefix("labelled_") for need in needs if need.startswith("labelled_")]
    labelled_items = _Items(part, None, lambda row: f"labelled row {row}", prefix="labelled_")
    labelled = _checked_outputs(view.labelled, inner, labelled_items)
    for name in inner:
        _check_same_width(f"labelled_{name}", view.pool.fields().get(name), labelled.fields()[name])
    view = _with_needed_snapshots(view, needs, part)
    snapshots, snapshot_names = _checked_snapshots(view, wanted, items), tuple(view.snapshot_names)
    labels = _checked_labels(view, labelled) if "labels" in needs else torch.empty(0, dtype=torch.int64)
    return PoolView(view.size, pool, snapshots, labelled, labels, snapshot_names, output)


def make_view(**arrays: Unpack[Arrays]) -> PoolView:
    """Build a view from NumPy arrays or tensors; nothing is copied where memory can be shared.

    Args:
        arrays: See :class:`Arrays`.

    Raises:
        ConfigurationError: An argument or a snapshot name does not exist.
        DataError: Something is not an array or has the wrong number of axes, or the candidates' N differ.
    """
    for name in arrays:
        if name not in Arrays.__annotations__:
            raise UnknownNameError("argument", name, Arrays.__annotations__)
    snapshots = arrays.get("snapshots")
    if isinstance(snapshots, (np.ndarray, Tensor)):
        raise DataError(
            "snapshots must be a sequence of arrays, newest first, but got one array; use snapshots=[before]"
        )
    pool = Outputs(
        log_probs=_with_draws("log_probs", arrays.get("log_probs")),
        values=_with_draws("values", arrays.get("values")),
        embeddings=_tensor("embeddings", arrays.get("embeddings")),
        extra={
            name: tensor
            for name, array in (arrays.get("extra") or {}).items()
            if (tensor := _tensor(f"extra:{name}", array)) is not None
        },
    )
    of_values = arrays.get("log_probs") is None and arrays.get("values") is not None
    field = "values" if of_values else "log_probs"
    tensors = [_with_draws(f"snapshots[{i}]", array) for i, array in enumerate(snapshots or ())]
    earlier = [Outputs.from_fields({} if one is None else {field: one}) for one in tensors]
    sizes = {name: len(tensor) for name, tensor in pool.fields().items()}
    if not sizes:
        raise DataError("nothing says how many candidates there are; pass log_probs, embeddings or values")
    if len(set(sizes.values())) > 1:
        raise DataError(f"the candidates' arrays must have as many rows, but the numbers of rows are {sizes}")
    labelled = Outputs(
        log_probs=_with_draws("labelled_log_probs", arrays.get("labelled_log_probs")),
        embeddings=_tensor("labelled_embeddings", arrays.get("labelled_embeddings")),
    )
    label_tensor = _tensor("labels", arrays.get("labels"))
    return PoolView(
        size=next(iter(sizes.values())),
        pool=pool,
        snapshots=earlier,
        labelled=labelled,
        labels=torch.empty(0, dtype=torch.int64) if label_tensor is None else label_tensor,
        snapshot_names=[
            word if word == "previous" else Snapshot.parse(word).name
            for word in arrays.get("snapshot_names") or ()
        ],
    )


def resolve_output(needs: frozenset[str], output: str | None) -> frozenset[str]:
    """Return the needs with the field that answers the task in place of ``output``.

    >>> sorted(resolve_output(frozenset({"output", "labels"}), "values"))
    ['labels', 'values']
    """
    return needs if output is None or "output" not in needs else needs - {"output"} | {output}


def _answering(outputs: Outputs, needs: frozenset[str], part: str) -> str | None:
    """Return the field that answers the task where nobody said which: the only one of both that is there."""
    there = [name for name in _ANSWERS if name in outputs.fields()]
    if "output" in needs and len(there) != 1:
        raise DataError(
            f"{part} needs 'output' ({NEEDS['output']}), got {listed(there) or 'neither'}; pass one of "
            "the two"
        )
    return there[0] if len(there) == 1 else None


def _check_words(needs: Iterable[str], part: str) -> None:
    for need in sorted(needs):
        if need_meaning(need) is None:
            hint = nearest(need, NEEDS)
            guess = f"; did it mean '{hint}'?" if hint else ";"
            raise ContractError(
                f"{part} declares the need '{need}', which is unknown{guess} known: {listed(NEEDS, limit=20)}"
            )


@dataclass(frozen=True)
class _Items:
    """Whose outputs are checked: as many items as ``size`` says, and how messages call them."""

    part: str
    size: int | None
    named: Callable[[int], str]
    prefix: str = ""


def _checked_outputs(outputs: Outputs, names: Iterable[str], items: _Items) -> Outputs:
    fields = outputs.fields()
    checked = {}
    for name in sorted(names):
        label = items.prefix + name
        if name not in fields:
            meaning = need_meaning(label) or need_meaning(name)
            raise DataError(f"{items.part} needs '{label}' ({meaning}), but it is missing{_remedy(label)}")
        checked[name] = _checked_tensor(name, fields[name], items)
    return Outputs.from_fields(checked)


def _remedy(label: str) -> str:
    """Return how to pass what is missing, as a clause; empty for what no argument is named after."""
    if label.startswith("extra:"):
        return f"; pass extra={{'{label.removeprefix('extra:')}': an array with a row for every candidate}}"
    if label not in NEEDS:
        return ""
    return f"; pass {label}" + (", of 0 rows where nothing is labelled yet" if "labelled" in label else "")


def _with_needed_snapshots(view: PoolView, needs: frozenset[str], part: str) -> PoolView:
    """Return the view with those snapshots alone that are needed, as far as it says what they are."""
    if not any(need.startswith(SNAPSHOT) for need in needs):
        return replace(view, snapshots=(), snapshot_names=())
    if not view.snapshot_names:
        _check_snapshots_there(view, needs, part)
        return view
    there = dict(zip(view.snapshot_names, view.snapshots, strict=False))
    if not len(there) == len(view.snapshot_names) == len(view.snapshots):
        raise DataError(
            f"snapshots must say of each snapshot what it is, and none twice, but there are "
            f"{len(view.snapshots)} snapshots and the snapshots {listed(view.snapshot_names, limit=20)}"
        )
    wanted = snapshots_in_view(needs, first_cycle="previous" not in there)
    for word in wanted:
        if word not in there:
            need = SNAPSHOT + word
            raise DataError(
                f"{part} needs '{need}' ({need_meaning(need)}), but the view has snapshots of "
                f"{listed(view.snapshot_names, limit=20)} only; add that one, or choose another option of it"
            )
    return replace(view, snapshots=[there[word] for word in wanted], snapshot_names=wanted)


def _checked_snapshots(view: PoolView, wanted: Iterable[str], items: _Items) -> tuple[Outputs, ...]:
    checked = []
    for number, snapshot in enumerate(view.snapshots):
        present = snapshot.fields()
        # Outputs are what a snapshot is for; embeddings and extra fields come along where they were kept.
        names = [name for name in wanted if name in _ANSWERS or name in present]
        outputs = _checked_outputs(snapshot, names, replace(items, prefix=f"snapshot {number}: "))
        for name, tensor in outputs.fields().items():
            _check_same_width(f"snapshot {number}: {name}", view.pool.fields()[name], tensor)
        checked.append(outputs)
    return tuple(checked)


def _check_snapshots_there(view: PoolView, needs: frozenset[str], part: str) -> None:
    snapshot_names = snapshots_in_view(needs, first_cycle=True)
    least = (
        1 if f"{SNAPSHOT}previous" in needs else len(snapshot_names)
    )  # from the second cycle on it has one
    if snapshot_names and len(view.snapshots) < least:
        told = listed((f"{SNAPSHOT}{snapshot}" for snapshot in snapshot_names), limit=20)
        meaning = f" ({need_meaning(SNAPSHOT + snapshot_names[0])})" if len(snapshot_names) == 1 else ""
        count = f"{least} snapshots" if least > 1 else "a snapshot"
        raise DataError(
            f"{part} needs {count}, {told}{meaning}, but the view has {len(view.snapshots) or 'none'}; "
            "pass snapshots=[...], newest first, or choose an option of the strategy that needs none"
        )


def _check_draws(pool: Outputs, needs: frozenset[str], part: str) -> None:
    for need in sorted(need for need in needs if need.startswith("draws:")):
        draws = 0 if pool.log_probs is None else pool.log_probs.shape[1]
        if draws < 2:
            learner = "McDropout" if need == "draws:dropout" else "Ensemble"
            raise DataError(
                f"{part} needs '{need}' ({NEEDS[need]}), so log_probs must be (N, K, C) with K >= 2, but "
                f"K is {draws}; wrap the learner in {learner}, or pass several draws"
            )


def _checked_labels(view: PoolView, labelled: Outputs) -> Tensor:
    labels = view.labels
    counts = {len(tensor) for tensor in labelled.fields().values()} | {
        len(labels) if labels.ndim == 1 else -1
    }
    if labels.ndim != 1 or len(counts) > 1:
        shapes = {f"labelled_{name}": tuple(tensor.shape) for name, tensor in labelled.fields().items()}
        raise DataError(
            f"expected labels (L,), one a labelled item, but got {tuple(labels.shape)} next to {shapes}"
        )
    if labels.is_floating_point():
        _check_finite("labels", labels, lambda row: f"labelled row {row}")
    return labels


def _checked_tensor(name: str, tensor: Tensor, items: _Items) -> Shaped[Tensor, " items ..."]:
    label, size, axes = items.prefix + name, items.size, _AXES.get(name)
    fits = tensor.ndim == len(axes) if axes else tensor.ndim >= 1
    if not fits or 0 in tensor.shape[1:] or (size is not None and len(tensor) != size):
        shape = ", ".join(axes) if axes else "N, ..."
        rows = f" with N = {size}" if size is not None else ""
        raise DataError(
            f"{label} must have shape ({shape}){rows} and no empty axis, but has {tuple(tensor.shape)}"
        )
    if not tensor.is_floating_point():
        if axes is None and not tensor.is_complex():
            return tensor
        raise DataError(f"{label} must be floating-point numbers, but are {tensor.dtype}; convert to float32")
    _check_finite(label, tensor, items.named)
    if name == "log_probs":
        _check_normalised(label, tensor, items.named)
    if name == "embeddings":
        _check_size(label, tensor, items.named)
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def _check_finite(label: str, tensor: Tensor, named: Callable[[int], str]) -> None:
    for rows in row_blocks(len(tensor), math.prod(tensor.shape[1:]) * (tensor.element_size() + 1)):
        finite = torch.isfinite(tensor[rows].reshape(rows.stop - rows.start, -1))
        if not finite.all():
            row = int((~finite.all(1)).nonzero()[0])
            value = tensor[rows].reshape(len(finite), -1)[row][~finite[row]][0].item()
            raise DataError(
                f"{label} must be finite, but {named(rows.start + row)} has {value}; "
                "find out where the model's outputs overflow or leave the item out"
            )


def _check_size(label: str, embeddings_nd: Tensor, named: Callable[[int], str]) -> None:
    if not len(embeddings_nd):
        return
    low, high = embeddings_nd.aminmax(dim=1)
    size = torch.maximum(-low, high)
    if size.max() > _LARGEST:
        row = int(size.argmax())
        raise DataError(
            f"{label} must be at most {_LARGEST:.0e} in size, for distances between them are squared, but "
            f"{named(row)} has {size[row].item():.3g}; scale or normalise them"
        )


def _check_normalised(label: str, log_probs_nkc: Tensor, named: Callable[[int], str]) -> None:
    classes = log_probs_nkc.shape[-1]
    # Rounding every ln p moves ln SUM p by at most eps / 2 times the entropy, which is at most ln C.
    tolerance = _TOLERANCE + torch.finfo(log_probs_nkc.dtype).eps / 2 * math.log(classes)
    for rows in row_blocks(len(log_probs_nkc), 8 * math.prod(log_probs_nkc.shape[1:])):
        block = log_probs_nkc[rows]
        totals = torch.logsumexp(block.to(torch.promote_types(block.dtype, torch.float32)), -1)
        wrong = (totals.abs() > tolerance).any(1)
        if wrong.any():
            row = int(wrong.nonzero()[0])
            raise DataError(
                f"{label} must be log-probabilities, whose probabilities sum to 1, but those of "
                f"{named(rows.start + row)} sum to {totals[row].exp().max().item():.6g}; "
                "pass torch.log_softmax(logits, -1)"
            )


def _check_same_width(label: str, pool: Tensor | None, other: Tensor) -> None:
    if pool is not None and pool.shape[-1] != other.shape[-1]:
        raise DataError(
            f"{label} must be as wide as the candidates' ({pool.shape[-1]}), but the last axis of "
            f"{tuple(other.shape)} is {other.shape[-1]}; use the outputs of one architecture"
        )


def _with_draws(name: str, array: Array | None) -> Tensor | None:
    tensor = _tensor(name, array)
    if tensor is None or tensor.ndim == 3:
        return tensor
    if tensor.ndim != 2:
        raise DataError(f"{name} must have shape (N, C) or (N, K, C), but has {tuple(tensor.shape)}")
    return tensor[:, None]


def _tensor(name: str, array: Array | None) -> Tensor | None:
    if array is None:
        return None
    if isinstance(array, Tensor):
        return array.detach()
    if not isinstance(array, np.ndarray):
        raise DataError(
            f"{name} must be a NumPy array or a torch tensor, but got {type(array).__name__}; "
            "convert it with numpy.asarray"
        )
    return tensor_of(name, array)
