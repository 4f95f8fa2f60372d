"""Worker processes run cells whose data other processes load."""

import multiprocessing
import os
import signal
import time

import numpy as np
import pytest
from PIL import Image

from commands import quick_context
from nextlabel.bench import run_cell as cell_runner
from nextlabel.bench.executors import processes as workers
from nextlabel.bench.executors.processes import Ended, _serve, run_cells
from nextlabel.bench.grid import make_grid
from nextlabel.bench.outcome import begin
from nextlabel.config.experiment import load_config
from nextlabel.errors import DamagedLedgerError
from nextlabel.parts import Part


def test_a_cell_can_have_processes_that_load_its_images(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(5):
            image = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(image).save(tmp_path / "pets" / name / f"{number}.png")
    tree = {
        "dataset": Part("image_folder", {"root": str(tmp_path / "pets"), "size": 8}),
        "strategy": ["random"],
        "seeds": 1,
        "cycles": 1,
        "initial_size": 4,
        "device": "cpu",
        "learner": {"model": "small_cnn(width=2)", "epochs": 1, "num_workers": 1},
    }
    (only,) = make_grid(load_config(options=tree)).cells
    begin(tmp_path / "cells" / only.name, only)
    ended = [event for event in run_cells([only], tmp_path / "cells", jobs=1) if isinstance(event, Ended)]
    assert [event.error for event in ended] == [None]


def _serve_and_tell(connection, start_method):
    def run_cell(cell, folder, progress):
        raise RuntimeError(multiprocessing.get_start_method())

    cell_runner.run_cell = run_cell
    _serve(connection, start_method)


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.parametrize("start_method", [None, "fork", "spawn"])
def test_processes_of_a_cell_begin_as_those_of_the_parent_do_and_not_as_the_cells_own(start_method):
    ours, theirs = multiprocessing.Pipe()
    process = quick_context().Process(target=_serve_and_tell, args=(theirs, start_method))
    process.start()
    ours.send((None, None))
    assert ours.recv().error == f"RuntimeError: {start_method or multiprocessing.get_start_method()}"
    ours.close()
    process.kill()
    process.join()


def _die_and_leave_a_child(connection, number):
    connection.recv()
    if child := os.fork():
        number.value = child
        os._exit(3)
    time.sleep(60)  # this child holds the pipe


@pytest.mark.usefixtures("quick_workers")
def test_a_cell_whose_process_ends_is_reported_even_where_a_child_of_it_lives_on(tmp_path, monkeypatch):
    child = quick_context().Value("i", 0)

    def hire():
        ours, theirs = multiprocessing.Pipe()
        process = quick_context().Process(target=_die_and_leave_a_child, args=(theirs, child))
        process.start()
        theirs.close()
        return workers._Worker(process, ours)

    monkeypatch.setattr(workers, "_hire", hire)
    monkeypatch.setattr(workers, "LOOK_SECONDS", 0.05)
    (only,) = make_grid(load_config(options={"strategy": ["random"], "seeds": 1, "cycles": 1})).cells
    try:
        ended = [event for event in run_cells([only], tmp_path, jobs=1) if isinstance(event, Ended)]
        os.kill(child.value, 0)  # it lives
    finally:
        os.kill(child.value, signal.SIGKILL)
    assert [event.error for event in ended] == ["the worker exited with code 3 (out of memory?)"]


def test_a_damaged_ledger_of_a_cell_is_reported_with_how_to_begin_again(tmp_path):
    def run_cell(cell, folder, progress):
        raise DamagedLedgerError("the ledger is damaged")

    ended = workers._attempt(run_cell, None, tmp_path, None)
    assert ended.error == f"the ledger is damaged; or delete {tmp_path} to start again"
