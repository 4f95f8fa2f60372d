"""The scan: one pass of a model over a pool, in chunks, kept on disk and read again as if in memory.

The outputs of cycle c are kept for cycle c+1, so that a discrepancy between the two costs one forward pass
and not two. Knows nothing of strategies, labels or ledgers.
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

from nextlabel.errors import ContractError, DataError
from nextlabel.files import read_json, write_file
from nextlabel.ledger.events import ItemId
from nextlabel.pool import Pool
from nextlabel.progress import Progress
from nextlabel.types import AugmentedScoring, Learner, Outputs

__all__ = ["CHUNK", "Scan", "is_scanned", "open_scan", "scan"]

CHUNK = 8192
"""Items handed to the learner at once: 34 MB of outputs for 1,024 numbers per item."""

FLUSH_SECONDS = 20.0
"""How much of a killed scan is done again at most."""


@dataclass(frozen=True)
class Scan:
    """The outputs of one model on some items, memory-mapped.

    Attributes:
        ids: The items, in the order of the rows.
        outputs: Their outputs; the tensors are backed by files and read when touched.
        folder: Where the files are.
    """

    ids: tuple[ItemId, ...]
    outputs: Outputs
    folder: Path

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

    A finished scan that holds all these fields is opened, one that was killed goes on behind the last chunk
    that it had written.

    Args:
        learner: The model to ask.
        pool: The N items.
        needs: Names of the fields of :class:`Outputs` to keep.
        seed: Passed on to ``learner.predict``; the same for every chunk, so stochastic passes draw alike.
        folder: Where to keep the outputs: (N, ...) float32 arrays, one file a field.
        chunk: Items handed to the learner at once; bounds the memory.
        progress: Called after every chunk in the phase ``scan`` with the items done and N.
        augmented: Whether the items are augmented, by ``learner.predict_augmented``; the draws are derived
            from the seed.

    Raises:
        ContractError: The learner returned another number of rows, lacks a needed field, or returned a
            number that is not finite; the message names learner, field and item.
        DataError: The outputs cannot be written.
    """
    predict = learner.predict
    if augmented:
        assert isinstance(learner, AugmentedScoring), "the caller looked"
        predict = learner.predict_augmented
    done = _continue_at(folder, pool, needs)
    if done == len(pool):
        return open_scan(folder)
    files: dict[str, np.memmap[Any, Any]] = _open_files(folder, "r+") if done else {}
    written = time.monotonic()
    try:
        while done < len(pool):
            part = pool.slice(done, min(done + chunk, len(pool)))
            fields = _checked(learner, predict(part, needs=needs, seed=seed), part, needs)
            if not files:
                files = _create(folder, fields, pool)
            for name, tensor in fields.items():
                files[name][done : done + len(part)] = tensor.numpy()
            done += len(part)
            if progress:
                progress("scan", done, len(pool))
            if done == len(pool) or time.monotonic() - written > FLUSH_SECONDS:
                _record(folder, files, pool, needs, done)
                written = time.monotonic()
    except OSError as error:
        raise DataError(
            f"cannot keep the scan in {folder} ({error.strerror or error}); "
            "nothing is lost: make room there and run again"
        ) from error
    return open_scan(folder)


def is_scanned(folder: Path, pool: Pool, needs: frozenset[str]) -> bool:
    """Return whether the folder holds a finished scan of just these items with all these fields."""
    state = _state(folder)
    if state is None or state["done"] != state["items"] or not needs <= set(state["needs"]):
        return False
    same: bool = state["pool"] == pool.digest()
    return same


def open_scan(folder: Path) -> Scan:
    """Open a finished scan.

    Raises:
        DataError: There is no finished scan in the folder.
    """
    state = _state(folder)
    if state is None or state["done"] != state["items"]:
        raise DataError(f"expected a finished scan in {folder}, but there is none")
    ids = tuple(json.loads((folder / "ids.json").read_text(encoding="utf-8")))
    fields = {name: torch.from_numpy(file) for name, file in _open_files(folder, "c").items()}
    return Scan(ids, Outputs.from_fields(fields), folder)


def _checked(learner: Learner, outputs: Outputs, part: Pool, needs: frozenset[str]) -> dict[str, Tensor]:
    who = f"learner {type(learner).__name__}"
    present = outputs.fields()
    fields: dict[str, Tensor] = {}
    for name in sorted(needs):
        if name not in present:
            raise ContractError(
                f"{who} was asked for {name}, but returned only {sorted(present) or 'nothing'}"
            )
        tensor = present[name].detach().cpu().float()
        if tensor.ndim < 1 or len(tensor) != len(part):
            raise ContractError(
                f"{who} must return one row per item: {len(part)} rows of {name}, "
                f"but returned shape {tuple(tensor.shape)}"
            )
        finite = torch.isfinite(tensor)
        if not finite.all():
            row = int((~finite).reshape(len(tensor), -1).any(1).nonzero()[0])
            value = tensor[row][~finite[row]].reshape(-1)[0].item()
            raise ContractError(
                f"{who} must return finite {name}, but returned {value} for item '{part.ids[row]}'; "
                "check the item's data and the model's training"
            )
        fields[name] = tensor
    return fields


def _continue_at(folder: Path, pool: Pool, needs: frozenset[str]) -> int:
    """Return how many rows of this very scan the folder already holds; clear anything else away."""
    state = _state(folder)
    if state and state["pool"] == pool.digest():
        finished = state["done"] == state["items"]
        if needs == set(state["needs"]) or (finished and needs < set(state["needs"])):
            return int(state["done"])
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _state(folder: Path) -> dict[str, Any] | None:
    state: dict[str, Any] | None = None
    with suppress(DataError):  # missing, or damaged by a power cut: scan again
        state = read_json(folder / "scan.json", dict, remedy="scan again")
    return state


def _create(folder: Path, fields: dict[str, Tensor], pool: Pool) -> dict[str, np.memmap[Any, Any]]:
    folder.mkdir(parents=True, exist_ok=True)
    size = sum(len(pool) * tensor[0].numel() * 4 for tensor in fields.values())
    if size > shutil.disk_usage(folder).free:  # a mapped file on a full disk would kill the process (SIGBUS)
        raise OSError(errno.ENOSPC, f"{size / 1e6:.1f} MB are needed")
    (folder / "ids.json").write_text(json.dumps(pool.ids), encoding="utf-8")
    return {
        name: np.lib.format.open_memmap(
            folder / f"{name.replace(':', '-')}.npy",
            mode="w+",
            dtype=np.float32,
            shape=(len(pool), *tensor.shape[1:]),
        )
        for name, tensor in fields.items()
    }


def _open_files(folder: Path, mode: Literal["r+", "c"]) -> dict[str, np.memmap[Any, Any]]:
    state = _state(folder)
    names = state["needs"] if state else []
    files: dict[str, np.memmap[Any, Any]] = {
        name: np.load(folder / f"{name.replace(':', '-')}.npy", mmap_mode=mode) for name in names
    }
    return files


def _record(
    folder: Path, files: dict[str, np.memmap[Any, Any]], pool: Pool, needs: frozenset[str], done: int
) -> None:
    for file in files.values():
        file.flush()
    state = {"pool": pool.digest(), "items": len(pool), "needs": sorted(needs), "done": done}
    write_file(folder / "scan.json", json.dumps(state))
