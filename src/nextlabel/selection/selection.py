"""The engine of selection: shows a strategy a validated view, and checks what it returns.

Campaigns call :func:`choose` on views; :func:`select` and :func:`score` run the same engine on arrays, for
pipelines of your own.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from typing_extensions import Unpack

from nextlabel.adapters import check_call
from nextlabel.errors import ConfigurationError, ContractError, DataError, UnknownNameError
from nextlabel.ledger.events import ItemId
from nextlabel.parts import Part, check_whole
from nextlabel.seeds import derive
from nextlabel.selection.view import Arrays, check_needs, make_view, validate_view
from nextlabel.strategies.catalogue import STRATEGIES
from nextlabel.types import PoolView, Scorer, Strategy

__all__ = ["Selection", "as_strategy", "choose", "score", "select"]

_LOGGER = logging.getLogger("nextlabel")


@dataclass(frozen=True, eq=False)
class Selection:
    """What a strategy chose.

    Attributes:
        rows: (B,) distinct int64 rows on the CPU, best first.
        scores: (N,) scores of all candidates, higher = query first; None if the strategy has no scores.
        missing: How many rows fewer than requested the pool had; usually 0.
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
    """Choose a batch, or all candidates if there are fewer.

    The strategy sees what it declares in ``needs`` and nothing else. A scorer's batch is its top scores, with
    ties in an order drawn from ``rng``, because the position in the pool says nothing about an item.

    Args:
        strategy: A scorer or a strategy, not both.
        view: The candidates.
        batch_size: Number of rows to choose, >= 1.
        rng: A generator on the CPU.
        ids: (N,) ids of the candidates, for messages.

    Raises:
        ConfigurationError: The batch size is no whole number of at least 1.
        DataError: The pool is empty, or the view lacks what the strategy needs, or holds unusable values.
        ContractError: The strategy breaks its contract.
    """
    count = min(check_whole("batch_size", batch_size, 1), view.size)
    missing = int(batch_size) - count
    chooser = as_strategy(strategy)
    if isinstance(chooser, Scorer):
        scores = _scores(chooser, view, rng=rng, ids=ids)
        drawn = torch.randperm(view.size, generator=rng)
        best = torch.sort(scores[drawn], descending=True, stable=True).indices[:count]
        return Selection(drawn[best], scores, missing)
    rows = chooser.select(_seen(chooser, view, ids), count, rng=rng)
    return Selection(_checked_rows(rows, chooser.name, count, view.size), None, missing)


