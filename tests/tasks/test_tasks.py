"""Every task keeps the promises of labels: three forms, targets, losses, metrics and noise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nextlabel.errors import ConfigurationError, DataError, LabelsError, UnknownNameError
from nextlabel.tasks.catalogue import TASKS, as_task
from nextlabel.tasks.classification import Classification
from nextlabel.tasks.regression import Regression
from nextlabel.tasks.segmentation import MOVES, Segmentation
from nextlabel.tasks.task import Task

NAMES = ("cat", "dog", "owl")
MASK = np.array([[0, 1, 2], [2, 255, 255]], dtype=np.uint8)
EXAMPLES = {
    "classification": (Classification(NAMES), [0, 2, 1], "owl"),
    "regression": (Regression(), [0.5, -3.25, 1e6], "4.2"),
    "segmentation": (Segmentation(NAMES), [MASK, MASK % 2, MASK * 0], "rle:1x2:0*1,1*1"),
}


@pytest.fixture(params=EXAMPLES)
def example(request):
    return EXAMPLES[request.param]


def test_there_is_an_example_of_every_task():
    assert {card.name for card in TASKS} == set(EXAMPLES)


def test_a_task_is_what_the_protocol_says(example):
    task, _, _ = example
    assert isinstance(task, Task)
    assert as_task(task) is task
    assert (task.output in ("log_probs", "values")) == (not task.fields)


def test_values_come_back_from_the_form_of_the_ledger(example):
    task, values, text = example
    for value in (*values, task.parse(text)):
        label = task.encode(value)
        assert type(label) in (int, float, str)
        assert np.array_equal(task.decode(label), value)
        assert task.encode(task.decode(label)) == label


def test_targets_keep_the_order_of_the_labels(example):
    task, values, _ = example
    targets = task.targets({f"i{n}": task.encode(value) for n, value in enumerate(values)})
    assert len(targets) == 3
    for target, value in zip(targets, values, strict=True):
        assert np.array_equal(np.asarray(target), np.asarray(value, dtype=np.asarray(target).dtype))


def test_a_corrupted_label_is_another_label_and_depends_on_the_draw_alone(example):
    task, values, _ = example
    for value in values:
        label = task.encode(value)
        wrong = task.corrupt(label, np.random.default_rng(3))
        assert wrong != label
        assert wrong == task.encode(task.decode(wrong)) == task.corrupt(label, np.random.default_rng(3))


def test_the_primary_metric_comes_first(example):
    task, values, _ = example
    targets = task.targets({f"i{n}": task.encode(value) for n, value in enumerate(values)})
    shape = {"log_probs": (3, 2, 3), "values": (3, 2, 1), None: (3, 3, 2, 3)}[task.output]
    outputs = torch.randn(shape, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    whole, parts = task.meter(), task.meter()
    whole.update(outputs, targets)
    for rows in (slice(0, 2), slice(2, 3)):
        parts.update(outputs[rows], targets[rows])
    found = whole.compute()
    assert next(iter(found)) == task.metric.name
    first = {name: value for name, value in found.items() if isinstance(value, float)}
    assert {name: parts.compute()[name] for name in first} == pytest.approx(first)
    losses = task.item_loss(outputs, targets)
    assert losses.shape == (3,)
    if task.output is not None:
        assert found["loss"] == pytest.approx(float(losses.double().mean()), rel=1e-5)


def test_the_accuracy_of_a_class_without_items_is_none():
    meter = Classification(tuple("abcd")).meter()
    predicted = torch.nn.functional.one_hot(torch.tensor([0, 1, 2, 2, 2]), 4).float().log_softmax(1)
    meter.update(predicted[:, None], torch.tensor([0, 0, 2, 2, 2]))
    assert meter.compute()["class_accuracy"] == [0.5, None, 1.0, None]
    assert meter.compute()["accuracy"] == 0.8


def test_losses_of_classification_equal_naive_ones_over_mean_probabilities():
    log_probs = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(1)).log_softmax(-1)
    truth = torch.tensor([0, 1, 2, 2])
    naive = [-log_probs[row].double().exp().mean(0)[truth[row]].log() for row in range(4)]
    torch.testing.assert_close(
        Classification(NAMES).item_loss(log_probs, truth).double(), torch.stack(naive), atol=1e-6, rtol=1e-5
    )


@pytest.mark.parametrize(
    ("task", "value", "sentence"),
    [
        (Classification(NAMES), "cot", "got 'cot'; did you mean 'cat'?"),
        (Classification(NAMES), 3, r"in 0..2, got 3"),
        (Classification(NAMES), -1, r"in 0..2, got -1"),
        (Classification(NAMES), 0.5, r"in 0..2, got 0.5"),
        (Classification(NAMES), True, r"got True \(bool\)"),
        (Classification(NAMES), None, r"got None \(NoneType\)"),
        (Classification(), "cat", "give the task its classes"),
        (Classification(), 0.5, "task='regression'"),
        (Regression(), "cat", "got 'cat'; for class names use task='classification'"),
        (Regression(), float("nan"), "finite number, got nan"),
        (Regression(), True, r"got True \(bool\)"),
        (Regression(), 2**2000, "finite number, got 1148"),
        (Classification(), MASK, r"got array\([^\n]* \(ndarray\)$"),
        (Segmentation(NAMES), "absent.png", "mask not found: .absent.png"),
        (Segmentation(NAMES), "rle:2x2:0*3", "run-length"),
        (Segmentation(NAMES), MASK + 5, "class indices in"),
        (Segmentation(NAMES), Path("absent.png"), "mask not found: .absent.png"),
        (Segmentation(NAMES), np.zeros((0, 0), dtype=int), r"^a mask must be .* got shape \(0, 0\)"),
        (Segmentation(NAMES), [[0, 1], [1]], r"^a mask must be .* got \[\[0, 1\], \[1\]\]"),
        (Segmentation(NAMES), 0.75, "shape"),
        (Segmentation(NAMES, ignored=None), MASK, "got 255"),
    ],
)
def test_what_is_no_label_is_refused(task, value, sentence):
    with pytest.raises(LabelsError, match=sentence):
        task.encode(value)


def test_a_whole_float_and_a_name_are_class_indices():
    assert [Classification(NAMES).encode(value) for value in (2.0, np.int64(1), np.float32(0), "owl")] == [
        2, 1, 0, 2,
    ]  # fmt: skip
    assert Classification().encode("7") == 7


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_that_is_typed_comes_back_exactly(value):
    assert Regression().parse(repr(value)) == value


def test_one_class_alone_cannot_be_trained_on():
    with pytest.raises(LabelsError, match=r"all 2 labels are 'dog'"):
        Classification(NAMES).trainable({"a": 1, "b": 1})
    with pytest.raises(LabelsError, match=r"all 1 labels are class 7"):
        Classification().trainable({"a": 7})
    Classification(NAMES).trainable({"a": 1, "b": 1, "c": 0})
    Regression().trainable({"a": 1.0})


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Classification(("cat",)), "at least 2 classes"),
        (lambda: Classification("cat"), "at least 2 classes"),
        (lambda: Classification(3), "at least 2 classes in order, got 3"),
        (lambda: Classification(("cat", "cat")), "got 'cat' more than once"),
        (lambda: Segmentation(()), "2 to 255 classes, got 0"),
        (lambda: Segmentation(NAMES, ignored=1), "got 1, which is 'dog'"),
        (lambda: Classification(10), "at least 2 classes in order, got 10; use a tuple"),
        (lambda: Classification({"cat", "dog"}), "at least 2 classes in order, got {"),
        (lambda: Segmentation(NAMES, ignored="void"), "ignored must be a whole number, got 'void'"),
        (lambda: Regression(noise_scale=0), "noise_scale must be above 0"),
        (lambda: Regression(noise_scale="1"), "noise_scale must be a number, got '1'"),
        (lambda: as_task(3), "got 3"),
        (lambda: as_task(Classification), "got <class"),
        (lambda: Classification().corrupt(0, np.random.default_rng(0)), "give Classification its classes"),
    ],
)
def test_what_is_no_task_is_refused(make, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        make()


def test_labels_that_are_no_array_are_named_and_not_read():
    ragged = [[0], [0, 1]]
    for task in (Classification(NAMES), Regression()):
        with pytest.raises(DataError, match=r"labels must be \(N,\) .*, got list"):
            task.check_split((2, 3), np.dtype("float32"), ragged, ["a", "b"])
    with pytest.raises(LabelsError, match=r"a mask must be \(height, width\) whole numbers, got \[\[0\]"):
        Segmentation(NAMES).encode(ragged)


def test_an_unknown_task_is_named_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'regression'"):
        as_task("regresion")


def test_a_mask_in_a_file_is_its_path_below_the_root_and_is_read_when_it_is_asked_for(tmp_path):
    (tmp_path / "masks").mkdir()
    path = tmp_path / "masks" / "a.png"
    Image.fromarray(MASK).save(path)
    task = Segmentation(NAMES, root=tmp_path)
    label = task.encode(path)
    assert Segmentation(NAMES, root=str(tmp_path)).encode("masks/a.png") == label
    assert label == task.encode("masks/a.png") == "masks/a.png"
    assert np.array_equal(task.decode(label), MASK)
    path.unlink()
    targets = task.targets({"a": label})
    with pytest.raises(DataError, match=r"a\.png cannot be read"):
        targets[0]


def test_numbers_of_files_become_class_indices(tmp_path):
    Image.fromarray(np.array([[7, 8, 0]], dtype=np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.array([[7, 34, 0]], dtype=np.uint8)).save(tmp_path / "b.png")
    task = Segmentation(("road", "walk"), root=tmp_path, stored=(7, 8), known=33)
    assert task.decode("a.png").tolist() == [[0, 1, 255]]
    with pytest.raises(DataError, match="class indices"):
        task.decode("b.png")


@pytest.mark.parametrize("pixels", [np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.uint16)])
def test_an_image_that_is_no_mask_is_refused(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="one channel"):
        Segmentation(NAMES, root=tmp_path).decode("a.png")


def test_fields_of_pixels_equal_naive_ones():
    generator = torch.Generator().manual_seed(0)
    now, before = (torch.randn(2, 3, 4, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    p, q = now.softmax(1).flatten(2), before.softmax(1).flatten(2)
    pixels = {
        "discrepancy": ((p - q) ** 2).sum(1) / 2,
        "distance": ((p - q) ** 2).sum(1).sqrt(),
        "entropy": -(p * p.log()).sum(1),
        "gini": 1 - (p**2).sum(1),
        "margin": p.sort(1).values[:, -1] - p.sort(1).values[:, -2],
    }
    task = Segmentation(NAMES)
    for name in task.fields:
        aggregate, quantity = name.split("_")
        naive = pixels[quantity].mean(1) if aggregate == "mean" else pixels[quantity].amax(1)
        found = task.reduce([name], now, before if name in MOVES else None)[name]
        torch.testing.assert_close(found.double(), naive, atol=2e-6, rtol=1e-4)
    with pytest.raises(UnknownNameError, match="mean_gini"):
        task.reduce(["mean_gin"], now)


def test_tasks_and_the_ledger_load_no_torch():
    code = (
        "import sys, nextlabel.ledger.ledger, numpy as np; from nextlabel.tasks.catalogue import as_task; "
        "from nextlabel.tasks.segmentation import Segmentation; task = Segmentation(('a', 'b')); "
        "task.decode(task.encode(np.zeros((2, 2), int))); as_task('classification').encode('1'); "
        "as_task('regression').parse('1'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
