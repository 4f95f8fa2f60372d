"""The ledger under several processes, and under processes that are killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nextlabel
from nextlabel.ledger.ledger import Ledger

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(nextlabel.__file__).parents[1])}

OPEN_AND_TELL = """
import sys
from nextlabel.errors import LabelsError
from nextlabel.ledger.ledger import Ledger

number, path = int(sys.argv[1]), sys.argv[2]
ids = [f"own {n}" for n in range(80)] + [f"shared {n}" for n in range(10)]
print("ready", flush=True)
sys.stdin.readline()
won = 0
with Ledger(path) as ledger:
    ledger.open({"seed": 1}, ids)
    for n in range(20):
        ledger.tell({f"own {20 * number + n}": number}, by=str(number))
        if n % 2:
            try:
                ledger.tell({f"shared {n // 2}": number}, by=str(number))
                won += 1
            except LabelsError:
                pass
print(won)
"""

TELL_AND_HANG = """
import sys
from sqlalchemy import Engine, event
from nextlabel.ledger.ledger import Ledger

ledger = Ledger(sys.argv[1])
ledger.tell({"i0": 0})
print("told", flush=True)

@event.listens_for(Engine, "after_cursor_execute")
def hang(connection, cursor, statement, *rest):
    if statement.startswith("INSERT INTO events"):
        print("inserted", flush=True)
        sys.stdin.readline()

ledger.tell({f"i{n}": n for n in range(1, 50)})
"""

TELL_FOREVER = """
import sys
from nextlabel.ledger.ledger import Ledger

ledger = Ledger(sys.argv[1])
for start in range(0, 100_000, 10):
    ledger.tell({f"i{n}": n for n in range(start, start + 10)})
    print(start, flush=True)
"""


def start(script, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )


def kill(process):
    process.kill()
    process.communicate()


def test_four_processes_open_and_tell_at_once_and_every_label_is_kept_once(tmp_path):
    path = tmp_path / "runs" / "campaign.db"
    processes = [start(OPEN_AND_TELL, number, path) for number in range(4)]
    for process in processes:  # all are ready before one begins
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    won = [int(process.communicate()[0]) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    with Ledger(path) as ledger:
        state = ledger.state
        assert len(state.labels) == 90
        assert state.n_events == 91
        assert {item: label for item, label in state.labels.items() if item.startswith("own")} == {
            f"own {n}": n // 20 for n in range(80)
        }
        shared = [label for item, label in state.labels.items() if item.startswith("shared")]
        assert [shared.count(number) for number in range(4)] == won
        assert sum(won) == 10
        assert [event.seq for event in ledger.events()] == list(range(1, 92))


def test_a_process_killed_within_a_transaction_leaves_nothing_of_it(tmp_path):
    path = tmp_path / "campaign.db"
    with Ledger(path) as ledger:
        ledger.open({}, [f"i{n}" for n in range(50)])
        process = start(TELL_AND_HANG, path)
        assert process.stdout.readline() == "told\n"
        assert process.stdout.readline() == "inserted\n"
        assert ledger.state.labels == {"i0": 0}  # a reader neither waits nor sees the half
        kill(process)
        assert ledger.state.labels == {"i0": 0}
        assert len(ledger.tell({f"i{n}": n for n in range(1, 50)}).labels) == 50


def test_a_process_killed_at_any_moment_keeps_what_it_acknowledged_and_no_half_of_a_call(tmp_path):
    path = tmp_path / "campaign.db"
    with Ledger(path) as ledger:
        ledger.open({}, [f"i{n}" for n in range(100_000)])
    process = start(TELL_FOREVER, path)
    last = [int(process.stdout.readline()) for _ in range(7)][-1]
    kill(process)
    with Ledger(path, read_only=True) as ledger:
        labels = ledger.state.labels
        assert len(labels) >= last + 10
        assert len(labels) % 10 == 0
        assert labels == {f"i{n}": n for n in range(len(labels))}
