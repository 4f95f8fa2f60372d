"""Test-data-aware model selection: choosing the best of several trained models without test labels.

The models are trained one after another, each in its own folder, so an interrupted study can be resumed.

Source: S. Huang, T. Wang, H. Xiong, B. Wen, J. Huan, D. Dou, "Temporal Output Discrepancy for Loss
Estimation-based Active Learning", IEEE TNNLS 2022 (arXiv 2212.10613), "test-data-aware model selection" and
Tables III to V: of several independently trained models, the one whose outputs on the test items changed
least in the last epoch is selected, either once or separately for each test item.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.bench.environment import describe_environment
from nextlabel.bench.grid import make_grid, resolve_count
from nextlabel.bench.setup import make_learner
from nextlabel.config.experiment import ExperimentConfig
from nextlabel.config.learner import plain
from nextlabel.datasets.benchmark_dataset import BenchmarkDataset
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.errors import ConfigurationError, ContractError
from nextlabel.files import exclusive_lock
from nextlabel.learners.torch import TorchLearner
from nextlabel.maths.entropy import mean_log_probs
from nextlabel.papers.studies.selection import (
    SAMPLE_SCORES,
    discrepancy_scores,
    picked_by_sample,
    rank_correlation,
    sample_scores,
    top_k_of_n,
)
from nextlabel.pool import Pool
from nextlabel.progress import Progress
from nextlabel.seeds import derive
from nextlabel.snapshots import Snapshot
from nextlabel.training.checkpoint import read_json, read_tensors, write_json, write_tensors
from nextlabel.training.device import Engine, device_title
from nextlabel.trees import Tree, differences

__all__ = ["GAPS", "MODELS", "TOP", "ModelResult", "model_selection", "run_model_selection", "summary"]

GAPS: tuple[str, ...] = ("epoch", "5 steps", "20 steps", "50 steps", "2 epochs", "5 epochs")
"""How long before the end of training the earlier outputs are taken (Table V); the first is the default."""

MODELS = 10
"""Number of models in the article."""

TOP: tuple[tuple[int, int], ...] = ((1, 3), (1, 5), (1, 10), (3, 10))
"""k and N of the Top-k(N) in Table III."""

SUBSETS = 1000
"""Maximum number of subsets of N models for Top-k(N); 10 models have at most 252."""

ROUND_OFF = 8 * torch.finfo(torch.float32).eps
"""Changes of probabilities below this, about 1e-6, are round-off of a float32 forward pass."""

TRAIN_LOSS, DISCREPANCY, PREDICTED_LOSS = "train_loss", "tod", "predicted_loss"


@dataclass(frozen=True, eq=False)
class ModelResult:
    """Stored results of one trained model.

    Attributes:
        train_loss: Mean training loss over the last epoch.
        seconds: Training time.
        log_probs: (T, C) log-probabilities of the test items.
        discrepancies: (T,) scores by gap, see
            :func:`~nextlabel.papers.studies.selection.discrepancy_scores`.
        predicted_loss: (T,) predicted losses, or None without a loss module.
    """

    train_loss: float
    seconds: float
    log_probs: Float[Tensor, "items classes"]
    discrepancies: Mapping[str, Float[Tensor, " items"]]
    predicted_loss: Float[Tensor, " items"] | None = None

    def scores(self, gap: str) -> dict[str, Float[Tensor, " items"]]:
        """Return all (T,) scores of the test items by name; smaller means presumably better."""
        own = {**sample_scores(self.log_probs), DISCREPANCY: self.discrepancies[gap]}
        return own if self.predicted_loss is None else {**own, PREDICTED_LOSS: self.predicted_loss}


def run_model_selection(
    config: ExperimentConfig,
    folder: Path,
    *,
    models: int = MODELS,
    gaps: Sequence[str] = GAPS,
    labelled: int | float = 1.0,
    predicted_loss: bool = False,
    seed: int = 0,
    subsets: int = SUBSETS,
    progress: Progress | None = None,
) -> Tree:
    """Run the study on the data set of a configuration; the arguments are those of :func:`model_selection`.

    ``config`` gives the data set, objective and learner; its strategies and cycles are ignored. With
    ``predicted_loss`` a loss-prediction module is trained alongside each model, for comparison: Donggeun Yoo,
    In So Kweon, "Learning Loss for Active Learning", CVPR 2019.

    Raises:
        ConfigurationError: There is more than one data set or objective, or a setting is invalid.
    """
    if len(config.dataset) > 1 or len(config.objective) > 1:
        raise ConfigurationError(
            "the configuration must have one data set with one objective, got "
            f"{', '.join(map(str, config.dataset))} and {', '.join(map(str, config.objective))}; "
            "choose one of each"
        )
    alone: Tree = {"strategy": ["random"], "diagnostics": [], "seeds": 1, "cycles": 1}
    [cell] = make_grid(ExperimentConfig.model_validate({**config.resolved(), **alone})).cells
    torch.set_num_threads(cell.threads)
    data = DATASETS.create(cell.dataset)
    if data.task.output != "log_probs":
        raise ConfigurationError(
            f"the data set must have one class per item, got '{cell.dataset.name}'; choose another"
        )
    needs = frozenset({"log_probs", *(f"snapshot:{Snapshot.parse(gap).name}" for gap in gaps)})
    needs |= {f"extra:{PREDICTED_LOSS}"} if predicted_loss else frozenset()
    settings = {
        "objective": plain(cell.objective), "dataset": plain(cell.dataset), "learner": plain(cell.learner),
        "predicted_loss": predicted_loss,
    }  # fmt: skip

    def new_learner() -> TorchLearner:
        learner = make_learner(cell, data, more_needs=needs)
        assert isinstance(learner, TorchLearner), "no wrapper was requested"
        return learner

    return model_selection(
        data, new_learner, folder, settings=settings, models=models, gaps=gaps, labelled=labelled, seed=seed,
        subsets=subsets, progress=progress,
    )  # fmt: skip


def model_selection(
    data: BenchmarkDataset,
    new_learner: Callable[[], TorchLearner],
    folder: Path,
    *,
    settings: Mapping[str, Any],
    models: int = MODELS,
    gaps: Sequence[str] = GAPS,
    labelled: int | float = 1.0,
    seed: int = 0,
    subsets: int = SUBSETS,
    progress: Progress | None = None,
) -> Tree:
    """Train the missing models, evaluate all of them, and write ``model_selection.json``.

    Args:
        data: The data set; the models are evaluated on its test items.
        new_learner: Returns an untrained learner that keeps the snapshots ``gaps``.
        folder: The study's folder. Weights are deleted once a model is evaluated.
        settings: Settings that identify the study; a folder with different ones is refused.
        models: M, the number of models, each with its own initial weights and data order. It can be increased
            later.
        gaps: How long before the end of training the earlier outputs are taken; the first one is compared
            with the other scores.
        labelled: Number (a count or a fraction of the pool) of training items, the same for all models.
        seed: All randomness is derived from it.
        subsets: Maximum number of subsets for Top-k(N).
        progress: Called with the name of the model, the steps done and the total.

    Returns:
        The result of :func:`summary`, with the data, settings and environment.

    Raises:
        ConfigurationError: There are fewer than two models, no gap, or the folder has another study.
        BusyError: Another process is running the study.
    """
    if models < 2 or not gaps:
        raise ConfigurationError(
            f"model selection needs at least 2 models and 1 gap, got {models} models and {len(gaps)} gaps"
        )
    names = tuple(dict.fromkeys(Snapshot.parse(gap).name for gap in gaps))
    count = len(data.pool.ids) if labelled == 1.0 else resolve_count(labelled, len(data.pool.ids))
    study = _Study(data, new_learner, folder, names, count, seed, progress)
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive_lock(folder / "run.lock", f"the study in {folder}"):
        study.open({**settings, "dataset": data.name, "gaps": list(names), "labelled": count, "seed": seed})
        results = [study.result_of(index, models) for index in range(models)]
    truth = torch.as_tensor(data.test.y)
    rng = torch.Generator().manual_seed(derive(seed, "subsets"))
    result = {
        "dataset": data.name, "models": models, "n_labelled": count, "test_items": len(truth), "seed": seed,
        "settings": dict(settings), "device": study.device,
        **summary(results, truth, subsets=subsets, rng=rng),
        "fit_seconds": sum(one.seconds for one in results), "environment": describe_environment(),
    }  # fmt: skip
    write_json(folder / "model_selection.json", result)
    return result


def summary(results: Sequence[ModelResult], truth: Tensor, *, subsets: int, rng: torch.Generator) -> Tree:
    """Return how well each score selects among the models, by model and by sample.

    Args:
        results: Results of M >= 2 models.
        truth: (T,) true classes of the test items.
        subsets: Maximum number of subsets for Top-k(N).
        rng: Draws the subsets if there are more.

    Returns:
        ``single``: ``accuracies`` of the models, with ``min``, ``mean`` and ``max``. ``ensemble``: accuracy
        of the models' mean probabilities, a control that the article lacks. ``any_right``: fraction of items
        that at least one model classifies correctly, an upper bound for selection by sample. ``model_level``:
        by score, ``top`` with the :class:`~nextlabel.papers.studies.selection.Hits` of each Top-k(N) with N
        <= M, and ``rank_correlation``, Spearman's, between minus the score and accuracy, or None if either is
        constant. ``sample_level``: accuracy by score. ``gaps``: both levels for the discrepancy at each gap,
        with ``mean_discrepancy`` over models and items, and ``round_off``, the fraction that changed by no
        more than round-off. With a schedule that ends near a learning rate of 0, such as ``cosine`` and
        ``one_cycle``, short gaps are all round-off; the article's only drops to a tenth. ``notes``: a
        sentence if that happened.
    """
    log_probs_mnc = torch.stack([one.log_probs for one in results])
    predicted_mn = log_probs_mnc.argmax(2)
    right_mn = predicted_mn == truth
    accuracies = right_mn.double().mean(1).tolist()
    gaps = list(results[0].discrepancies)

    def levels(of_model: Sequence[float], of_sample: Tensor | None) -> Tree:
        top = {
            f"{k}({n})": vars(top_k_of_n(of_model, accuracies, k=k, n=n, limit=subsets, rng=rng))
            for k, n in TOP
            if n <= len(results)
        }
        correlation = rank_correlation([-score for score in of_model], accuracies)
        level: Tree = {"model_level": {"top": top, "rank_correlation": correlation}}
        if of_sample is None:
            return level
        picked = picked_by_sample(of_sample, predicted_mn)
        return {**level, "sample_level": float((picked == truth).double().mean())}

    of_models = [one.scores(gaps[0]) for one in results]
    found = {TRAIN_LOSS: levels([one.train_loss for one in results], None)}
    for name in of_models[0]:
        scores_mn = torch.stack([scores[name] for scores in of_models])
        found[name] = levels(scores_mn.double().mean(1).tolist(), scores_mn)
    at_gaps = {}
    for gap in gaps:
        scores_mn = torch.stack([one.discrepancies[gap] for one in results])
        at_gaps[gap] = {
            "mean_discrepancy": float(scores_mn.double().mean()),
            "round_off": float((scores_mn.sqrt() < ROUND_OFF).double().mean()),
            **levels(scores_mn.double().mean(1).tolist(), scores_mn),
        }
    ensemble = mean_log_probs(log_probs_mnc.transpose(0, 1)).argmax(1)
    return {
        "gap": gaps[0],
        "single": {
            "accuracies": accuracies, "min": min(accuracies), "mean": sum(accuracies) / len(accuracies),
            "max": max(accuracies),
        },
        "ensemble": float((ensemble == truth).double().mean()),
        "any_right": float(right_mn.any(0).double().mean()),
        "model_level": {name: level["model_level"] for name, level in found.items()},
        "sample_level": {name: level["sample_level"] for name, level in found.items() if len(level) > 1},
        "score_formulas": {**SAMPLE_SCORES, DISCREPANCY: "||p_now - p_before||^2"},
        "gaps": at_gaps,
        "notes": _notes(at_gaps),
    }  # fmt: skip


def _notes(at_gaps: Mapping[str, Tree]) -> list[str]:
    still = [gap for gap, level in at_gaps.items() if level["round_off"] > 0.1]
    if not still:
        return []
    fractions = ", ".join(f"{at_gaps[gap]['round_off']:.0%} over '{gap}'" for gap in still)
    return [
        f"Changes no larger than float32 round-off: {fractions}. Such a discrepancy ranks noise, because the "
        "learning rate was nearly 0; the article uses learner.schedule=multistep."
    ]


@dataclass
class _Study:
    data: BenchmarkDataset
    new_learner: Callable[[], TorchLearner]
    folder: Path
    gaps: tuple[str, ...]
    labelled: int
    seed: int
    progress: Progress | None
    parts: tuple[Pool, Tensor, Pool] = field(init=False)
    device: str = field(init=False)

    def __post_init__(self) -> None:
        self.device = device_title(Engine(self.new_learner().device, "no").device)
        pool = Pool(self.data.pool.x, self.data.pool.ids)
        rng = torch.Generator().manual_seed(derive(self.seed, "labelled"))
        drawn = torch.randperm(len(pool), generator=rng)
        known, others = drawn[: self.labelled].sort().values, drawn[self.labelled :].sort().values
        x, rest = (pool.subset([pool.ids[row] for row in rows.tolist()]) for rows in (known, others))
        self.parts = x, torch.as_tensor(self.data.pool.y)[known], rest

    def open(self, settings: Tree) -> None:
        """Store the settings, or refuse a folder with different ones."""
        stored = read_json(self.folder / "study.json")
        if stored is None:
            write_json(self.folder / "study.json", settings)
        elif changed := differences(stored, settings):
            raise ConfigurationError(
                f"the folder {self.folder} has a study with other settings ({'; '.join(changed)}); "
                "choose another folder or the stored settings"
            )

    def result_of(self, index: int, models: int) -> ModelResult:
        """Return the results of a model, training it first if needed."""
        place = self.folder / "models" / f"{index:03d}"
        if not (place / "judged.safetensors").exists():
            self._train(index, models, place)
        tensors, notes = read_tensors(place / "judged.safetensors")
        gaps = {gap: tensors[f"gap {gap}"] for gap in notes["gaps"]}
        predicted = tensors.get(PREDICTED_LOSS)
        return ModelResult(notes["train_loss"], notes["seconds"], tensors["log_probs"], gaps, predicted)

    def _train(self, index: int, models: int, place: Path) -> None:
        workdir = place / "fit"
        workdir.mkdir(parents=True, exist_ok=True)
        learner = self.new_learner()
        if self.progress is not None:
            report, name = self.progress, f"model {index + 1} of {models}"
            learner.progress = lambda _, done, total: report(name, done, total)
        x, y, others = self.parts
        began = time.perf_counter()
        metrics = learner.fit(x, y, others, seed=derive(self.seed, "model", index), workdir=workdir)
        seconds = time.perf_counter() - began
        now, extra = self._outputs(learner, learner.extra_fields & {PREDICTED_LOSS})
        tensors = {"log_probs": now, **extra}
        for gap in self.gaps:
            learner.load(workdir, snapshot=gap)
            tensors[f"gap {gap}"] = discrepancy_scores(now, self._outputs(learner, frozenset())[0])
        notes = {"train_loss": metrics["train_loss"], "seconds": seconds, "gaps": self.gaps}
        write_tensors(place / "judged.safetensors", tensors, notes)
        shutil.rmtree(workdir, ignore_errors=True)

    def _outputs(self, learner: TorchLearner, fields: frozenset[str]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return (T, C) log-probabilities of the test items and the (T,) extra fields."""
        test = Pool(self.data.test.x, self.data.test.ids)
        needs = frozenset({"log_probs"} | {f"extra:{name}" for name in fields})
        outputs = learner.predict(test, needs=needs, seed=derive(self.seed, "predict"))
        if outputs.log_probs is None:
            raise ContractError(
                f"learner {type(learner).__name__} must return log_probs, got none; implement them"
            )
        extra = {name: outputs.extra[name].reshape(len(test)) for name in fields}
        return mean_log_probs(outputs.log_probs), extra
