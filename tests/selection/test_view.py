"""Promises of the views that strategies are shown."""

import re

import numpy as np
import pytest
import torch

from nextlabel.errors import ContractError, DataError
from nextlabel.selection.selection import select
from nextlabel.selection.view import make_view, validate_view
from nextlabel.types import Outputs, PoolView


def log_probs(*shape, seed=0):
    logits = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.log_softmax(logits, -1)


def full_view():
    return PoolView(
        size=4,
        pool=Outputs(
            log_probs=log_probs(4, 2, 3), embeddings=torch.ones(4, 5), extra={"loss": torch.arange(4.0)}
        ),
        snapshots=[
            Outputs(log_probs=log_probs(4, 1, 3, seed=1)),
            Outputs(log_probs=log_probs(4, 1, 3, seed=2)),
        ],
        labelled=Outputs(log_probs=log_probs(2, 2, 3), embeddings=torch.ones(2, 5)),
        labels=torch.tensor([0, 2]),
    )


def checked(needs, view=None, ids=None):
    return validate_view(view or full_view(), frozenset(needs), part="strategy 'mine'", ids=ids)


def with_entry(tensor, index, value):
    changed = tensor.clone()
    changed[index] = value
    return changed


def test_a_strategy_is_shown_what_it_declares_and_nothing_else():
    seen = checked({"embeddings", "extra:loss"})
    assert set(seen.pool.fields()) == {"embeddings", "extra:loss"}
    assert seen.snapshots == ()
    assert seen.labelled.fields() == {}
    assert len(seen.labels) == 0
    seen = checked({"log_probs", "snapshot:previous", "labelled_embeddings", "labels"})
    assert set(seen.pool.fields()) == {"log_probs"}
    assert [set(snapshot.fields()) for snapshot in seen.snapshots] == [{"log_probs"}, {"log_probs"}]
    assert set(seen.labelled.fields()) == {"embeddings"}
    assert seen.labels.tolist() == [0, 2]


def test_tensors_that_need_no_conversion_are_shared():
    view = full_view()
    assert checked({"embeddings"}, view).pool.embeddings.data_ptr() == view.pool.embeddings.data_ptr()


def test_half_precision_is_widened():
    view = PoolView(size=2, pool=Outputs(embeddings=torch.ones(2, 3, dtype=torch.float16)))
    assert checked({"embeddings"}, view).pool.embeddings.dtype == torch.float32


@pytest.mark.parametrize(
    ("need", "message"),
    [
        ("values", "'values' (regression outputs of the candidates), got none; pass values"),
        (
            "extra:margin",
            "'extra:margin' (an extra field of the candidates), got none; "
            "pass extra={'margin': an array with a row for every candidate}",
        ),
    ],
)
def test_missing_fields_are_named_with_their_meaning_and_how_to_pass_them(need, message):
    with pytest.raises(DataError, match=re.escape(f"strategy 'mine' needs {message}")):
        checked({need})


@pytest.mark.parametrize("strategy", ["badge", "core_set"])
def test_embeddings_whose_distances_would_overflow_are_named(strategy):
    embeddings = np.ones((4, 2), dtype=np.float32)
    embeddings[2, 1] = -1e30
    log_probs = np.log(np.full((4, 2), 0.5))
    with pytest.raises(
        DataError, match=r"embeddings must be at most 1e\+15 in size.*got 1e\+30 for row 2; scale"
    ):
        select(strategy, 2, log_probs=log_probs, embeddings=embeddings, labelled_embeddings=embeddings[:0])


def test_missing_labelled_fields_say_how_to_pass_none():
    with pytest.raises(DataError, match=r"'labelled_embeddings'.*pass labelled_embeddings, of 0 rows"):
        select("core_set", 1, embeddings=np.ones((3, 2)))


def test_unknown_needs_break_the_contract_and_offer_the_nearest():
    with pytest.raises(ContractError, match="unknown need, 'embedings'; did you mean 'embeddings'"):
        checked({"embedings"})


def test_a_missing_snapshot_is_named_where_the_first_cycle_asks_for_one():
    view = PoolView(size=4, pool=full_view().pool)
    assert checked({"log_probs", "snapshot:previous"}, view).snapshots == ()
    with pytest.raises(DataError, match=r"'snapshot:initial'.*got none; pass snapshots="):
        checked({"log_probs", "snapshot:previous", "snapshot:initial"}, view)


def test_a_snapshot_without_the_outputs_is_named():
    view = PoolView(size=4, pool=full_view().pool, snapshots=[Outputs(embeddings=torch.ones(4, 5))])
    with pytest.raises(DataError, match="needs 'snapshot 0: log_probs'"):
        checked({"log_probs", "snapshot:previous"}, view)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("field", ["log_probs", "embeddings", "extra:loss"])
def test_numbers_that_are_not_finite_name_field_and_item(field, value):
    fields = full_view().pool.fields()
    index = (2,) + (0,) * (fields[field].ndim - 1)
    view = PoolView(
        size=4, pool=Outputs.from_fields(fields | {field: with_entry(fields[field], index, value)})
    )
    with pytest.raises(DataError, match=f"{field} must be finite, got {value} for item 'c'"):
        checked({field}, view, ids=["a", "b", "c", "d"])


