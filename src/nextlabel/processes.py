"""Processes that do not outlive the one that began them. Knows nothing of what they do."""

from __future__ import annotations

import multiprocessing
import os
import threading

__all__ = ["end_with_parent"]


def end_with_parent() -> None:
    """End this process as soon as its parent has ended, however that came; called in the child.

    Also where the parent ended before the call, which a look at the parent's number would miss.
    """
    threading.Thread(target=_end_after_parent, daemon=True).start()


def _end_after_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
