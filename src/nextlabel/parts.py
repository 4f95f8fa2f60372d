"""A part of an experiment, such as a strategy or a model, as users write it. No torch.

A part is written as a name (``cod``), as a call (``cod(gap='10 steps')``) or as a table (``{name = "cod", gap
= "10 steps"}``). Options are Python literals, and quotes around a single name may be left out. Positional
arguments are parts themselves (``learning_loss(tod(weight=0.1))``); tables list them under the key ``of``.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, TypeAlias, get_args

from nextlabel.errors import ConfigurationError, UnknownNameError, brief

__all__ = ["Options", "Part", "check_choices", "check_ranges", "check_whole", "part_labels", "parts_of"]

Options: TypeAlias = Mapping[str, Any]  # Any: what TOML may hold

_CALL = "write a name, or a call such as cod(gap='10 steps')"

_MARKS = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[][(){},'"]""", re.DOTALL)
"""Strings, brackets, commas, and the quotes that begin an unfinished string."""


@dataclass(frozen=True, eq=False)
class Part:
    """A named part with its options; equal if its text is equal, whatever the order of the options.

    Attributes:
        name: Its name in the registry of its kind.
        options: Numbers, strings, booleans, and lists and tables of these, by name.
        of: The parts inside, given by position.

    >>> Part.parse("cod(gap='10 steps', form=l2)").options
    {'gap': '10 steps', 'form': 'l2'}
    """

    name: str
    options: Options = field(default_factory=dict)
    of: tuple[Part, ...] = ()

    @staticmethod
    def parse(given: object) -> Part:
        """Return the part, or that of a text or a table; a ConfigurationError says what is wrong in it."""
        if isinstance(given, Part):
            return given
        if isinstance(given, Mapping):
            return _from_table(given)
        if not isinstance(given, str):
            raise ConfigurationError(f"a part must be a name or a table with a name, got {given!r}; {_CALL}")
        parts = parts_of(given)
        if len(parts) != 1:
            raise ConfigurationError(f"a part must be a single one, got {len(parts)} in '{given}'; {_CALL}")
        return parts[0]

    def with_options(self, options: Options) -> Part:
        """Return the part with these options added to or replacing its own."""
        return Part(self.name, {**self.options, **options}, self.of)

    def as_table(self) -> str | dict[str, Any]:  # Any: TOML
        """Return the part for TOML: its name, or a table if it has options or parts inside."""
        if not self.options and not self.of:
            return self.name
        inner = {"of": [part.as_table() for part in self.of]} if self.of else {}
        return {"name": self.name, **inner, **self.options}

    def __str__(self) -> str:
        """Return the text that :meth:`parse` reads as this part."""
        arguments = [str(part) for part in self.of]
        arguments += [f"{name}={self.options[name]!r}" for name in sorted(self.options)]
        return f"{self.name}({', '.join(arguments)})" if arguments else self.name

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, Part) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))


def parts_of(given: object) -> list[Part]:
    """Return the parts of a setting: a part, a list of them, or a text separated by commas.

    >>> [str(part) for part in parts_of("random,cod(gap='10 steps')")]
    ['random', "cod(gap='10 steps')"]
    """
    if isinstance(given, str):  # names such as timm:resnet18 are not Python's, so calls are found by brackets
        return [_from_text(piece, given) for piece in _split(given)]
    return [Part.parse(one) for one in given] if isinstance(given, (list, tuple)) else [Part.parse(given)]


def part_labels(parts: Iterable[Part]) -> dict[Part, str]:
    """Return a label for each part: its name, or its whole text if several parts have that name."""
    distinct = list(dict.fromkeys(parts))
    names = [part.name for part in distinct]
    return {part: part.name if names.count(part.name) == 1 else str(part) for part in distinct}


