"""Parts that many tests share: a small learner in closed form, and a pool of three clusters of points.

torch is imported where it is used: the process that only hands out the tests begins seconds earlier.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from commands import quick_context, started
from nextlabel.cli import main as entry

if TYPE_CHECKING:
    from torch import Tensor
    from xdist.remote import Producer

    from nextlabel.pool import Pool
    from ridge import RidgeLearner
    from scheduling import ByFile

os.environ["OMP_NUM_THREADS"] = "1"  # on such small tensors several threads only wait for each other


def points_and_labels(count: int = 60, classes: int = 3) -> tuple[Tensor, list[int]]:
    import torch

    rng = torch.Generator().manual_seed(7)
    labels = [row % classes for row in range(count)]
    centres = torch.eye(classes)[torch.tensor(labels)]
    return centres + 0.4 * torch.randn(count, classes, generator=rng), labels


@pytest.fixture
def ridge() -> RidgeLearner:
    from ridge import RidgeLearner

    return RidgeLearner()


@pytest.fixture
def pool() -> Pool:
    from nextlabel.pool import Pool

    points, labels = points_and_labels()
    return Pool(points, ids=[f"item-{row:03d}" for row in range(len(labels))])


@pytest.fixture
def truth() -> dict[str, int]:
    labels = points_and_labels()[1]
    return {f"item-{row:03d}": label for row, label in enumerate(labels)}


@pytest.fixture
def quick_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the workers of what runs here copies of a process that has imported what is slow."""
    monkeypatch.setattr(multiprocessing, "get_context", quick_context)


@pytest.hookimpl(optionalhook=True)  # where there is no xdist, there is no such hook
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile | None:
    from scheduling import ByFile

    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


TINY = [
    "--strategy",
    "cod,random",
    "--seeds",
    "1",
    "--cycles",
    "3",
    "--initial-size",
    "40",
    "--batch-size",
    "10",
    "--set",
    "learner.epochs=3",
]


@pytest.fixture
def nextlabel(monkeypatch, capsys):
    """Return a function that runs the command line here and returns exit code, output and error output."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["nextlabel", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            entry.main()
        out, err = capsys.readouterr()
        code = ended.value.code or 0
        return SimpleNamespace(code=code, out=out, err=err, json=lambda: json.loads(out))

    return run


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    """Return the folder of a small finished run, made by the command line in a process of its own."""
    folder = tmp_path_factory.mktemp("run") / "tiny"
    command = ["run", *TINY, "--out", folder, "--jobs", "1", "--json"]
    with started(command, folder.parent) as process:
        process.join()
    assert process.exitcode == 0, (folder.parent / "error output").read_text()
    output = json.loads((folder.parent / "output").read_text())
    return SimpleNamespace(folder=folder, output=output, options=TINY)


@pytest.fixture
def no_workers(monkeypatch):
    """Run cells in this process: starting a worker takes longer than training them."""
    import torch

    from nextlabel.bench import experiment
    from nextlabel.bench.executors.processes import Ended, Started
    from nextlabel.bench.run_cell import run_cell

    threads = torch.get_num_threads()

    def run_cells(cells, folder, *, jobs):
        for cell in cells:
            yield Started(cell)
            run_cell(cell, folder / cell.name, lambda *_: None)
            yield Ended(cell)

    monkeypatch.setattr(experiment, "run_cells", run_cells)
    yield
    torch.set_num_threads(threads)
