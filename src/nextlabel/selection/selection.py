"""The one engine of choice: shows a strategy a checked view, asks it, and checks what it returns.

Campaigns use :func:`choose` on views; :func:`select` and :func:`score` are the same engine for people who
keep their own pipeline and have arrays. Knows no strategy by name and nothing of models or ledgers.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from typing_extensions import Unpack

from nextlabel.errors import ConfigurationError, ContractError, DataError, UnknownNameError
from nextlabel.ledger.events import ItemId
from nextlabel.parts import Part
from nextlabel.seeds import derive
from nextlabel.selection.view import Arrays, make_view, validate_view
from nextlabel.strategies.catalogue import STRATEGIES
from nextlabel.types import PoolView, Scorer, Strategy

__all__ = ["Selection", "choose", "score", "select"]

_LOGGER = logging.getLogger("nextlabel")


@dataclass(frozen=True, eq=False)
class Selection:
    """What a strategy chose.

    Attributes:
        rows: (B,) distinct int64 rows on the CPU, best first.
        scores: (N,) scores of all candidates, higher = query first; None where the strategy has no scores.
        shortfall: How many rows of the wanted batch the pool could not give; 0 as a rule.
    """

    rows: Int[Tensor, " batch"]
    scores: Float[Tensor, " items"] | None
    missing: int = 0


def choose(
    strategy: Scorer | Strategy,
    view: PoolView,
    batch_size: int,
    *,
    rng: torch.Generator,
    ids: Sequence[ItemId] | None = None,
) -> Selection:
    """Choose a batch; from a pool smaller than the batch all that is left, and the choice says so.

    The strategy is shown what it declares in ``needs`` and nothing else. A scorer's batch is its top scores;
    equal scores come in an order drawn from ``rng``, for the place in the pool says nothing about an item.

    Args:
        strategy: A scorer or a strategy, not both.
        view: The candidates.
        batch_size: How many rows are wanted, >= 1.
        rng: A generator on the CPU.
        ids: (N,) ids of the candidates, for messages; without them rows are named.

    Raises:
        ConfigurationError: The batch size is not a positive integer.
        DataError: The pool is empty, or the view lacks what the strategy needs, or holds what cannot be used.
        ContractError: The strategy breaks its contract.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise ConfigurationError(f"batch_size must be a positive integer, but is {batch_size!r}")
    count = min(int(batch_size), view.size)
    missing = int(batch_size) - count
    if _is_scorer(strategy):
        scores = _scores(strategy, view, rng=rng, ids=ids)
        drawn = torch.randperm(view.size, generator=rng)
        best = torch.sort(scores[drawn], descending=True, stable=True).indices[:count]
        return Selection(drawn[best], scores, missing)
    seen = _seen(strategy, view, ids)
    rows = strategy.select(seen, count, rng=rng)  # type: ignore[union-attr]  # not a scorer, so a strategy
    return Selection(_checked_rows(rows, strategy.name, count, view.size), None, missing)


def select(
    strategy: str | Part | Scorer | Strategy, batch_size: int, *, seed: int = 0, **arrays: Unpack[Arrays]
) -> np.ndarray:
    """Choose what to label next from arrays, NumPy or torch.

    Args:
        strategy: A name that ``nextlabel strategies`` lists, with its options if any, such as
            ``"cod(gap='10 steps')"``, or your own object.
        batch_size: Number of rows to choose, >= 1. From a smaller pool all rows are returned, and the logger
            ``nextlabel`` warns.
        seed: Seed of whatever the strategy draws; the same seed gives the same rows.
        arrays: Outputs of your model and labels, see :class:`~nextlabel.selection.view.Arrays`.

    Returns:
        (min(batch_size, N),) distinct int64 rows, best first.

    Raises:
        ConfigurationError: The strategy, an option, an argument or the batch size is not usable.
        DataError: The arrays are not usable; the message names array and row.
        ContractError: Your own strategy breaks its contract.

    >>> import numpy as np
    >>> probs = np.array([[0.9, 0.1], [0.5, 0.5], [0.7, 0.3]])
    >>> select("margin", 2, log_probs=np.log(probs))
    array([1, 2])
    """
    chooser, view = _prepared(strategy, arrays)
    choice = choose(chooser, view, batch_size, rng=_rng(seed))
    if choice.missing:
        _LOGGER.warning("requested %d items, only %d are left; returning all of them", batch_size, view.size)
    rows: np.ndarray = choice.rows.numpy()
    return rows


