import numpy as np
import pytest
import torch

from nextlabel.errors import DataError
from nextlabel.pool import Pool


class Squares(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return torch.tensor([float(index**2)]), "a target that must not be read"


def test_a_subset_keeps_the_ids_and_the_order_asked_for():
    pool = Pool(torch.arange(4.0)[:, None], ids=["a", "b", "c", "d"])
    assert pool.subset(["d", "b"]).tensor().ravel().tolist() == [3.0, 1.0]
    assert pool.subset(["d", "b"]).subset(["b"]).tensor().item() == 1.0


def test_an_item_that_is_a_tuple_gives_its_first_element():
    pool = Pool(Squares(), ids=["a", "b", "c", "d"])
    assert pool[3].item() == 9.0
    assert pool.subset(["c", "a"]).tensor().ravel().tolist() == [4.0, 0.0]
    assert pool.resident is None


def test_a_numpy_array_is_taken_as_a_tensor():
    pool = Pool(np.arange(6, dtype=np.uint8).reshape(3, 2), ids=list("abc"))
    assert pool.tensor().dtype == torch.uint8
    assert pool.slice(1, 3).ids == ("b", "c")
    assert pool.slice(1, 3).source_rows.tolist() == [1, 2]


def test_read_only_arrays_and_foreign_byte_orders_are_taken_and_texts_refused():
    array = np.arange(6, dtype=">f4").reshape(3, 2)
    array.flags.writeable = False
    assert Pool(array, ids=list("abc")).tensor().tolist() == [[0, 1], [2, 3], [4, 5]]
    locked = np.zeros((3, 2), dtype=np.float32)
    locked.flags.writeable = False
    assert Pool(locked, ids=list("abc")).resident.shape == (3, 2)
    with pytest.raises(DataError, match="the data of a pool must have a dtype"):
        Pool(np.array(["x", "y"]), ids=["a", "b"])


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        (["a", "b"], "2 ids for 3 items"),
        (["a", "b", "a"], "distinct, got 'a'"),
        (["a", "b", 7], r"got 7 \(int\); use str"),
    ],
)
def test_bad_ids_are_refused_with_a_sentence(ids, sentence):
    with pytest.raises(DataError, match=sentence):
        Pool(torch.zeros(3, 1), ids=ids)


def test_what_is_no_data_set_is_refused():
    for data in (42, {"a.png": 1}):
        with pytest.raises(DataError, match="must be a tensor, an array or a data set"):
            Pool(data, ids=["a.png"])


def test_a_single_number_is_no_pool():
    for number in (torch.tensor(3.0), np.array(3.0)):
        with pytest.raises(DataError, match="first axis must be the items"):
            Pool(number, ids=["a"])


@pytest.mark.parametrize("ids", [None, "abc", 3, {"a", "b", "c"}])  # a set has no order
def test_ids_that_are_no_sequence_are_refused(ids):
    with pytest.raises(DataError, match="ids must be a sequence"):
        Pool(torch.zeros(3, 1), ids=ids)


def test_an_id_that_is_not_in_the_pool_is_named():
    with pytest.raises(DataError, match="got 'z'"):
        Pool(torch.zeros(1, 1), ids=["a"]).subset(["z"])


def test_items_of_unlike_shapes_do_not_stack():
    with pytest.raises(DataError, match="must stack"):
        Pool([torch.zeros(1), torch.zeros(2)], ids=["a", "b"]).tensor()


def test_the_digest_follows_ids_and_order():
    first, second = Pool(torch.zeros(2), ids=["a", "b"]), Pool(torch.zeros(2), ids=["b", "a"])
    assert first.digest() == Pool(torch.ones(2), ids=["a", "b"]).digest() != second.digest()
