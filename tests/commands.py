"""Commands and workers in processes of their own that begin at once: one imported for all what is slow."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from contextlib import contextmanager

from nextlabel.cli import main as entry

CONTEXT = multiprocessing.get_context("forkserver")
SLOW = [
    "nextlabel.bench.run_cell",
    "nextlabel.report.build",
    "sklearn.datasets",
    "torch._dynamo",  # for the first step of an optimizer
    "matplotlib.backends.backend_svg",
]


def quick_context(method=None):
    """Return the context of the processes that begin at once, whatever the method asked for."""
    CONTEXT.set_forkserver_preload(SLOW)
    return CONTEXT


@contextmanager
def started(arguments, folder):
    """Start ``nextlabel`` with the arguments, and give the process; its outputs are files of the folder."""
    process = quick_context().Process(target=_be_the_command, args=([*map(str, arguments)], folder))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def _be_the_command(arguments, folder):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # who starts us may be deaf to interrupts
    for number, name in [(1, "output"), (2, "error output")]:
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    fork = multiprocessing.get_context("fork")
    multiprocessing.get_context = lambda _: fork  # for workers, which otherwise import all of it once more
    sys.argv = ["nextlabel", *arguments]
    entry.main()
