"""Made-up campaigns for the tests of exhibits."""

import json

import numpy as np

from nextlabel.bench.diagnostics_record import BANDS, FRACTIONS, DiagnosticsRow
from nextlabel.papers.exhibits.arms import Finished
from nextlabel.papers.exhibits.catalogue import exhibit
from nextlabel.papers.exhibits.exhibit import Request
from nextlabel.papers.exhibits.settings import base_settings
from nextlabel.results import FULL_TRAINING, METRIC, Row

CLASSES = tuple("abcdefghij")
SELECTION = {
    "dataset": "digits",
    "models": 10,
    "n_labelled": 1437,
    "seed": 0,
    "device": "cpu",
    "single": {"min": 0.9, "mean": 0.95, "max": 0.97},
    "ensemble": 0.98,
    "model_level": {
        name: {"top": {"1(3)": {"fraction": 0.5, "random": 0.34}, "3(10)": {"fraction": 0.7, "random": 0.3}}}
        for name in ("train_loss", "tod", "entropy")
    },
    "sample_level": {"tod": 0.97, "entropy": 0.96},
    "notes": ["A note of the study."],
    "gaps": {"epoch": {"sample_level": 0.97}, "5 steps": {"sample_level": 0.96}},
}


def made_up_rows(arm, dataset, seed):
    rng = np.random.default_rng([seed, len(arm.label)])
    full = arm.strategy in FULL_TRAINING.values()
    counts = [1000] if full else range(100, 401, 50)
    return tuple(
        Row(
            dataset, arm.strategy, arm.objective, seed, cycle, n, 0.7 + n / 2000 + rng.normal(0, 0.01), 0.3,
            1.0, 0.2, 0.1, 0 if n == 400 else 1000 - n, n_chosen=0 if full or n == 400 else 50, device="cpu",
            metric=METRIC,
        )
        for cycle, n in enumerate(counts, 1)
    )  # fmt: skip


def write_cell(folder, rows, labels, moved):
    folder.mkdir(parents=True)
    (folder / "classes.json").write_text(json.dumps([] if rows[0].dataset == "nuclei" else CLASSES))
    by_class = {name: None if name == "j" else rows[0].accuracy for name in CLASSES}
    found = (
        {"class_iou": by_class}
        if rows[0].dataset == "nuclei"
        else {"class_accuracy": list(by_class.values())}
    )
    evaluations = [{"cycle": row.cycle, **found} for row in rows]
    (folder / "evaluations.json").write_text(json.dumps(evaluations))
    audits = [
        DiagnosticsRow(row.cycle, row.n_labelled, 900, label, "cod", {}, 0.5, 0.5, moved, 0.3,
                 tuple(1.0 for _ in BANDS), tuple(2 * fraction for fraction in FRACTIONS))
        for row in rows for label in labels
    ]  # fmt: skip
    tree = {"bands": BANDS, "fractions": FRACTIONS, "rows": [vars(row) for row in audits]}
    (folder / "diagnostics.json").write_text(json.dumps(tree))


def labels_of(arm):
    return [str(part) for part in arm.settings.get("diagnostics", ())]


def made_of(name, tmp_path, *, cycles=None, moved=0.2):
    one = exhibit(name)
    request = Request(base_settings(one.dataset, "fast"), tmp_path)
    done = []
    for number, arm in enumerate(one.arms(request)):
        cells = [made_up_rows(arm, one.dataset, seed)[:cycles] for seed in range(2)]
        folders = tuple(tmp_path / f"{number}-{seed}" for seed in range(2))
        for folder, rows in zip(folders, cells, strict=True):
            write_cell(folder, rows, list(labels_of(arm)), moved)
        done.append(Finished(arm, one.dataset, 1000, folders, tuple(cells)))
    return one, done, one.make(done, request)