def _split(text: str) -> list[str]:
    """Split at the commas outside brackets and strings."""
    pieces, depth, begin, opened = [], 0, 0, 0
    for match in _MARKS.finditer(text):
        mark, place = match[0], match.start()
        if mark in ("'", '"'):
            raise ConfigurationError(f"a string in '{text}' must end with {mark}; {_CALL}")
        if mark in "([{":
            opened, depth = (opened if depth else place), depth + 1
        elif mark in ")]}":
            depth -= 1
            if depth < 0:
                raise ConfigurationError(f"'{mark}' at position {place} of '{text}' closes nothing; {_CALL}")
        elif mark == "," and depth == 0:
            pieces.append(text[begin:place])
            begin = place + 1
    if depth:
        raise ConfigurationError(f"the bracket at position {opened} of '{text}' must be closed; {_CALL}")
    return [*pieces, text[begin:]]


def _from_text(piece: str, text: str) -> Part:
    name, bracket, rest = piece.strip().partition("(")
    _check_name(name, text)
    if bracket and not rest.endswith(")"):
        raise ConfigurationError(f"the call of '{name}' in '{text}' must end with ')', got '{rest}'; {_CALL}")
    options: dict[str, Any] = {}  # Any: literals
    of: list[Part] = []
    for argument in filter(str.strip, _split(rest[:-1])):
        option, equals, value = map(str.strip, argument.partition("="))
        if not equals or not option.isidentifier():
            if options:
                raise ConfigurationError(f"parts must precede options in '{text}', got '{argument.strip()}'")
            of.append(_from_text(argument, text))
            continue
        if option in ("name", "of"):
            raise ConfigurationError(
                f"'{option}' cannot be an option in '{text}', as tables use it; create the part in Python"
            )
        if option in options:
            raise ConfigurationError(f"'{name}' must have each option once, got '{option}' twice in '{text}'")
        options[option] = _literal(value, option, text)
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
    """Return the literal with lists for tuples, as in TOML."""
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
    if name[:1].isdigit() or name.startswith(("-", ".")):
        raise ConfigurationError(
            f"a part must begin with a letter, got '{name}' in '{text}'; write options as name=value"
        )
    if not name or re.search(r"[][(){}'\"=\s]", name):
        raise ConfigurationError(
            f"a part must have a name without brackets, quotes and spaces, got '{name}' in '{text}'; {_CALL}"
        )


def check_choices(part: str, **options: tuple[object, object]) -> None:
    """Refuse an option whose value is not one of its names.

    Args:
        part: The part that has the options, for the message: ``"strategy 'cod'"``.
        options: The given value of each option, and the ``Literal`` of its names.

    Raises:
        UnknownNameError: A value is none of the names; the message offers the nearest.
    """
    for option, (value, names) in options.items():
        if value not in get_args(names):
            raise UnknownNameError(f"value of option '{option}' of {part}", value, get_args(names))


def check_ranges(part: str, **options: tuple[Any, str]) -> None:  # Any: not validated yet
    """Refuse an option whose value lies outside its range.

    Args:
        part: The part that has the options, for the message.
        options: The given value of each option, and its range as an interval: ``"[0, 1)"``, ``"(0, inf)"``.

    Raises:
        ConfigurationError: A value is no number, out of range or NaN.

    >>> check_ranges("strategy 'cod'", margin=(0.1, "[0, 1]"))
    """
    for option, (value, interval) in options.items():
        low, high = map(float, interval[1:-1].split(", "))
        inside = isinstance(value, Real) and value <= high and not value < low
        if not inside or (value == low and interval[0] == "(") or (value == high and interval[-1] == ")"):
            raise ConfigurationError(f"option '{option}' of {part} must be in {interval}, got {brief(value)}")


def check_whole(name: str, value: object, least: int | None = None, note: str = "") -> int:
    """Return the value as an int; a ConfigurationError says that it is no whole number, or below ``least``.

    >>> check_whole("batch_size", 5, least=1)
    5
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or (least is not None and value < least):
        bound = "" if least is None else f" of at least {least}"
        raise ConfigurationError(f"{name} must be a whole number{bound}{note}, got {brief(value)}")
    return int(value)
