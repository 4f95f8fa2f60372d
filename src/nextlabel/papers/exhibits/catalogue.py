"""All reproducible exhibits, by name and by their numbers in the papers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nextlabel.papers.exhibits.by_class import FIG11, TABLE2
from nextlabel.papers.exhibits.embedding import TSNE
from nextlabel.papers.exhibits.exhibit import Exhibit, Request
from nextlabel.papers.exhibits.learning_curves import (
    FIG7,
    FIG8,
    FIG9,
    FIG10,
    NOISE,
    SUPPFIG1,
    SUPPFIG2,
    TABLE1,
)
from nextlabel.papers.exhibits.loss_estimates import FIG3, FIG5, FIG6, SUPPFIG3
from nextlabel.papers.exhibits.model_selection import MODEL_SELECTION
from nextlabel.papers.exhibits.round_off import FIG1
from nextlabel.papers.exhibits.sampling_time import TABLE3
from nextlabel.papers.exhibits.schematics import FIG2, FIG4
from nextlabel.papers.exhibits.settings import base_settings
from nextlabel.papers.published.exhibits import EXHIBITS
from nextlabel.papers.published.numbering import exhibit_named, places_of
from nextlabel.papers.released_arguments import SEGMENTATION
from nextlabel.results import FULL_TRAINING

__all__ = ["REPRODUCED", "exhibit", "listing", "needs_of"]

REPRODUCED: Mapping[str, Exhibit] = {
    one.name: one
    for one in (
        FIG1, FIG2, FIG3, FIG4, FIG5, FIG6, FIG7, FIG8, FIG9, FIG10, FIG11, TABLE1, TABLE2, TABLE3,
        SUPPFIG1, SUPPFIG2, SUPPFIG3, NOISE, TSNE, MODEL_SELECTION,
    )
}  # fmt: skip
"""The exhibits in the order of the papers."""

NEEDS: Mapping[str, str] = {
    "fig1": "about ten seconds, no data",
    "fig2": "seconds, no data",
    "fig4": "seconds, no data",
    "fig5": "the arm of `fig3`",
    "fig6": "the arm of `fig3`",
    "suppfig3": "the arm of `fig3`",
    "model_selection": "10 training runs on the whole pool",
}
"""Requirements of exhibits that are not simply a number of arms."""


def exhibit(name: str) -> Exhibit:
    """Return an exhibit by short name, such as ``fig7`` or ``noise``, or by number, such as ``tnnls-fig8``.

    Raises:
        ConfigurationError: The paper has no such number, or it is not reproduced.
        UnknownNameError: It is neither a name nor a number; the message suggests the nearest.
    """
    return REPRODUCED[exhibit_named(name)]


def needs_of(one: Exhibit) -> str:
    """Return the requirements of an exhibit: its number of arms, each one campaign per seed."""
    if one.name in NEEDS:
        return NEEDS[one.name]
    arms = one.arms(Request(base_settings(one.dataset, "fast"), Path()))
    full = sum(arm.strategy in FULL_TRAINING.values() for arm in arms)
    count = len(arms) - full
    needed = f"{count} arm{'' if count == 1 else 's'}"
    needed += ", full training" if full else ""
    return needed + (" on `nuclei` or `cityscapes`" if one.dataset in SEGMENTATION else "")


def listing() -> list[dict[str, str]]:
    """Return all exhibits with their numbers in both papers, titles and requirements."""
    return [
        {
            "command": one.name,
            **{
                paper: ", ".join(place.name for place in places_of(one.name, paper))
                for paper in ("iccv", "tnnls")
            },
            **({"tnnls": "t-SNE"} if one is TSNE else {}),  # the article's figure has no known number
            "shows": EXHIBITS[one.name].title,
            "needs": needs_of(one),
        }
        for one in REPRODUCED.values()
    ]
