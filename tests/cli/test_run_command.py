import csv
import html
import io
import json
import os
import re
import shutil
import signal
import sys
import time
from contextlib import suppress

import pytest

from commands import started
from nextlabel.cli.main import main
from nextlabel.results import COLUMNS, read_csv


def timeless(folder):
    with (folder / "results.csv").open() as file:
        return [
            {key: value for key, value in row.items() if not key.endswith("_seconds")}
            for row in csv.DictReader(file)
        ]


def test_a_run_leaves_results_report_and_cells(finished_run):
    folder = finished_run.folder
    assert {"experiment.toml", "results.csv", "report.html", "report.md", "cells"} <= {
        path.name for path in folder.iterdir()
    }
    rows = read_csv(folder / "results.csv")
    assert [(row.strategy, row.cycle, row.n_labelled) for row in rows] == [
        (strategy, cycle, 30 + 10 * cycle) for strategy in ("cod", "random") for cycle in (1, 2, 3)
    ]
    assert all(0 < row.accuracy <= 1 and row.loss > 0 and row.fit_seconds > 0 for row in rows)
    assert rows[2].n_chosen == 0
    assert rows[0].n_chosen == 10


def test_strategies_share_the_initial_set_and_the_first_fit(finished_run):
    rows = read_csv(finished_run.folder / "results.csv")
    first = [row for row in rows if row.cycle == 1]
    assert len({(row.accuracy, row.loss) for row in first}) == 1


def test_cod_sends_each_candidate_through_the_model_once_after_the_first_cycle(finished_run):
    rows = {(row.strategy, row.cycle): row for row in read_csv(finished_run.folder / "results.csv")}
    assert rows["cod", 2].rows_forwarded == 1437 - 50
    assert rows["random", 2].rows_forwarded == 0


def test_the_json_of_a_run_has_a_record_a_strategy(finished_run):
    output = finished_run.output
    assert output["ok"] is True
    assert [record["strategy"] for record in output["summary"]] == ["cod", "random"]
    assert output["report"].endswith("report.html")


@pytest.mark.usefixtures("no_workers")
def test_one_strategy_with_two_options_is_named_apart_everywhere(nextlabel, tmp_path):
    names = ["cod", "cod(gap='step')"]
    options = ["--seeds", "1", "--cycles", "2", "--set", "learner.epochs=1", "--out", tmp_path / "run"]
    output = json.loads(nextlabel("run", "--strategy", ",".join(names), *options, "--json").out)
    assert [record["strategy"] for record in output["summary"]] == names
    assert list(dict.fromkeys(row.strategy for row in read_csv(tmp_path / "run" / "results.csv"))) == names
    for report in ("report.html", "report.md"):
        text = html.unescape((tmp_path / "run" / report).read_text(encoding="utf-8"))
        assert all(name in text for name in names)


def test_running_again_does_nothing_again(finished_run, nextlabel):
    before = (finished_run.folder / "results.csv").read_bytes()
    again = nextlabel("run", *finished_run.options, "--out", finished_run.folder, "--json")
    assert again.code == 0
    assert again.json()["summary"] == finished_run.output["summary"]
    assert (finished_run.folder / "results.csv").read_bytes() == before


def test_characters_that_the_output_lacks_are_replaced(finished_run, monkeypatch):
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(
        sys, "argv", ["nextlabel", "run", *finished_run.options, "--out", str(finished_run.folder)]
    )
    with suppress(SystemExit):
        main()
    output.seek(0)
    assert "Report: " in output.read()


def test_another_configuration_in_the_same_folder_shows_the_difference(finished_run, nextlabel):
    again = nextlabel("run", *finished_run.options, "--out", finished_run.folder, "--cycles", "4")
    assert again.code == 1
    assert "created with another configuration (cycles: stored 3, given 4)" in again.err
    assert again.err.count("\n") == 1


def test_going_on_with_other_packages_is_noted(finished_run, nextlabel, tmp_path):
    folder = tmp_path / "moved"
    shutil.copytree(finished_run.folder, folder)
    record = folder / "experiment.toml"
    record.write_text(re.sub(r'torch = ".*"', 'torch = "1.0.0"', record.read_text()))
    again = nextlabel("run", *finished_run.options, "--out", folder)
    assert again.code == 0
    assert 'started elsewhere (torch: stored "1.0.0", given' in " ".join(again.err.split())


