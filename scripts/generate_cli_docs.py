"""Write the parts of the documentation that repeat what the code says: the command line and the catalogues.

Each such part lies between ``<!-- generated: NAME -->`` and ``<!-- end of generated -->`` in a page of
``docs/``; the rest of a page is written by hand and stays. With ``--check`` nothing is written: the
exit code is 1 where a page is not fresh. Knows nothing of what the commands do.
"""

from __future__ import annotations

import argparse
import enum
import inspect
import itertools
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from typer import Typer
from typer.models import OptionInfo, ParameterInfo

DOCS = Path(__file__).resolve().parents[1] / "docs"
COMMAND = "python scripts/generate_cli_docs.py"

MARKED = re.compile(
    r"(?P<open><!-- generated: (?P<name>[a-z_]+) -->\n)(?P<body>.*?)(?P<close><!-- end of generated -->)",
    re.DOTALL,
)


def main(arguments: list[str] | None = None) -> int:
    """Write or check every page and return the exit code."""
    parser = argparse.ArgumentParser(description="Write the generated parts of the documentation.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page is not fresh")
    check = parser.parse_args(arguments).check
    stale = []
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        fresh = filled(text, PARTS)
        if fresh != text:
            stale.append(page.relative_to(DOCS.parent).as_posix())
            if not check:
                page.write_text(fresh, encoding="utf-8")
    if stale and check:
        print(
            f"expected fresh pages, but {', '.join(stale)} differ from the code; run: {COMMAND}",
            file=sys.stderr,
        )
        return 1
    print(f"Wrote {', '.join(stale)}." if stale else "The generated pages are fresh.")
    return 0


def filled(text: str, parts: Mapping[str, Callable[[], str]]) -> str:
    """Return the page with the body of every marked part replaced by what its maker says.

    Raises:
        ValueError: The page marks a part that nobody makes, or opens one that it does not close.
    """

    def fill(match: re.Match[str]) -> str:
        if match["name"] not in parts:
            raise ValueError(f"expected one of the parts {sorted(parts)}, but a page marks '{match['name']}'")
        return f"{match['open']}\n{parts[match['name']]().strip()}\n\n{match['close']}"

    if text.count("<!-- generated: ") != len(MARKED.findall(text)):
        raise ValueError(
            "expected '<!-- end of generated -->' after every '<!-- generated: NAME -->' of a page"
        )
    return MARKED.sub(fill, text)


def command_line() -> str:
    """Return one section a command of ``nextlabel``, in the order of its help."""
    from nextlabel.cli.main import app

    return "\n\n".join(sections(app, "nextlabel"))


def sections(app: Typer, path: str) -> Iterator[str]:
    """Yield the Markdown of every command of the application and of those below it."""
    if app.registered_callback and app.registered_callback.callback:
        taken = list(parameters(app.registered_callback.callback))
        if taken:
            yield section(path, app.registered_callback.callback, "COMMAND", help_text=app.info.help)
    for command in app.registered_commands:
        if command.callback and not command.hidden:
            name = command.name or command.callback.__name__.replace("_", "-")
            yield section(f"{path} {name}", command.callback)
    for group in app.registered_groups:
        if group.typer_instance and not group.hidden:
            yield from sections(group.typer_instance, f"{path} {group.name}")


def section(
    path: str,
    callback: Callable[..., Any],  # Any: a command may return anything
    *words: str,
    help_text: str | None = None,
) -> str:
    """Return the Markdown of one command: its help, how it is called, and a table of what it takes."""
    taken = list(parameters(callback))
    arguments = [parameter.called for parameter in taken if not parameter.option]
    options = ["[OPTIONS]"] if any(parameter.option for parameter in taken) else []
    call = " ".join((path, *options, *words, *arguments))
    lines = [f"## `{path}`", "", _prose(callback.__doc__ or help_text), "", "```console", f"$ {call}", "```"]
    if taken:
        rows = [(f"`{p.called}`", _prose(p.help), p.default) for p in sorted(taken, key=lambda p: p.option)]
        width = 3 if any(default for *_, default in rows) else 2
        lines += ["", table(("Option", "Meaning", "Default")[:width], [row[:width] for row in rows])]
    return "\n".join(lines)


@dataclass(frozen=True)
class Parameter:
    """What a reader is told of one argument or option of a command."""

    called: str
    help: str
    default: str
    option: bool


