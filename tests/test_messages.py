"""All messages lie in one golden file, which is reviewed as prose and never goes stale."""

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "scripts" / "list_messages.py"


@pytest.fixture(scope="module")
def lister():
    specification = importlib.util.spec_from_file_location("list_messages", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    yield module
    del sys.modules[module.__name__]


def test_the_listed_messages_are_those_of_the_source(lister):
    golden = ROOT / lister.GOLDEN
    fresh = golden.read_text(encoding="utf-8") == lister.listing(ROOT)
    assert fresh, f"{lister.GOLDEN.as_posix()} is stale; run: {lister.COMMAND}"


ERRORS = """
class NextlabelError(Exception): ...
class DataError(NextlabelError): ...
class LabelsError(DataError): ...
class NameError_(DataError):
    def __init__(self, kind, name):
        super().__init__(f"{kind} not found: {name!r}")
class Other(Exception): ...
"""


def listed(lister, source):
    trees = [ast.parse(ERRORS), ast.parse(source)]
    return list(lister.find_messages(trees[1], lister.find_errors(trees)))


def test_a_message_is_listed_with_what_it_fills_in_in_braces(lister):
    source = """raise DataError(f"{name!r} must be at least {low:.2f}, " f"got {rows[0]}; " + "lower it")"""
    assert listed(lister, source) == ["  DataError: {name} must be at least {low}, got {rows[0]}; lower it"]


def test_messages_are_in_the_order_of_the_source_and_of_every_subclass(lister):
    source = """
def make():
    if x:
        raise LabelsError("one") from None
    return DataError("two")
raise ValueError("three")
raise Other("four")
"""
    assert listed(lister, source) == ["  LabelsError: one", "  DataError: two", "  ValueError: three"]


def test_a_class_held_in_a_variable_is_listed_where_it_is_raised(lister):
    assert listed(lister, 'raise error(f"bad {x}")\nprint(f"bad {x}")') == ["  error: bad {x}"]


def test_a_class_that_writes_its_message_is_listed_with_its_arguments(lister):
    assert listed(lister, "raise NameError_('strategy', name)") == ["  NameError_('strategy', name)"]
    assert listed(lister, ERRORS) == ["  super().__init__: {kind} not found: {name}"]


def test_a_hint_and_the_text_of_a_helper_follow_their_message(lister):
    source = """
def refuse(name):
    hint = f"; did you mean '{near}'?" if near else ""
    size = len(name)
    raise DataError(f"{name} of {size}{hint}{_remedy(name)}")
def _remedy(name):
    return f"; remove {name} first"
"""
    assert listed(lister, source) == [
        "  DataError: {name} of {size}{hint}{_remedy(name)}",
        """      {hint}: {"; did you mean '{near}'?" if near else ''}""",
        "      {_remedy}: ; remove {name} first",
    ]


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "errors.py").write_text(ERRORS + "raise DataError('one\\ntwo')\n")
    return tmp_path


def test_the_list_is_written_and_then_fresh(lister, repository, capsys):
    arguments = ["--root", str(repository)]
    assert lister.main([*arguments, "--check"]) == 1
    assert "run: python scripts/list_messages.py" in capsys.readouterr().err
    assert lister.main(arguments) == 0
    assert (repository / lister.GOLDEN).read_text().splitlines()[1:] == [
        "",
        "src/errors.py",
        "  super().__init__: {kind} not found: {name}",
        "  DataError: one\\ntwo",
    ]
    assert lister.main([*arguments, "--check"]) == 0
    (repository / "src" / "errors.py").write_text(ERRORS)
    assert lister.main([*arguments, "--check"]) == 1
