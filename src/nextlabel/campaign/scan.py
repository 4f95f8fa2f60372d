"""The scan: one pass of a model over a pool, in chunks, kept on disk as memory-mapped arrays.

The outputs of cycle c are kept for cycle c+1, so that a discrepancy between the two costs one forward pass
instead of two.
"""

from __future__ import annotations

import errno
import json
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from nextlabel.errors import ContractError, DataError, listed
from nextlabel.files import read_json, write_file
from nextlabel.ledger.events import ItemId
from nextlabel.pool import Pool
from nextlabel.progress import Progress
from nextlabel.types import AugmentedScoring, Learner, Outputs

__all__ = ["CHUNK", "Scan", "is_scanned", "open_scan", "scan"]

CHUNK = 8192
"""Items given to the learner at once: 34 MB of outputs for 1,024 numbers per item."""

FLUSH_SECONDS = 20.0
"""The most work that is lost when a scan is killed."""


@dataclass(frozen=True)
class Scan:
    """The outputs of one model on some items, memory-mapped.

    Attributes:
        ids: The items, row by row.
        outputs: Their outputs; the tensors are backed by files and read when accessed.
    """

    ids: tuple[ItemId, ...]
    outputs: Outputs

    def rows_of(self, ids: Sequence[ItemId]) -> tuple[Tensor, list[ItemId]]:
        """Return the (n,) rows of those ``ids`` that were scanned, and the list of those that were not."""
        row_of = {item: row for row, item in enumerate(self.ids)}
        rows = [row_of[item] for item in ids if item in row_of]
        return torch.tensor(rows, dtype=torch.int64), [item for item in ids if item not in row_of]


def scan(
    learner: Learner,
    pool: Pool,
    *,
    needs: frozenset[str],
    seed: int,
    folder: Path,
    chunk: int = CHUNK,
    progress: Progress | None = None,
    augmented: bool = False,
) -> Scan:
    """Run the learner over the pool and keep its outputs in ``folder``.

    A finished scan with all these fields is opened; a killed one continues after the last chunk written.

    Args:
        learner: The model.
        pool: The N items.
        needs: Names of the fields of :class:`Outputs` to keep.
        seed: Passed to ``learner.predict``; the same for every chunk, so stochastic passes draw alike.
        folder: Where to keep the outputs: (N, ...) float32 arrays, one file per field.
        chunk: Items given to the learner at once; bounds the memory.
        progress: Called after every chunk in the phase ``scan`` with the items done and N.
        augmented: Whether to augment the items, by ``learner.predict_augmented``, with draws from the seed.

    Raises:
        ContractError: The learner returned the wrong number of rows, no value for a field, or a value that is
            not finite; the message names learner, field and item.
        DataError: The outputs cannot be written.
    """
    predict = learner.predict
    if augmented:
        assert isinstance(learner, AugmentedScoring), "the caller checks"
        predict = learner.predict_augmented
    done = _resume_at(folder, pool, needs)
    if done == len(pool):
        return open_scan(folder)
    files: dict[str, np.memmap[Any, Any]] = _open_files(folder, "r+") if done else {}
    written = time.monotonic()
    try:
        while done < len(pool):
            part = pool.slice(done, min(done + chunk, len(pool)))
            fields = _validated(learner, predict(part, needs=needs, seed=seed), part, needs)
            if not files:
                files = _create_files(folder, fields, pool)
            for name, tensor in fields.items():
                files[name][done : done + len(part)] = tensor.numpy()
            done += len(part)
            if progress:
                progress("scan", done, len(pool))
            if done == len(pool) or time.monotonic() - written > FLUSH_SECONDS:
                for file in files.values():
                    file.flush()
                state = {"pool": pool.digest(), "items": len(pool), "needs": sorted(needs), "done": done}
                write_file(folder / "scan.json", json.dumps(state))
                written = time.monotonic()
    except OSError as error:
        raise DataError(
            f"cannot write the scan in {folder} ({error.strerror or error}); nothing is lost: free disk "
            "space and run again"
        ) from error
    return open_scan(folder)


