"""The pages that repeat the code: how a part is filled, and that a command's table says what it takes."""

import importlib.util
import sys
from pathlib import Path
from typing import Annotated

import pytest
import typer

SCRIPT = Path(__file__).parents[2] / "scripts" / "generate_cli_docs.py"


@pytest.fixture(scope="module")
def generator():
    specification = importlib.util.spec_from_file_location("generate_cli_docs", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    yield module
    del sys.modules[module.__name__]


@pytest.fixture
def sections(generator):
    app = typer.Typer(add_completion=True)

    @app.command()
    def paint(
        wall: Annotated[str, typer.Argument(help="The wall.")],
        brush: Annotated[str | None, typer.Argument(help="The brush.")] = None,
        coats: Annotated[int, typer.Option(help="How often | how thick.")] = 2,
        dry: Annotated[bool, typer.Option("--dry", help="Only say it.")] = False,
        secret: Annotated[bool, typer.Option("--secret", hidden=True)] = False,
    ) -> None:
        """Paint a wall
        in one colour.

        Then wait.
        """

    inner = typer.Typer(help="Colours.")
    app.add_typer(inner, name="colour")

    @inner.command("list")
    def list_colours() -> None:
        """List the colours."""

    return dict(zip(("paint", "colour list"), generator.sections(app, "decorator"), strict=True))


def test_a_marked_part_is_replaced_and_the_rest_of_the_page_stays(generator):
    page = "above\n<!-- generated: needs -->\nold\n<!-- end of generated -->\nbelow\n"
    fresh = generator.filled(page, {"needs": lambda: "new\n"})
    assert fresh == "above\n<!-- generated: needs -->\n\nnew\n\n<!-- end of generated -->\nbelow\n"
    assert generator.filled(fresh, {"needs": lambda: "new\n"}) == fresh


def test_a_part_that_nobody_makes_is_named(generator):
    with pytest.raises(ValueError, match="a page marks 'nobody'"):
        generator.filled("<!-- generated: nobody -->\n<!-- end of generated -->", {"needs": lambda: ""})


def test_a_part_that_is_never_closed_is_an_error(generator):
    with pytest.raises(ValueError, match="end of generated"):
        generator.filled("<!-- generated: needs -->\n", {"needs": lambda: ""})


def test_a_command_shows_its_help_and_how_it_is_called(sections):
    assert sections["paint"].startswith(
        "## `decorator paint`\n\nPaint a wall in one colour.\n\nThen wait.\n\n"
        "```console\n$ decorator paint [OPTIONS] WALL [BRUSH]\n```"
    )


def test_options_show_their_type_default_and_meaning_and_hidden_ones_do_not_show(sections):
    assert "| `--coats INTEGER` | How often \\| how thick. | `2` |" in sections["paint"]
    assert "| `--dry` | Only say it. |  |" in sections["paint"]
    assert "secret" not in sections["paint"]
    assert "completion" not in sections["paint"]


def test_a_group_shows_the_commands_below_it(sections):
    assert sections["colour list"].startswith("## `decorator colour list`\n\nList the colours.")


def test_a_column_of_defaults_that_would_be_empty_is_left_out(generator):
    app = typer.Typer()

    @app.command()
    def wait(hours: Annotated[int | None, typer.Option(help="How long.")] = None) -> None:
        """Wait."""

    (text,) = generator.sections(app, "decorator")
    assert text.endswith("| Option | Meaning |\n| --- | --- |\n| `--hours INTEGER` | How long. |")


def test_a_check_fails_with_the_stale_page_and_the_remedy_and_writes_nothing(
    generator, tmp_path, monkeypatch, capsys
):
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    page.write_text("<!-- generated: needs -->\nold\n<!-- end of generated -->\n")
    monkeypatch.setattr(generator, "DOCS", page.parent)
    monkeypatch.setattr(generator, "PARTS", {"needs": lambda: "new"})
    assert generator.main(["--check"]) == 1
    assert "docs/page.md differ" in capsys.readouterr().err
    assert "old" in page.read_text()
    assert generator.main([]) == 0
    assert "new" in page.read_text()
    assert generator.main(["--check"]) == 0


def test_citations_follow_the_table_and_cards_of_plug_ins_are_left_out(generator):
    from nextlabel.registry import Card

    registry = [
        Card(
            "near", "nextlabel.strategies.near:Near", needs=("log_probs",), citation="A. Author, Near, 2020"
        ),
        Card("far", "elsewhere.far:Far"),
    ]
    assert generator.catalogue(registry, {"Needs": "needs"}) == (
        "| Name | Needs |\n| --- | --- |\n| `near` | `log_probs` |\n\n- `near`: A. Author, Near, 2020"
    )
