"""One class for every registry of named parts: strategies, objectives, models, data sets.

A registry holds cards. A part's code is imported only when the part is created, so that a table of all
strategies does not import torch.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from nextlabel.errors import ConfigurationError, ContractError, UnknownNameError, brief, listed
from nextlabel.parts import Part

__all__ = ["Card", "Registry", "check_fields", "parameters_of"]

T = TypeVar("T")

KINDS: Mapping[str, tuple[str, type]] = {
    "int": ("a whole number", Integral),
    "float": ("a number", Real),
    "str": ("text", str),
    "bool": ("true or false", bool),
    "None": ("nothing", type(None)),
}
"""What a configuration may hold for an option of this annotation: in words, and as a type."""


@dataclass(frozen=True)
class Card:
    """What is known of a part before its code is imported.

    Attributes:
        name: Its name in configurations, snake_case of the paper's name.
        target: ``"module:attribute"`` of what makes it; in a part's own file only the attribute.
        needs: What it requires, for a strategy the keys of :data:`nextlabel.types.NEEDS`.
        cost: Its cost for N items, e.g. ``"O(N C)"``.
        use_when: When to use it, in one clause.
        citation: Authors, title, venue, year; may be empty.
        licence: The licence of a data set, for a reader.
        remedy: What to do if something that it needs is missing, as a clause.
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
        cards: The built-in parts.
        contract: Members of the parts that are not options, even if they are parameters of the class.
        prefixes: For parts with names such as ``"timm:resnet18"``: for each prefix, the
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
        self.kind, self.group, self._contract, self._prefixes = kind, group, contract, prefixes
        self._cards: dict[str, Card] = {}
        self._entry_points_read = False
        for card in cards:
            self.register(card)

    def register(self, card: Card) -> None:
        """Add a card; a name that is taken raises ConfigurationError."""
        if card.name in self._cards:
            raise ConfigurationError(
                f"the name of a {self.kind} must be new, got '{card.name}', which is already registered "
                f"({self._cards[card.name].target}); choose another name for {card.target}"
            )
        self._cards[card.name] = card

    def card(self, name: str) -> Card:
        """Return the card of this name or raise UnknownNameError; with a prefix, only name and target."""
        self._read_entry_points()
        if prefix := self._prefix(name):
            return Card(name, self._prefixes[prefix])
        if name not in self._cards:
            known = [*self._cards, *(f"{prefix}:NAME" for prefix in self._prefixes)]
            raise UnknownNameError(self.kind, name, known)
        return self._cards[name]

    def remedy(self, name: str, otherwise: str) -> str:
        """Return the remedy on the card of this name, or ``otherwise`` if there is none."""
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
            raise ContractError(f"the {self.kind} '{name}' at '{target}' must be callable, got {made!r}")
        if prefix := self._prefix(name):
            made = made(name.removeprefix(f"{prefix}:"))
        return made  # type: ignore[no-any-return]  # what it returns is checked by whoever uses it

    def create(self, part: Part | str, /, **options: object) -> T:
        """Create a part and the parts inside it.

        Args:
            part: A part, a name, or a call such as ``"cod(gap='10 steps')"``.
            options: Added to or replacing the part's own.

        Raises:
            UnknownNameError: There is no such name or option.
            ConfigurationError: An option is missing, or has an unusable value.
        """
        wanted = Part.parse(part).with_options(options)
        factory = self.factory(wanted.name)
        self.check_options(wanted.name, wanted.options)
        self._check_complete(wanted, parameters_of(factory))
        return factory(*(self.create(inner) for inner in wanted.of), **wanted.options)

    def check_options(self, name: str, options: Mapping[str, object]) -> None:
        """Check that the part of this name has these options, and that their values fit its annotations.

        Raises:
            UnknownNameError: There is no such option; the message suggests the nearest.
            ConfigurationError: A value is not of the numbers, strings and booleans that the annotation names.
        """
        parameters = {
            key: p
            for key, p in parameters_of(self.factory(name)).items()
            if key not in self._contract and p.kind is not p.POSITIONAL_ONLY
        }
        loose = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        for option, value in options.items():
            if loose and option not in self._contract:
                continue
            if option not in parameters:
                raise UnknownNameError(f"option of the {self.kind} '{name}'", option, parameters)
            if wanted := _mismatch(value, parameters[option].annotation):
                raise ConfigurationError(
                    f"the option '{option}' of the {self.kind} '{name}' must be {wanted}, got "
                    f"{brief(value)}; correct it, or leave it out for its default"
                )

    def _check_complete(self, part: Part, parameters: Mapping[str, inspect.Parameter]) -> None:
        """Refuse too many parts inside (the positional-only parameters) and missing options."""
        places = sum(p.kind is p.POSITIONAL_ONLY for p in parameters.values())
        if len(part.of) > places:
            most = f"at most {places} part{'s' * (places > 1)}" if places else "no parts"
            raise ConfigurationError(
                f"the {self.kind} '{part.name}' must be given {most}, got "
                f"{listed(map(str, part.of))}; write options as name=value"
            )
        needed = [name for name, p in parameters.items() if p.default is p.empty and "VAR" not in p.kind.name]
        given = {*part.options, *list(parameters)[: len(part.of)]}  # positional-only parameters are first
        missing = [name for name in needed if name not in given]
        if own := self._contract.intersection(missing):
            raise ContractError(
                f"the {self.kind} '{part.name}' must have a default for {listed(sorted(own))}, got none; "
                "set one in its class"
            )
        if missing:
            inside = parameters[missing[0]].kind is inspect.Parameter.POSITIONAL_ONLY
            raise ConfigurationError(
                f"the {self.kind} '{part.name}' must be given {listed(missing)}, which has no default; "
                f"write {part.name}({'PART' if inside else f'{missing[0]}=...'})"
            )

    def _prefix(self, name: object) -> str:
        """Return the known prefix of the name, or an empty string."""
        prefix, colon, _ = str(name).partition(":")  # settings may hold a number instead of a name
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
            self._cards = before  # the next call must raise again, not see a part of them
            raise
        self._entry_points_read = True


def parameters_of(factory: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    """Return the parameters by name; of a built-in callable that does not show them, any keywords."""
    try:
        return inspect.signature(factory).parameters
    except ValueError:
        return {"options": inspect.Parameter("options", inspect.Parameter.VAR_KEYWORD)}


def check_fields(record: object) -> None:
    """Refuse a dataclass with a field whose value does not fit its annotation; make NumPy's numbers plain.

    Raises:
        ConfigurationError: A value is not of the numbers, strings and booleans that the annotation names.
    """
    for field in dataclasses.fields(record):  # type: ignore[arg-type]  # a dataclass
        value = getattr(record, field.name)
        if wanted := _mismatch(value, field.type):
            raise ConfigurationError(
                f"{field.name} must be {wanted}, got {brief(value)}; correct it or leave it out"
            )
        if not isinstance(value, (bool, int, float)) and isinstance(value, Real):
            plain = int(value) if isinstance(value, Integral) else float(value)
            object.__setattr__(record, field.name, plain)


def _mismatch(value: object, annotation: object) -> str:
    """Return what the annotation asks for if the value is not that, else (or if unknown) an empty string."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    kinds = [kind.strip() for kind in text.split("|")]
    if not all(kind in KINDS for kind in kinds):
        return ""
    types = tuple(KINDS[kind][1] for kind in kinds)
    fits = bool in types if isinstance(value, bool) else isinstance(value, types)
    return "" if fits else " or ".join(KINDS[kind][0] for kind in kinds if kind != "None")
