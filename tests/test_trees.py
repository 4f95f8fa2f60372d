"""Trees of settings: merged, flattened and compared."""

from nextlabel.trees import changes, differences


def test_differences_show_the_stored_and_the_given_value_by_its_path():
    stored = {"batch_size": 100, "model": {"depth": 2, "lr": 0.1}, "old": 1, "same": [1, 2], "none": None}
    given = {"batch_size": 50, "model": {"depth": 2.0, "lr": 0.1}, "new": "x", "same": (1, 2), "empty": {}}
    assert differences(stored, given) == [
        "batch_size: stored 100, given 50",
        "model.depth: stored 2, given 2.0",
        'new: not stored, given "x"',
        "old: stored 1, not given",
    ]
    assert changes(stored, given)[2:] == [("new", None, "x"), ("old", 1, None)]
    assert differences(stored, dict(reversed(stored.items()))) == []
