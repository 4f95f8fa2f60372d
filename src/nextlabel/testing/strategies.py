"""The conformance suite of strategies: what every scorer and every strategy must guarantee.

For your own strategy, under pytest::

    @pytest.mark.parametrize("check", STRATEGY_CHECKS, ids=lambda check: check.__name__)
    def test_conforms(check):
        check(lambda: MyStrategy(option=3))

A check takes a function that makes a fresh strategy and raises ``AssertionError`` with one sentence. All of
them run in milliseconds. They do not judge whether the choices are any good.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import torch
from torch import Tensor

from nextlabel.campaign.setup import strategy_options
from nextlabel.errors import ConfigurationError, ContractError
from nextlabel.selection.selection import choose
from nextlabel.selection.view import resolve_output
from nextlabel.testing.random_state import global_random_state_untouched
from nextlabel.types import EXTRA, Outputs, PoolView, Scorer, Strategy, need_meaning

__all__ = ["STRATEGY_CHECKS", "MakeStrategy", "check_strategy", "example_view"]

MakeStrategy: TypeAlias = Callable[[], "Scorer | Strategy"]


def example_view(
    needs: frozenset[str],
    *,
    size: int = 12,
    dtype: torch.dtype = torch.float32,
    sharpness: float = 1.0,
) -> PoolView:
    """Build a view of random numbers that holds exactly what ``needs`` names; the same at every call.

    It has 5 labelled items, 4 classes (or regression outputs), 6 features and 2 draws.

    Args:
        needs: Needs of a strategy, as in ``NEEDS``.
        size: The number of candidates.
        dtype: The type of all floating-point fields.
        sharpness: Factor on the logits; 1,000 saturates the probabilities.
    """
    needs = resolve_output(needs, "log_probs")
    rng = torch.Generator().manual_seed(20220613)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    def outputs(count: int, names: frozenset[str]) -> Outputs:
        fields = {
            "log_probs": torch.log_softmax(sharpness * normal(count, 2, 4), -1),
            "values": normal(count, 2, 4),
            "embeddings": normal(count, 6),
        }
        fields |= {name: normal(count) for name in names if name.startswith(EXTRA)}
        return Outputs.from_fields({name: fields[name].to(dtype) for name in fields if name in names})

    of_labelled = frozenset(name.removeprefix("labelled_") for name in needs if name.startswith("labelled_"))
    wants_snapshots = any(need.startswith("snapshot:") for need in needs)
    return PoolView(
        size=size,
        pool=outputs(size, needs),
        snapshots=tuple(outputs(size, needs) for _ in range(2)) if wants_snapshots else (),
        labelled=outputs(5, of_labelled),
        labels=torch.arange(5) % 4 if "labels" in needs else torch.empty(0, dtype=torch.int64),
    )


def check_declares_name_and_needs(make: MakeStrategy) -> None:
    """It has a name, known needs, and exactly one of ``score`` and ``select``."""
    part = make()
    name, needs = getattr(part, "name", None), getattr(part, "needs", None)
    assert isinstance(name, str), f"a strategy's name must be a string, got {name!r} of {part!r}"
    assert name, f"a strategy's name must not be empty, got that of {part!r}"
    assert isinstance(needs, frozenset), f"needs of '{name}' must be a frozenset of strings, got {needs!r}"
    unknown = sorted(need for need in needs if need_meaning(need) is None)
    assert not unknown, f"needs of '{name}' must be among NEEDS or extra:NAME, got {unknown}"
    both = isinstance(part, Scorer), isinstance(part, Strategy)
    assert sum(both) == 1, f"'{name}' must have exactly one of score and select, got {sum(both)}"


def check_options_can_be_recorded(make: MakeStrategy) -> None:
    """Each option is JSON and kept in an attribute of its name, so that a campaign can record it."""
    try:
        strategy_options(make())
    except ConfigurationError as error:
        raise AssertionError(str(error)) from error


def check_batch_is_distinct_rows(make: MakeStrategy) -> None:
    """A batch is the requested number of distinct int64 rows of the view."""
    _batch(make(), 5)


def check_takes_one_row(make: MakeStrategy) -> None:
    """A batch of one is one row."""
    _batch(make(), 1)


def check_takes_the_whole_pool(make: MakeStrategy) -> None:
    """A batch as large as the pool is every row once."""
    _batch(make(), 12)


def check_takes_the_last_candidate(make: MakeStrategy) -> None:
    """A pool of one item gives that item."""
    part = make()
    _batch(part, 1, example_view(part.needs, size=1))


def check_same_seed_gives_same_rows(make: MakeStrategy) -> None:
    """The same view and seed give the same rows, whether the object is fresh or was used before."""
    part = make()
    first, again, fresh = _batch(part, 6), _batch(part, 6), _batch(make(), 6)
    for other, which in ((again, "the same object"), (fresh, "a fresh object")):
        assert torch.equal(first, other), (
            f"'{part.name}' must give the same rows for the same view and seed, got {first.tolist()} and "
            f"then {other.tolist()} from {which}"
        )


def check_leaves_the_view_unchanged(make: MakeStrategy) -> None:
    """No tensor of the view is written to."""
    part = make()
    view = example_view(part.needs)
    _batch(part, 5, view)
    before = _tensors(example_view(part.needs))
    changed = [name for name, tensor in _tensors(view).items() if not torch.equal(tensor, before[name])]
    assert not changed, f"'{part.name}' must not write to the view, but changed {', '.join(changed)}"


def check_leaves_global_random_state(make: MakeStrategy) -> None:
    """Randomness comes from ``rng`` only."""
    part = make()
    with global_random_state_untouched(f"'{part.name}'"):
        _batch(part, 5)


def check_scores_are_finite_floats(make: MakeStrategy) -> None:
    """Scores are (N,), finite and float32 or wider, whatever the precision of the view."""
    part = make()
    for dtype in (torch.float16, torch.float32, torch.float64):
        view = example_view(part.needs, dtype=dtype)
        _batch(part, 5, view)
        if isinstance(part, Scorer):
            scores = _scores(part, view)
            good = scores.dtype in (torch.float32, torch.float64) and scores.isfinite().all()
            assert good, f"'{part.name}' must return finite float32 or float64 scores, got {scores}"
        else:  # directly: a campaign would widen the view first
            rows = part.select(view, 5, rng=_rng()).tolist()
            assert len(set(rows)) == 5, f"'{part.name}' must return 5 distinct rows, got {rows}"


def check_handles_saturated_probabilities(make: MakeStrategy) -> None:
    """Log-probabilities from 0 down to below -1,000 give finite scores and full batches."""
    part = make()
    _batch(part, 5, example_view(part.needs, sharpness=1000.0))


def check_handles_identical_candidates(make: MakeStrategy) -> None:
    """Identical candidates give a full batch, and equal scores if the score is deterministic.

    The seed draws the order among ties; a score that differs would decide it by the row instead.
    """
    part = make()
    view = _reordered(example_view(part.needs), torch.zeros(12, dtype=torch.int64))
    _batch(part, 7, view)
    if isinstance(part, Scorer) and not _draws(part, view):
        scores = _scores(part, view)
        assert bool((scores == scores[0]).all()), (
            f"'{part.name}' must give identical candidates equal scores, got from {scores.min().item()} to "
            f"{scores.max().item()}"
        )


def check_scores_follow_their_candidates(make: MakeStrategy) -> None:
    """A deterministic score belongs to the candidate, not to its row."""
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
    check_declares_name_and_needs,
    check_options_can_be_recorded,
    check_batch_is_distinct_rows,
    check_takes_one_row,
    check_takes_the_whole_pool,
    check_takes_the_last_candidate,
    check_same_seed_gives_same_rows,
    check_leaves_the_view_unchanged,
    check_leaves_global_random_state,
    check_scores_are_finite_floats,
    check_handles_saturated_probabilities,
    check_handles_identical_candidates,
    check_scores_follow_their_candidates,
)
"""Every check, for ``pytest.mark.parametrize``."""


def check_strategy(make: MakeStrategy) -> None:
    """Run every check.

    Raises:
        AssertionError: The first promise that is broken, in one sentence.
    """
    for check in STRATEGY_CHECKS:
        check(make)


def _rng(seed: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _scores(part: Scorer, view: PoolView, seed: int = 7) -> Tensor:
    return part.score(view, rng=_rng(seed))


def _batch(part: Scorer | Strategy, batch_size: int, view: PoolView | None = None) -> Tensor:
    """Return the rows that a campaign would choose, with scores and rows checked as there."""
    try:
        return choose(part, view or example_view(part.needs), batch_size, rng=_rng()).rows
    except ContractError as error:
        raise AssertionError(str(error)) from error


def _draws(part: Scorer, view: PoolView) -> bool:
    """Return whether the score depends on the seed."""
    return not torch.equal(_scores(part, view, seed=1), _scores(part, view, seed=2))


def _reordered(view: PoolView, order: Tensor) -> PoolView:
    snapshots = tuple(snapshot.rows(order) for snapshot in view.snapshots)
    return replace(view, pool=view.pool.rows(order), snapshots=snapshots)


def _tensors(view: PoolView) -> dict[str, Tensor]:
    groups = {"pool": view.pool, "labelled": view.labelled}
    groups |= {f"snapshot {number}": snapshot for number, snapshot in enumerate(view.snapshots)}
    tensors = {f"{name} of the {group}": t for group, o in groups.items() for name, t in o.fields().items()}
    return tensors | {"labels": view.labels}
