import json
import shutil
from collections import namedtuple

import numpy as np
import pytest
import torch

from nextlabel.campaign.scan import is_scanned, open_scan, scan
from nextlabel.errors import ContractError, DataError
from nextlabel.pool import Pool
from nextlabel.types import Outputs

NEEDS = frozenset({"log_probs", "extra:length"})


class Echo:
    """Says of an item what can be read off it; counts its rows; may stop at a row."""

    def __init__(self, stop_at=None):
        self.rows, self.stop_at = 0, stop_at

    def predict(self, x, *, needs, seed):
        if self.stop_at is not None and self.rows >= self.stop_at:
            raise KeyboardInterrupt
        self.rows += len(x)
        logits = x.tensor().float()
        return Outputs(
            log_probs=torch.log_softmax(logits, 1)[:, None].double(),
            extra={"length": logits.norm(dim=1)},
        )


@pytest.fixture
def items():
    rng = torch.Generator().manual_seed(0)
    return Pool(torch.randn(25, 4, generator=rng), ids=[f"i{row}" for row in range(25)])


def kept(items, folder, learner=None, **options):
    return scan(learner or Echo(), items, needs=NEEDS, seed=0, folder=folder, **options)


@pytest.mark.parametrize("chunk", [1, 7, 25, 100])
def test_a_scan_in_chunks_equals_one_pass(tmp_path, items, chunk):
    whole = Echo().predict(items, needs=NEEDS, seed=0)
    outputs = kept(items, tmp_path / "scan", chunk=chunk).outputs
    torch.testing.assert_close(outputs.log_probs, whole.log_probs.float(), rtol=0, atol=0)
    torch.testing.assert_close(outputs.extra["length"], whole.extra["length"], rtol=0, atol=0)


def test_a_finished_scan_is_opened_without_a_pass(tmp_path, items):
    kept(items, tmp_path / "scan")
    learner = Echo()
    again = kept(items, tmp_path / "scan", learner)
    assert learner.rows == 0
    assert again.ids == items.ids
    assert open_scan(tmp_path / "scan").outputs.log_probs.shape == (25, 1, 4)


def test_a_killed_scan_goes_on_behind_the_last_chunk_it_wrote(tmp_path, items, monkeypatch):
    monkeypatch.setattr("nextlabel.campaign.scan.FLUSH_SECONDS", -1.0)
    with pytest.raises(KeyboardInterrupt):
        kept(items, tmp_path / "scan", Echo(stop_at=10), chunk=5)
    learner = Echo()
    whole = Echo().predict(items, needs=NEEDS, seed=0)
    torch.testing.assert_close(
        kept(items, tmp_path / "scan", learner, chunk=5).outputs.log_probs, whole.log_probs.float()
    )
    assert learner.rows == 15


def test_a_scan_of_other_items_or_fields_is_made_again(tmp_path, items):
    kept(items, tmp_path / "scan")
    learner = Echo()
    kept(items.slice(0, 20), tmp_path / "scan", learner)
    assert learner.rows == 20
    outputs = scan(learner, items, needs=frozenset({"log_probs"}), seed=0, folder=tmp_path / "scan").outputs
    assert learner.rows == 45
    assert not outputs.extra


def test_rows_are_found_by_id_and_missing_ids_are_named(tmp_path, items):
    rows, missing = kept(items.slice(5, 10), tmp_path / "scan").rows_of(["i7", "i2", "i5"])
    assert rows.tolist() == [2, 0]
    assert missing == ["i2"]


def test_progress_is_reported_after_every_chunk(tmp_path, items):
    told = []
    kept(items, tmp_path / "scan", chunk=10, progress=lambda _, done, total: told.append((done, total)))
    assert told == [(10, 25), (20, 25), (25, 25)]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "learner Wrong must return Outputs from predict, got NoneType"),
        ({"log_probs": [0.0]}, "must return Outputs from predict, got dict"),
        (Outputs(extra={"length": np.zeros(25)}), "must return extra:length as a tensor, got ndarray"),
    ],
)
def test_what_is_no_outputs_names_the_learner(tmp_path, items, returned, message):
    class Wrong(Echo):
        def predict(self, x, *, needs, seed):
            return returned

    with pytest.raises(ContractError, match=message):
        kept(items, tmp_path / "scan", Wrong())


def test_outputs_that_are_not_finite_name_learner_field_and_item(tmp_path, items):
    class Broken(Echo):
        def predict(self, x, *, needs, seed):
            outputs = super().predict(x, needs=needs, seed=seed)
            outputs.extra["length"][x.ids.index("i17")] = float("-inf") if "i17" in x.ids else 0.0
            return outputs

    whole = Pool(items.tensor(), items.ids)
    with pytest.raises(
        ContractError, match="Broken must return finite extra:length, got -inf for item 'i17'"
    ):
        kept(whole, tmp_path / "scan", Broken())


def test_a_disk_without_room_is_noticed_before_it_kills_the_process(tmp_path, items, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 0))
    with pytest.raises(
        DataError, match=r"cannot write the scan .* nothing is lost: free disk space and run again"
    ):
        kept(items, tmp_path / "scan")


def test_a_folder_without_a_finished_scan_cannot_be_opened(tmp_path, items):
    with pytest.raises(DataError, match="finished scan not found"):
        open_scan(tmp_path)
    kept(items, tmp_path / "scan")
    state = json.loads((tmp_path / "scan" / "scan.json").read_text())
    (tmp_path / "scan" / "scan.json").write_text(json.dumps({**state, "done": 3}))
    with pytest.raises(DataError, match="finished scan not found"):
        open_scan(tmp_path / "scan")


def test_a_finished_scan_of_more_fields_is_opened_and_one_of_fewer_made_again(tmp_path, items):
    folder = tmp_path / "scan"
    kept(items, folder)
    learner = Echo()
    for needs, rows in ((frozenset({"log_probs"}), 0), (NEEDS | {"embeddings"}, 25)):
        assert is_scanned(folder, items, needs) == (rows == 0)
        if rows:
            with pytest.raises(ContractError, match="must return embeddings"):
                scan(learner, items, needs=needs, seed=0, folder=folder)
        else:
            scan(learner, items, needs=needs, seed=0, folder=folder)
        assert learner.rows == rows
    assert not is_scanned(folder, items, NEEDS)


def test_a_scan_of_other_items_is_none_of_these(tmp_path, items):
    kept(items, tmp_path / "scan")
    assert is_scanned(tmp_path / "scan", items, NEEDS)
    assert not is_scanned(tmp_path / "scan", items.slice(0, 24), NEEDS)
    assert not is_scanned(tmp_path / "none", items, NEEDS)
