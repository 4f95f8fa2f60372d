"""The list of lowest versions says what pyproject.toml says."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_lowest_versions_are_the_bounds_of_the_dependencies():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = dict(
        re.findall(r"^([\w.-]+)==([\d.]+)$", (ROOT / "scripts" / "lowest.txt").read_text("utf-8"), re.M)
    )
    core = project.split("[project.optional-dependencies]")[0]
    bounds = dict(re.findall(r'^  "([\w-]+)>=([\d.]+)', core, re.M))
    extras = re.search(r"^vision = .*\nparquet = .*$", project, re.M)
    assert extras is not None
    bounds |= dict(re.findall(r'"([\w-]+)>=([\d.]+)"', extras.group()))
    assert len(bounds) > 15
    assert listed == bounds
