"""Atomic writes, locks, child processes and absolute paths. No torch."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from nextlabel.errors import BusyError, DataError

__all__ = [
    "IMAGENET",
    "RELEASED_WEIGHTS",
    "absolute_root",
    "absolute_weights",
    "exclusive_lock",
    "exit_with_parent",
    "read_json",
    "write_file",
]

T = TypeVar("T")

LOCK_SECONDS = 10.0

IMAGENET = "imagenet"
"""The value of a model's option ``weights`` that means torchvision's; never a path."""

RELEASED_WEIGHTS = "resnet18-5c106cde.pth"
"""torchvision's file of 2016, which the TOD papers' released code reads from the current directory."""


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file atomically: a reader sees the old file or the new one, never a part.

    Raises:
        DataError: The disk is full or read-only, or the folder does not exist.
    """
    unfinished = path.with_name(f"{path.name}.new")  # not random: the next call overwrites a remnant
    try:
        with unfinished.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # the disk may refuse this too; the first error says why
            unfinished.unlink(missing_ok=True)
        raise DataError(
            f"cannot write {path} ({error.strerror or error}); nothing is lost: free space or allow writing, "
            "and run again"
        ) from error


def read_json(path: Path, kind: type[T], *, remedy: str = "") -> T:
    """Read a JSON file whose content is of type ``kind``, ``dict`` or ``list``.

    Raises:
        DataError: The file is missing or damaged, or its content is of another type; ends with ``remedy``.
    """
    end = f"; {remedy}" if remedy else ""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}){end}") from error
    if not isinstance(content, kind):
        raise DataError(f"{path} must hold a JSON {kind.__name__}, got {type(content).__name__}{end}")
    return content


@contextlib.contextmanager
def exclusive_lock(lock: Path, what: str, *, timeout: float | None = LOCK_SECONDS) -> Iterator[None]:
    """Hold a lock file that no other process can hold; the system releases it when the process dies.

    Args:
        lock: The lock file, in a folder that exists.
        what: What is locked, for the message: ``"the experiment in runs/a"``.
        timeout: How many seconds to wait for another process, or None to wait until it finishes.

    Raises:
        BusyError: Another process still held it after the timeout.
    """
    try:
        with FileLock(lock, timeout=-1 if timeout is None else timeout):
            yield
    except Timeout as error:
        raise BusyError(f"{what} is locked by another process; wait for it to finish or stop it") from error


def exit_with_parent() -> None:
    """End this process when its parent ends, even if the parent ended before the call."""

    def wait() -> None:
        if parent := multiprocessing.parent_process():
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def absolute_weights(options: Mapping[str, Any]) -> dict[str, Any]:  # Any: TOML
    """Return the options of a model with a path in ``weights`` made absolute.

    A string is a path if it has a separator or a suffix, or names a file. ``imagenet`` becomes the path of
    the released code's file if the current directory has it, so that a record names the file that was read.

    Raises:
        ValueError: The path begins with ``~`` or ``~user``, and that home does not exist.
    """
    weights = options.get("weights")
    if weights == IMAGENET:
        weights = RELEASED_WEIGHTS if Path(RELEASED_WEIGHTS).is_file() else None
    if not isinstance(weights, str) or not weights:
        return dict(options)
    is_path = os.sep in weights or Path(weights).suffix or Path(weights).is_file()
    return {**options, "weights": _absolute(weights)} if is_path else dict(options)


def absolute_root(options: Mapping[str, Any]) -> dict[str, Any]:  # Any: TOML
    """Return the options of a data set with its ``root`` made absolute, as in :func:`absolute_weights`."""
    root = options.get("root")
    return {**options, "root": _absolute(root)} if isinstance(root, str) and root else dict(options)


def _absolute(path: str) -> str:
    try:
        return str(Path(path).expanduser().absolute())
    except RuntimeError as error:
        raise ValueError(f"there is no home for {path}; write the path from / on") from error
