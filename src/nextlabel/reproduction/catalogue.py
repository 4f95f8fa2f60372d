"""All exhibits that can be made again, by name."""

from __future__ import annotations

from collections.abc import Mapping

from nextlabel.errors import UnknownNameError
from nextlabel.reproduction.by_class import FIG11, TABLE2
from nextlabel.reproduction.embedding import TSNE
from nextlabel.reproduction.exhibit import Exhibit
from nextlabel.reproduction.learning_curves import FIG7, FIG8, FIG9, FIG10, NOISE, SUPPFIG1, SUPPFIG2, TABLE1
from nextlabel.reproduction.loss_estimates import FIG3, FIG5, FIG6, SUPPFIG3
from nextlabel.reproduction.model_selection import MODEL_SELECTION
from nextlabel.reproduction.round_off import FIG1
from nextlabel.reproduction.sampling_time import TABLE3
from nextlabel.reproduction.schematics import FIG2, FIG4

__all__ = ["REPRODUCED", "exhibit"]

REPRODUCED: Mapping[str, Exhibit] = {
    one.name: one
    for one in (
        FIG1, FIG2, FIG3, FIG4, FIG5, FIG6, FIG7, FIG8, FIG9, FIG10, FIG11, TABLE1, TABLE2, TABLE3,
        SUPPFIG1, SUPPFIG2, SUPPFIG3, NOISE, TSNE, MODEL_SELECTION,
    )
}  # fmt: skip
"""In the papers' order."""


def exhibit(name: str) -> Exhibit:
    """Return the exhibit of this name.

    Raises:
        UnknownNameError: There is none; the message offers the nearest.
    """
    if name not in REPRODUCED:
        raise UnknownNameError("exhibit", name, REPRODUCED)
    return REPRODUCED[name]
