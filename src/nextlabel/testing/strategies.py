"""The conformance suite of strategies: what every scorer and every strategy has to keep.

For one's own strategy, under pytest::

    @pytest.mark.parametrize("check", STRATEGY_CHECKS, ids=lambda check: check.__name__)
    def test_conforms(check):
        check(lambda: MyStrategy(option=3))

A check takes a function that makes a fresh strategy and raises ``AssertionError`` with one sentence. All run
in milliseconds. Knows no particular strategy, and not whether its choices are good.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import torch
from torch import Tensor

from nextlabel.campaign.setup import strategy_options
from nextlabel.errors import ConfigurationError
from nextlabel.selection.view import resolve_output
from nextlabel.testing.random_state import global_random_state_untouched
from nextlabel.types import Outputs, PoolView, Scorer, Strategy, need_meaning

__all__ = ["STRATEGY_CHECKS", "MakeStrategy", "check_strategy", "example_view"]

MakeStrategy: TypeAlias = Callable[[], "Scorer | Strategy"]

_FLOATS = (torch.float16, torch.float32, torch.float64)


def example_view(
    needs: frozenset[str],
    *,
    size: int = 12,
    labelled: int = 5,
    classes: int = 4,
    features: int = 6,
    draws: int = 2,
    dtype: torch.dtype = torch.float32,
    sharpness: float = 1.0,
) -> PoolView:
    """Build a view of random numbers that holds what ``needs`` says and nothing else; the same at every call.

    Args:
        needs: Words of ``NEEDS``, or ``extra:NAME``.
        size: N.
        labelled: L.
        classes: C, also the number of regression outputs.
        features: D.
        draws: K.
        dtype: Of all floating-point fields.
        sharpness: Factor on the logits; 1,000 saturates the probabilities.
    """
    needs = resolve_output(needs, "log_probs")
    rng = torch.Generator().manual_seed(20220613)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    def outputs(count: int, names: frozenset[str]) -> Outputs:
        log_probs = torch.log_softmax(sharpness * normal(count, draws, classes), -1).to(dtype)
        values, embeddings = normal(count, draws, classes).to(dtype), normal(count, features).to(dtype)
        extra = {
            name.removeprefix("extra:"): normal(count).to(dtype)
            for name in names
            if name.startswith("extra:")
        }
        return Outputs(
            log_probs=log_probs if "log_probs" in names else None,
            values=values if "values" in names else None,
            embeddings=embeddings if "embeddings" in names else None,
            extra=extra,
        )

    inner = frozenset(name.removeprefix("labelled_") for name in needs if name.startswith("labelled_"))
    wants_snapshots = any(need.startswith("snapshot:") for need in needs)
    return PoolView(
        size=size,
        pool=outputs(size, needs),
        snapshots=tuple(outputs(size, needs) for _ in range(2)) if wants_snapshots else (),
        labelled=outputs(labelled, inner),
        labels=torch.arange(labelled) % classes if "labels" in needs else torch.empty(0, dtype=torch.int64),
    )


def check_says_what_it_is(make: MakeStrategy) -> None:
    """It has a name, known needs, and exactly one of ``score`` and ``select``."""
    part = make()
    name, needs = getattr(part, "name", None), getattr(part, "needs", None)
    assert isinstance(name, str), f"a strategy must have a name, a string, but {part!r} has {name!r}"
    assert name, f"a strategy must have a name, but that of {part!r} is empty"
    assert isinstance(needs, frozenset), (
        f"needs of '{name}' must be a frozenset of strings, but are {needs!r}"
    )
    unknown = sorted(need for need in needs if need_meaning(need) is None)
    assert not unknown, f"needs of '{name}' must be words of NEEDS or extra:NAME, but {unknown} are not"
    both = isinstance(part, Scorer), isinstance(part, Strategy)
    assert sum(both) == 1, f"'{name}' must have exactly one of score and select, but has {sum(both)}"


def check_options_can_be_recorded(make: MakeStrategy) -> None:
    """Each option is JSON and kept in an attribute of its name, so that a campaign can record it."""
    try:
        strategy_options(make())
    except ConfigurationError as error:
        raise AssertionError(str(error)) from error


def check_batch_is_distinct_rows(make: MakeStrategy) -> None:
    """A batch is as many distinct int64 rows of the view as were asked for."""
    part = make()
    view = example_view(part.needs)
    _assert_batch(part, _rows(part, view, 5), 5, view.size)


def check_takes_one_row(make: MakeStrategy) -> None:
    """A batch of one is one row."""
    part = make()
    view = example_view(part.needs)
    _assert_batch(part, _rows(part, view, 1), 1, view.size)


def check_takes_the_whole_pool(make: MakeStrategy) -> None:
    """A batch as large as the pool is every row once."""
    part = make()
    view = example_view(part.needs)
    _assert_batch(part, _rows(part, view, view.size), view.size, view.size)


def check_takes_the_last_candidate(make: MakeStrategy) -> None:
    """A pool of one item gives that item."""
    part = make()
    _assert_batch(part, _rows(part, example_view(part.needs, size=1), 1), 1, 1)


def check_same_seed_gives_same_rows(make: MakeStrategy) -> None:
    """The same view and seed give the same rows, from a fresh object as from a used one."""
    part = make()
    view = example_view(part.needs)
    first, again, fresh = _rows(part, view, 6), _rows(part, view, 6), _rows(make(), view, 6)
    for other, which in ((again, "the same object asked again"), (fresh, "a fresh object")):
        assert torch.equal(first, other), (
            f"'{part.name}' must give the same rows for the same view and seed, "
            f"but {which} gave {other.tolist()} after {first.tolist()}"
        )


def check_leaves_the_view_unchanged(make: MakeStrategy) -> None:
    """No tensor of the view is written to."""
    part = make()
    view, untouched = example_view(part.needs), example_view(part.needs)
    _rows(part, view, 5)
    before = _tensors(untouched)
    changed = [name for name, tensor in _tensors(view).items() if not torch.equal(tensor, before[name])]
    assert not changed, f"'{part.name}' must not write to the view, but changed {', '.join(changed)}"


def check_leaves_global_random_state(make: MakeStrategy) -> None:
    """Randomness comes from ``rng`` only."""
    part = make()
    view = example_view(part.needs)
    with global_random_state_untouched(f"'{part.name}'"):
        _rows(part, view, 5)


def check_scores_are_finite_floats(make: MakeStrategy) -> None:
    """Scores are (N,), finite and float32 or wider, whatever the precision of the view."""
    part = make()
    for dtype in _FLOATS:
        view = example_view(part.needs, dtype=dtype)
        if isinstance(part, Scorer):
            _assert_scores(part, _scores(part, view), view.size)
        else:
            _assert_batch(part, _rows(part, view, 5), 5, view.size)


def check_bears_saturated_probabilities(make: MakeStrategy) -> None:
    """Log-probabilities from 0 down to below -1,000 give finite scores and full batches."""
    part = make()
    view = example_view(part.needs, sharpness=1000.0)
    if isinstance(part, Scorer):
        _assert_scores(part, _scores(part, view), view.size)
    _assert_batch(part, _rows(part, view, 5), 5, view.size)


def check_bears_identical_candidates(make: MakeStrategy) -> None:
    """Candidates that are all alike give a full batch, and equal scores where the score draws nothing.

    The order among them is drawn by the seed; a score that tells them apart would decide it by their row.
    """
    part = make()
    view = _reordered(example_view(part.needs), torch.zeros(12, dtype=torch.int64))
    _assert_batch(part, _rows(part, view, 7), 7, view.size)
    if isinstance(part, Scorer) and not _draws(part, view):
        scores = _scores(part, view)
        assert bool((scores == scores[0]).all()), (
            f"'{part.name}' must give identical candidates equal scores, but gave from {scores.min().item()} "
            f"to {scores.max().item()}"
        )


def check_scores_follow_their_candidates(make: MakeStrategy) -> None:
    """A score that draws nothing belongs to the candidate, not to its row."""
    part = make()
    view = example_view(part.needs, dtype=torch.float64)
    if not isinstance(part, Scorer) or _draws(part, view):
        return
    order = torch.randperm(view.size, generator=_rng())
    moved, expected = _scores(part, _reordered(view, order)), _scores(part, view)[order]
    assert torch.allclose(moved, expected, rtol=1e-6, atol=1e-9), (
        f"'{part.name}' must score candidates alike in every order, "
        f"but reordering the view changed a score by {(moved - expected).abs().max().item():.3g}"
    )


STRATEGY_CHECKS: tuple[Callable[[MakeStrategy], None], ...] = (
    check_says_what_it_is,
    check_options_can_be_recorded,
    check_batch_is_distinct_rows,
    check_takes_one_row,
    check_takes_the_whole_pool,
    check_takes_the_last_candidate,
    check_same_seed_gives_same_rows,
    check_leaves_the_view_unchanged,
    check_leaves_global_random_state,
    check_scores_are_finite_floats,
    check_bears_saturated_probabilities,
    check_bears_identical_candidates,
    check_scores_follow_their_candidates,
)
"""Every check, for ``pytest.mark.parametrize``."""


def check_strategy(make: MakeStrategy) -> None:
    """Run every check.

    Raises:
        AssertionError: The first promise that is not kept, in one sentence.
    """
    for check in STRATEGY_CHECKS:
        check(make)


def _rng(seed: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _scores(part: Scorer, view: PoolView, seed: int = 7) -> Tensor:
    return part.score(view, rng=_rng(seed))


def _rows(part: Scorer | Strategy, view: PoolView, batch_size: int) -> Tensor:
    if isinstance(part, Strategy):
        return part.select(view, batch_size, rng=_rng())
    rng = _rng()
    scores = part.score(view, rng=rng)
    drawn = torch.randperm(len(scores), generator=rng)  # ties are drawn by the seed, as in a campaign
    return drawn[torch.sort(scores[drawn], descending=True, stable=True).indices[:batch_size]]


def _draws(part: Scorer, view: PoolView) -> bool:
    """Return whether the score depends on the seed."""
    return not torch.equal(_scores(part, view, seed=1), _scores(part, view, seed=2))


def _reordered(view: PoolView, order: Tensor) -> PoolView:
    snapshots = tuple(snapshot.rows(order) for snapshot in view.snapshots)
    return replace(view, pool=view.pool.rows(order), snapshots=snapshots)


def _tensors(view: PoolView) -> dict[str, Tensor]:
    groups = {"pool": view.pool, "labelled": view.labelled}
    groups |= {f"snapshot {number}": snapshot for number, snapshot in enumerate(view.snapshots)}
    tensors = {
        f"{name} of the {group}": t
        for group, outputs in groups.items()
        for name, t in outputs.fields().items()
    }
    return tensors | {"labels": view.labels}


def _assert_scores(part: Scorer, scores: object, size: int) -> None:
    assert isinstance(scores, Tensor), (
        f"'{part.name}' must return a tensor, but returned {type(scores).__name__}"
    )
    assert scores.dtype in (torch.float32, torch.float64), (
        f"'{part.name}' must return float32 or float64 scores, but returned {scores.dtype}"
    )
    assert scores.shape == (size,), (
        f"'{part.name}' must return ({size},) scores, but returned {tuple(scores.shape)}"
    )
    finite = torch.isfinite(scores)
    assert bool(finite.all()), (
        f"'{part.name}' must return finite scores, but returned {scores[~finite][0].item()}"
    )


def _assert_batch(part: Scorer | Strategy, rows: object, batch_size: int, size: int) -> None:
    assert isinstance(rows, Tensor), f"'{part.name}' must return a tensor, but returned {type(rows).__name__}"
    assert rows.dtype == torch.int64, f"'{part.name}' must return int64 rows, but returned {rows.dtype}"
    distinct = len(set(rows.flatten().tolist()))
    assert rows.shape == (batch_size,), (
        f"'{part.name}' must return {batch_size} of {size} rows, but returned shape {tuple(rows.shape)}"
    )
    assert distinct == batch_size, (
        f"'{part.name}' must return {batch_size} distinct rows, but {distinct} are distinct"
    )
    inside = bool(((rows >= 0) & (rows < size)).all())
    assert inside, f"'{part.name}' must return rows from 0 to {size - 1}, but returned {rows.tolist()}"