def test_numbers_that_are_not_finite_are_named_in_snapshots_and_labelled_items_too():
    arrays = {"log_probs": np.log(np.full((3, 2), 0.5)), "embeddings": np.ones((3, 2))}
    bad = np.array([[1.0, 1.0], [np.nan, 1.0]])
    with pytest.raises(DataError, match="labelled_embeddings must be finite, got nan for labelled row 1"):
        select("core_set", 1, **arrays, labelled_embeddings=bad)
    with pytest.raises(DataError, match="snapshot 0: log_probs must be finite, got inf for row 2"):
        select("cod", 1, **arrays, snapshots=[np.array([[-1.0, -1.0], [-1.0, -1.0], [np.inf, 0.0]])])


def test_fields_that_are_not_needed_are_not_looked_at():
    assert len(select("margin", 1, log_probs=np.log([[0.5, 0.5]]), embeddings=np.array([[np.nan]]))) == 1


def test_the_first_bad_item_is_found_in_any_block():
    rows = 220_000
    embeddings = torch.zeros(rows, 64, dtype=torch.float32)
    embeddings[rows - 2, 63] = float("nan")
    with pytest.raises(DataError, match=f"got nan for row {rows - 2}"):
        checked({"embeddings"}, PoolView(size=rows, pool=Outputs(embeddings=embeddings)))


def test_logits_and_probabilities_are_refused_as_log_probabilities():
    probs = np.array([[0.5, 0.5], [0.9, 0.1]])
    for wrong, total in (
        (probs, "3.29744"),
        (np.array([[0.0, 0.0]]), "2"),
        (np.log(probs) + 0.01, "1.01005"),
    ):
        with pytest.raises(DataError, match=f"got {total} for row 0; pass torch.log_softmax"):
            select("margin", 1, log_probs=wrong)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("classes", [2, 10, 100, 1000])
def test_rounding_of_the_storage_type_is_no_error(dtype, classes):
    generator = torch.Generator().manual_seed(0)
    scales = torch.tensor([0.0, 1.0, 10.0, 100.0])[:, None]
    rounded = torch.log_softmax(scales * torch.randn(4, classes, generator=generator), -1).to(dtype)
    assert len(select("entropy", 2, log_probs=rounded)) == 2


def test_half_precision_does_not_hide_unnormalised_rows():
    with pytest.raises(DataError, match="sum to 1"):
        select("entropy", 1, log_probs=(log_probs(3, 10) + 0.01).half())


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"log_probs": [[0.0]]}, "log_probs must be a NumPy array or a torch tensor, got list"),
        ({"log_probs": np.zeros(3)}, r"log_probs must have shape \(N, C\) or \(N, K, C\), got \(3,\)"),
        (
            {"log_probs": np.zeros((2, 1)), "embeddings": np.zeros((3, 1))},
            "must have the same number of rows",
        ),
        ({"log_probs": np.array([["a"]])}, "must have a dtype of torch, got"),
        ({"log_probs": np.zeros((2, 1)), "snapshots": np.zeros((2, 1))}, r"as in snapshots=\[before\]"),
        ({"log_probs": np.zeros((2, 1)), "snapshots": 3}, "snapshots must be a list, newest first, .*got 3"),
        ({"log_probs": np.zeros((2, 1)), "snapshot_names": "ema"}, "must be a list of names, .*got 'ema'"),
        ({"log_probs": np.zeros((2, 1)), "extra": [1]}, r"extra must be arrays by name, .*got \[1\]"),
        ({"log_probs": np.zeros((2, 1)), "extra": {3: np.array(1.0)}}, "extra:3 must have a row for every"),
        ({}, "one of log_probs, embeddings and values must be given"),
    ],
)
def test_arrays_that_cannot_be_used_are_refused_in_one_sentence(arrays, message):
    with pytest.raises(DataError, match=message):
        make_view(**arrays)


