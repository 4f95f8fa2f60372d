import os
import subprocess
import sys

from nextlabel.bench import experiment
from nextlabel.bench.experiment import Experiment, default_jobs
from nextlabel.config.experiment import ExperimentConfig


def test_as_many_cells_run_at_once_as_this_process_has_cores(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 5, 6}, raising=False)
    assert default_jobs(ExperimentConfig(device="cpu")) == 3
    assert default_jobs(ExperimentConfig(device="cpu", threads=2)) == 1
    monkeypatch.delattr(os, "sched_getaffinity")
    assert default_jobs(ExperimentConfig(device="cpu")) == 64


def test_reading_an_experiment_and_its_cells_loads_no_torch():
    code = "import sys, nextlabel.bench.experiment, nextlabel.bench.outcome; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_run_has_all_items_read_again_for_files_may_have_changed(tmp_path, monkeypatch):
    run = Experiment.open(ExperimentConfig(seeds=1), tmp_path / "run")
    cells = tmp_path / "run" / "cells"
    (cells / "digits-cod").mkdir(parents=True)
    (cells / "items-read-0123abcd").touch()
    left = []
    monkeypatch.setattr(experiment, "run_cells", lambda *_, **__: left.extend(cells.iterdir()) or iter(()))
    list(run.run(jobs=1))
    assert [path.name for path in left] == ["digits-cod"]
