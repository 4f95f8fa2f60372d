"""The word check finds what the language avoids, and leaves alone what only looks like it."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_words.py"
PATH = "src/nextlabel/x.py"


@pytest.fixture(scope="module")
def checker():
    specification = importlib.util.spec_from_file_location("check_words", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    yield module
    del sys.modules[module.__name__]


REFUSED = {
    "picture": ["a picture", "Pictures of", "class StreamedPictures:", "picture_shape = 1", "NO_PICTURES"],
    "a row an item": [
        "one row an item",
        "Labels a cycle",
        "5 % more a cycle",
        "one number a candidate",
        "one a core",
        "one label an item",
        "5 % of it a cycle",
        "rows a\ncycle",
        "a folder a class",
        "std a channel",
        "One a cycle",
        "ROWS_A_TRIP",
    ],
    "share": [
        "a share like 0.05",
        "the share of",
        "Share in [0, 1]",
        "shares: float",
        "share = 0.5",
        "Share(0.5)",
        "test_share",
        "top_share_by",
        "a class's share",
        "its share in",
        "a share\n    # of it",
        "f(share)",
        "100 * share",
    ],
    "chance": ["by chance", "all chance", "top_chance", "chances"],
    "a training": [
        "of a training",
        "trainings",
        "Trainings.",
        "this training alone",
        "A training that",
        "one training\n    at",
        'f"a "\n        f"training is"',
        "after the last training",
    ],
    "told": ["is told", "told_by", "_told(", "state.told_by", "Told"],
    "came": ["what came", "came_from"],
    "beside": ["beside it", "_keys_beside", "BESIDE"],
    "anew": ["trains anew"],
    "mend": ["to mend it", "mended"],
    "shelf": ["the shelf", "shelves"],
    "word": ["a word", "words: tuple", "_word(hint)", "the words of the code"],
    "moment": [
        "the moment",
        "moments=",
        "Moment.parse",
        "kept_moments",
        "MomentKeeper",
        "at this moment are",
    ],
    "start": [
        '"start"',
        "start_size=20",
        "config.start",
        "nextlabel run --start 0.1",
        "start = 0.1",
        "start set",
    ],
    "start='warm'": ['start="warm"', 'start = "cold"', "learner.start"],
    "companion": ["its companion", "companions", "in company", "companion_options"],
    "dense": ["dense data", "DenseLearner", "dense_cod", "import dense", "DENSE_EXTRA", "_check_not_dense"],
    "audit": ["audit=", "AuditRow", "audited", "audits"],
    "outstanding": ["state.outstanding", "outstanding_ids", "open queries"],
    "alone": [
        "with alone(path):",
        "import alone",
        "another process is working on X",
        "another process works on",
    ],
    "cells begun": ["2 cells begun", '"begun"'],
    "exhibit": ["an exhibit", "Exhibits", "refuse_exhibits"],
    "least_steps": ["least_steps=1"],
    "cold_epochs": ["cold_epochs = 3"],
    "resolutions": ["resolutions=[0.5]"],
    "scan_batch_size": ["scan_batch_size"],
    "subset": ["subset_size=1", "config.subset", '"subset"', "subset = 0.5", "run --subset 3"],
    "advance": ["advance=f", "advance: Advance", "self._advance,", "advance("],
    "shortfall": ["choice.shortfall"],
    "view_of_arrays": ["view_of_arrays(x)"],
    "checked_view": ["checked_view(x)"],
    "Viewer": ["Viewer(x)", "viewer.view"],
    "explained": ["with explained(name):", "import alone_, explained", '"explained"'],
    "end_with_parent": ["end_with_parent()"],
    "amount": ["amount(20, 1437)", "import amount, make_grid"],
    "PixelMeasures": ["PixelMeasures"],
    "AdversarialGame": ["AdversarialGame", "GameRules", "_Match(", "game.play(x)"],
    "when": ["card.when", 'when="for images"', '{"When to use": "when"}'],
    "ended by signal": ["was ended by signal 9", 'f"by signal {-code}"'],
    "never begun": ["was never begun"],
    "taking all": ["are left: taking all"],
    "Cells at once": ["Cells at once; by default"],
    "may be repeated": ["A setting, key=value; may be repeated."],
    "Say how far": ["Say how far a run is"],
    "comes to": ["Show what a configuration comes to"],
}

ALLOWED = {
    "picture": ["<picture>", "</picture>", "image"],
    "a row an item": [
        "labels per cycle",
        "in a cycle",
        "label an item of another class",
        "how labelled an image looks",
        "flags a file gives",
        "load an item",
        "follows a step",
        "without a class",
        "of a data set",
        "that a cycle",
    ],
    "share": [
        "which shares its memory",
        "tensors that share memory",
        "strategies share the start",
        "shared",
        "share no weights",
        "Share the seed",
        "what the losses share: earlier",
        "_shared_state",
    ],
    "chance": ["random", "mischance", "at random"],
    "a training": [
        "a training run",
        "a training step",
        "training",
        "a training\n    loss",
        "a training set",
        "one training batch",
        "a training objective",
        "the training data",
        "straining",
    ],
    "told": ["foretold"],
    "came": ["a camera", "became"],
    "beside": ["besides", "next to"],
    "anew": ["a new", "any"],
    "mend": ["recommend", "amendment", "tremendous"],
    "shelf": ["itself", "shelfmark"],
    "word": ["keyword", "password", "in words", "in its own words", "in other words", "wording"],
    "moment": ["killed at any moment", "at\n# any\n# moment", "random moments", "momentum", "Momentum"],
    "start": [
        "start=first",
        "from start to stop",
        "x[start:stop]",
        "the start",
        "restart",
        "start = side - 1",
    ],
    "start='warm'": ["warm_start=True", "process.start()", "slice.start_"],
    "companion": ["accompany", "wrapper"],
    "dense": [
        "condense",
        "a dense layer",
        "density",
        "Densely Connected Convolutional Networks",
        "Dense Object Detection",
    ],
    "audit": ["auditorium", "auditory"],
    "outstanding": ["pending", "Image.open(path)", "leave f open"],
    "alone": ["the seed alone", "alone.", "leave alone (as it is)"],
    "cells begun": ["has begun", "begun with"],
    "exhibit": ["figure", "exhibition"],
    "least_steps": ["at least steps", "min_steps_per_epoch"],
    "cold_epochs": ["epochs_from_scratch"],
    "resolutions": ["resolution", "progressive_resize"],
    "scan_batch_size": ["predict_batch_size"],
    "subset": ["pool.subset(ids)", "a subset of", 'derive(seed, "subset", self.cycle)', "SUBSET is half"],
    "advance": ["in advance", "advanced", "as work advances", "Knows what advances."],
    "Viewer": ["viewers", "ViewBuilder", "review"],
    "explained": ["is explained in", "explained by"],
    "amount": ["the amount of", "amounts", "amount > 0"],
    "PixelMeasures": ["SegmentationMetrics"],
    "AdversarialGame": ["matches", "a _Matched", "display(x)"],
    "when": ["when it is", "use_when=1", "use_when: str"],
    "never begun": ["has no events yet"],
    "comes to": ["it comes to an end"],
}


def found(checker, word, text, path=PATH):
    return [hit for hit in checker.hits(path, text) if hit.rule.word == word]


@pytest.mark.parametrize(("word", "text"), [(word, text) for word, all_ in REFUSED.items() for text in all_])
def test_an_avoided_word_is_found(checker, word, text):
    assert found(checker, word, text)


@pytest.mark.parametrize(("word", "text"), [(word, text) for word, all_ in ALLOWED.items() for text in all_])
def test_what_only_looks_like_it_is_left(checker, word, text):
    assert not found(checker, word, text)


def test_every_rule_has_an_example(checker):
    assert {rule.word for rule in checker.RULES} - {"gerund file"} == set(REFUSED)


def test_a_hit_names_its_line_and_what_to_write(checker):
    (hit,) = found(checker, "picture", "one\n\n  two pictures")
    assert str(hit) == f"{PATH}:3: 'pictures': write 'image'"


def test_the_name_of_a_file_is_checked_too(checker):
    assert found(checker, "dense", "", "src/nextlabel/bench/dense.py")
    assert found(checker, "gerund file", "", "src/nextlabel/bench/making.py")
    assert not found(checker, "gerund file", "", "src/nextlabel/testing/embedding.py")
    assert not found(checker, "gerund file", "", "src/nextlabel/training/loop.py")


def test_exhibits_are_allowed_where_the_papers_are(checker):
    for path in ("src/nextlabel/papers/cli/reproduce.py", "docs/reproduced.md", "docs/command_line.md"):
        assert not found(checker, "exhibit", "an exhibit", path)
    assert not found(checker, "exhibit", "![noise](docs/images/exhibit-noise.svg)", "README.md")


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("# a picture\n# two pictures by chance\n")
    for name in ("README.md", "CONTRIBUTING.md"):
        (tmp_path / name).write_text("An image.\n")
    (tmp_path / "CHANGELOG.md").write_text("## New\n\n- a picture\n\n## Old\n\n- told anew\n")
    return tmp_path


def test_hits_make_the_exit_code_1(checker, repository, capsys):
    assert checker.main(["--root", str(repository)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "src/a.py:1: 'picture': write 'image'",
        "src/a.py:2: 'pictures': write 'image'",
        "src/a.py:2: 'chance': write 'random' or 'randomness' ('at random')",
    ]
    assert [line.split() for line in lines[3:]] == [["2", "picture"], ["1", "chance"], ["3", "in", "all"]]


def test_the_newest_entry_of_the_changelog_is_checked_only_on_request(checker, repository, capsys):
    assert "CHANGELOG.md" not in checker.CHECKED
    assert checker.main(["--root", str(repository), "CHANGELOG.md"]) == 1
    assert capsys.readouterr().out.splitlines()[:-2] == ["CHANGELOG.md:3: 'picture': write 'image'"]


def test_the_counts_alone_make_no_failure(checker, repository, capsys):
    assert checker.main(["--root", str(repository), "--count"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["2", "1", "3"]


def test_no_hits_make_the_exit_code_0(checker, repository):
    assert checker.main(["--root", str(repository), "README.md"]) == 0
