"""The campaign: train, scan, choose, record, take the labels; killed at any moment, it goes on where it was.

A campaign joins a ledger with a pool, a learner and a strategy. Nowhere else do a strategy's rows become ids.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from nextlabel.adapters import as_learner
from nextlabel.campaign.cycle import Cycle
from nextlabel.campaign.setup import Setup
from nextlabel.campaign.view_builder import ViewBuilder
from nextlabel.errors import ConfigurationError, ContractError, DataError, LabelsError, MissingStateError
from nextlabel.files import exclusive_lock
from nextlabel.ledger.events import JSON, ItemId, Label, State
from nextlabel.ledger.ledger import Ledger
from nextlabel.parts import Part
from nextlabel.pool import Pool
from nextlabel.progress import Progress, bars
from nextlabel.seeds import derive
from nextlabel.selection.selection import Selection, choose
from nextlabel.strategies.catalogue import STRATEGIES
from nextlabel.tasks.task import Task
from nextlabel.types import Learner, Oracle, PoolView, Restorable, Scorer, Strategy

__all__ = ["Budget", "Campaign", "Query"]

logger = logging.getLogger("nextlabel")


@dataclass(frozen=True)
class Budget:
    """When to stop.

    Attributes:
        cycles: Fits; after the last of them nothing more is asked.
        labels: Labels in all, those of the start included.
    """

    cycles: int | None = None
    labels: int | None = None

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and value < 1:
                raise ConfigurationError(f"a budget's {name} must be at least 1, but is {value}")


@dataclass(frozen=True, eq=False)
class Query:
    """What was seen and chosen in one cycle; handed to ``on_query``.

    Attributes:
        cycle: The cycle, from 1.
        ids: The candidates, row by row.
        view: What the strategy saw of them.
        choice: The rows that it chose, and its scores where it has scores.
        asked: Whether those rows are asked; False where the pool is only scored, after the last training run.
    """

    cycle: int
    ids: tuple[ItemId, ...]
    view: PoolView
    choice: Selection
    asked: bool = True


class Campaign:
    """A labelling campaign, kept in one folder.

    Opening the folder again continues the campaign; its settings must then be the same. The pool's ids and
    the arguments from ``strategy`` to ``classes`` are compared with those of before; how the learner
    is made is not known here, and is the caller's to keep.

    Args:
        path: The campaign's folder; made where it is missing.
        pool: The items, labelled or not, with their stable ids.
        learner: The model: anything with ``fit`` and ``predict``.
        strategy: A name, a call such as ``"cod(gap='10 steps')"``, or an object that is a strategy.
        batch_size: Labels asked in a cycle.
        initial_size: Items asked at random before the first training run, unless labels were given before.
        candidate_size: Unlabelled items drawn at random in each cycle for the strategy to choose from, in the
            pool's order; None lets it see all. The draw depends on the seed and the cycle alone.
        seed: All randomness derives from it; the same seed gives every strategy the same start.
        task: What a label is: the name of a task, or a task such as
            ``Classification(("cat", "dog"))``, which takes class names for labels.
        evaluate: Called with the trained learner after every training run; its metrics are recorded.
        on_query: Called with every :class:`Query`; its metrics are recorded.
        progress: Called as work advances; None shows progress bars where there is a terminal.

    Raises:
        ConfigurationError: An option is wrong, or the folder holds a campaign with other settings.
        DataError: The pool is empty.

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
        self.path, self.pool, self.learner = Path(path), pool, as_learner(learner)
        self.setup = Setup.checked(
            pool,
            strategy,
            batch_size=batch_size,
            initial_size=initial_size,
            candidate_size=candidate_size,
            seed=seed,
            task=task,
        )
        self._evaluate, self._on_query, self._progress = evaluate, on_query, progress or bars()
        self.ledger = Ledger(self.path / "campaign.db")
        self.ledger.open(self.setup.settings(), pool.ids)

    @property
    def state(self) -> State:
        """All that the ledger knows now: labels, what was asked, what was measured."""
        return self.ledger.state

    def ask(self) -> tuple[ItemId, ...]:
        """Return the ids to label next, best first; the same ids again until all of them are labelled.

        Where nothing is pending it trains on all labels, scans the pool, chooses and records, and only
        then returns. Before there is any label it returns the random start.

        Raises:
            LabelsError: The labels are all of one class.
            ContractError: The learner or the strategy broke its contract; the message says how.
            BusyError: Another process is asking.
            DataError: Nothing is left to ask.
        """
        return self._ask()

    def tell(self, labels: Mapping[ItemId, Any], *, by: str = "", replace: bool = False) -> State:
        """Record labels: any part, in any order, of asked items or of others in the pool.

        Args:
            labels: The label of each item, or its text as a user types it: of classification a class index
                or, where the task has class names, a name; of regression a number; of segmentation a mask
                or the path of one.
            by: Who labelled.
            replace: Whether an item that has a label gets a new one; otherwise that is an error.

        Raises:
            LabelsError: An id or a label is not acceptable; then none of them is recorded.
        """
        if not isinstance(labels, Mapping):
            raise LabelsError(f"expected labels by id, {{id: label}}, but got {type(labels).__name__}")
        encoded = {item: self.setup.label(item, label) for item, label in labels.items()}
        return self.ledger.tell(encoded, by=by, replace=replace)

    def train(self) -> Mapping[str, Any]:  # Any: JSON
        """Train on all labels there are and return what was measured.

        A training run that was done already is loaded, or made again by a learner that cannot load.

        Raises:
            LabelsError: There are no labels, or all are of one class.
            BusyError: Another process is training.
        """
        with self._exclusive_lock():
            return self._train(Cycle.next(self.state, self.pool, self.path))

    def run(self, oracle: Oracle, *, until: Budget, score_last: bool = False) -> State:
        """Ask, have answered and tell until the budget is spent, then train once more.

        Returns early where the oracle answers nothing more; calling again goes on.

        Args:
            oracle: Answers ids with labels; may answer a part.
            until: When to stop.
            score_last: Whether the pool is scored after the last training run too, and what ``on_query``
                returns for it recorded, once. Nothing is asked then, and no earlier choice changes.
        """
        while True:
            state = self.state
            if asked := state.pending:
                self._tell_what_is_open(oracle(asked) or {})
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
        """Copy the campaign into another folder, to go on from there in another way.

        Args:
            path: The new campaign's folder.
            before_cycle: Leave out what was asked in this cycle and later; None copies all.
            changes: ``learner``, ``strategy``, ``batch_size``, ``candidate_size`` or
                ``seed`` that differ.

        Raises:
            ConfigurationError: The folder already holds a campaign, or an argument cannot be changed.
        """
        target = Path(path)
        if (target / "campaign.db").exists():
            raise ConfigurationError(
                f"expected a new folder for the fork, but {target} already holds a campaign"
            )
        if target.resolve().is_relative_to(self.path.resolve()):
            raise ConfigurationError(f"expected a folder outside {self.path} for the fork, but got {target}")
        learner = as_learner(changes.pop("learner", self.learner))
        setup = self.setup.changed(self.pool, changes)
        if before_cycle is not None and not 0 <= before_cycle <= self.state.cycle + 1:
            raise ConfigurationError(
                f"before_cycle must be in 0..{self.state.cycle + 1}, but is {before_cycle}"
            )
        for cycle in sorted((self.path / "cycles").glob("[0-9]*")):
            if before_cycle is None or int(cycle.name) < before_cycle:
                shutil.copytree(cycle, target / "cycles" / cycle.name, dirs_exist_ok=True)
        # the ledger last: a fork that is killed before has none, and is made again
        self.ledger.fork(target / "campaign.db", before_cycle=before_cycle, settings=setup.settings()).close()
        return Campaign(
            target, self.pool, learner, setup.strategy,
            batch_size=setup.batch_size, initial_size=setup.initial_size, candidate_size=setup.candidate_size,
            seed=setup.seed, task=setup.task, evaluate=self._evaluate, on_query=self._on_query,
            progress=self._progress,
        )  # fmt: skip

    def close(self) -> None:
        """Close the ledger's connections; do not use the campaign afterwards. Closing twice does nothing."""
        self.ledger.close()

    def __enter__(self) -> Campaign:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _ask(self, until: Budget | None = None) -> tuple[ItemId, ...]:
        with self._exclusive_lock():
            state = self.state  # other processes may have asked and labelled while this one waited
            if not state.pending and not (until and self._is_over(state, until)):
                at_most = until.labels - len(state.labels) if until and until.labels else None
                if state.labels:
                    self._query(Cycle.next(state, self.pool, self.path), at_most)
                else:
                    self._start(at_most)
            return self.state.pending

    def _is_over(self, state: State, until: Budget) -> bool:
        return bool(state.labels) and (_spent(state, until) or len(state.labels) == len(self.pool))

    def _tell_what_is_open(self, answers: Mapping[ItemId, Label]) -> None:
        """Tell the answers, except those that another process recorded while the oracle thought."""
        if not isinstance(answers, Mapping):
            raise ContractError(
                f"an oracle must return labels by id, {{id: label}}, but returned {type(answers).__name__}"
            )
        while open_ := {item: label for item, label in answers.items() if item not in self.state.labels}:
            try:
                self.tell(open_)
            except LabelsError:
                if not any(item in self.state.labels for item in open_):
                    raise

    def _start(self, at_most: int | None) -> None:
        size = self._size(self.setup.initial_size, len(self.pool), at_most)
        rng = torch.Generator().manual_seed(derive(self.setup.seed, "start"))
        rows = torch.randperm(len(self.pool), generator=rng)[:size]
        self.ledger.ask(0, [self.pool.ids[row] for row in rows.tolist()], None)

    def _query(self, plan: Cycle, at_most: int | None) -> None:
        if not plan.candidates:
            raise DataError(f"nothing is left to ask: all {len(self.pool)} items of the pool are labelled")
        plan = plan.with_candidate_size(self.setup.candidate_size, seed=self.setup.seed)
        query, measured = self._chosen(plan, self._size(self.setup.batch_size, len(plan.candidates), at_most))
        rows, scores = query.choice.rows, query.choice.scores
        ids = [plan.candidates[row] for row in rows.tolist()]
        kept = scores[rows].tolist() if scores is not None else None
        self.ledger.ask(plan.cycle, ids, kept, measured=measured)
        if plan.previous is not None and isinstance(self.learner, Restorable):
            _forget_scans(plan.previous)  # without load, a fork could not make them again

    def _score(self, plan: Cycle) -> None:
        """Train, score the pool and record what is said of it, unless that was done; ask nothing."""
        plan = plan.with_candidate_size(self.setup.candidate_size, seed=self.setup.seed)
        if not plan.candidates or (plan.cycle, plan.score_name) in self.state.measurements:
            self._train(plan)
            return
        size = min(self.setup.batch_size, len(plan.candidates))
        query, measured = self._chosen(plan, size, asked=False)
        chosen = [plan.candidates[row] for row in query.choice.rows.tolist()]
        self.ledger.measure(plan.cycle, plan.score_name, {**measured, "chosen": chosen})

    def _chosen(self, plan: Cycle, size: int, *, asked: bool = True) -> tuple[Query, dict[str, JSON]]:
        """Train, scan and choose so many candidates; return the query and what was measured of it."""
        self._train(plan)
        view_builder = ViewBuilder(
            self.learner, plan.folder, plan.previous, derive(self.setup.seed, "predict"),
            self._progress,
            augment_seed=derive(self.setup.seed, "augmented scan", plan.cycle),
            output=self.setup.task.output,
            remedy=STRATEGIES.remedy(self.setup.strategy.name, "choose a strategy without snapshots"),
        )  # fmt: skip
        rng = torch.Generator().manual_seed(derive(self.setup.seed, "select", plan.cycle))
        strategy = self.setup.strategy
        began = time.perf_counter()
        labelled, labels = plan.training_set(self.pool, self.setup.task)
        view = view_builder.view(strategy.needs, self.pool.subset(plan.candidates), labelled, labels)
        scanned = time.perf_counter()
        choice = choose(strategy, view, size, rng=rng, ids=plan.candidates)
        chosen = time.perf_counter()
        query = Query(plan.cycle, plan.candidates, view, choice, asked)
        return query, {
            "training": plan.name, "n_candidates": len(plan.candidates),
            "rows_forwarded": view_builder.rows_forwarded,
            "scan_seconds": scanned - began, "select_seconds": chosen - scanned,
            "diagnostics": dict(self._on_query(query)) if self._on_query else {},
        }  # fmt: skip

    def _train(self, plan: Cycle) -> Mapping[str, Any]:  # Any: JSON
        """Bring the learner to the end of this training run, by fit or load, and return its measures."""
        measured = self.state.measurements.get((plan.cycle, plan.name))
        if measured is None or not isinstance(self.learner, Restorable):
            self._fit(plan, record=measured is None)
        else:
            try:
                self.learner.load(plan.folder)
            except MissingStateError as error:  # a state is a function of the ledger: make it again
                logger.warning("%s; training cycle %d again", error, plan.cycle)
                shutil.rmtree(plan.folder, ignore_errors=True)
                self._fit(plan, record=False)
        return self.state.measurements[plan.cycle, plan.name]

    def _fit(self, plan: Cycle, *, record: bool) -> None:
        x, y = plan.training_set(self.pool, self.setup.task)
        self.setup.task.trainable(plan.labels)
        if isinstance(self.learner, Restorable):  # another campaign may have used the same learner meanwhile
            if plan.previous is None or not self.learner.warm_start:
                self.learner.reset()
            else:
                self.learner.load(plan.previous)
        plan.folder.mkdir(parents=True, exist_ok=True)
        self.learner.progress = self._progress
        began = time.perf_counter()
        unlabelled = self.pool.subset(plan.unlabelled)
        seed = derive(self.setup.seed, "fit", plan.cycle)
        metrics = dict(self.learner.fit(x, y, unlabelled, seed=seed, workdir=plan.folder))
        seconds = time.perf_counter() - began
        if record:
            evaluation = dict(self._evaluate(self.learner)) if self._evaluate else {}
            self.ledger.measure(plan.cycle, plan.name, {
                "n_labelled": len(y), "warm_start": self.learner.warm_start,
                "seconds": seconds, "fit": metrics, "evaluation": evaluation,
            })  # fmt: skip

    def _size(self, wanted: int, left: int, at_most: int | None) -> int:
        if at_most is not None:
            wanted = min(wanted, at_most)
        if wanted > left:
            logger.warning("asked for %d items, but only %d are left in the pool; taking those", wanted, left)
        return min(wanted, left)

    def _exclusive_lock(self) -> AbstractContextManager[None]:
        return exclusive_lock(self.path / "campaign.lock", f"the campaign in {self.path}")


def _spent(state: State, until: Budget) -> bool:
    """Return whether the next training run is the last: its cycle or its labels are the budget's."""
    cycles = until.cycles is not None and max(state.cycle, 0) + 1 >= until.cycles
    return cycles or (until.labels is not None and len(state.labels) >= until.labels)


def _forget_scans(folder: Path) -> None:
    """Remove the scans of a cycle that no later cycle reads."""
    for kept in folder.glob("scan*"):
        shutil.rmtree(kept, ignore_errors=True)
