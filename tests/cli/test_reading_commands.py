import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nextlabel.campaign.campaign import Campaign
from nextlabel.config.experiment import ExperimentConfig
from nextlabel.ledger.ledger import Ledger
from ridge import RidgeLearner


@pytest.mark.parametrize(
    ("command", "name"), [("strategies", "cod"), ("objectives", "tod"), ("datasets", "animals")]
)
def test_the_catalogues_are_listed_with_needs_cost_and_source(nextlabel, command, name):
    cards = {card["name"]: card for card in nextlabel(command, "--json").json()[command]}
    assert name in cards
    assert all(card["use_when"] and card["cost"] for card in cards.values())
    words = nextlabel(command)
    assert words.code == 0
    assert all(card in words.out for card in cards)


def test_config_show_resolves_the_training_settings_and_schema_names_every_setting(nextlabel, tmp_path):
    shown = nextlabel("config", "show", "--set", "learner.epochs=7", "--json").json()["config"]
    assert shown["training"]["digits"]["epochs"] == 7
    written = nextlabel("config", "show")
    path = tmp_path / "mine.toml"
    path.write_text(written.out)
    assert nextlabel("config", "show", path).out == written.out
    schema = nextlabel("config", "schema", "--json").json()["schema"]
    assert set(schema["properties"]) == set(ExperimentConfig.model_fields)
    assert json.loads(nextlabel("config", "schema").out) == schema


def test_config_show_shows_the_constants_of_a_preset_without_the_data(nextlabel, tmp_path):
    root = f"dataset.cifar10.root={tmp_path}"
    shown = nextlabel("config", "show", "--set", "preset=code", "--set", "dataset=cifar10", "--set", root)
    assert shown.code == 0
    assert "candidate_size = 25000" in shown.out
    assert "[training" not in shown.out
    assert "nextlabel datasets download cifar10" in shown.err


def test_status_counts_the_cells_of_a_run(nextlabel, finished_run):
    assert nextlabel("status", finished_run.folder).out.strip().endswith("2 of 2 cells finished")
    status = nextlabel("status", finished_run.folder, "--json").json()
    assert (status["finished"], status["failed"], status["started"], status["waiting"]) == (2, 0, 0, 0)


def test_status_counts_no_other_file_as_a_cell(nextlabel, finished_run, tmp_path):
    shutil.copytree(finished_run.folder, tmp_path / "run")
    (tmp_path / "run" / "cells" / "items-read-0123abcd").touch()
    assert nextlabel("status", tmp_path / "run").out.strip().endswith("2 of 2 cells finished")
    assert len(nextlabel("status", tmp_path / "run", "--json").json()["cells"]) == 2


def test_status_of_a_campaign_that_waits_for_labels_exits_with_3(nextlabel, tmp_path, pool, truth):
    campaign = Campaign(tmp_path, pool, RidgeLearner(), "margin", batch_size=5, initial_size=4)
    asked = campaign.ask()
    result = nextlabel("status", tmp_path, "--json")
    assert result.code == 3
    assert result.json()["pending_ids"] == list(asked)
    campaign.tell({item: truth[item] for item in asked})
    result = nextlabel("status", tmp_path)
    assert result.code == 0
    assert "strategy     margin\n" in result.out


def test_status_of_a_campaign_that_was_never_begun_says_so(nextlabel, tmp_path):
    Ledger(tmp_path / "campaign.db").close()
    result = nextlabel("status", tmp_path)
    assert result.code == 1
    assert "has no events yet" in result.err


def test_a_report_that_cannot_be_written_is_one_sentence(nextlabel, finished_run, tmp_path):
    for name in ("experiment.toml", "results.csv", "cells"):
        (tmp_path / name).symlink_to(finished_run.folder / name)
    (tmp_path / "report.html").mkdir()  # stands for a disk that refuses: it binds root as well
    result = nextlabel("report", tmp_path)
    assert result.code == 1
    assert result.err.startswith(f"Error: cannot read or write {tmp_path / 'report.html'} (")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["reproduce", "--trials", "0"], "--trials"),
        (["run", "--nope"], "--nope"),
        (["status"], "run"),
        (["foo"], "foo"),
        (["report", "x", "--format", "xml"], "xml"),
    ],
)
def test_wrong_usage_exits_with_2_and_is_reported_as_json_on_request(nextlabel, arguments, said):
    result = nextlabel(*arguments, "--json")
    assert result.code == 2
    assert result.json()["ok"] is False
    assert said in result.json()["error"]
    words = nextlabel(*arguments)
    assert (words.code, words.out) == (2, "")
    assert said in words.err


def test_help_is_no_error_where_json_is_asked(nextlabel):
    result = nextlabel("run", "--json", "--help")
    assert result.code == 0
    assert '"ok"' not in result.out


def test_status_of_anything_else_is_refused(nextlabel, tmp_path):
    result = nextlabel("status", tmp_path)
    assert result.code == 1
    assert "must be a run directory or a campaign's folder" in result.err