def is_scanned(folder: Path, pool: Pool, needs: frozenset[str]) -> bool:
    """Return whether the folder holds a finished scan of exactly these items with all these fields."""
    state = _state(folder)
    return _is_finished(state) and state["pool"] == pool.digest() and needs <= set(state["needs"])


def open_scan(folder: Path) -> Scan:
    """Open a finished scan.

    Raises:
        DataError: There is no finished scan in the folder.
    """
    if not _is_finished(_state(folder)):
        raise DataError(f"finished scan not found: '{folder}'; scan again")
    ids = tuple(json.loads((folder / "ids.json").read_text(encoding="utf-8")))
    fields = {name: torch.from_numpy(file) for name, file in _open_files(folder, "c").items()}
    return Scan(ids, Outputs.from_fields(fields))


def _validated(learner: Learner, outputs: Outputs, part: Pool, needs: frozenset[str]) -> dict[str, Tensor]:
    who = f"learner {type(learner).__name__}"
    if not isinstance(outputs, Outputs):
        raise ContractError(f"{who} must return Outputs from predict, got {type(outputs).__name__}")
    present = outputs.fields()
    fields: dict[str, Tensor] = {}
    for name in sorted(needs):
        if name not in present:
            raise ContractError(f"{who} must return {name}, got {listed(sorted(present)) or 'nothing'}")
        if not isinstance(present[name], Tensor):
            got = type(present[name]).__name__
            raise ContractError(f"{who} must return {name} as a tensor, got {got}; use torch.as_tensor")
        tensor = present[name].detach().cpu().float()
        if tensor.ndim < 1 or len(tensor) != len(part):
            raise ContractError(
                f"{who} must return one row of {name} per item, {len(part)} rows, got shape "
                f"{tuple(tensor.shape)}"
            )
        finite = torch.isfinite(tensor)
        if not finite.all():
            row = int((~finite).reshape(len(tensor), -1).any(1).nonzero()[0])
            value = tensor[row][~finite[row]].reshape(-1)[0].item()
            raise ContractError(
                f"{who} must return finite {name}, got {value} for item '{part.ids[row]}'; check the item's "
                "data and the model's training"
            )
        fields[name] = tensor
    return fields


def _resume_at(folder: Path, pool: Pool, needs: frozenset[str]) -> int:
    """Return how many rows of this scan the folder already holds; delete any other scan."""
    state = _state(folder)
    same = state.get("pool") == pool.digest() and needs == set(state["needs"])
    if same or is_scanned(folder, pool, needs):
        return int(state["done"])
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _state(folder: Path) -> dict[str, Any]:
    with suppress(DataError):  # missing, or damaged by a power cut: scan again
        return read_json(folder / "scan.json", dict)
    return {}


def _is_finished(state: dict[str, Any]) -> bool:
    return "done" in state and bool(state["done"] == state["items"])


def _create_files(folder: Path, fields: dict[str, Tensor], pool: Pool) -> dict[str, np.memmap[Any, Any]]:
    folder.mkdir(parents=True, exist_ok=True)
    size = sum(len(pool) * tensor[0].numel() * 4 for tensor in fields.values())
    if size > shutil.disk_usage(folder).free:  # a mapped file on a full disk would kill the process (SIGBUS)
        raise OSError(errno.ENOSPC, f"{size / 1e6:.1f} MB are needed")
    (folder / "ids.json").write_text(json.dumps(pool.ids), encoding="utf-8")
    shapes = {name: (len(pool), *tensor.shape[1:]) for name, tensor in fields.items()}
    return {
        name: np.lib.format.open_memmap(_file(folder, name), mode="w+", dtype=np.float32, shape=shape)
        for name, shape in shapes.items()
    }


def _open_files(folder: Path, mode: Literal["r+", "c"]) -> dict[str, np.memmap[Any, Any]]:
    return {name: np.load(_file(folder, name), mmap_mode=mode) for name in _state(folder)["needs"]}


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name.replace(':', '-')}.npy"
