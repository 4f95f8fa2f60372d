"""Promises of ``nextlabel reproduce``."""

import csv
import inspect
from pathlib import Path

import pytest

from nextlabel.config.experiment import read_toml
from nextlabel.papers.cli import reproduce as command
from nextlabel.papers.exhibits.catalogue import REPRODUCED
from nextlabel.papers.exhibits.settings import arm_settings, base_settings
from nextlabel.papers.released_arguments import meaning_of

TINY = ("--cycles", "2", "--set", "learner.epochs=2", "--jobs", "1", "--json")


def test_a_run_directory_is_no_place_for_reproduced_figures(nextlabel, tmp_path):
    (tmp_path / "experiment.toml").touch()
    result = nextlabel("reproduce", "fig2", "--out", tmp_path)
    assert result.code == 1
    assert f"got the run directory {tmp_path}; choose another --out" in " ".join(result.err.split())
    assert [path.name for path in tmp_path.iterdir()] == ["experiment.toml"]


@pytest.mark.parametrize(
    ("setting", "instead"),
    [
        ("dataset=animals", "use --config"),
        ("preset=code", "use --preset"),
        ("strategy=random", "use --sampling"),
        ("objective=tod", "use --auxiliary"),
        ("full_training=['once']", "use nextlabel run"),
        ("seeds=2", "use --trials"),
        ("cycles = 2", "use --cycles"),
    ],
)
@pytest.mark.parametrize("exhibit", [["fig3"], []])
def test_a_setting_that_an_argument_decides_is_refused(nextlabel, tmp_path, setting, instead, exhibit):
    result = nextlabel(
        "reproduce", *exhibit, "--config", "digits", "--set", setting, "--out", tmp_path / "new"
    )
    assert result.code == 1
    assert f"in a reproduction; {instead}" in " ".join(result.err.split())
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("no_workers")
def test_an_exhibit_is_made_from_runs_of_ones_own_next_to_published_numbers(nextlabel, tmp_path):
    typed = ("reproduce", "fig7", "--config", "digits", "--trials", "2", *TINY, "--out", tmp_path)
    answer = nextlabel(*typed, "--series", "ours-task,Random")
    assert answer.code == 0
    folder = Path(answer.json()["page"]).parent
    assert folder.parent == tmp_path
    assert folder.name.startswith("fig7-digits-fast-")  # a code of what is not as in the preset
    assert "cycles is 2, not 7" in answer.json()["changed"]
    assert {path.name for path in folder.iterdir()} == {
        "fig7.md",
        "fig7.svg",
        "fig7-dark.svg",
        "fig7.png",
        "numbers.csv",
        "rows.csv",
    }
    rows = list(csv.DictReader((folder / "numbers.csv").read_text(encoding="utf-8").splitlines()))
    measured = [row for row in rows if row["measured"]]
    assert [(row["dataset"], row["series"], row["seeds"]) for row in measured] == [
        ("digits", series, "2") for series in ("Ours-Task", "Ours-Task", "Random", "Random")
    ]
    assert not any(row["published"] for row in measured)  # the papers do not have digits
    published = [row for row in rows if row["published"]]
    assert {row["published_source"] for row in published} == {"ICCV 2021, Fig. 7"}
    by_seed = list(csv.DictReader((folder / "rows.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["series"], row["seed"], row["cycle"]) for row in by_seed] == [
        (series, seed, cycle) for series in ("Ours-Task", "Random") for seed in "01" for cycle in "12"
    ]
    first = [
        100 * float(row["accuracy"]) for row in by_seed if (row["series"], row["cycle"]) == ("Random", "2")
    ]
    assert float(measured[-1]["measured"]) == pytest.approx(sum(first) / 2)
    page = (folder / "fig7.md").read_text(encoding="utf-8")
    for words in (
        *("CIFAR-10, published", "preset `fast`, 2 cycles", "seeds 0, 1", "Device: "),
        *("Changed from the preset: cycles is 2, not 7", "are not comparable"),
    ):
        assert words in page
    cells = sorted(path.name for path in (tmp_path / "cells").iterdir())
    again = nextlabel("reproduce", "fig9", *typed[2:], "--series", "CyclicOD,Random")
    assert again.code == 0  # the same campaigns, already finished
    assert sorted(path.name for path in (tmp_path / "cells").iterdir()) == cells
    assert Path(again.json()["page"]).exists()
    fewer = nextlabel("reproduce", "fig7", *typed[2:], "--series", "Random")
    assert Path(fewer.json()["page"]).parent != folder  # or it would replace the exhibit of two lines
    assert (folder / "fig7.md").read_text(encoding="utf-8") == page
    assert not (tmp_path / "results.csv").exists()  # its rows would not tell the exhibits apart


@pytest.mark.usefixtures("no_workers")
def test_the_arguments_of_the_release_run_one_experiment_and_compare_it(nextlabel, tmp_path):
    words = ("--config", "digits", "--sampling", "random", "--auxiliary", "NONE", "--preset", "fast")
    answer = nextlabel("reproduce", *words, "--trials", "1", *TINY, "--out", tmp_path / "run")
    assert answer.code == 0
    content = answer.json()
    assert (content["strategy"], content["objective"], content["metric"]) == (
        "random",
        "supervised",
        "accuracy",
    )
    assert content["script"] == "main_TOD.py"
    assert content["note"] == meaning_of("RANDOM", "NONE").note("digits", "fast")
    assert [(round(one["labelled_percent"]), one["published"]) for one in content["curve"]] == [
        (10, None),
        (15, None),
    ]
    assert (tmp_path / "run" / "report.html").exists()
    assert read_toml(tmp_path / "run" / "experiment.toml")["preset"] == "fast"
    assert "The preset fast and the others" in (tmp_path / "run" / "report.md").read_text()


@pytest.mark.parametrize(
    ("dataset", "preset", "words", "parts", "labels"),
    [
        ("cifar10", "code", ("TOD", "TOD"), ("cod", "tod"), (5000, 2500, 25000)),
        ("cifar100", "code", ("RANDOM", "NONE"), ("random", "supervised"), (5000, 2500, 25000)),
        ("svhn", "code", ("LL4AL", "LL4AL"), ("learning_loss", "learning_loss"), (7324, 3662, 29302)),
        ("Caltech101", "code", ("RANDOM", "TOD"), ("random", "tod"), (868, 434, 4340)),
        ("cifar10", "paper", ("TOD", "NONE"), ("cod", "supervised"), (0.1, 0.05, None)),
    ],
)
def test_the_commands_of_the_release_mean_its_settings(dataset, preset, words, parts, labels):
    base = base_settings(dataset, preset)
    assert arm_settings(base, meaning_of(*words)) == parts
    assert (base.initial_size, base.batch_size, base.candidate_size) == labels
    assert (base.seeds, base.cycles) == (3, 7)


def test_without_arguments_the_defaults_of_the_release_are_run(nextlabel, monkeypatch):
    asked = []
    monkeypatch.setattr(command, "_experiment", lambda *given, **_: asked.append(given[:3]))
    assert nextlabel("reproduce").code == 0
    assert nextlabel("reproduce", "--config", "svhn", "--sampling", "LL4AL").code == 0
    assert asked == [
        ("cifar10", "code", meaning_of("TOD", "TOD")),
        ("svhn", "code", meaning_of("LL4AL", "LL4AL")),
    ]


def test_the_help_explains_the_swapped_names_and_lists_every_exhibit():
    assert "--sampling TOD queries by COD" in inspect.cleandoc(command.reproduce.__doc__)
    assert len(REPRODUCED) == 20


def test_the_list_has_every_exhibit_with_its_numbers_in_both_papers_and_what_it_needs(nextlabel):
    rows = {row["command"]: row for row in nextlabel("reproduce", "--list", "--json").json()["exhibits"]}
    assert list(rows) == list(REPRODUCED)
    fig7, study = rows["fig7"], rows["model_selection"]
    assert (fig7["iccv"], fig7["tnnls"], fig7["needs"]) == (
        "iccv-fig7",
        "tnnls-fig8",
        "10 arms, full training",
    )
    assert study["tnnls"] == "tnnls-table3, tnnls-table4, tnnls-table5"
    answer = nextlabel("reproduce", "--list").out
    assert "noise: Accuracy by labels" in answer
    assert "tnnls-fig9 (6 arms, full training)" in answer


@pytest.mark.parametrize("name", ["fig2", "iccv-fig2"])
def test_a_number_with_its_paper_makes_the_same_exhibit(name, nextlabel, tmp_path):
    answer = nextlabel("reproduce", name, "--out", tmp_path, "--json")
    assert answer.json()["exhibit"] == "fig2"
    assert (tmp_path / "fig2-digits-fast" / "fig2.md").exists()


@pytest.mark.parametrize("name", ["fig2", "fig4"])
def test_a_drawing_of_the_method_needs_no_run(name, nextlabel, tmp_path):
    answer = nextlabel("reproduce", name, "--out", tmp_path, "--json")
    assert answer.code == 0
    assert (tmp_path / f"{name}-digits-fast" / f"{name}.svg").exists()
    assert not (tmp_path / "cells").exists()


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (("figg7",), "exhibit not found: 'figg7'; did you mean 'fig7'"),
        (("fig99",), "did you mean 'fig11'"),
        (("--config", "digits", "--sampling", "CODD"), "sampling not found: 'CODD'; did you mean 'TOD'"),
        (("--config", "digits", "--auxiliary", "LLAL"), "did you mean 'LL4AL'"),
        (("fig7", "--sampling", "TOD"), "takes no --sampling"),
        (("figg7", "--sampling", "TOD"), "exhibit not found: 'figg7'; did you mean 'fig7'"),
        (("--series", "Random"), "--series needs a figure or table"),
        (("fig9", "--series", ", "), "--series must be comma-separated names of lines"),
        (("fig9", "--series", "Randm"), "did you mean 'Random'"),
        (("--config", "digit"), "data set not found: 'digit'; did you mean 'digits'"),
        (("--config", "mask_folder"), "not found: 'mask_folder'; without a preset, nextlabel run takes"),
        (
            ("table3", "--cycles", "2"),
            "cycles must be at least 3 to time queries from the second cycle on, got 2",
        ),
        (("fig8", "--config", "digits"), "choose --config nuclei or cityscapes"),
        (("fig7", "--config", "nuclei"), "reproduce fig8 or table2 with it"),
        (("fig2", "--series", "COD"), "this figure or table has no lines to choose from"),
        (("--config", "digits", "--set", "learner.epoch=3"), "did you mean 'epochs'"),
    ],
)
def test_a_user_error_is_one_sentence_before_any_work(typed, sentence, nextlabel, tmp_path):
    answer = nextlabel("reproduce", *typed, "--out", tmp_path / "new")
    assert answer.code == 1
    assert sentence in answer.err
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("typed", [(), ("fig7", "--config", "cifar10")])
def test_missing_data_is_one_sentence_with_the_command_that_gets_them(typed, nextlabel, tmp_path):
    (tmp_path / "data").mkdir()
    answer = nextlabel("reproduce", *typed, "--root", tmp_path / "data", "--out", tmp_path / "new")
    assert answer.code == 1
    assert "nextlabel datasets download cifar10" in answer.err
    assert not (tmp_path / "new").exists()