@pytest.mark.parametrize("command", ["status", "report"])
def test_a_run_without_its_configuration_is_not_taken_for_a_reproduction(nextlabel, tmp_path, command):
    (tmp_path / "cells").mkdir()
    (tmp_path / "results.csv").touch()
    result = nextlabel(command, tmp_path)
    assert result.code == 1
    assert f"experiment.toml not found in {tmp_path}; restore it" in result.err


@pytest.mark.parametrize("command", ["status", "report"])
def test_a_folder_of_reproduced_figures_is_named_as_such_with_its_pages(nextlabel, tmp_path, command):
    (tmp_path / "cells").mkdir()
    result = nextlabel(command, tmp_path)
    assert result.code == 1
    assert f"the folder of reproduced figures and tables {tmp_path} with no page yet; run" in result.err
    page = tmp_path / "fig10-digits-fast" / "fig10.md"
    page.parent.mkdir()
    page.write_text("# Training losses")
    (page.parent / "numbers.csv").touch()
    result = nextlabel(command, tmp_path)
    assert result.code == 1
    assert f"figures and tables {tmp_path} with '{page}'" in result.err
    assert result.err.endswith("run its nextlabel reproduce command again to resume it\n")
    result = nextlabel(command, page.parent)
    assert result.code == 1
    assert f"the reproduced figure or table {page.parent} with the page {page}; run" in result.err


@pytest.mark.parametrize(
    ("form", "name"), [("html", "report.html"), ("md", "report.md"), ("csv", "results.csv")]
)
def test_a_report_is_written_in_every_form(nextlabel, finished_run, form, name):
    path = nextlabel("report", finished_run.folder, "--format", form, "--json").json()["report"]
    assert path.endswith(name)
    assert "cod" in (finished_run.folder / name).read_text()


@pytest.mark.parametrize("command", ["status", "report"])
def test_a_folder_that_does_not_exist_is_named(nextlabel, tmp_path, command):
    result = nextlabel(command, tmp_path / "none")
    assert result.code == 1
    assert f"folder not found: {tmp_path / 'none'}; give the one" in result.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_an_error_that_cannot_be_printed_as_json_is_printed_as_text():
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "nextlabel", "config", "show", "--json"]
        result = subprocess.run(command, check=False, stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith("Error: cannot read or write")
    assert "Traceback" not in result.stderr


def test_the_version_is_printed(nextlabel):
    assert nextlabel("--version").out.strip()[0].isdigit()


def test_python_runs_the_package_as_the_command(nextlabel):
    command = [sys.executable, "-m", "nextlabel", "strategies"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == nextlabel("strategies").out


def test_the_doctor_tells_versions_and_extras_without_a_check(nextlabel):
    facts = nextlabel("doctor", "--no-check", "--json").json()
    assert facts["environment"]["python"] == platform.python_version()
    assert set(facts["extras"]) == {"vision", "parquet"}
    assert facts["checks"] == {}
    assert "device" in nextlabel("doctor", "--no-check").out


@pytest.mark.usefixtures("quick_workers")
def test_the_doctors_self_check_passes_here(nextlabel):
    result = nextlabel("doctor", "--json")
    assert result.code == 0
    assert list(result.json()["checks"].values()) == [True, True, True]


LIGHT = """
import sys
sys.argv = ["nextlabel", *{arguments}]
from nextlabel.cli.main import main
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
heavy = [name for name in ("torch", "sklearn", "matplotlib") if name in sys.modules]
assert not heavy, heavy
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["strategies"], ["objectives", "--json"], ["datasets"], ["config", "schema"]]
)
def test_commands_that_only_tell_load_nothing_heavy(arguments):
    subprocess.run([sys.executable, "-c", LIGHT.format(arguments=arguments)], check=True, capture_output=True)


WITHOUT_TORCH = """
import importlib, pkgutil, sys
for name in {names}:
    module = importlib.import_module(name)
    for inner in pkgutil.walk_packages(getattr(module, "__path__", []), name + "."):
        importlib.import_module(inner.name)
        assert "torch" not in sys.modules, inner.name
    assert "torch" not in sys.modules, name
assert "nextlabel.ledger.database" in sys.modules and "nextlabel.report.build" in sys.modules
"""


def test_modules_that_read_and_label_import_no_torch():
    parts = [
        "ledger", "report", "config", "parts", "presets", "results", "files", "errors", "progress",
        "cli.main", "tasks.catalogue", "tasks.classification", "tasks.regression", "tasks.segmentation",
    ]  # fmt: skip
    code = WITHOUT_TORCH.format(names=[f"nextlabel.{part}" for part in parts])
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_importing_the_package_does_not_import_torch():
    code = "import sys, nextlabel; dir(nextlabel); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_is_there_and_there_are_at_most_fourteen():
    import nextlabel

    assert len(nextlabel.__all__) <= 14
    assert all(getattr(nextlabel, name).__name__ == name for name in nextlabel.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Sampler'"):
        _ = nextlabel.Sampler
