"""Every command line that a page shows is one that the program understands."""

import itertools
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from nextlabel.cli.main import app
from nextlabel.config.experiment import load_config

ROOT = Path(__file__).parents[2]
# The page of the command line is generated, and shows forms rather than commands.
PAGES = [*ROOT.glob("*.md"), *(page for page in ROOT.glob("docs/*.md") if page.name != "command_line.md")]
SHOWN = [
    pytest.param(command, id=f"{page.name}: {command}")
    for page in PAGES
    for command in re.findall(
        r"^(?:\$ |\.venv/bin/)(?:\.venv/bin/)?nextlabel (.+)$", page.read_text("utf-8"), re.M
    )
]


@pytest.mark.parametrize("shown", SHOWN)
def test_a_command_that_a_page_shows_is_understood(shown):
    words = shlex.split(shown, comments=True)
    command = get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    context = command.make_context("nextlabel", words)
    assert context.params or not words


@pytest.mark.parametrize("shown", [one for one in SHOWN if "--set" in one.values[0]])
def test_a_setting_that_a_page_shows_exists(shown):
    pairs = list(itertools.pairwise(shlex.split(shown, comments=True)))
    settings = [value for option, value in pairs if option == "--set" and "power_ratio" not in value]
    load_config(options={"dataset": dict(pairs).get("--dataset")}, settings=settings)


def test_the_pages_show_commands():
    assert SHOWN
