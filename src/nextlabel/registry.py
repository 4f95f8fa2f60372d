"""One class for every registry of named parts: strategies, objectives, models, data sets.

A registry holds cards; a card says what a part needs, costs and is good for, and where its code lies. The
code is imported only when the part is created, so a table of all strategies costs no import of torch.
Knows no particular part.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from nextlabel.errors import ConfigurationError, ContractError, UnknownNameError, listed, nearest
from nextlabel.parts import Part

__all__ = ["Card", "Registry"]

T = TypeVar("T")

KINDS: Mapping[str, tuple[str, type]] = {
    "int": ("a whole number", Integral),
    "float": ("a number", Real),
    "str": ("text", str),
    "bool": ("true or false", bool),
    "None": ("nothing", type(None)),
}
"""Of an option's annotation, what a configuration must hold there: in words, and as types."""


@dataclass(frozen=True)
class Card:
    """What is known of a part before its code is imported.

    Attributes:
        name: Its name in configurations, snake_case of the paper's name.
        target: ``"module:attribute"`` of the class or function that makes it; in a part's own file
            only the attribute.
        needs: What it asks for, in words of its registry.
        cost: Its cost for N items, e.g. ``"O(N C)"``.
        use_when: When to use it, in one clause.
        citation: Authors, title, venue, year; empty where there is none.
        licence: Of a data set, its licence in words for a reader.
        remedy: What to do where something that it needs is missing, as a clause.
    """

    name: str
    target: str
    needs: tuple[str, ...] = ()
    cost: str = ""
    use_when: str = ""
    citation: str = ""
    licence: str = ""
    remedy: str = ""


