"""What all commands share: options, JSON or text output, one sentence for an error, and the exit codes.

Exit codes: 0 success, 1 an error that the user can fix, 2 wrong usage, 3 waiting for labels.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any

import typer

__all__ = ["FAILED", "WAITING", "JsonOption", "SettingOption", "print_error", "print_json"]

FAILED = 1
WAITING = 3

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
SettingOption = Annotated[
    list[str] | None, typer.Option("--set", help="Override a setting (key=value, repeatable).")
]


def print_json(content: Mapping[str, Any]) -> None:  # Any: JSON
    """Print the content to standard output, preceded by ``"ok": true``."""
    sys.stdout.write(json.dumps({"ok": True, **content}, indent=2, default=str) + "\n")


def print_error(sentence: str, *, as_json: bool) -> None:
    """Print an error: as text to standard error, or as JSON to standard output."""
    if as_json:
        with suppress(OSError):  # a full disk may be the error
            sys.stdout.write(json.dumps({"ok": False, "error": sentence}, indent=2) + "\n")
            sys.stdout.flush()
            return
    sys.stderr.write(f"Error: {sentence}\n")
