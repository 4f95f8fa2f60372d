"""``nextlabel doctor``: what is installed, which device is used, and whether a small benchmark works."""

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
    """Show versions, device and optional extras, and check that a small campaign is reproducible."""
    from nextlabel.bench.environment import describe_environment

    facts: dict[str, Any] = {  # Any: JSON
        "environment": describe_environment(),
        "device": _device(),
        "extras": {extra: _extra(packages) for extra, packages in EXTRAS.items()},
    }
    if not as_json:
        for key, value in {**facts["environment"], **facts["extras"], "device": facts["device"]}.items():
            typer.echo(f"{key:<14} {value}")
    checks = _checks() if check else {}
    if as_json:
        print_json({**facts, "checks": checks})
    else:
        for name, passed in checks.items():
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
    timeless = [column for column in COLUMNS if not column.endswith("_seconds")]
    with tempfile.TemporaryDirectory() as scratch:
        runs = [Experiment.open(config, Path(scratch) / name) for name in ("first", "second")]
        for run in runs:
            list(run.run(jobs=1))
        first, second = ([[getattr(row, column) for column in timeless] for row in run.rows] for run in runs)
        learnt = all(row.accuracy > 0.5 for row in runs[0].rows)
    return {
        "a campaign runs to its end": len(first) == len(runs[0].grid.cells) * config.cycles,
        "the same seed gives the same queries and results": first == second,
        "the model learns (accuracy above 0.5 on digits)": learnt,
    }
