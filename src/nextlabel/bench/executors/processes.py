"""Worker processes: each runs one cell after another and dies with its parent.

A worker that is killed takes one cell with it and no more. Imports torch only inside the workers.
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
"""The least time between two messages of one worker about its progress."""

LOOK_SECONDS = 2.0
"""How long a worker's end may go unnoticed where a process that it began lives on, and so keeps its pipe."""


@dataclass(frozen=True)
class Started:
    """A worker has begun a cell."""

    cell: Cell


@dataclass(frozen=True)
class Advanced:
    """A cell has advanced: the cycle, the phase, the work done in it and the whole."""

    cell: Cell
    cycle: int
    phase: str
    done: int
    total: int


@dataclass(frozen=True)
class Ended:
    """A cell has ended; ``error`` is a sentence where it failed, ``details`` its traceback."""

    cell: Cell
    error: str | None = None
    details: str = ""


Event = Started | Advanced | Ended


@dataclass
class _Worker:
    process: SpawnProcess
    connection: Connection
    cell: Cell | None = None


def run_cells(cells: Sequence[Cell], folder: Path, *, jobs: int) -> Iterator[Event]:
    """Run the cells in up to ``jobs`` processes and yield what happens.

    A cell that fails, or whose process dies, ends with an error; the others go on. Closing the iterator ends
    the workers.

    Args:
        cells: The cells, in the order in which they begin.
        folder: Each cell is kept in the sub-folder of its name.
        jobs: Processes at the same time, at least 1.
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
    elsewhere = multiprocessing.get_start_method(allow_none=True)
    process = context.Process(target=_serve, args=(theirs, elsewhere), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _receive(worker: _Worker) -> Event:
    assert worker.cell is not None
    try:
        if not worker.connection.poll():  # the process has ended, but one that loads images holds the pipe
            raise EOFError
        event: Event = worker.connection.recv()
    except (EOFError, ConnectionError):
        worker.process.join()
        code = worker.process.exitcode
        why = f"by signal {-code}" if code is not None and code < 0 else f"with code {code}"
        return Ended(worker.cell, f"the worker was killed {why} (out of memory?)")
    return event


def _serve(connection: Connection, start_method: str | None) -> None:
    """Run cells as they come, until the connection closes. This is a worker's whole life.

    ``start_method`` is that of the parent, None for the system's own. It is for the processes that load
    images: begun as this one was, each would import torch first, at every pass again.
    """
    multiprocessing.set_start_method(start_method, force=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    exit_with_parent()
    multiprocessing.current_process().daemon = False  # or it could have no processes that load images
    logging.getLogger("nextlabel").addHandler(logging.NullHandler())  # the grid's notes say it before
    from nextlabel.bench.run_cell import run_cell

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
    except DamagedLedgerError as error:
        return Ended(cell, f"{error}; or delete {folder}, and it begins again", traceback.format_exc())
    except NextlabelError as error:
        return Ended(cell, str(error), traceback.format_exc())
    except Exception as error:  # the edge: whatever a cell raises must not stop the others
        return Ended(cell, f"{type(error).__name__}: {error}", traceback.format_exc())
    return Ended(cell)