def select(
    strategy: str | Part | Scorer | Strategy, batch_size: int, *, seed: int = 0, **arrays: Unpack[Arrays]
) -> np.ndarray:
    """Choose what to label next from arrays, NumPy or torch.

    Args:
        strategy: A name that ``nextlabel strategies`` lists, with options if any, such as
            ``"cod(gap='10 steps')"``, or your own object.
        batch_size: Number of rows to choose, >= 1. From a smaller pool all rows are returned, and the logger
            ``nextlabel`` warns.
        seed: Seed of what the strategy draws; the same seed gives the same rows.
        arrays: Outputs of your model and labels, see :class:`~nextlabel.selection.view.Arrays`.

    Returns:
        (min(batch_size, N),) distinct int64 rows, best first.

    Raises:
        ConfigurationError: The strategy, an option, an argument or the batch size is unusable.
        DataError: The arrays are unusable; the message names array and row.
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
    """Score every candidate; arguments and errors as in :func:`select`.

    Returns:
        (N,) float64 scores, higher = query first. :func:`select` returns their top for the same seed.

    Raises:
        ConfigurationError: Also if the strategy has no scores.

    >>> import numpy as np
    >>> score("least_confidence", log_probs=np.log([[0.75, 0.25], [0.5, 0.5]])).round(6)
    array([0.25, 0.5 ])
    """
    scorer, view = _prepared(strategy, arrays)
    if not isinstance(scorer, Scorer):
        raise ConfigurationError(
            f"`strategy` must have scores, got '{scorer.name}', which chooses a batch as a whole; "
            "use select, or a strategy that scores, such as 'margin'"
        )
    scores: np.ndarray = _scores(scorer, view, rng=_rng(seed), ids=None).double().numpy()
    return scores


def _prepared(strategy: str | Part | Scorer | Strategy, arrays: Arrays) -> tuple[Scorer | Strategy, PoolView]:
    created = as_strategy(strategy)
    try:
        return created, make_view(**arrays)
    except UnknownNameError as error:
        raise ConfigurationError(
            f"{error} An option belongs to the strategy: \"cod(gap='10 steps')\"."
        ) from error


def _rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(derive(check_whole("seed", seed), "select"))


def as_strategy(strategy: object) -> Scorer | Strategy:
    """Return the strategy: itself, or the one that a name or a part stands for.

    Raises:
        ConfigurationError: There is no such strategy, or an option is wrong.
        ContractError: It is none: it lacks a member, has both methods, takes other arguments, or declares an
            unknown need.
    """
    if isinstance(strategy, (str, Part)):
        strategy = STRATEGIES.create(strategy)
    if isinstance(strategy, type):
        raise ContractError(f"a strategy must be an object, got the class {strategy.__name__}; create one")
    both = isinstance(strategy, Scorer) and isinstance(strategy, Strategy)
    if both or not isinstance(strategy, (Scorer, Strategy)):
        raise ContractError(
            "a strategy must have a name, needs and exactly one of score(view, *, rng) and "
            f"select(view, batch_size, *, rng), got {type(strategy).__name__} "
            f"{'with both methods' if both else 'without some of them'}"
        )
    who = f"strategy '{strategy.name}'"
    if isinstance(strategy, Scorer):
        check_call(f"score(view, rng=) of {who}", strategy.score, ..., rng=...)
    else:
        check_call(f"select(view, batch_size, rng=) of {who}", strategy.select, ..., 1, rng=...)
    check_needs(strategy.needs, part=who)
    return strategy


def _seen(strategy: Scorer | Strategy, view: PoolView, ids: Sequence[ItemId] | None) -> PoolView:
    if view.size < 1:
        raise DataError("the pool must have a candidate to choose, got an empty one")
    return validate_view(view, strategy.needs, part=f"strategy '{strategy.name}'", ids=ids)


def _scores(
    scorer: Scorer, view: PoolView, *, rng: torch.Generator, ids: Sequence[ItemId] | None
) -> Float[Tensor, " items"]:
    scores = scorer.score(_seen(scorer, view, ids), rng=rng)
    floats = isinstance(scores, Tensor) and scores.dtype in (torch.float32, torch.float64)
    if not floats or scores.shape != (view.size,):
        raise ContractError(
            f"strategy '{scorer.name}' must return one score per candidate, float32 or float64 of shape "
            f"({view.size},), got {_described(scores)}"
        )
    finite = torch.isfinite(scores)
    if not finite.all():
        row = int((~finite).nonzero()[0])
        item = f"row {row}" if ids is None else f"item '{ids[row]}'"
        raise ContractError(
            f"strategy '{scorer.name}' must return finite scores, got {scores[row].item()} for {item}"
        )
    return scores.detach().cpu()


def _checked_rows(rows: object, name: str, count: int, size: int) -> Int[Tensor, " batch"]:
    got = _described(rows)
    if isinstance(rows, Tensor) and rows.dtype == torch.int64 and rows.shape == (count,):
        distinct = sorted(set(rows.tolist()))
        if len(distinct) == count and distinct[0] >= 0 and distinct[-1] < size:
            return rows.detach().cpu()
        got = f"{len(distinct)} distinct from {distinct[0]} to {distinct[-1]}"
    raise ContractError(
        f"strategy '{name}' must return {count} distinct rows from 0 to {size - 1}, int64 of shape "
        f"({count},), got {got}"
    )


def _described(value: object) -> str:
    if isinstance(value, Tensor):
        return f"{value.dtype} of shape {tuple(value.shape)}"
    return type(value).__name__
