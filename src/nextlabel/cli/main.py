"""The command ``nextlabel``: puts the commands together and turns errors into one sentence.

Imports no torch; neither do the commands that only read.
"""

from __future__ import annotations

import sys
from importlib import metadata
from io import TextIOWrapper
from typing import Annotated

import typer

from nextlabel import __version__
from nextlabel.cli import catalogues, configuration, doctor, report, run, status
from nextlabel.cli.output import FAILED, print_error
from nextlabel.errors import NextlabelError

__all__ = ["app", "main"]

INTERRUPTED = 130
"""The exit code of typer at Ctrl-C, for which it prints nothing."""

app = typer.Typer(
    name="nextlabel",
    help="Decide what to label next: active learning by temporal output discrepancy, measured honestly.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run.run)
app.command("report")(report.report)
app.command("status")(status.status)
app.command("strategies")(catalogues.strategies)
app.command("objectives")(catalogues.objectives)
app.add_typer(catalogues.datasets_app, name="datasets")
app.add_typer(configuration.app, name="config")
app.command("doctor")(doctor.doctor)
for _command in sorted(metadata.entry_points(group="nextlabel.commands"), key=lambda point: point.name):
    app.command(_command.name)(_command.load())


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line; an error that the user can fix is one sentence and exit code 1."""
    as_json = "--json" in sys.argv
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a Windows pipe or an ASCII terminal lacks some characters
            stream.reconfigure(errors="replace")
    try:
        app()
        return
    except NextlabelError as error:
        sentence = str(error)
    except BrokenPipeError:  # nobody reads the output any more
        sys.stderr.close()
        sys.exit(FAILED)
    except OSError as error:  # for example a full or read-only disk
        place = f" {error.filename}" if error.filename else ""
        sentence = (
            f"cannot read or write{place} ({error.strerror or error}); finished work is kept: fix this and "
            "run the same command again"
        )
    except SystemExit as ended:
        usage = getattr(ended.__context__, "format_message", None)  # typer has printed it as text
        if usage and as_json:
            print_error(usage(), as_json=True)
        if ended.code != INTERRUPTED:
            raise
        sentence = "interrupted; nothing is lost: run the same command again"
    print_error(sentence, as_json=as_json)
    sys.exit(FAILED)


if __name__ == "__main__":
    main()
