"""The campaign: ask, tell, train, run and fork, resuming after a kill exactly where it stopped.

A campaign joins a ledger with a pool, a learner and a strategy. Only here do a strategy's rows become ids.
"""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from nextlabel.adapters import as_learner, as_mapping, check_call
from nextlabel.campaign.cycle import Cycle
from nextlabel.campaign.setup import Setup
from nextlabel.campaign.view_builder import ViewBuilder
from nextlabel.errors import ConfigurationError, DataError, LabelsError, MissingStateError, brief
from nextlabel.files import exclusive_lock
from nextlabel.ledger.events import JSON, ItemId, Label, State
from nextlabel.ledger.ledger import Ledger
from nextlabel.parts import Part, check_whole
from nextlabel.pool import Pool
from nextlabel.progress import Progress, bars
from nextlabel.seeds import derive
from nextlabel.selection.selection import Selection, as_strategy, choose
from nextlabel.strategies.catalogue import STRATEGIES
from nextlabel.tasks.catalogue import as_task
from nextlabel.tasks.task import Task
from nextlabel.types import Learner, Oracle, PoolView, Restorable, Scorer, Strategy

__all__ = ["Budget", "Campaign", "Query"]

logger = logging.getLogger("nextlabel")


@dataclass(frozen=True)
class Budget:
    """When to stop.

    Attributes:
        cycles: Number of training runs; nothing is queried after the last one.
        labels: Total number of labels, including the initial set.
    """

    cycles: int | None = None
    labels: int | None = None

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None:
                object.__setattr__(self, name, check_whole(name, value, 1, " or None, which means no limit"))


@dataclass(frozen=True, eq=False)
class Query:
    """What the strategy saw and chose in one cycle; passed to ``on_query``.

    Attributes:
        cycle: The cycle, from 1.
        ids: The candidates, row by row.
        view: What the strategy saw of them.
        choice: The chosen rows, and the scores if the strategy has any.
        asked: Whether these rows are queried; False if the pool is only scored, after the last training run.
    """

    cycle: int
    ids: tuple[ItemId, ...]
    view: PoolView
    choice: Selection
    asked: bool = True


