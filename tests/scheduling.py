"""Which of pytest's workers runs which tests: a file's together, so that what they share is made once."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

PROCESSES = (
    "cli/test_interrupt.py",
    "cli/test_reading_commands.py",
    "cli/test_run_command.py",
    "bench/test_workers.py",
    "learners/test_torch_continues.py",
)
"""The files whose tests begin processes of nextlabel: together, they import what is slow once."""


class ByFile(LoadScopeScheduling):
    """Hands out the tests a file at a time, and those that begin processes of nextlabel at once."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return "processes" if file.endswith(PROCESSES) else file
