"""t-SNE map of a pool by the class probabilities of a model, with the queried items marked.

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

__all__ = ["CYCLES", "ITEMS", "Embedding", "ItemStatus", "embed_cycle", "project", "read_cell"]

CYCLES: tuple[int, ...] = (1, 2, 3, 5, 7)
"""The cycles shown in the article."""

ITEMS = 2000
"""Maximum number of points on a map: t-SNE of this many takes seconds, and more would overlap."""

PERPLEXITY = 30.0
"""The authors of t-SNE find results robust for perplexities between 5 and 50."""

ItemStatus: TypeAlias = Literal["labelled", "queried", "unlabelled"]


@dataclass(frozen=True)
class Embedding:
    """A t-SNE map of the pool in one cycle.

    Attributes:
        cycle: The cycle whose model computed the probabilities.
        ids: (P,) the items shown.
        points: (P, 2) coordinates on the map.
        parts: (P,) ``"labelled"``: in the model's training set; ``"queried"``: queried next, or in a scored
            last cycle the items that would have been; otherwise ``"unlabelled"``.
        classes: (P,) true classes, as indices into ``class_names``.
    """

    dataset: str
    strategy: str
    seed: int
    cycle: int
    ids: tuple[ItemId, ...]
    points: tuple[tuple[float, float], ...]
    parts: tuple[ItemStatus, ...]
    classes: tuple[int, ...]
    class_names: tuple[str, ...]


def embed_cycle(folder: Path, cycle: int, *, items: int = ITEMS, seed: int = 0) -> Embedding:
    """Map the pool of a finished cell by the class probabilities of the model of one cycle.

    Labelled and unlabelled items are mapped together, as in the article.

    Args:
        folder: The cell's folder, with its models.
        cycle: The cycle, from 1. Nothing is queried after the last one, but a cell with ``score_last``
            records what would have been.
        items: Maximum number of points; a larger pool is subsampled at random.
        seed: Seed of the subsample and of t-SNE.

    Raises:
        DataError: The folder has no cell, or the cell has no such cycle.
        MissingStateError: The model of this cycle was deleted.
    """
    cell = read_cell(folder)
    data = DATASETS.create(cell.dataset)
    if data.task.output != "log_probs":
        raise DataError(
            f"the data set of a map must have one class per item, got '{cell.dataset.name}'; choose another"
        )
    with Ledger(folder / "campaign.db", read_only=True) as ledger:
        training, parts = _parts(ledger.state, data.pool.ids, cycle, folder)
    learner = make_learner(cell, data)
    if not isinstance(learner, Restorable):
        raise ContractError(f"the learner of a map must have a method load, got {type(learner).__name__}")
    learner.load(folder / "cycles" / f"{cycle:04d}" / training)
    rng = torch.Generator().manual_seed(derive(seed, "map", cycle))
    shown = torch.randperm(len(data.pool.ids), generator=rng)[:items].sort().values.tolist()
    pool = Pool(data.pool.x, data.pool.ids).subset([data.pool.ids[row] for row in shown])
    labels = np.asarray(data.pool.y)
    outputs = main_learner(learner).predict(pool, needs=frozenset({"log_probs"}), seed=cell.seed)
    assert outputs.log_probs is not None, "the task has log_probs"
    points = project(mean_log_probs(outputs.log_probs).exp(), seed=derive(seed, "t-sne", cycle))
    return Embedding(
        cell.dataset.name, cell.strategy.name, cell.seed, cycle, pool.ids,
        tuple((x, y) for x, y in points.tolist()), tuple(parts[row] for row in shown),
        tuple(int(labels[row]) for row in shown), data.classes,
    )  # fmt: skip


def project(probs_nc: Float[Tensor, "items classes"], *, seed: int) -> Float[Tensor, "items 2"]:
    """Return (N, 2) t-SNE coordinates of the items' class probabilities.

    Uses scikit-learn's t-SNE, initialised with the first two principal components; the perplexity is 30, or
    less for fewer than 91 items. Maps are reproducible on the same machine with the same number of threads.

    Raises:
        ConfigurationError: There are fewer than 4 items.
    """
    from sklearn.manifold import TSNE

    if len(probs_nc) < 4:
        raise ConfigurationError(f"a map needs at least 4 items, got {len(probs_nc)}; add items")
    tsne = TSNE(perplexity=min(PERPLEXITY, (len(probs_nc) - 1) / 3), init="pca", random_state=seed % 2**32)
    coordinates: np.ndarray = tsne.fit_transform(probs_nc.double().numpy())
    return torch.from_numpy(coordinates)


def read_cell(folder: Path) -> Cell:
    """Return the settings of the cell in a folder.

    Raises:
        DataError: There is no cell, or it was written by an incompatible version.
    """
    path = folder / "cell.toml"
    if not path.exists():
        raise DataError(f"the folder of a cell must have a cell.toml, got {folder}; run the cell first")
    try:
        return Cell.from_record(read_toml(path))
    except TypeError as error:
        raise DataError(
            f"the settings in {path} do not match this version ({error}); run the cell again"
        ) from error


def _parts(state: State, ids: tuple[ItemId, ...], cycle: int, folder: Path) -> tuple[str, list[ItemStatus]]:
    """Return the name of a cycle's training run, and the part that each item of the pool belonged to."""
    names = [name for at, name in state.measurements if at == cycle and name.startswith("train-")]
    if not names:
        cycles = sorted({at for at, name in state.measurements if name.startswith("train-")})
        known = f"it has {cycles[0]} to {cycles[-1]}" if cycles else "it has none"
        raise DataError(f"the cycle must be one of the campaign in {folder}, got {cycle}; {known}")
    scoring = state.scoring(cycle) or {"training": names[-1]}
    would_be_next = set(scoring.get("chosen", ()))
    parts: list[ItemStatus] = []
    for item in ids:
        asked = state.cycle_of.get(item)
        if asked == cycle or item in would_be_next:
            parts.append("queried")
        else:
            parts.append("unlabelled" if asked is None or asked > cycle else "labelled")
    return scoring["training"], parts