class Campaign:
    """A labelling campaign, kept in one folder.

    Opening the folder again continues the campaign. The pool's ids and the arguments from ``strategy`` to
    ``task`` must then be the same; keeping the learner the same is up to the caller.

    Args:
        path: The campaign's folder, created if missing.
        pool: The items, labelled or not, with their stable ids.
        learner: The model: anything with ``fit`` and ``predict``.
        strategy: A name, a call such as ``"cod(gap='10 steps')"``, or your own strategy object.
        batch_size: Labels to query per cycle.
        initial_size: Items queried at random before the first training run, unless there are labels already.
        candidate_size: Size of the random subset of unlabelled items, drawn in each cycle from seed and cycle
            alone, that the strategy chooses from; None for all.
        seed: All randomness derives from it; the same seed gives every strategy the same initial set.
        task: What a label is: the name of a task, or a task such as ``Classification(("cat", "dog"))``, which
            accepts class names as labels.
        evaluate: Called with the learner after every training run; its metrics are recorded.
        on_query: Called with every :class:`Query`; its metrics are recorded.
        progress: Called as work progresses; None shows progress bars if there is a terminal.

    Raises:
        ConfigurationError: An option is wrong, or the folder holds a campaign with other settings.
        ContractError: A part lacks a member or does not take the arguments that it is called with.
        DataError: There is no pool, or it is empty.

    Example::

        campaign = Campaign("runs/mine", pool, learner, "cod", batch_size=50, initial_size=100)
        campaign.tell({item: my_label(item) for item in campaign.ask()})
    """

    def __init__(
        self,
        path: Path | str,
        pool: Pool,
        learner: Learner,
        strategy: str | Part | Scorer | Strategy = "cod",
        *,
        batch_size: int,
        initial_size: int,
        candidate_size: int | None = None,
        seed: int = 0,
        task: str | Task = "classification",
        evaluate: Callable[[Learner], Mapping[str, Any]] | None = None,  # Any: JSON
        on_query: Callable[[Query], Mapping[str, Any]] | None = None,  # Any: JSON
        progress: Progress | None = None,
    ) -> None:
        if not isinstance(pool, Pool):
            raise DataError(f"pool must be a Pool, got {type(pool).__name__}; build one with Pool(data, ids)")
        if not len(pool):
            raise DataError("pool must hold at least one item, got an empty one")
        self.path, self.pool, self.learner = Path(path), pool, as_learner(learner)
        sizes = batch_size, initial_size, candidate_size
        self.setup = Setup(as_strategy(strategy), as_task(task), *sizes, seed)
        own, name = self.learner.task, self.setup.task.name
        if own is not None and own.name != name:
            raise ConfigurationError(
                f"task must be that of the learner, '{own.name}', got '{name}'; change one"
            )
        for usage, call in (("evaluate(learner)", evaluate), ("on_query(query)", on_query)):
            if call is not None:
                check_call(usage, call, ...)
        self._evaluate, self._on_query, self._progress = evaluate, on_query, progress or bars()
        check_call("progress(phase, done, total)", self._progress, "fit", 1, 2)
        self.ledger = Ledger(self.path / "campaign.db")
        self.ledger.open(self.setup.settings(), pool.ids)

    @property
    def state(self) -> State:
        """Everything the ledger holds so far: labels, queries and measurements."""
        return self.ledger.state

    def ask(self) -> tuple[ItemId, ...]:
        """Return the ids to label next, best first; the same ids until all of them are labelled.

        If nothing is pending, this trains on all labels, scans the pool, chooses a batch and records it
        before returning. Without any labels it returns the random initial set.

        Raises:
            LabelsError: The labels are all of one class.
            ContractError: The learner or the strategy broke its contract; the message says how.
            BusyError: Another process is asking.
            DataError: Every item is labelled.
        """
        return self._ask()

    def tell(self, labels: Mapping[ItemId, Any], *, by: str = "", replace: bool = False) -> State:
        """Record labels, in any order, of queried items or of others in the pool.

        Args:
            labels: The label of each item as the task accepts it, or as text: a class index or name, a
                number, a mask or the path of one.
            by: Who labelled.
            replace: Whether to correct items that already have a label; otherwise that is an error.

        Raises:
            LabelsError: An id or a label is not acceptable; no label is recorded then.
        """
        if not isinstance(labels, Mapping):
            raise LabelsError(f"labels must be a mapping {{id: label}}, got {type(labels).__name__}")
        encoded: dict[ItemId, Label] = {}
        for item, label in labels.items():
            try:
                encoded[item] = self.setup.task.encode(label)
            except LabelsError as error:
                raise LabelsError(f"item '{item}': {error}") from error
        return self.ledger.tell(encoded, by=by, replace=replace)

    def train(self) -> Mapping[str, Any]:  # Any: JSON
        """Train on all labels and return the metrics.

        A finished training run is loaded, or repeated if the learner cannot load.

        Raises:
            LabelsError: There are no labels, or all are of one class.
            BusyError: Another process is training.
        """
        with self._exclusive_lock():
            return self._train(Cycle.next(self.state, self.pool, self.path))

    def run(self, oracle: Oracle, *, until: Budget, score_last: bool = False) -> State:
        """Query, label and train until the budget is spent, then train once more.

        Returns early if the oracle has no more answers; call again to continue.

        Args:
            oracle: Answers ids with labels; may answer only some of them.
            until: When to stop.
            score_last: Whether to score the pool after the last training run too and record what
                ``on_query`` returns, once. Nothing is queried then, and earlier choices stay the same.
        """
        check_call("oracle(ids)", oracle, ())
        if not isinstance(until, Budget):
            raise ConfigurationError(f"until must be a Budget, got {brief(until)}; write Budget(labels=500)")
        while True:
            state = self.state
            if asked := state.pending:
                self._tell_answers(oracle(asked) or {})
                if self.state.pending == asked:
                    return self.state
            elif self._is_over(state, until):
                with self._exclusive_lock():
                    finish = self._score if score_last else self._train
                    finish(Cycle.next(self.state, self.pool, self.path))
                return self.state
            else:
                self._ask(until)

    def fork(self, path: Path | str, *, before_cycle: int | None = None, **changes: Any) -> Campaign:
        """Copy the campaign to another folder and continue there with other settings.

        Args:
            path: The new campaign's folder.
            before_cycle: Leave out the queries of this cycle and of later ones; None copies everything.
            changes: New values of ``learner``, ``strategy``, ``batch_size``, ``candidate_size`` or ``seed``.

        Raises:
            ConfigurationError: The folder already holds a campaign, or an argument cannot be changed.
        """
        target = Path(path)
        if (target / "campaign.db").exists():
            raise ConfigurationError(f"path must be a new folder, got {target}, which holds a campaign")
        if target.resolve().is_relative_to(self.path.resolve()):
            raise ConfigurationError(f"path must be a folder outside {self.path}, got {target}")
        learner = as_learner(changes.pop("learner", self.learner))
        setup = self.setup.changed(changes)
        stop = self.state.cycle + 1
        if before_cycle is not None and check_whole("before_cycle", before_cycle, 0) > stop:
            raise ConfigurationError(f"before_cycle must be in 0..{stop}, got {before_cycle}")
        for cycle in sorted((self.path / "cycles").glob("[0-9]*")):
            if before_cycle is None or int(cycle.name) < before_cycle:
                shutil.copytree(cycle, target / "cycles" / cycle.name, dirs_exist_ok=True)
        # the ledger last: a fork killed before this point has none, and is made again
        self.ledger.fork(target / "campaign.db", before_cycle=before_cycle, settings=setup.settings()).close()
        return Campaign(
            target, self.pool, learner, **vars(setup),
            evaluate=self._evaluate, on_query=self._on_query, progress=self._progress,
        )  # fmt: skip

    def close(self) -> None:
        """Close the ledger; do not use the campaign afterwards. Closing twice does nothing."""
        self.ledger.close()

    def __enter__(self) -> Campaign:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _ask(self, until: Budget | None = None) -> tuple[ItemId, ...]:
        with self._exclusive_lock():
            state = self.state  # another process may have asked and labelled while this one waited
            if not state.pending and not (until and self._is_over(state, until)):
                at_most = until.labels - len(state.labels) if until and until.labels else sys.maxsize
                if state.labels:
                    self._query(Cycle.next(state, self.pool, self.path), at_most)
                else:
                    rng = torch.Generator().manual_seed(derive(self.setup.seed, "start"))
                    size = _size(self.setup.initial_size, len(self.pool), at_most)
                    rows = torch.randperm(len(self.pool), generator=rng)[:size]
                    self.ledger.ask(0, [self.pool.ids[row] for row in rows.tolist()], None)
            return self.state.pending

    def _is_over(self, state: State, until: Budget) -> bool:
        """Return whether the next training run is the last."""
        labels, size = len(state.labels), len(self.pool)
        cycles_spent = until.cycles is not None and max(state.cycle, 0) + 1 >= until.cycles
        return labels > 0 and (cycles_spent or labels >= min(until.labels or size, size))

    def _tell_answers(self, answers: Mapping[ItemId, Label]) -> None:
        """Record the answers, except to items that another process has labelled meanwhile."""
        given = as_mapping("an oracle", answers)
        while new := {item: label for item, label in given.items() if item not in self.state.labels}:
            try:
                self.tell(new)
            except LabelsError:
                if not any(item in self.state.labels for item in new):
                    raise

    def _query(self, plan: Cycle, at_most: int) -> None:
        if not plan.candidates:
            raise DataError(f"nothing is left to ask: all {len(self.pool)} items of the pool are labelled")
        plan = plan.with_candidate_size(self.setup.candidate_size, seed=self.setup.seed)
        size = _size(self.setup.batch_size, len(plan.candidates), at_most)
        choice, ids, measured = self._choose(plan, size, asked=True)
        scores = None if choice.scores is None else choice.scores[choice.rows].tolist()
        self.ledger.ask(plan.cycle, ids, scores, measured=measured)
        if plan.previous is not None and isinstance(self.learner, Restorable):
            for scan in plan.previous.glob("scan*"):  # without load, a fork could not make them again
                shutil.rmtree(scan, ignore_errors=True)

    def _score(self, plan: Cycle) -> None:
        """Train, score the pool and record the measurements, unless that was done; query nothing."""
        plan = plan.with_candidate_size(self.setup.candidate_size, seed=self.setup.seed)
        if not plan.candidates or (plan.cycle, plan.score_name) in self.state.measurements:
            self._train(plan)
            return
        size = min(self.setup.batch_size, len(plan.candidates))
        _, chosen, measured = self._choose(plan, size, asked=False)
        self.ledger.measure(plan.cycle, plan.score_name, {**measured, "chosen": chosen})

    def _choose(self, plan: Cycle, size: int, asked: bool) -> tuple[Selection, list[ItemId], dict[str, JSON]]:
        """Train, scan and choose a batch; return the choice, its ids and the measurements."""
        seed, strategy, task = self.setup.seed, self.setup.strategy, self.setup.task
        view_builder = ViewBuilder(
            self.learner, plan.folder, plan.previous, derive(seed, "predict"), self._progress,
            augment_seed=derive(seed, "augmented scan", plan.cycle),
            output=task.output,
            remedy=STRATEGIES.remedy(strategy.name, "choose a strategy without snapshots"),
        )  # fmt: skip
        view_builder.check(strategy.needs)
        self._train(plan)
        rng = torch.Generator().manual_seed(derive(seed, "select", plan.cycle))
        began = time.perf_counter()
        labelled, labels = plan.training_set(self.pool, task)
        view = view_builder.view(strategy.needs, self.pool.subset(plan.candidates), labelled, labels)
        scanned = time.perf_counter()
        choice = choose(strategy, view, size, rng=rng, ids=plan.candidates)
        chosen = time.perf_counter()
        query = Query(plan.cycle, plan.candidates, view, choice, asked)
        return choice, [plan.candidates[row] for row in choice.rows.tolist()], {
            "training": plan.name, "n_candidates": len(plan.candidates),
            "rows_forwarded": view_builder.rows_forwarded,
            "scan_seconds": scanned - began, "select_seconds": chosen - scanned,
            "diagnostics": as_mapping("on_query", self._on_query(query)) if self._on_query else {},
        }  # fmt: skip

    def _train(self, plan: Cycle) -> Mapping[str, Any]:  # Any: JSON
        """Bring the learner to the end of this training run, by fit or load, and return the metrics."""
        measured = self.state.measurements.get((plan.cycle, plan.name))
        if measured is not None and isinstance(self.learner, Restorable):
            try:
                self.learner.load(plan.folder)
                return measured
            except MissingStateError as error:  # the model follows from the ledger: train it again
                logger.warning("%s; training cycle %d again", error, plan.cycle)
                shutil.rmtree(plan.folder, ignore_errors=True)
        self._fit(plan, record=measured is None)
        return self.state.measurements[plan.cycle, plan.name]

    def _fit(self, plan: Cycle, *, record: bool) -> None:
        x, y = plan.training_set(self.pool, self.setup.task)
        self.setup.task.trainable(plan.labels)
        if isinstance(self.learner, Restorable):  # another campaign may have used the learner meanwhile
            if plan.previous is None or not self.learner.warm_start:
                self.learner.reset()
            else:
                self.learner.load(plan.previous)
        plan.folder.mkdir(parents=True, exist_ok=True)
        self.learner.progress = self._progress
        began = time.perf_counter()
        unlabelled = self.pool.subset(plan.unlabelled)
        seed = derive(self.setup.seed, "fit", plan.cycle)
        metrics = self.learner.fit(x, y, unlabelled, seed=seed, workdir=plan.folder)
        seconds = time.perf_counter() - began
        if record:
            evaluation = as_mapping("evaluate", self._evaluate(self.learner)) if self._evaluate else {}
            self.ledger.measure(plan.cycle, plan.name, {
                "n_labelled": len(y), "warm_start": self.learner.warm_start, "seconds": seconds,
                "fit": as_mapping("fit of the learner", metrics), "evaluation": evaluation,
            })  # fmt: skip

    def _exclusive_lock(self) -> AbstractContextManager[None]:
        return exclusive_lock(self.path / "campaign.lock", f"the campaign in {self.path}")


def _size(wanted: int, left: int, at_most: int) -> int:
    wanted = min(wanted, at_most)
    if wanted > left:
        logger.warning("requested %d items, only %d are left; returning all of them", wanted, left)
    return min(wanted, left)