def test_a_folder_with_other_files_is_left_alone(tmp_path, nextlabel):
    (tmp_path / "thesis.tex").write_text("")
    result = nextlabel("run", "--out", tmp_path)
    assert (result.code, list(tmp_path.iterdir())) == (1, [tmp_path / "thesis.tex"])
    assert "must be empty" in result.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--strategy", "cdo"], "strategy not found: 'cdo'; did you mean 'cod'"),
        (["--dataset", "digit"], "data set not found: 'digit'; did you mean 'digits'"),
        (["--initial-size", "lots"], "the setting 'initial_size' must be"),
        (["--set", "learner.epoch=3"], "did you mean 'epochs'"),
        (
            ["--set", "strategy.cod.first_cycle=lastt"],
            "option 'first_cycle' of strategy 'cod' not found: 'lastt'",
        ),
        (["nowhere.toml"], "cannot read the configuration nowhere.toml"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_user_error_is_one_sentence_and_exit_code_1(arguments, sentence, as_json, tmp_path, nextlabel):
    result = nextlabel("run", "--out", tmp_path / "new", *arguments, *(["--json"] if as_json else []))
    assert result.code == 1
    told = result.json()["error"] if as_json else result.err
    assert sentence in told
    assert "Traceback" not in result.out + result.err
    assert not (tmp_path / "new").exists()


def test_wrong_usage_is_exit_code_2(nextlabel):
    assert nextlabel("run", "--seed", "3").code == 2


def test_a_read_only_place_is_refused_before_any_work(nextlabel):
    result = nextlabel("run", "--out", "/proc/nextlabel")
    assert result.code == 1
    assert "cannot write the run directory /proc/nextlabel" in result.err


@pytest.mark.usefixtures("quick_workers")
def test_a_failed_cell_is_reported_and_does_not_stop_the_others(tmp_path, nextlabel):
    options = [
        "--strategy",
        "random",
        "--seeds",
        "1",
        "--cycles",
        "2",
        "--initial-size",
        "40",
        "--batch-size",
        "10",
        "--jobs",
        "1",
        "--set",
        "learner.epochs=2",
    ]
    broken = ["--objective", "supervised,tod", "--set", "objective.tod.weight=1e38",
              "--out", tmp_path / "run"]  # fmt: skip
    result = nextlabel("run", *options, *broken)
    assert result.code == 1
    assert "1 cell failed, the first with: the training loss must be finite" in result.err
    assert "Run the same command again to retry" in result.err
    assert len(read_csv(tmp_path / "run" / "results.csv")) == 2
    (failed,) = (tmp_path / "run").glob("cells/*/failed.json")
    assert "random-tod" in failed.parent.name
    assert json.loads(failed.read_text())["details"].startswith("Traceback")


def killed(arguments, snapshot, how, folder):
    """Start a run, end it at a snapshot, and return its exit code and error output."""
    with started(["run", *arguments], folder) as process:
        deadline = time.monotonic() + 60
        while not snapshot() and process.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert snapshot()
        os.kill(process.pid, how)
        process.join()
        return process.exitcode, (folder / "error output").read_text()


@pytest.fixture
def snapshots(tmp_path):
    """Snapshots in a run, each a question that is answered with yes from then on."""
    cells = tmp_path / "run" / "cells"
    return [
        lambda: any(cells.glob("*/campaign.db")),
        lambda: any(cells.glob("*/cycles/0001/train-*")),
        lambda: any(cells.glob("*/cycles/0002/*/fit.json")),
        lambda: any(cells.glob("*/finished")),
    ]


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.timeout(300)  # five starts: a machine that does much else takes its time
def test_a_run_killed_four_times_ends_in_the_same_results(tmp_path, finished_run, snapshots, nextlabel):
    arguments = [*finished_run.options, "--out", tmp_path / "run", "--jobs", "1"]
    for snapshot in snapshots:
        assert killed(arguments, snapshot, signal.SIGKILL, tmp_path)[0] == -signal.SIGKILL
    assert not (tmp_path / "run" / "results.csv").exists()
    assert nextlabel("run", *arguments).code == 0
    assert timeless(tmp_path / "run") == timeless(finished_run.folder)
    assert set(timeless(tmp_path / "run")[0]) == {name for name in COLUMNS if not name.endswith("_seconds")}


def test_an_interrupt_says_that_nothing_is_lost_and_how_to_go_on(tmp_path, finished_run, snapshots):
    long = ["--set", "learner.epochs=5000"]  # so that it cannot end before it is interrupted
    arguments = [*finished_run.options, *long, "--out", tmp_path / "run", "--jobs", "1"]
    code, err = killed(arguments, snapshots[1], signal.SIGINT, tmp_path)
    assert code == 1
    assert "interrupted; nothing is lost: run the same command again" in err
    assert "Traceback" not in err