def parameters(callback: Callable[..., Any]) -> Iterator[Parameter]:  # Any: a command may return anything
    """Yield what a command takes, read from its signature as typer reads it; hidden options are left out."""
    hints = get_type_hints(callback, include_extras=True)
    for name, parameter in inspect.signature(callback).parameters.items():
        # Python 3.10 wraps the whole annotation into Optional where the default is None.
        annotated = next(
            (h for h in (hints[name], *get_args(hints[name])) if hasattr(h, "__metadata__")), None
        )
        hint, *extras = (annotated.__origin__, *annotated.__metadata__) if annotated else (hints[name],)
        info = next((extra for extra in extras if isinstance(extra, ParameterInfo)), None)
        if info is None or info.hidden:
            continue
        option = isinstance(info, OptionInfo)
        required = parameter.default is inspect.Parameter.empty
        word = info.metavar or _word(hint)
        if option:
            # Inside Annotated the first name stands where a default would: Option("--out").
            names = [n for n in (info.default, *(info.param_decls or ())) if str(n).startswith("-")]
            names = names or [_declared(name, word)]
            called = ", ".join(names) + (f" {word}" if word else "")
        else:
            called = info.metavar or name.upper()
            called = called if required else f"[{called}]"
        default = info.show_default if isinstance(info.show_default, str) else _default(parameter.default)
        yield Parameter(called, info.help or "", default, option)


def _declared(name: str, word: str) -> str:
    """Return the option that typer makes of a parameter's name; one without a value has a negative too."""
    dashed = name.replace("_", "-")
    return f"--{dashed}" if word else f"--{dashed}/--no-{dashed}"


def _word(hint: Any) -> str:  # Any: an annotation
    """Return what stands for the value of an option: its choices, its kind, or nothing for a flag."""
    inner = [kind for kind in get_args(hint) if kind is not type(None)]
    if get_origin(hint) is Literal:
        return "|".join(map(str, inner))
    if inner:
        return _word(inner[0])
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return "|".join(str(member.value) for member in hint)
    return {bool: "", int: "INTEGER", float: "NUMBER", str: "TEXT"}.get(hint, "PATH")


def _default(value: object) -> str:
    value = value.value if isinstance(value, enum.Enum) else value
    if value is True:
        return "yes"
    nothing = value is inspect.Parameter.empty or value is None or value is False or value == ""
    return "" if nothing else f"`{value}`"