@pytest.mark.parametrize(
    ("strategy", "arrays", "message"),
    [
        ("margin", {"log_probs": np.zeros((3, 2), dtype=np.int64)}, "log_probs must be floating-point"),
        ("margin", {"log_probs": np.zeros((3, 0))}, "no empty axis"),
        (
            "core_set",
            {"embeddings": np.ones((3, 2)), "labelled_embeddings": np.ones((2, 3))},
            r"labelled_embeddings must be as wide as the candidates' \(2\)",
        ),
        (
            "cod",
            {"log_probs": np.log(np.full((3, 2), 0.5)), "snapshots": [np.zeros((3, 1))]},
            r"snapshot 0: log_probs must be as wide as the candidates' \(2\)",
        ),
        (
            "cod",
            {"log_probs": np.log(np.full((3, 2), 0.5)), "snapshots": [np.log(np.full((4, 2), 0.5))]},
            r"snapshot 0: log_probs must have shape \(N, K, C\) with N = 3",
        ),
        ("badge", {"log_probs": np.zeros((3, 1)), "embeddings": np.ones((3, 2, 1))}, r"shape \(N, D\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(strategy, arrays, message):
    with pytest.raises(DataError, match=message):
        select(strategy, 1, **arrays)


def test_labels_must_be_as_many_as_the_labelled_items():
    view = full_view()
    broken = PoolView(size=4, pool=view.pool, labelled=view.labelled, labels=torch.tensor([0, 1, 2]))
    with pytest.raises(DataError, match=r"one per labelled item, got \(3,\)"):
        checked({"labels", "labelled_embeddings"}, broken)


def test_ids_must_be_as_many_as_the_candidates():
    with pytest.raises(DataError, match="got 3 ids for 4 candidates"):
        checked({"embeddings"}, ids=["a", "b", "c"])


def test_odd_memory_layouts_and_read_only_arrays_are_read_without_copying_more_than_need_be():
    plain = np.log(np.array([[0.9, 0.1], [0.5, 0.5], [0.7, 0.3]]))
    frozen = plain.copy()
    frozen.flags.writeable = False
    for array in (
        frozen,
        plain[::-1][::-1],
        np.asfortranarray(plain),
        plain.astype(">f8"),
        plain.astype("f4"),
    ):
        assert select("margin", 1, log_probs=array).tolist() == [1]
    assert make_view(log_probs=frozen).pool.log_probs.data_ptr() == frozen.ctypes.data


def test_memory_mapped_arrays_are_read_in_place(tmp_path):
    np.save(tmp_path / "log_probs.npy", np.log(np.array([[0.9, 0.1], [0.5, 0.5]], dtype=np.float32)))
    mapped = np.load(tmp_path / "log_probs.npy", mmap_mode="r")
    assert select("margin", 2, log_probs=mapped).tolist() == [1, 0]


def test_tensors_with_gradients_are_taken_as_they_are():
    probs = log_probs(3, 2).requires_grad_()
    assert len(select("entropy", 2, log_probs=probs)) == 2


@pytest.mark.parametrize(
    ("need", "wrapper"), [("draws:dropout", "McDropout"), ("draws:ensemble", "Ensemble")]
)
def test_a_strategy_that_needs_draws_is_shown_at_least_two(need, wrapper):
    assert checked({"log_probs", need}).pool.log_probs.shape[1] == 2
    one = PoolView(size=4, pool=Outputs(log_probs=log_probs(4, 1, 3)))
    with pytest.raises(DataError, match=rf"needs '{need}'.*got K = 1; wrap the learner in {wrapper}"):
        checked({"log_probs", need}, one)


def test_snapshots_of_every_cycle_must_all_be_given():
    needs = {"log_probs", "snapshot:ema", "snapshot:10 steps", "snapshot:initial"}
    with pytest.raises(DataError, match="needs 3 snapshots, 'snapshot:ema', 'snapshot:10 steps', 'snaps"):
        checked(needs)
    assert len(checked({"log_probs", "snapshot:ema", "snapshot:10 steps"}).snapshots) == 2


def moments_view(*snapshot_names):
    snapshots = [Outputs(log_probs=log_probs(4, 1, 3, seed=seed)) for seed, _ in enumerate(snapshot_names)]
    return PoolView(size=4, pool=full_view().pool, snapshots=snapshots, snapshot_names=snapshot_names)


def test_of_a_view_that_says_what_its_snapshots_are_a_strategy_is_shown_its_own():
    view = moments_view("previous", "ema", "10 steps")
    for needs, expected in (
        ({"snapshot:previous", "snapshot:initial"}, ["previous"]),
        ({"snapshot:10 steps", "snapshot:ema"}, ["ema", "10 steps"]),
        ({"snapshot:10 steps"}, ["10 steps"]),
    ):
        seen = checked({"log_probs", *needs}, view)
        assert list(seen.snapshot_names) == expected
        for name, snapshot in zip(expected, seen.snapshots, strict=True):
            there = view.snapshots[view.snapshot_names.index(name)]
            assert torch.equal(snapshot.log_probs, there.log_probs)
    assert checked({"log_probs"}, view).snapshots == ()


def test_in_a_first_cycle_the_snapshot_that_stands_in_for_the_previous_cycle_is_shown():
    view = moments_view("ema", "initial")
    assert checked({"log_probs", "snapshot:previous", "snapshot:initial"}, view).snapshot_names == (
        "initial",
    )
    assert checked({"log_probs", "snapshot:previous"}, view).snapshots == ()


def test_a_snapshot_that_the_view_does_not_hold_is_named():
    with pytest.raises(DataError, match=r"needs 'snapshot:epoch' .*one epoch before.* snapshots 'ema' only"):
        checked({"log_probs", "snapshot:epoch"}, moments_view("ema"))


@pytest.mark.parametrize("snapshot_names", [("ema", "ema"), ("ema",)])
def test_names_that_do_not_match_the_snapshots_are_refused(snapshot_names):
    view = PoolView(
        size=4, pool=full_view().pool, snapshots=full_view().snapshots, snapshot_names=snapshot_names
    )
    with pytest.raises(DataError, match="snapshot_names must be one per snapshot and distinct"):
        checked({"log_probs", "snapshot:ema"}, view)
