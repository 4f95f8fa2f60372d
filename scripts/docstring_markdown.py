"""Turn the few marks of reStructuredText that docstrings use into Markdown, for the pages of the reference.

A griffe extension, named in ``mkdocs.yml``. In an editor and in ``help()`` the marks read well as they are.
On a page, roles become links, and literal blocks, simple tables and examples outside an "Examples" section
become blocks of code. Knows nothing of what the docstrings say.
"""

from __future__ import annotations

import re
from typing import Any

from griffe import Alias, Extension, Module, Object

ROLE = re.compile(r":(?:class|func|meth|data|attr|mod|exc):`~?([\w.]+)`")
ALONE = re.compile(r"^::$", re.MULTILINE)
LITERAL = re.compile(r"::$", re.MULTILINE)
TABLE = re.compile(r"^={4,}[= ]*\n(?:.+\n)*?={4,}[= ]*\n(?:.+\n)+?={4,}[= ]*$", re.MULTILINE)
EXAMPLE = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)


class DocstringMarkdown(Extension):
    """Rewrites every docstring of a package before it is parsed."""

    def on_package(self, *, pkg: Module, **_: Any) -> None:  # Any: what griffe passes besides
        """Rewrite the docstrings of the package."""
        _rewrite(pkg)


def _rewrite(thing: Object) -> None:
    module = thing if isinstance(thing, Module) else thing.module
    if thing.docstring:
        thing.docstring.value = markdown(thing.docstring.value, set(module.members), module.path)
    for member in thing.members.values():
        if not isinstance(member, Alias):
            _rewrite(member)


def markdown(text: str, members: set[str], module: str) -> str:
    """Return the docstring in Markdown.

    Args:
        text: The docstring, its indentation removed.
        members: The names of the module's members; a role that names one of them, or a whole path, is a link.
        module: The path of the module.
    """

    def link(match: re.Match[str]) -> str:
        name = match[1].lstrip(".")
        head = name.split(".")[0]
        target = name if head == "nextlabel" else f"{module}.{name}" if head in members else ""
        # Optional: what has no place on a page of the reference stays code.
        code = f"`{name.split('.')[-1] if target else name}`"
        return f'<autoref identifier="{target}" optional>{code}</autoref>' if target else code

    text = ROLE.sub(link, text)
    text = TABLE.sub(lambda match: f"```text\n{match[0]}\n```", text)
    text = EXAMPLE.sub(lambda match: f"```python\n{match[0]}\n```", text)
    return LITERAL.sub(":", ALONE.sub("", text))