def _prose(text: str | None) -> str:
    """Return a help text as Markdown: console mark-up removed, paragraphs kept."""
    plain = re.sub(r"\[/?(?:bold|dim|italic|cyan|green|red|yellow|magenta|blue)[^\]]*\]", "", text or "")
    paragraphs = re.split(r"\n\s*\n", plain.replace("\b\n", "").split("\f")[0].strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table; a bar inside a cell is escaped."""
    head = tuple(head)
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def catalogue(registry: Iterable[Any], columns: Mapping[str, str]) -> str:  # Any: nextlabel.registry.Card
    """Return the registry's own cards as a table, and below it their citations.

    Args:
        registry: The cards; those that an installed plug-in brings are left out.
        columns: The attribute of a card by the column's title.
    """
    own = [card for card in registry if card.target.startswith("nextlabel.")]
    rows = [(f"`{card.name}`", *(_cell(card, attribute) for attribute in columns.values())) for card in own]
    citations = [f"- `{card.name}`: {card.citation}" for card in own if card.citation]
    return "\n".join([table(("Name", *columns), rows), "", *citations])


def _cell(card: Any, attribute: str) -> str:  # Any: nextlabel.registry.Card
    value = getattr(card, attribute)
    return ", ".join(f"`{word}`" for word in value) if isinstance(value, tuple) else value


def _strategies() -> str:
    from nextlabel.strategies.catalogue import STRATEGIES

    return catalogue(STRATEGIES, {"Needs": "needs", "Cost": "cost", "When to use": "use_when"})


def _modules(registry: Iterable[Any]) -> str:  # Any: nextlabel.registry.Card
    """Return what mkdocstrings replaces by the documentation of every module of the registry."""
    targets = (card.target.split(":")[0] for card in registry)
    modules = dict.fromkeys(module for module in targets if module.startswith("nextlabel."))
    return "\n\n".join(f"::: {module}" for module in modules)


def _strategy_modules() -> str:
    from nextlabel.strategies.catalogue import STRATEGIES

    return _modules(STRATEGIES)


def _objective_modules() -> str:
    from nextlabel.objectives.catalogue import OBJECTIVES

    return _modules(OBJECTIVES)


def _model_modules() -> str:
    from nextlabel.models.catalogue import MODELS

    return _modules(MODELS)


def _objectives() -> str:
    from nextlabel.objectives.catalogue import OBJECTIVES

    return catalogue(OBJECTIVES, {"Needs": "needs", "Cost": "cost", "When to use": "use_when"})


def _datasets() -> str:
    from nextlabel.datasets.catalogue import DATASETS

    return catalogue(DATASETS, {"Size": "cost", "When to use": "use_when", "Licence": "licence"})


def _models() -> str:
    from nextlabel.models.catalogue import MODELS

    return catalogue(MODELS, {"Cost": "cost", "When to use": "use_when"})


def _exhibits() -> str:
    from nextlabel.papers.exhibits.catalogue import listing

    def numbers(names: str) -> str:
        return ", ".join(
            f"`{name}`" if "-" in name and name[-1].isdigit() else name for name in names.split(", ")
        )

    rows = [
        (
            f"`reproduce {row['command']}`",
            numbers(row["iccv"]),
            numbers(row["tnnls"]),
            row["shows"],
            row["needs"],
        )
        for row in listing()
    ]
    return table(("Command", "or, of ICCV 2021", "or, of TNNLS 2022", "What it shows", "Needs"), rows)


def _needs() -> str:
    from nextlabel.types import NEEDS

    return table(("Need", "Meaning"), [(f"`{need}`", meaning) for need, meaning in NEEDS.items()])


def _presets() -> str:
    from nextlabel.papers.differences import NOT_COPIED, differences_by_values, listed_values

    settings: dict[
        str, list[tuple[Any, tuple[str, ...]]]
    ] = {}  # Any: nextlabel.papers.differences.Difference
    for difference, datasets in differences_by_values():
        settings.setdefault(difference.setting, []).append((difference, datasets))
    rows = []
    for setting, groups in settings.items():
        values = [
            f"{_where(datasets)}: {listed_values(difference, mark='`')}" for difference, datasets in groups
        ]
        reason = groups[0][0].reason
        measured = f"<br>Measured: {reason.measured}." if reason.measured else ""
        rows.append((f"`{setting}`", "<br>".join(values), f"{reason.why}.{measured}"))
    copied = table(("In the released code", "Instead, in `code` too"), NOT_COPIED)
    differing = table(("Setting", "Values by data set", "Why, and what was measured"), rows)
    return f"{differing}\n\nNot copied from the released code:\n\n{copied}"


def _where(datasets: tuple[str, ...]) -> str:
    """Return data sets of the presets by name, or all but a few."""
    from nextlabel.presets.catalogue import preset_datasets

    others = [name for name in preset_datasets("code") if name not in datasets]
    if not others:
        return "all"
    return f"all but {', '.join(others)}" if len(others) < len(datasets) else ", ".join(datasets)


def _arguments() -> str:
    from nextlabel.papers.released_arguments import SCRIPTS, meaning_of

    choices = [
        dict.fromkeys(w for s in SCRIPTS for w in getattr(s, kind)) for kind in ("sampling", "auxiliary")
    ]
    rows = []
    for given in itertools.product(*([None, *ones] for ones in choices)):
        meaning = meaning_of(*given)
        script = f"`{meaning.script}`" if meaning.script else "neither: nextlabel's own"
        shown = (f"`{value}`" if value else "absent" for value in given)
        rows.append((*shown, f"`{meaning.strategy}`", f"`{meaning.objective}`", script))
    return table(
        ("`--sampling`", "`--auxiliary`", "strategy", "training loss", "script of the release"), rows
    )


PARTS: Mapping[str, Callable[[], str]] = {
    "command_line": command_line,
    "datasets": _datasets,
    "exhibits": _exhibits,
    "model_modules": _model_modules,
    "models": _models,
    "needs": _needs,
    "objective_modules": _objective_modules,
    "objectives": _objectives,
    "presets": _presets,
    "strategies": _strategies,
    "strategy_modules": _strategy_modules,
    "arguments": _arguments,
}

if __name__ == "__main__":
    sys.exit(main())
