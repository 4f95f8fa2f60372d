"""The records next to the stored results still say how to make them again."""

from pathlib import Path

import pytest

from nextlabel.bench.grid import make_grid
from nextlabel.config.experiment import load_config

RECORDS = sorted((Path(__file__).parents[2] / "benchmarks" / "results").glob("*.toml"))


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_a_stored_record_is_a_configuration_with_the_training_that_it_names(record):
    config = load_config(record)
    assert config.training
    if config.dataset[0].name in {"digits", "animals"}:  # the data ship with nextlabel
        assert make_grid(config).cells
