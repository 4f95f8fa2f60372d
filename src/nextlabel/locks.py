"""One process at a time in a folder. Knows nothing of what is done there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from nextlabel.errors import BusyError

__all__ = ["alone"]

SECONDS = 10.0
"""How long to wait for another process before saying that it is busy."""


@contextmanager
def alone(lock: Path, doing: str) -> Iterator[None]:
    """Hold a lock that no other process holds meanwhile; the system lets go of it when a process dies.

    Args:
        lock: The lock's file, in a folder that exists.
        doing: What the other process would be doing, as a phrase: ``"running the experiment in runs/a"``.

    Raises:
        BusyError: Another process held it for 10 s.
    """
    try:
        with FileLock(lock, timeout=SECONDS):
            yield
    except Timeout as error:
        raise BusyError(f"another process is {doing}; wait for it, or end it and try again") from error
