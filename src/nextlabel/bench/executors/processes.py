"""Worker processes: each runs one cell after another and ends with its parent.

A worker that is killed fails one cell only. Imports torch only inside the workers.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from nextlabel.bench.cell import Cell
from nextlabel.errors import DamagedLedgerError, NextlabelError
from nextlabel.files import exit_with_parent

__all__ = ["Advanced", "Ended", "Started", "run_cells"]

REPORT_SECONDS = 0.1
"""The least time between two progress messages of one worker."""

LOOK_SECONDS = 2.0
"""How long the end of a worker may go unnoticed if a process that it started lives on and keeps its pipe."""


@dataclass(frozen=True)
class Started:
    """A worker has started a cell."""

    cell: Cell


@dataclass(frozen=True)
class Advanced:
    """A cell has made progress in a cycle: the phase, the work done in it and its total."""

    cell: Cell
    cycle: int
    phase: str
    done: int
    total: int


@dataclass(frozen=True)
class Ended:
    """A cell has ended; if it failed, ``error`` is a sentence and ``details`` the traceback."""

    cell: Cell
    error: str | None = None
    details: str = ""


CellEvent = Started | Advanced | Ended


@dataclass
class _Worker:
    process: SpawnProcess
    connection: Connection
    cell: Cell | None = None


def run_cells(cells: Sequence[Cell], folder: Path, *, jobs: int) -> Iterator[CellEvent]:
    """Run the cells in up to ``jobs`` processes and yield what happens.

    Each cell is kept in the sub-folder of its name. A cell that fails, or whose process dies, ends with an
    error; the others go on. Closing the iterator stops the workers.
    """
    waiting = list(reversed(cells))
    workers: list[_Worker] = []
    try:
        while waiting or any(worker.cell for worker in workers):
            while waiting and len([w for w in workers if w.cell]) < jobs:
                worker = next((w for w in workers if w.cell is None and w.process.is_alive()), None)
                if worker is None:
                    worker = _hire()
                    workers.append(worker)
                worker.cell = waiting.pop()
                worker.connection.send((worker.cell, folder / worker.cell.name))
                yield Started(worker.cell)
            busy = [worker for worker in workers if worker.cell]
            ready = wait([worker.connection for worker in busy], timeout=LOOK_SECONDS)
            for worker in [w for w in busy if w.connection in ready or not w.process.is_alive()]:
                event = _receive(worker)
                if isinstance(event, Ended):
                    worker.cell = None
                    if not worker.process.is_alive():
                        workers.remove(worker)
                yield event
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.join()


def _hire() -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    start_method = multiprocessing.get_start_method(allow_none=True)
    process = context.Process(target=_serve, args=(theirs, start_method), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _receive(worker: _Worker) -> CellEvent:
    assert worker.cell is not None
    try:
        if not worker.connection.poll():  # the process has ended, but one that loads images holds the pipe
            raise EOFError
        event: CellEvent = worker.connection.recv()
    except (EOFError, ConnectionError):
        worker.process.join()
        code = worker.process.exitcode or 0
        how, number = ("was killed by signal", -code) if code < 0 else ("exited with code", code)
        return Ended(worker.cell, f"the worker {how} {number} (out of memory?)")
    return event


def _serve(connection: Connection, start_method: str | None) -> None:
    """Run cells until the connection closes.

    ``start_method`` is the parent's, None for the system's default. It applies to the processes that load
    images: spawned as this one was, each would import torch again in every epoch.
    """
    multiprocessing.set_start_method(start_method, force=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    exit_with_parent()
    multiprocessing.current_process().daemon = False  # daemons may not start processes that load images
    logging.getLogger("nextlabel").addHandler(logging.NullHandler())  # the grid's notes say it before
    import torch

    from nextlabel.bench.run_cell import run_cell

    # The first optimiser of a process imports torch's compiler, seconds that belong to no cell's fit.
    torch.optim.SGD([torch.zeros(1)])
    with suppress(EOFError, BrokenPipeError):
        while True:
            cell, folder = connection.recv()
            connection.send(_attempt(run_cell, cell, folder, connection))


def _attempt(run_cell: Callable[..., None], cell: Cell, folder: Path, connection: Connection) -> Ended:
    reported = 0.0

    def progress(cycle: int, phase: str, done: int, total: int) -> None:
        nonlocal reported
        if time.monotonic() - reported >= REPORT_SECONDS:
            reported = time.monotonic()
            connection.send(Advanced(cell, cycle, phase, done, total))

    try:
        run_cell(cell, folder, progress)
    except Exception as error:  # whatever a cell raises must not stop the others
        sentence = str(error) if isinstance(error, NextlabelError) else f"{type(error).__name__}: {error}"
        if isinstance(error, DamagedLedgerError):
            sentence += f"; or delete {folder} to start again"
        return Ended(cell, sentence, traceback.format_exc())
    return Ended(cell)
