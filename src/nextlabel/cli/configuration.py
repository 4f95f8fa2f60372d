"""``nextlabel config``: the resolved configuration, and its schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from nextlabel.cli.output import JsonOption, SettingOption, print_json

__all__ = ["app"]

app = typer.Typer(name="config", help="Show the resolved configuration or its schema.", no_args_is_help=True)


@app.command()
def show(
    config: Annotated[Path | None, typer.Argument(help="A TOML file of settings [default: none].")] = None,
    setting: SettingOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the resolved configuration, with the training settings of each data set that is available."""
    from nextlabel.bench.grid import make_grid, with_found_data
    from nextlabel.config.experiment import load_config, to_toml
    from nextlabel.errors import DataError
    from nextlabel.presets.catalogue import preset_remarks

    resolved = with_found_data(load_config(config, settings=setting or ()))
    tree = resolved.resolved()
    try:
        tree = {**tree, "training": dict(make_grid(resolved).training)}
    except DataError as error:
        typer.echo(f"The table of training settings is left out: {error}", err=True)
    lines = list(preset_remarks(tree))
    if as_json:
        print_json({"config": tree, **({"preset": lines} if lines else {})})
        return
    typer.echo(to_toml(tree), nl=False)
    if lines:
        typer.echo(f"\n# The preset {resolved.preset} and the others, which differ in these settings:")
    for line in lines:
        typer.echo(f"# - {line}")


@app.command()
def schema(as_json: JsonOption = False) -> None:
    """Print the JSON schema of a configuration."""
    from nextlabel.config.experiment import ExperimentConfig

    content = ExperimentConfig.model_json_schema()
    if as_json:
        print_json({"schema": content})
    else:
        typer.echo(json.dumps(content, indent=2))
