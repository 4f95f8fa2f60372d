"""A name means one thing: no public class or type is defined in two places."""

import ast
from collections import defaultdict
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "nextlabel"
# The query strategy of a method, and the learner or the training loss that it needs.
ONE_METHOD = {"LearningLoss", "McDropout", "Vaal"}


def _defined(path):
    """Yield the names of the classes, and of the aliases of types, that a file defines."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        names = [node.name] if isinstance(node, ast.ClassDef) else [t.id for t in targets if hasattr(t, "id")]
        yield from (name for name in names if name[0].isupper() and not name.isupper())


def test_no_name_of_a_class_or_type_means_two_things():
    places = defaultdict(set)
    for path in SOURCE.rglob("*.py"):
        for name in _defined(path):
            places[name].add(path.relative_to(SOURCE).as_posix())
    twice = {name: sorted(where) for name, where in places.items() if len(where) > 1}
    assert {name: where for name, where in twice.items() if name not in ONE_METHOD} == {}
    assert twice.keys() >= ONE_METHOD
