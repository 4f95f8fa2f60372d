"""From the marks in docstrings to Markdown."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "docstring_markdown.py"


@pytest.fixture(scope="module")
def markdown():
    specification = importlib.util.spec_from_file_location("docstring_markdown", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return lambda text: module.markdown(text, {"Outputs"}, "nextlabel.types")


def linked(target, code):
    return f'<autoref identifier="{target}" optional>`{code}`</autoref>'


def test_a_role_that_names_a_member_or_a_whole_path_becomes_a_link(markdown):
    assert markdown("see :meth:`Outputs.rows`.") == f"see {linked('nextlabel.types.Outputs.rows', 'rows')}."
    assert markdown(":class:`~nextlabel.pool.Pool`") == linked("nextlabel.pool.Pool", "Pool")


def test_a_role_that_names_a_stranger_becomes_code(markdown):
    assert markdown("is :class:`torch.nn.Module`") == "is `torch.nn.Module`"


def test_a_literal_block_keeps_its_indentation_and_loses_its_second_colon(markdown):
    assert markdown("As here::\n\n    tree\n") == "As here:\n\n    tree\n"
    assert markdown("A tree.\n\n::\n\n    tree") == "A tree.\n\n\n\n    tree"


def test_a_simple_table_becomes_a_block_of_code(markdown):
    table = "=====  =====\nname   use\n=====  =====\na      b\n=====  ====="
    assert markdown(f"Above.\n\n{table}\n\nBelow.") == f"Above.\n\n```text\n{table}\n```\n\nBelow."


def test_an_example_outside_a_section_becomes_a_block_of_code(markdown):
    assert markdown("Add.\n\n>>> 1 + 1\n2\n") == "Add.\n\n```python\n>>> 1 + 1\n2\n```\n"
    assert markdown("Examples:\n    >>> 1 + 1\n    2\n") == "Examples:\n    >>> 1 + 1\n    2\n"
