"""Files, locks and processes: how they are shared between processes, and named in records. No torch."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from nextlabel.errors import BusyError

__all__ = [
    "IMAGENET",
    "RELEASED_WEIGHTS",
    "absolute_root",
    "absolute_weights",
    "exclusive_lock",
    "exit_with_parent",
]

LOCK_SECONDS = 10.0
"""How long to wait for another process before saying that it is busy."""

IMAGENET = "imagenet"
"""What the option ``weights`` of a model says for torchvision's; no path, even where a file has that name."""

RELEASED_WEIGHTS = "resnet18-5c106cde.pth"
"""torchvision's file of 2016, which the TOD papers' released code asks for in the current directory."""


@contextmanager
def exclusive_lock(lock: Path, doing: str) -> Iterator[None]:
    """Hold a lock that no other process holds meanwhile; the system lets go of it when a process dies.

    Args:
        lock: The lock's file, in a folder that exists.
        doing: What the other process would be doing, as a phrase: ``"running the experiment in runs/a"``.

    Raises:
        BusyError: Another process held it for 10 s.
    """
    try:
        with FileLock(lock, timeout=LOCK_SECONDS):
            yield
    except Timeout as error:
        raise BusyError(f"another process is {doing}; wait for it, or end it and try again") from error


def exit_with_parent() -> None:
    """End this process as soon as its parent has ended, however that came; called in the child.

    Also where the parent ended before the call, which a look at the parent's number would miss.
    """
    threading.Thread(target=_exit_after_parent, daemon=True).start()


def _exit_after_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def absolute_weights(options: Mapping[str, Any]) -> dict[str, Any]:  # Any: TOML
    """Return the options of a model with a path in ``weights`` made absolute.

    A text is a path where it has a separator or a suffix, or is the name of a file. The word ``imagenet`` is
    the released code's file where the current directory has it, so that a record names the file that was
    read; else it stays.

    Raises:
        ValueError: The path begins with the home of somebody who has none.
    """
    weights = options.get("weights")
    if weights == IMAGENET and Path(RELEASED_WEIGHTS).is_file():
        return {**options, "weights": _absolute(RELEASED_WEIGHTS)}
    is_path = isinstance(weights, str) and _is_path(weights)
    return {**options, "weights": _absolute(str(weights))} if is_path else dict(options)


def absolute_root(options: Mapping[str, Any]) -> dict[str, Any]:  # Any: TOML
    """Return the options of a data set with its ``root`` made absolute.

    Raises:
        ValueError: The path begins with the home of somebody who has none.
    """
    root = options.get("root")
    return {**options, "root": _absolute(root)} if isinstance(root, str) and root else dict(options)


def _is_path(text: str) -> bool:
    if not text or text == IMAGENET:
        return False
    return os.sep in text or bool(Path(text).suffix) or Path(text).is_file()


def _absolute(path: str) -> str:
    try:
        return str(Path(path).expanduser().absolute())
    except RuntimeError as error:
        raise ValueError(f"there is no home for {path}; write the path from / on") from error
