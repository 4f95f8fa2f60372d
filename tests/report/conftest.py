"""A run directory as the benchmark writes it, made up from a few curves."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nextlabel.report.build import build
from nextlabel.results import Row, to_csv

GAIN = {"random": 0.0, "cod": 0.02, "margin": 0.021, "entropy": 0.004}
SCORED = {"cod": 0.35, "margin": 0.7, "entropy": 0.65}

MakeRun = Callable[..., Path]


def made_up_rows(
    *,
    dataset: str = "digits",
    objective: str = "supervised",
    strategies: Sequence[str] = ("cod", "margin", "random"),
    seeds: int = 3,
    cycles: int = 4,
    start: int = 140,
    batch: int = 70,
    pool: int = 1400,
) -> list[Row]:
    """Return rows whose strategies differ by GAIN in the middle of the curve, with a little noise a seed."""
    rows = []
    for strategy in strategies:
        for seed in range(seeds):
            noise = np.random.default_rng([seed, len(strategy)]).normal(0, 0.0015, cycles)
            for cycle in range(1, cycles + 1):
                n = start + (cycle - 1) * batch
                last = cycle == cycles
                candidates = pool - n
                scored = strategy in SCORED and not last
                gain = GAIN[strategy] * min(1, (cycle - 1) / 2)
                accuracy = 0.985 - 0.06 * (140 / n) ** 1.3 + gain * 0.6 + noise[cycle - 1] * (cycle > 1)
                rows.append(
                    Row(
                        dataset=dataset,
                        strategy=strategy,
                        objective=objective,
                        seed=seed,
                        cycle=cycle,
                        n_labelled=n,
                        accuracy=float(accuracy),
                        loss=0.3,
                        fit_seconds=0.5 + 0.05 * cycle,
                        scan_seconds=0.02,
                        select_seconds=0.001,
                        rows_forwarded=0 if last else candidates,
                        n_chosen=0 if last else batch,
                        loss_correlation=SCORED[strategy] - 0.03 * cycle + 5 * noise[0] if scored else None,
                        top_fraction=None
                        if last
                        else min(1.0, batch / candidates + SCORED.get(strategy, 0) * 0.6),
                        top_random=None if last else batch / candidates,
                    )
                )
    return rows


def write_cell(folder: Path, rows: Sequence[Row], class_names: Sequence[str]) -> None:
    """Write the folder of the cell that these rows came from."""
    first = rows[0]
    folder.mkdir(parents=True)
    described = (
        f'dataset = "{first.dataset}"\nstrategy = "{first.strategy}"\nobjective = "{first.objective}"\n'
    )
    (folder / "cell.toml").write_text(f"{described}seed = {first.seed}\n")
    (folder / "classes.json").write_text(json.dumps(list(class_names)))
    rng = np.random.default_rng([first.seed, len(first.strategy)])
    queries = []
    for row in rows:
        if row.n_chosen == 0:
            continue
        leaning = (
            np.ones(len(class_names))
            if first.strategy == "random"
            else np.linspace(0.4, 1.6, len(class_names))
        )
        counts = rng.multinomial(row.n_chosen, leaning / leaning.sum())
        ids = [f"{first.dataset}-{row.cycle}-{i}" for i in range(row.n_chosen)]
        fraction = (10_000 - row.n_labelled) // len(class_names)
        queries.append(
            {
                "cycle": row.cycle,
                "ids": ids,
                "classes": counts.tolist(),
                "pool_classes": [fraction] * len(class_names),
            }
        )
        path = folder / "cycles" / f"{row.cycle:04}" / "queried.png"
        path.parent.mkdir(parents=True)
        Image.fromarray(rng.integers(0, 256, (56, 80), dtype=np.uint8)).save(path)
    (folder / "queries.json").write_text(json.dumps(queries))


def write_run(folder: Path, rows: Sequence[Row], *, class_names: Sequence[str] = tuple("0123456789")) -> Path:
    """Write a whole run directory around these rows."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "experiment.toml").write_text(
        'dataset = ["digits"]\nseeds = 3\n\n[learner]\nwarm_start = true\n\n'
        '[environment]\nnextlabel = "0.1.0"\ntorch = "2.4.0"\n'
    )
    (folder / "results.csv").write_text(to_csv(rows))
    cells: dict[tuple[str, str, str, int], list[Row]] = {}
    for row in rows:
        cells.setdefault((row.dataset, row.strategy, row.objective, row.seed), []).append(row)
    for key, cell in cells.items():
        write_cell(folder / "cells" / "-".join(map(str, key)), cell, class_names)
    return folder


@pytest.fixture(name="rows_of")
def _rows_of() -> Callable[..., list[Row]]:
    """Make up rows; see :func:`made_up_rows`."""
    return made_up_rows


@pytest.fixture(name="make_run")
def _make_run(tmp_path: Path) -> MakeRun:
    """Write a run directory around rows; see :func:`write_run`."""
    return lambda rows, **options: write_run(tmp_path / "run", rows, **options)


@pytest.fixture(scope="session")
def built_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built run of one data set with a failed cell and a cell that ended early."""
    rows = made_up_rows()
    early = [row for row in made_up_rows(strategies=["entropy"], seeds=1) if row.cycle < 3]
    folder = write_run(tmp_path_factory.mktemp("built") / "run", [*rows, *early])
    failed = folder / "cells" / "failed"
    failed.mkdir()
    (failed / "cell.toml").write_text(
        'dataset = "digits"\nstrategy = "entropy"\nobjective = "supervised"\nseed = 1\n'
    )
    (failed / "failed.json").write_text(json.dumps({"error": "the scores of <b>entropy</b> are not\nfinite"}))
    build(folder)
    return folder


@pytest.fixture(scope="session")
def session_rows() -> list[Row]:
    """The rows of :func:`made_up_rows`."""
    return made_up_rows()
