"""Promises of the study of lambda and alpha: one configuration a value, all else alike."""

import pytest

from nextlabel.bench.grid import make_grid
from nextlabel.config import ExperimentConfig
from nextlabel.errors import ConfigurationError, DataError
from nextlabel.studies.hyper_parameters import ALPHAS, LAMBDAS, sweep, sweep_rows

BASE = ExperimentConfig(
    strategy=["random", "cod"],
    seeds=2,
    strategy_options={"cod": {"first_cycle": "initial"}},
    objective=["tod"],
    objective_options={"tod": {"form": "code", "decay": 0.99}},
)


def test_every_value_of_the_paper_gets_the_whole_pipeline_with_it():
    points = sweep(BASE, "lambda")
    assert [point.value for point in points] == list(LAMBDAS)
    for point in points:
        assert point.config.objective_options["tod"] == {"form": "code", "decay": 0.99, "weight": point.value}
        assert (point.config.strategy, point.config.objective, point.config.seeds) == (["cod"], ["tod"], 2)
        assert point.config.strategy_options == {"cod": {"first_cycle": "initial"}}
        assert len(make_grid(point.config).cells) == 2
    assert [point.folder for point in points][:3] == ["lambda-0", "lambda-0.001", "lambda-0.01"]
    alphas = sweep(BASE, "alpha")
    assert [point.config.objective_options["tod"]["decay"] for point in alphas] == list(ALPHAS)


def test_another_parameter_and_values_twice_are_refused():
    with pytest.raises(ConfigurationError, match="'lambda' or 'alpha', but got 'beta'"):
        sweep(BASE, "beta")
    with pytest.raises(ConfigurationError, match="distinct values of lambda"):
        sweep(BASE, "lambda", [0.1, 0.1])


def test_rows_of_a_value_that_did_not_run_are_missed_by_name(tmp_path):
    with pytest.raises(DataError, match=r"lambda = 0\.5 in .*lambda-0\.5, but there are none"):
        sweep_rows(sweep(BASE, "lambda", [0.5]), tmp_path)
