"""Runs of the command line: in this process for commands that only read, as a process where it matters."""

import json
import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
from filelock import FileLock

from nextlabel.cli import main as entry

TINY = ["--strategy", "cod,random", "--seeds", "1", "--cycles", "3", "--start", "40", "--batch-size", "10",
        "--set", "learner.epochs=3"]  # fmt: skip


@pytest.fixture
def nextlabel(monkeypatch, capsys):
    """Return a function that runs the command line here and returns exit code, output and error output."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["nextlabel", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            entry.main()
        out, err = capsys.readouterr()
        code = ended.value.code or 0
        return SimpleNamespace(code=code, out=out, err=err, json=lambda: json.loads(out))

    return run


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    """Return the folder of a small finished run, made by the command line in a process of its own.

    One process of the tests makes it and the others copy it, for making it takes longer than most tests.
    """
    folder = tmp_path_factory.mktemp("run") / "tiny"
    shared = folder
    if session := os.environ.get("PYTEST_XDIST_TESTRUNUID"):
        shared = tmp_path_factory.getbasetemp().parent / session / "tiny"
        shared.parent.mkdir(exist_ok=True)
    told = shared.with_name("output.json")
    with FileLock(f"{told}.lock"):
        if not told.exists():
            command = [sys.executable, "-m", "nextlabel.cli.main", "run", *TINY, "--out", str(shared)]
            command += ["--jobs", "1", "--json"]
            told.write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)
    if shared != folder:
        shutil.copytree(shared, folder)
    output = json.loads(told.read_text().replace(str(shared), str(folder)))
    return SimpleNamespace(folder=folder, output=output, options=TINY)
