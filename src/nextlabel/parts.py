"""A part of an experiment, such as a strategy or a model, read in one place. No torch.

A part is written as a name (``cod``), as a call (``cod(gap='10 steps')``) or as a table (``{name = "cod", gap
= "10 steps"}``). Arguments are Python literals, and a bare word is a string. Positional arguments are parts
themselves (``learning_loss(tod(weight=0.1))``), in a table the key ``of``.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from nextlabel.errors import ConfigurationError, listed

__all__ = ["Options", "Part", "parse_parts", "part_labels", "parts_of"]

Options: TypeAlias = Mapping[str, Any]  # Any: what TOML may hold

_CALL = "write a name, or a call such as cod(gap='10 steps')"


@dataclass(frozen=True, eq=False)
class Part:
    """A named part with its options; equal parts have the same text, whatever the order of their options.

    Attributes:
        name: Its name in the registry of its kind.
        options: Its options by name: numbers, strings, booleans, and lists and tables of these.
        of: The parts that it is made of, given by position.

    >>> Part.parse("cod(gap='10 steps', form=l2)").options
    {'gap': '10 steps', 'form': 'l2'}
    """

    name: str
    options: Options = field(default_factory=dict)
    of: tuple[Part, ...] = ()

    @staticmethod
    def parse(given: object) -> Part:
        """Return the part that a text, a table or a part stands for.

        Raises:
            ConfigurationError: It is none; the message says what is wrong and where.
        """
        if isinstance(given, Part):
            return given
        if isinstance(given, Mapping):
            return _from_table(given)
        if not isinstance(given, str):
            raise ConfigurationError(f"a part must be a name or a table with a name, got {given!r}; {_CALL}")
        parts = parse_parts(given)
        if len(parts) != 1:
            raise ConfigurationError(f"expected one part, got {len(parts)} in '{given}'; {_CALL}")
        return parts[0]

    def with_options(self, options: Options) -> Part:
        """Return the part with these options laid over its own."""
        return Part(self.name, {**self.options, **options}, self.of)

    def as_table(self) -> str | dict[str, Any]:  # Any: TOML
        """Return the part as TOML holds it: its name, or a table where there is more to say."""
        if not self.options and not self.of:
            return self.name
        inner = {"of": [part.as_table() for part in self.of]} if self.of else {}
        return {"name": self.name, **inner, **self.options}

    def __str__(self) -> str:
        """Return the call that :meth:`parse` reads as this part."""
        arguments = [str(part) for part in self.of]
        arguments += [f"{name}={self.options[name]!r}" for name in sorted(self.options)]
        return f"{self.name}({', '.join(arguments)})" if arguments else self.name

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, Part) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))


def parse_parts(text: str) -> tuple[Part, ...]:
    """Return the parts in a text, which commas separate.

    Raises:
        ConfigurationError: The text is not made of names and calls with literal arguments.

    >>> [str(part) for part in parse_parts("random,cod(gap='10 steps')")]
    ['random', "cod(gap='10 steps')"]
    """
    # names may hold what Python's may not, such as timm:resnet18, so calls are found by their brackets
    return tuple(_from_text(piece, text) for piece in _split(text))


def parts_of(given: object) -> list[Part]:
    """Return the parts of a setting: one, a list of them, or a text with commas.

    Raises:
        ConfigurationError: One is none.
    """
    if isinstance(given, str):
        return list(parse_parts(given))
    return [Part.parse(one) for one in given] if isinstance(given, (list, tuple)) else [Part.parse(given)]


def part_labels(parts: Iterable[Part]) -> dict[Part, str]:
    """Return what to call each part: its name, or where several parts have that name, its whole text."""
    distinct = list(dict.fromkeys(parts))
    names = [part.name for part in distinct]
    return {part: part.name if names.count(part.name) == 1 else str(part) for part in distinct}


def _split(text: str) -> list[str]:
    """Split at the commas that are outside brackets and strings."""
    pieces, depth, quote, begin, opened, skip = [], 0, "", 0, 0, False
    for place, sign in enumerate(text):
        if skip:
            skip = False
        elif quote:
            skip = sign == "\\"
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in "([{":
            opened, depth = (place if depth == 0 else opened), depth + 1
        elif sign in ")]}":
            depth -= 1
            if depth < 0:
                raise ConfigurationError(f"'{sign}' at position {place} of '{text}' closes nothing; {_CALL}")
        elif sign == "," and depth == 0:
            pieces.append(text[begin:place])
            begin = place + 1
    if quote:
        raise ConfigurationError(f"a string in '{text}' must end with {quote}; {_CALL}")
    if depth:
        raise ConfigurationError(f"the bracket at position {opened} of '{text}' must be closed; {_CALL}")
    return [*pieces, text[begin:]]


def _from_text(piece: str, text: str) -> Part:
    name, bracket, rest = piece.strip().partition("(")
    _check_name(name, text)
    if not bracket:
        return Part(name)
    if not rest.endswith(")"):
        raise ConfigurationError(
            f"nothing may follow the call of '{name}' in '{text}', got '{rest}'; {_CALL}"
        )
    options: dict[str, Any] = {}  # Any: literals
    of: list[Part] = []
    arguments = [argument for argument in _split(rest[:-1]) if argument.strip()]
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if not equals or not option.strip().isidentifier():
            if options:
                raise ConfigurationError(
                    f"parts must stand before options in '{text}', got '{argument.strip()}'"
                )
            of.append(_from_text(argument, text))
            continue
        if option.strip() in ("name", "of"):
            raise ConfigurationError(
                f"'{option.strip()}' cannot be an option in '{text}', as tables use it; give the part in "
                "Python"
            )
        if option.strip() in options:
            raise ConfigurationError(
                f"'{name}' must have each option once, got '{option.strip()}' twice in '{text}'"
            )
        options[option.strip()] = _literal(value.strip(), option.strip(), text)
    return Part(name, options, tuple(of))


def _literal(value: str, option: str, text: str) -> Any:  # Any: a literal
    if value in ("-inf", "-nan"):
        return float(value)
    if value.isidentifier() and value not in ("True", "False", "None"):
        return {"true": True, "false": False, "inf": math.inf, "nan": math.nan}.get(value, value)
    try:
        return _plain(ast.literal_eval(value))
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise ConfigurationError(
            f"the option '{option}' in '{text}' must be a literal, got '{value}'; put quotes around a string"
        ) from error


def _plain(value: Any) -> Any:  # Any: a literal
    """Return the literal as TOML has it: lists for tuples."""
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(one) for key, one in value.items()}
    if value is None or isinstance(value, (dict, set, bytes, complex)) or value is Ellipsis:
        raise ValueError(f"{value!r} is not a value that a configuration can hold")
    return value


def _from_table(table: Mapping[Any, Any]) -> Part:  # Any: not checked yet
    name, of = table.get("name"), table.get("of", ())
    if not isinstance(name, str):
        raise ConfigurationError(
            f"a part's table must have a name, as in {{name = 'cod', gap = '10 steps'}}, got {dict(table)}"
        )
    _check_name(name, name)
    if isinstance(of, str) or not isinstance(of, Sequence):
        raise ConfigurationError(f"'of' of the part '{name}' must be a list of parts, got {of!r}")
    options = {key: _plain(value) for key, value in table.items() if key not in ("name", "of")}
    return Part(name, options, tuple(map(Part.parse, of)))


def _check_name(name: str, text: str) -> None:
    wrong = sorted({sign for sign in name if sign in "()[]{}'\"=" or sign.isspace()})
    if name[:1].isdigit() or name.startswith(("-", ".")):
        raise ConfigurationError(
            f"a part must begin with a letter, got '{name}' in '{text}'; write options as name=value"
        )
    if not name or wrong:
        given = f"{listed(wrong)} in '{name}'" if wrong else f"none in '{text}'"
        raise ConfigurationError(
            f"a part must have a name without brackets, quotes and spaces, got {given}; {_CALL}"
        )
