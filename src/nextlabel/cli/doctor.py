"""``nextlabel doctor``: what is installed, what the device is, and whether the main job works here."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from nextlabel.cli.output import FAILED, JsonOption, print_json

__all__ = ["doctor"]

EXTRAS = {"vision": ("torchvision", "timm"), "parquet": ("pyarrow",)}


def doctor(
    check: Annotated[bool, typer.Option("--check/--no-check", help="Run the one-minute self-check.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Show versions, device and optional extras, and check that a small campaign runs and repeats itself."""
    from nextlabel.bench.environment import describe_environment

    facts: dict[str, Any] = {  # Any: JSON
        "environment": describe_environment(),
        "device": _device(),
        "extras": {extra: _extra(packages) for extra, packages in EXTRAS.items()},
    }
    if not as_json:
        for group in ("environment", "extras"):
            for key, value in facts[group].items():
                typer.echo(f"{key:<14} {value}")
        typer.echo(f"{'device':<14} {facts['device']}")
    checks = _checks() if check else {}
    if as_json:
        print_json({**facts, "checks": checks})
    for name, passed in checks.items():
        if not as_json:
            typer.echo(f"{'ok' if passed else 'FAILED':<14} {name}")
    if not all(checks.values()):
        raise typer.Exit(FAILED)


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return f"cuda: {torch.cuda.get_device_name()}"
    return f"cpu, {torch.get_num_threads()} threads"


def _extra(packages: tuple[str, ...]) -> str:
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    return f"missing {', '.join(missing)}" if missing else "installed"


def _checks() -> dict[str, bool]:
    """Run a small campaign twice, in worker processes as ``nextlabel run`` does."""
    from nextlabel.bench.experiment import Experiment
    from nextlabel.config.experiment import load_config
    from nextlabel.results import COLUMNS

    settings = ["learner.epochs=10", "cycles=2"]
    config = load_config(options={"strategy": ["cod"], "seeds": 1}, settings=settings)
    with tempfile.TemporaryDirectory() as scratch:
        runs = [Experiment.open(config, Path(scratch) / name) for name in ("first", "second")]
        for run in runs:
            list(run.run(jobs=1))
        timeless = [column for column in COLUMNS if not column.endswith("_seconds")]
        first, second = ([[getattr(row, column) for column in timeless] for row in run.rows] for run in runs)
        return {
            "a campaign runs to its end": len(first) == len(runs[0].grid.cells) * config.cycles,
            "the same seed gives the same picks and figures": first == second,
            "the model learns (accuracy above 0.5 on digits)": all(
                row.accuracy > 0.5 for row in runs[0].rows
            ),
        }
