"""Processes end with the one that began them."""

import subprocess
import sys

SCRIPT = """
import multiprocessing, os, sys, time

def child(late):
    from nextlabel.files import exit_with_parent
    if late:
        while os.getppid() == late:
            time.sleep(0.01)
    exit_with_parent()
    time.sleep(100)

if __name__ == "__main__":
    late = int(sys.argv[1]) and os.getpid()
    multiprocessing.get_context("spawn").Process(target=child, args=(late,)).start()
    time.sleep(0.5)
    os.kill(os.getpid(), 9)
"""


def test_a_child_ends_with_its_parent_even_one_that_died_before_it_was_watched(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    for late in ("0", "1"):  # the output ends when the last process that may write to it has ended
        done = subprocess.run([sys.executable, path, late], capture_output=True, timeout=60, check=False)
        assert done.returncode == -9
