"""The pages that teach: every Python block runs, in order, in an empty folder, and prints what is said."""

import contextlib
import io
import re
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(?P<language>python|text)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def one_thread():
    """Keep tests that run side by side from fighting over the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    "page",
    ["README", "docs/tutorial", "docs/own_model", "docs/own_data", "docs/own_strategy", "docs/segmentation"],
)
def test_every_line_of_the_page_runs_and_prints_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": page.replace("/", ".")}
    text = (ROOT / f"{page}.md").read_text(encoding="utf-8")
    printed, promised = "", 0
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start()) + 1
        if block["language"] == "text":
            assert printed == block["body"], f"{page}.md, line {line}, promises another output"
            promised += 1
        else:
            # The blank lines let a traceback name the line of the page.
            code = compile("\n" * line + block["body"], str(ROOT / f"{page}.md"), "exec", dont_inherit=True)
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(code, namespace)
            printed = output.getvalue()
    assert promised, f"{page}.md promises no output, so nothing of it was compared"