class Registry(Generic[T]):
    """A registry of named parts, to which other packages add by an entry point.

    Args:
        kind: What the parts are, in the singular, for messages: ``"strategy"``.
        group: The entry-point group whose members join the registry, e.g. ``"nextlabel.strategies"``.
        cards: The parts that are there from the start.
        contract: Members of the parts that are no options, also where they are parameters of their class.
        prefixes: Where parts with names such as ``"timm:resnet18"`` come from: of each prefix, the
            ``"module:attribute"`` of a function that takes the rest of the name and returns what makes the
            part, or raises :class:`UnknownNameError`.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        cards: tuple[Card, ...] = (),
        *,
        contract: frozenset[str] = frozenset(),
        prefixes: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.kind, self.group, self._contract, self._prefixes = kind, group, contract, dict(prefixes)
        self._cards: dict[str, Card] = {}
        self._entry_points_read = False
        for card in cards:
            self.register(card)

    def register(self, card: Card) -> Card:
        """Add a card.

        Raises:
            ConfigurationError: The name is taken.
        """
        if card.name in self._cards:
            there = self._cards[card.name].target
            raise ConfigurationError(
                f"expected a new {self.kind} name, but '{card.name}' is already registered ({there}); "
                f"choose another name for {card.target}"
            )
        self._cards[card.name] = card
        return card

    def card(self, name: str) -> Card:
        """Return the card of this name; one with a prefix has only its name and what resolves the rest of it.

        Raises:
            UnknownNameError: There is none; the message offers the nearest.
        """
        self._read_entry_points()
        if prefix := self._prefix(name):
            return Card(name, self._prefixes[prefix])
        if name not in self._cards:
            known = [*self._cards, *(f"{prefix}:NAME" for prefix in self._prefixes)]
            raise UnknownNameError(self.kind, name, known)
        return self._cards[name]

    def remedy(self, name: str, otherwise: str) -> str:
        """Return what to do where something that the part of this name needs is missing, as a clause.

        Args:
            name: The part; it need not be registered.
            otherwise: What to return for a part that has no card, or none with a remedy.
        """
        return (name in self and self.card(name).remedy) or otherwise

    def __iter__(self) -> Iterator[Card]:
        self._read_entry_points()
        return iter(self._cards.values())

    def __contains__(self, name: object) -> bool:
        self._read_entry_points()
        return name in self._cards or bool(self._prefix(name))

    def factory(self, name: str) -> Callable[..., T]:
        """Import and return what makes the part of this name.

        Raises:
            UnknownNameError: There is no such name.
            ContractError: Its code cannot be imported.
        """
        target = self.card(name).target
        module, _, attribute = target.partition(":")
        try:
            made: Any = importlib.import_module(module)  # Any: a plug-in may be anything callable
            for part in attribute.split("."):
                made = getattr(made, part)
        except (ImportError, AttributeError) as error:
            raise ContractError(
                f"the {self.kind} '{name}' cannot be loaded from '{target}': {error}"
            ) from error
        if not callable(made):
            raise ContractError(f"the {self.kind} '{name}' at '{target}' must be callable, but is {made!r}")
        if prefix := self._prefix(name):
            made = made(name.removeprefix(f"{prefix}:"))
        return made  # type: ignore[no-any-return]  # what it returns is checked by whoever uses it

    def create(self, part: Part | str, /, **options: object) -> T:
        """Create a part, and before it the parts that it is made of.

        Args:
            part: A part, a name, or a call such as ``"cod(gap='10 steps')"``.
            options: Laid over the part's own.

        Raises:
            UnknownNameError: There is no such name.
            ConfigurationError: An option is unknown or missing, or its value cannot be used.
        """
        wanted = Part.parse(part).with_options(options)
        factory = self.factory(wanted.name)
        self._check_inner(wanted, factory)
        self.check_options(wanted.name, dict(wanted.options))
        self._check_complete(wanted.name, factory, wanted.options)
        return factory(*(self.create(inner) for inner in wanted.of), **wanted.options)

    def _check_inner(self, part: Part, factory: Callable[..., T]) -> None:
        """Refuse more parts than this one is made of: those are its positional-only parameters."""
        places = [p for p in _parameters(factory).values() if p.kind is p.POSITIONAL_ONLY]
        if len(part.of) > len(places):
            raise ConfigurationError(
                f"the {self.kind} '{part.name}' must be given at most {len(places)} parts, got "
                f"{listed(map(str, part.of))}; write options as name=value"
            )

    def check_options(self, name: str, options: dict[str, object]) -> None:
        """Refuse options that the part of this name does not have, and values of another kind than theirs.

        Raises:
            ConfigurationError: An option is unknown; the message offers the nearest. Or its value is not of
                the numbers, texts and truth values that its annotation names.
        """
        parameters = {
            key: p
            for key, p in _parameters(self.factory(name)).items()
            if key not in self._contract and p.kind is not p.POSITIONAL_ONLY
        }
        loose = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        for option, value in options.items():
            if loose and option not in self._contract:
                continue
            if option not in parameters:
                hint = nearest(option, parameters)
                guess = f"; did you mean '{hint}'?" if hint else ";"
                raise ConfigurationError(
                    f"the {self.kind} '{name}' has no option '{option}'{guess} "
                    f"it has: {listed(parameters, limit=20) or 'none'}"
                )
            if wanted := _other_than(value, parameters[option].annotation):
                raise ConfigurationError(
                    f"the {self.kind} '{name}' needs the option '{option}' as {wanted}, but got {value!r}; "
                    "correct it, or leave it out for its default"
                )

    def _check_complete(self, name: str, factory: Callable[..., T], options: Mapping[str, object]) -> None:
        """Refuse to make a part without the options that it cannot do without."""
        parameters = _parameters(factory)
        optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        missing = [
            p.name
            for p in parameters.values()
            if p.default is p.empty and p.kind not in optional and p.name not in options
        ]
        if own := self._contract.intersection(missing):
            raise ContractError(
                f"the {self.kind} '{name}' must have a default for {listed(sorted(own))}, got none; "
                "give it one in its class"
            )
        if missing:
            raise ConfigurationError(
                f"the {self.kind} '{name}' must be given {listed(missing)}, which has no default; "
                f"write {name}({missing[0]}=...)"
            )

    def _prefix(self, name: object) -> str:
        """Return the known prefix of the name, empty where it has none."""
        prefix, colon, _ = str(name).partition(":")  # settings may hold a number where a name is meant
        return prefix if colon and prefix in self._prefixes else ""

    def _read_entry_points(self) -> None:
        if self._entry_points_read:
            return
        before = dict(self._cards)
        try:
            for point in metadata.entry_points(group=self.group):
                package = point.dist.name if point.dist else "another package"
                self.register(Card(point.name, point.value, use_when=f"from {package}"))
        except ConfigurationError:
            self._cards = before  # the next look finds the same, and not a part of it
            raise
        self._entry_points_read = True


def _parameters(factory: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    """Return what the callable takes; any keywords where it does not say."""
    try:
        return inspect.signature(factory).parameters
    except ValueError:  # some built-in callables do not give their parameters
        return {"options": inspect.Parameter("options", inspect.Parameter.VAR_KEYWORD)}


def _other_than(value: object, annotation: object) -> str:
    """Say what the annotation asks for where the value is not that; empty where it is, or cannot be told."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    kinds = [kind.strip() for kind in str(text).split("|")]
    if not all(kind in KINDS for kind in kinds):
        return ""
    types = [KINDS[kind][1] for kind in kinds]
    fits = bool in types if isinstance(value, bool) else any(isinstance(value, one) for one in types)
    return "" if fits else " or ".join(KINDS[kind][0] for kind in kinds if kind != "None")
