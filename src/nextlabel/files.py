"""Files, locks and processes: written, shared between processes, named in records. No torch."""

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
"""How long to wait for another process before giving up."""

IMAGENET = "imagenet"
"""What the option ``weights`` of a model says for torchvision's; no path, even where a file has that name."""

RELEASED_WEIGHTS = "resnet18-5c106cde.pth"
"""torchvision's file of 2016, which the TOD papers' released code asks for in the current directory."""


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file atomically: a reader sees the old file or the new one, never a part.

    Raises:
        DataError: The disk is full or read-only, or the folder does not exist.
    """
    unfinished = path.with_name(f"{path.name}.new")  # one name, so that the next call overwrites a remnant
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
    """Read a JSON file.

    Args:
        path: The file.
        kind: The type of its content: ``dict`` or ``list``.
        remedy: What to do about a missing or damaged file, for the message.

    Raises:
        DataError: The file is missing or damaged, or its content is of another type.
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
def exclusive_lock(lock: Path, what: str) -> Iterator[None]:
    """Hold a lock that other processes cannot hold; the system releases it when the process dies.

    Args:
        lock: The lock file, in a folder that exists.
        what: What is locked, for the message: ``"the experiment in runs/a"``.

    Raises:
        BusyError: Another process held it for 10 s.
    """
    try:
        with FileLock(lock, timeout=LOCK_SECONDS):
            yield
    except Timeout as error:
        raise BusyError(f"{what} is locked by another process; wait for it to finish or stop it") from error


def exit_with_parent() -> None:
    """End this process when its parent ends; called in the child.

    Also works if the parent ended before the call, which comparing process ids would miss.
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
