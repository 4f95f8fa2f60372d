"""List the message of every error that nextlabel raises for its user, in one file that is reviewed as prose.

Writes ``tests/golden/messages.txt``: the calls of ``NextlabelError`` and its subclasses in ``src``, and the
ValueErrors that become such errors when a configuration is validated, by file and in the order of the
source. There are no line numbers, so that moved code changes nothing. What an f-string fills in is shown in
braces; where that is a text of its own, such as a hint, it follows in the next lines. With ``--check``
nothing is written: the exit code is 1 where the file is stale.
"""

from __future__ import annotations

import argparse
import ast
import copy
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = Path("tests") / "golden" / "messages.txt"
COMMAND = "python scripts/list_messages.py"
HEAD = f"# The messages of the errors that nextlabel raises; written by: {COMMAND}"


def main(arguments: list[str] | None = None) -> int:
    """Write or check the list and return the exit code."""
    parser = argparse.ArgumentParser(description="List the messages of nextlabel's errors.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the list is stale")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository")
    given = parser.parse_args(arguments)
    golden, fresh = given.root / GOLDEN, listing(given.root)
    stored = golden.read_text(encoding="utf-8") if golden.exists() else None
    if given.check and stored != fresh:
        print(f"{GOLDEN.as_posix()} is stale; run: {COMMAND}", file=sys.stderr)
        return 1
    if stored != fresh:
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(fresh, encoding="utf-8")
    print(f"{GOLDEN.as_posix()} {'is fresh' if stored == fresh else 'was written'}")
    return 0


def listing(root: Path) -> str:
    """Return the text of the list for the sources of a repository."""
    trees = {
        path.relative_to(root).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted((root / "src").rglob("*.py"))
    }
    errors = find_errors(trees.values())
    sections = [(path, list(find_messages(tree, errors))) for path, tree in trees.items()]
    return "\n".join((HEAD, *("\n".join(("", path, *lines)) for path, lines in sections if lines))) + "\n"


@dataclass(frozen=True)
class Errors:
    """The classes whose calls are listed.

    Args:
        names: All of them.
        templates: Those that write the message themselves, from arguments that are no message.
    """

    names: frozenset[str]
    templates: frozenset[str]


def find_errors(trees: Iterable[ast.Module]) -> Errors:
    """Return ``NextlabelError`` with all classes below it, by name, and ValueError."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    names, before = {"NextlabelError"}, 0
    while len(names) > before:
        before = len(names)
        names |= {
            one.name for one in classes if any(isinstance(b, ast.Name) and b.id in names for b in one.bases)
        }
    templates = {
        one.name
        for one in classes
        if one.name in names
        and any(isinstance(part, ast.FunctionDef) and part.name == "__init__" for part in one.body)
    }
    return Errors(frozenset({*names, "ValueError"}), frozenset(templates))


def find_messages(tree: ast.Module, errors: Errors) -> Iterator[str]:
    """Yield the lines on every error that a module makes, in the order of the source."""
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for call, scope in _calls(tree, tree):
        name = ast.unparse(call.func)
        if name in errors.templates:
            yield f"  {name}({', '.join(_code(argument) for argument in call.args)})"
        elif _is_message(call, scope, errors):
            yield f"  {name}: {text_of(call.args[0])}"
            for part, value in _parts(call.args[0], scope, functions):
                yield f"      {{{part}}}: {value}"


def _calls(node: ast.AST, scope: ast.AST) -> Iterator[tuple[ast.Call, ast.AST]]:
    """Yield every call that may make an error, with the function or class that it is in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call) and child.args:
            yield child, scope
        within = isinstance(child, (ast.FunctionDef, ast.ClassDef))
        yield from _calls(child, child if within else scope)


def _is_message(call: ast.Call, scope: ast.AST, errors: Errors) -> bool:
    """Whether the first argument is a message: of a known class, of a class in a variable, or of super()."""
    name = ast.unparse(call.func)
    if name == "super().__init__":
        return isinstance(scope, ast.FunctionDef) and isinstance(call.args[0], ast.JoinedStr)
    raised = any(isinstance(node, ast.Raise) and node.exc is call for node in ast.walk(scope))
    in_variable = (
        raised and name.islower() and name.isidentifier() and isinstance(call.args[0], ast.JoinedStr)
    )
    return name in errors.names or in_variable


def text_of(node: ast.expr) -> str:
    """Return a message as a reader sees it, with what is filled in in braces, on one line.

    >>> text_of(ast.parse("f'{name!r} must be {low:.2f}, ' + 'got ' + value", mode="eval").body)
    '{name} must be {low}, got {value}'
    """
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.replace("\n", "\\n")
    if isinstance(node, ast.JoinedStr):
        return "".join(map(text_of, node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return text_of(node.left) + text_of(node.right)
    return f"{{{_code(node.value if isinstance(node, ast.FormattedValue) else node)}}}"


class _Plain(ast.NodeTransformer):
    """Write f-strings as plain ones: Python's versions differ in how they quote one inside another."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.Constant:
        return ast.Constant(text_of(node))


def _code(node: ast.expr) -> str:
    return ast.unparse(_Plain().visit(copy.deepcopy(node)))


def _parts(
    message: ast.expr, scope: ast.AST, functions: dict[str, ast.FunctionDef]
) -> Iterator[tuple[str, str]]:
    """Yield the texts that a message is made of: variables of its function, and results of helpers."""
    seen = set()
    for node in ast.walk(message):
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions
        name = node.func.id if called else node.id if isinstance(node, ast.Name) else None
        if name is None or name in seen:
            continue
        seen.add(name)
        where = functions[name] if called else scope
        for value in _results(where) if called else _assigned(where, name):
            if _is_prose(value):
                yield name, text_of(value)


def _assigned(scope: ast.AST, name: str) -> Iterator[ast.expr]:
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and any(
            isinstance(one, ast.Name) and one.id == name for one in node.targets
        ):
            yield node.value


def _results(function: ast.AST) -> Iterator[ast.expr]:
    return (node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value)


def _is_prose(node: ast.expr) -> bool:
    """Whether an expression holds words, and not only names or separators."""
    texts = (n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    return isinstance(node, (ast.Constant, ast.JoinedStr, ast.IfExp, ast.BinOp)) and any(
        " " in text.strip() for text in texts
    )


if __name__ == "__main__":
    sys.exit(main())
