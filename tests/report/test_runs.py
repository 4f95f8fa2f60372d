import json

import pytest

from nextlabel.errors import DataError
from nextlabel.report.runs import read_run


def cell_of(run):
    return run / "cells" / "digits-cod-supervised-0"


@pytest.fixture
def run(rows_of, make_run):
    return make_run(rows_of(strategies=["cod"], seeds=1, cycles=2))


def test_a_run_is_read_with_its_settings_rows_and_cells(run):
    found = read_run(run)
    assert found.settings == {"dataset": ["digits"], "seeds": 3, "learner": {"warm_start": True}}
    assert found.environment == {"nextlabel": "0.1.0", "torch": "2.4.0"}
    assert [row.n_labelled for row in found.rows] == [140, 210]
    (cell,) = found.cells
    assert (cell.dataset, cell.strategy, cell.objective, cell.seed) == ("digits", "cod", "supervised", 0)
    assert cell.error is None
    assert list(cell.sheets) == [1]
    assert len(cell.queries[0].ids) == sum(cell.queries[0].classes) == 70


def test_nested_tables_of_the_environment_become_dotted_keys(run):
    with (run / "experiment.toml").open("a") as file:
        file.write("[environment.gpu]\nname = 'none'\n")
    assert read_run(run).environment["gpu.name"] == "none"


def test_a_cell_without_queries_has_none(run):
    (cell_of(run) / "queries.json").unlink()
    assert read_run(run).cells[0].queries == ()


def test_a_failed_cell_says_why(run):
    (cell_of(run) / "failed.json").write_text('{"error": "no memory left"}')
    assert read_run(run).cells[0].error == "no memory left"


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"run directory not found: .*nowhere"):
        read_run(tmp_path / "nowhere")


def test_a_run_without_results_asks_to_run_the_experiment(run):
    (run / "results.csv").unlink()
    with pytest.raises(DataError, match="run the experiment first"):
        read_run(run)


def test_a_run_without_its_configuration_is_refused(run):
    (run / "experiment.toml").unlink()
    with pytest.raises(DataError, match=r"experiment\.toml not found in .*; give the folder"):
        read_run(run)


def test_a_cell_that_does_not_say_what_it_is_is_refused(run):
    (cell_of(run) / "cell.toml").write_text('dataset = "digits"\n')
    with pytest.raises(DataError, match="the key 'strategy'"):
        read_run(run)


def test_a_file_that_is_not_json_is_named(run):
    (cell_of(run) / "queries.json").write_text("[{")
    with pytest.raises(
        DataError, match=r"queries\.json.* cannot be read .*; delete .*finished and run the same"
    ):
        read_run(run)


def test_a_damaged_description_of_a_cell_comes_with_the_way_out(run):
    (cell_of(run) / "cell.toml").write_text("dataset = ")
    with pytest.raises(DataError, match=r"cell\.toml must be TOML.*; delete .*finished and run the same"):
        read_run(run)


def test_a_cell_with_a_seed_that_is_no_number_comes_with_the_way_out(run):
    path = cell_of(run) / "cell.toml"
    path.write_text('dataset = "digits"\nstrategy = "cod"\nobjective = "supervised"\nseed = "x"\n')
    with pytest.raises(DataError, match=r"'seed' .* must be an integer, got 'x'; delete .*finished"):
        read_run(run)


def test_images_in_a_folder_that_is_no_cycle_are_ignored(run):
    before, copy = read_run(run), cell_of(run) / "cycles" / "copy" / "queried.png"
    copy.parent.mkdir(parents=True)
    copy.touch()
    assert read_run(run) == before


def test_json_of_another_kind_is_refused(run):
    (cell_of(run) / "queries.json").write_text("{}")
    with pytest.raises(DataError, match=r"JSON list, got dict"):
        read_run(run)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": [1, 2]}, "must count 10 classes, got 2 counts"),
        ({"pool_classes": [-1] * 10}, "'pool_classes' of cycle 1 .* must not be negative"),
        ({"ids": ["a"]}, "must sum to its 1 ids, got 70"),
        ({"cycle": "first"}, "cycle, ids, classes and pool_classes"),
    ],
)
def test_a_query_that_contradicts_itself_is_refused(run, change, message):
    path = cell_of(run) / "queries.json"
    path.write_text(json.dumps([json.loads(path.read_text())[0] | change]))
    with pytest.raises(DataError, match=message):
        read_run(run)
