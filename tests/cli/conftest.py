"""Runs of the command line: in this process for commands that only read, as a process where it matters."""

import json
import sys
from types import SimpleNamespace

import pytest

from commands import started
from nextlabel.cli import main as entry

TINY = ["--strategy", "cod,random", "--seeds", "1", "--cycles", "3", "--start", "40", "--batch-size", "10",
        "--set", "learner.epochs=3"]  # fmt: skip


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
    from nextlabel.bench.run_cell import run_cell
    from nextlabel.bench.workers import Ended, Started

    threads = torch.get_num_threads()

    def run_cells(cells, folder, *, jobs):
        for cell in cells:
            yield Started(cell)
            run_cell(cell, folder / cell.name, lambda *_: None)
            yield Ended(cell)

    monkeypatch.setattr(experiment, "run_cells", run_cells)
    yield
    torch.set_num_threads(threads)
