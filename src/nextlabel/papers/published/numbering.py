"""Maps figure and table numbers of the two papers to exhibits. Imports no torch.

The TNNLS article repeats most figures of the ICCV paper and its supplement under other numbers. A few of its
figures and tables do not map to an exhibit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nextlabel.errors import ConfigurationError, UnknownNameError
from nextlabel.papers.published.exhibits import EXHIBITS

__all__ = ["PLACES", "PublishedPlace", "exhibit_named", "places_of"]

ROMAN = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")

PAPERS = {"iccv": "ICCV 2021", "tnnls": "TNNLS 2022"}

PARTS = {"fig": "figures", "table": "tables", "suppfig": "supplement's figures"}


@dataclass(frozen=True)
class PublishedPlace:
    """A figure or table of a paper, by keys of :data:`PAPERS` and :data:`PARTS`; ``exhibit`` may be empty."""

    paper: str
    part: str
    number: int
    exhibit: str

    @property
    def name(self) -> str:
        """Full name on the command line, such as ``tnnls-table3``."""
        return f"{self.paper}-{self.part}{self.number}"

    @property
    def title(self) -> str:
        """Citation, such as ``TNNLS 2022, Table III``."""
        roman = self.paper == "tnnls" and self.part == "table"
        kind = "Table" if self.part == "table" else "Fig."
        supplement = " supplement" if self.part == "suppfig" else ""
        return f"{PAPERS[self.paper]}{supplement}, {kind} {ROMAN[self.number] if roman else self.number}"


def _places() -> Iterator[PublishedPlace]:
    last = {"fig": 11, "table": 3, "suppfig": 3}
    for part, most in last.items():
        for number in range(1, most + 1):
            yield PublishedPlace("iccv", part, number, f"{part}{number}")
    article = {
        "fig": {
            7: "suppfig3", 8: "fig7", 9: "noise", 10: "fig8", 11: "fig9", 12: "fig10", 15: "suppfig1",
            16: "suppfig2",
        },
        "table": {1: "table1", 3: "model_selection", 4: "model_selection", 5: "model_selection", 6: "table3"},
    }  # fmt: skip
    for part, exhibits in article.items():
        for number in range(1, max(exhibits) + 1):
            yield PublishedPlace("tnnls", part, number, exhibits.get(number, ""))


PLACES: Mapping[str, PublishedPlace] = {place.name: place for place in _places()}
"""All figures and tables of both papers by full name. The number of the t-SNE figure is unknown, so no place
maps to it."""


def places_of(exhibit: str, paper: str) -> tuple[PublishedPlace, ...]:
    """Return where a paper shows an exhibit; empty if it does not, or if the number is unknown."""
    return tuple(place for place in PLACES.values() if (place.exhibit, place.paper) == (exhibit, paper))


def exhibit_named(typed: str) -> str:
    """Return the exhibit for a short name or a number of a paper, by default of the ICCV paper.

    Tables may have Roman numerals.

    Raises:
        ConfigurationError: The paper has no such number, or it is not reproduced.
        UnknownNameError: It is neither a name nor a number; the message suggests the nearest.

    >>> exhibit_named("fig7"), exhibit_named("tnnls-fig8"), exhibit_named("TNNLS-tableVI")
    ('fig7', 'fig7', 'table3')
    """
    plain = typed.strip().lower()
    if plain in EXHIBITS:
        return plain
    found = re.fullmatch(r"(?:(iccv|tnnls)-)?(suppfig|fig|table)(\d+|[ivx]+)", plain)
    number = _number(found[3]) if found else None
    if found is None or number is None:
        full = [place.name for place in PLACES.values() if place.exhibit]
        raise UnknownNameError("exhibit", typed, full if "-" in plain else EXHIBITS)
    paper, part = found[1] or "iccv", found[2]
    place = PLACES.get(f"{paper}-{part}{number}")
    if place is None:
        raise ConfigurationError(_no_such(paper, part, number, named=found[1] is not None))
    if not place.exhibit:
        raise ConfigurationError(
            f"{place.title} exists but cannot be reproduced; see 'nextlabel reproduce --list' for those "
            f"that can, such as '{_nearest(paper, part, number).name}'"
        )
    return place.exhibit


def _number(text: str) -> int | None:
    if text.isdecimal():
        return int(text)
    return ROMAN.index(text.upper()) if text.upper() in ROMAN else None


def _nearest(paper: str, part: str, number: int) -> PublishedPlace:
    """Return the reproducible figure or table of this paper with the nearest number."""
    known = [p for p in PLACES.values() if (p.paper, p.part) == (paper, part) and p.exhibit]
    return min(known, key=lambda place: abs(place.number - number))


def _no_such(paper: str, part: str, number: int, *, named: bool) -> str:
    """Return the error message for a number that the paper does not have, with a suggestion."""
    last = max((p.number for p in PLACES.values() if (p.paper, p.part) == (paper, part)), default=0)
    if not last:  # the article has no supplement, but it repeats the figures of the other paper's
        other = PLACES.get(f"iccv-{part}{number}")
        meant = places_of(other.exhibit, paper)[0] if other else _nearest("iccv", part, number)
        return f"{PAPERS[paper]} has no supplement; did you mean '{meant.name}'?"
    elsewhere = PLACES.get(f"{'tnnls' if paper == 'iccv' else 'iccv'}-{part}{number}")
    nearest = _nearest(paper, part, number)
    meant_name = nearest.name if named else nearest.exhibit
    if elsewhere is not None and elsewhere.exhibit:
        meant_name = elsewhere.name
    return (
        f"{PAPERS[paper]} has no {part}{number}: its {PARTS[part]} are 1 to {last}; "
        f"did you mean '{meant_name}'?"
    )
