import os

from nextlabel.bench.experiment import default_jobs
from nextlabel.config import ExperimentConfig


def test_as_many_cells_run_at_once_as_this_process_has_cores(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 5, 6}, raising=False)
    assert default_jobs(ExperimentConfig(device="cpu")) == 3
    assert default_jobs(ExperimentConfig(device="cpu", threads=2)) == 1
    monkeypatch.delattr(os, "sched_getaffinity")
    assert default_jobs(ExperimentConfig(device="cpu")) == 64
