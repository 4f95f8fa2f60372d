"""The page of the Python reference names what the package exports."""

import re
from pathlib import Path

import nextlabel

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "index.md"


def test_the_page_lists_the_public_names_and_no_others():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| [`")]
    listed = [name for row in rows for name in re.findall(r"\[`(\w+)`\]", row.split(" | ")[0])]
    assert sorted(listed) == sorted(nextlabel.__all__)
