"""Worker processes run cells whose data other processes load."""

import numpy as np
from PIL import Image

from nextlabel.bench.grid import make_grid
from nextlabel.bench.outcome import begin
from nextlabel.bench.workers import Ended, run_cells
from nextlabel.config import load_config


def test_a_cell_can_have_processes_that_load_its_pictures(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(5):
            picture = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(picture).save(tmp_path / "pets" / name / f"{number}.png")
    tree = {
        "dataset": ["image_folder"], "strategy": ["random"], "seeds": 1, "cycles": 1, "start": 4,
        "device": "cpu", "dataset_options": {"image_folder": {"root": str(tmp_path / "pets"), "size": 8}},
        "learner": {"model": "small_cnn", "model_options": {"width": 2}, "epochs": 1, "num_workers": 1},
    }  # fmt: skip
    (cell,) = make_grid(load_config(options=tree)).cells
    begin(tmp_path / "cells" / cell.name, cell)
    ended = [event for event in run_cells([cell], tmp_path / "cells", jobs=1) if isinstance(event, Ended)]
    assert [event.error for event in ended] == [None]
