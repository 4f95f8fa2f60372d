"""A map of what a model makes of its pool: t-SNE of class probabilities, with what was queried in it.

Reads a finished cell and its models. Knows no other cell and draws nothing.

Sources: L. van der Maaten, G. Hinton, "Visualizing Data using t-SNE", Journal of Machine Learning Research 9,
2008; the study is that of S. Huang, T. Wang, H. Xiong, B. Wen, J. Huan, D. Dou, "Temporal Output Discrepancy
for Loss Estimation-based Active Learning", IEEE TNNLS 2022 (arXiv 2212.10613).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.bench.cell import Cell
from nextlabel.bench.setup import main_learner, make_learner
from nextlabel.config.experiment import read_toml
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.errors import ConfigurationError, ContractError, DataError
from nextlabel.ledger.events import ItemId, State
from nextlabel.ledger.ledger import Ledger
from nextlabel.maths.entropy import mean_log_probs
from nextlabel.pool import Pool
from nextlabel.seeds import derive
from nextlabel.types import Restorable

__all__ = ["CYCLES", "ITEMS", "Embedding", "Part", "embed_cycle", "project", "read_cell"]

CYCLES: tuple[int, ...] = (1, 2, 3, 5, 7)
"""The cycles that the article shows."""

ITEMS = 2000
"""The most points on a map: t-SNE of so many takes seconds, and more cannot be distinguished by eye."""

PERPLEXITY = 30.0
"""That of the authors of t-SNE, who find it robust between 5 and 50."""

Part: TypeAlias = Literal["labelled", "queried", "unlabelled"]


@dataclass(frozen=True)
class Embedding:
    """A map of a cycle's pool.

    Attributes:
        dataset: Name of the data set.
        strategy: The strategy that chose.
        seed: The cell's seed.
        cycle: The cycle; its model made the probabilities.
        ids: (P,) the items shown.
        points: (P, 2) places on the map, without unit.
        parts: (P,) ``"labelled"``: what that model was trained on; ``"queried"``: what was chosen after, in
            a last cycle that was scored what would have been; the others are ``"unlabelled"``.
        classes: (P,) true classes, as indices.
        class_names: Their names.
    """

    dataset: str
    strategy: str
    seed: int
    cycle: int
    ids: tuple[ItemId, ...]
    points: tuple[tuple[float, float], ...]
    parts: tuple[Part, ...]
    classes: tuple[int, ...]
    class_names: tuple[str, ...]


def embed_cycle(folder: Path, cycle: int, *, items: int = ITEMS, seed: int = 0) -> Embedding:
    """Map the pool of a finished cell by the class probabilities of the model of one cycle.

    Labelled and unlabelled items are mapped together, as in the article. Where there are more than ``items``,
    a random part of them is mapped, each item with the same randomness.

    Args:
        folder: The cell's folder, with its models.
        cycle: The cycle, from 1. After the last one nothing is queried; a cell with ``score_last`` knows what
            would have been.
        items: The most points.
        seed: Of the part that is drawn and of t-SNE.

    Raises:
        DataError: The folder holds no cell, or not this cycle.
        MissingStateError: The model of this cycle was deleted.
    """
    cell = read_cell(folder)
    data = DATASETS.create(cell.dataset)
    if data.task.output != "log_probs":
        raise DataError(
            f"a map shows one class per item, but '{cell.dataset.name}' has other labels; choose another cell"
        )
    with Ledger(folder / "campaign.db", read_only=True) as ledger:
        training, parts = _parts(ledger.state, data.pool.ids, cycle, folder)
    learner = make_learner(cell, data)
    if not isinstance(learner, Restorable):
        raise ContractError(f"a map needs a learner with load, but {type(learner).__name__} has none")
    learner.load(folder / "cycles" / f"{cycle:04d}" / training)
    rng = torch.Generator().manual_seed(derive(seed, "map", cycle))
    shown = torch.randperm(len(data.pool.ids), generator=rng)[:items].sort().values.tolist()
    pool = Pool(data.pool.x, data.pool.ids).subset([data.pool.ids[row] for row in shown])
    labels = np.asarray(data.pool.y)
    outputs = main_learner(learner).predict(pool, needs=frozenset({"log_probs"}), seed=cell.seed)
    assert outputs.log_probs is not None, "a benchmark's learner classifies"
    points = project(mean_log_probs(outputs.log_probs).exp(), seed=derive(seed, "t-sne", cycle))
    return Embedding(
        cell.dataset.name, cell.strategy.name, cell.seed, cycle, pool.ids,
        tuple((x, y) for x, y in points.tolist()), tuple(parts[row] for row in shown),
        tuple(int(labels[row]) for row in shown), data.classes,
    )  # fmt: skip


def project(probs_nc: Float[Tensor, "items classes"], *, seed: int) -> Float[Tensor, "items 2"]:
    """Return (N, 2) places of the items by t-SNE of their class probabilities.

    scikit-learn's t-SNE, begun at the first two principal components. The perplexity is 30, less for fewer
    than 91 items. The same seed gives the same map on one machine with one number of threads.

    Args:
        probs_nc: (N, C) probabilities, N >= 4.
        seed: Of t-SNE.

    Raises:
        ConfigurationError: There are too few items.
    """
    from sklearn.manifold import TSNE

    if len(probs_nc) < 4:
        raise ConfigurationError(f"a map needs at least 4 items, but got {len(probs_nc)}")
    tsne = TSNE(perplexity=min(PERPLEXITY, (len(probs_nc) - 1) / 3), init="pca", random_state=seed % 2**32)
    places: np.ndarray = tsne.fit_transform(probs_nc.double().numpy())
    return torch.from_numpy(places)


def read_cell(folder: Path) -> Cell:
    """Return the settings of the cell in a folder.

    Raises:
        DataError: It holds none, or those of another version.
    """
    path = folder / "cell.toml"
    if not path.exists():
        raise DataError(
            f"expected a cell of a benchmark in {folder}, but it holds no cell.toml; run it first"
        )
    try:
        return Cell.from_record(read_toml(path))
    except TypeError as error:
        raise DataError(
            f"the settings in {path} are not those of this version ({error}); run the cell again"
        ) from error


def _parts(state: State, ids: tuple[ItemId, ...], cycle: int, folder: Path) -> tuple[str, list[Part]]:
    """Return the name of a cycle's training, and which part every item of the pool belonged to then."""
    names = [name for at, name in state.measurements if at == cycle and name.startswith("train-")]
    if not names:
        there = sorted({at for at, name in state.measurements if name.startswith("train-")})
        known = f"it has {there[0]} to {there[-1]}" if there else "it has none"
        raise DataError(f"expected a cycle of the campaign in {folder}, but got {cycle}; {known}")
    scoring = state.scoring(cycle) or {"training": names[-1]}
    would_be_next = set(scoring.get("chosen", ()))
    parts: list[Part] = []
    for item in ids:
        asked = state.cycle_of.get(item)
        if asked == cycle or item in would_be_next:
            parts.append("queried")
        else:
            parts.append("unlabelled" if asked is None or asked > cycle else "labelled")
    return scoring["training"], parts