def score(strategy: str | Part | Scorer, *, seed: int = 0, **arrays: Unpack[Arrays]) -> np.ndarray:
    """Score every candidate from arrays, NumPy or torch; arguments as in :func:`select`.

    Returns:
        (N,) float64 scores, higher = query first. :func:`select` returns their top for the same seed.

    Raises:
        ConfigurationError: The strategy, an option or an argument is not usable, or there are no scores.
        DataError: The arrays are not usable; the message names array and row.
        ContractError: Your own strategy breaks its contract.

    >>> import numpy as np
    >>> score("least_confidence", log_probs=np.log([[0.75, 0.25], [0.5, 0.5]])).round(6)
    array([0.25, 0.5 ])
    """
    scorer, view = _prepared(strategy, arrays)
    if not _is_scorer(scorer):
        raise ConfigurationError(
            f"`strategy` must have scores, got '{scorer.name}', which chooses a batch as a whole; "
            "use select, or a strategy that scores, such as 'margin'"
        )
    scores: np.ndarray = _scores(scorer, view, rng=_rng(seed), ids=None).double().numpy()
    return scores


def _prepared(strategy: str | Part | Scorer | Strategy, arrays: Arrays) -> tuple[Scorer | Strategy, PoolView]:
    created = STRATEGIES.create(strategy) if isinstance(strategy, (str, Part)) else strategy
    try:
        return created, make_view(**arrays)
    except UnknownNameError as error:
        raise ConfigurationError(f"{error} An option belongs to the strategy: 'cod(gap=2)'.") from error


def _rng(seed: int) -> torch.Generator:
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise ConfigurationError(f"seed must be a whole number, but is {seed!r}")
    return torch.Generator().manual_seed(derive(seed, "select"))


def _is_scorer(strategy: Scorer | Strategy) -> TypeGuard[Scorer]:
    scores, selects = isinstance(strategy, Scorer), isinstance(strategy, Strategy)
    if scores == selects:
        has = "both" if scores else "not both"
        raise ContractError(
            "a strategy must have a name, needs and exactly one of score(view, *, rng) and "
            f"select(view, batch_size, *, rng), but {strategy!r} has {has}"
        )
    return scores


def _seen(strategy: Scorer | Strategy, view: PoolView, ids: Sequence[ItemId] | None) -> PoolView:
    if view.size < 1:
        raise DataError("the pool is empty: there is nothing left to choose from")
    return validate_view(view, strategy.needs, part=f"strategy '{strategy.name}'", ids=ids)


def _scores(
    scorer: Scorer, view: PoolView, *, rng: torch.Generator, ids: Sequence[ItemId] | None
) -> Float[Tensor, " items"]:
    scores = scorer.score(_seen(scorer, view, ids), rng=rng)
    if not isinstance(scores, Tensor) or scores.dtype not in (torch.float32, torch.float64):
        raise ContractError(
            f"strategy '{scorer.name}' must return a tensor of float32 or float64 scores, but returned "
            f"{scores.dtype if isinstance(scores, Tensor) else type(scores).__name__}"
        )
    if scores.shape != (view.size,):
        raise ContractError(
            f"strategy '{scorer.name}' must return one score per candidate, shape ({view.size},), but "
            f"returned shape {tuple(scores.shape)}"
        )
    finite = torch.isfinite(scores)
    if not finite.all():
        row = int((~finite).nonzero()[0])
        item = f"row {row}" if ids is None else f"item '{ids[row]}'"
        raise ContractError(
            f"strategy '{scorer.name}' must return finite scores, but that of {item} is {scores[row].item()}"
        )
    return scores.detach().cpu()


def _checked_rows(rows: object, name: str, count: int, size: int) -> Int[Tensor, " batch"]:
    if not isinstance(rows, Tensor) or rows.dtype != torch.int64:
        got = rows.dtype if isinstance(rows, Tensor) else type(rows).__name__
        raise ContractError(f"strategy '{name}' must return a tensor of int64 rows, but returned {got}")
    distinct = len(set(rows.flatten().tolist()))
    if rows.shape != (count,) or distinct != count:
        raise ContractError(
            f"strategy '{name}' must return {count} distinct rows, but returned shape {tuple(rows.shape)} "
            f"with {distinct} distinct"
        )
    if int(rows.min()) < 0 or int(rows.max()) >= size:
        outside = int(rows[(rows < 0) | (rows >= size)][0])
        raise ContractError(
            f"strategy '{name}' must return rows from 0 to {size - 1}, but returned {outside}"
        )
    return rows.detach().cpu()
