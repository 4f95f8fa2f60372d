"""The checks of the theorem: each passes here, and the right ones fail where a bound is wrong."""

import re

import pytest
import torch

from nextlabel import discrepancy
from nextlabel.errors import ConfigurationError
from nextlabel.report.theory import pictures, write_theory
from nextlabel.theory.verification import CHECKS, verify

SEEDS = 10
VERDICTS = {
    1: "holds exactly", 2: "holds to first order", 3: "does not hold", 4: "holds to first order",
    5: "holds to first order", 6: "holds to first order", 7: "does not hold", 8: "holds to first order",
    9: "holds exactly", 10: "void", 11: "does not hold", 12: "does not hold", 13: "does not hold",
    14: "does not hold",
}  # fmt: skip


@pytest.fixture(scope="module")
def found():
    return {check.number: check for check in verify(SEEDS)}


@pytest.mark.parametrize("number", VERDICTS)
def test_every_check_is_as_expected_with_its_verdict(found, number):
    assert found[number].as_expected, found[number].finding
    assert found[number].verdict == VERDICTS[number]
    assert found[number].measured


def test_the_checks_are_numbered_in_their_order(found):
    assert list(found) == list(range(1, len(CHECKS) + 1))


def test_the_same_seeds_give_the_same_numbers_and_leave_the_threads_alone(found):
    threads = torch.get_num_threads()
    again = next(iter(verify(SEEDS)))
    assert again == found[1]
    list(zip(range(3), verify(SEEDS), strict=False))
    assert torch.get_num_threads() == threads


def test_too_few_seeds_are_refused_at_once():
    with pytest.raises(ConfigurationError, match="at least 10 seeds, but got 9"):
        verify(9)


def failing(numbers):
    checks = {number: CHECKS[number - 1](SEEDS) for number in numbers}
    return {number for number, check in checks.items() if not check.as_expected}


ONE_STEP = (1, 2, 3, 8, 9, 12)


@pytest.mark.parametrize(("factor", "wrong"), [(2.0, {1, 2, 3, 8}), (0.5, {1, 2, 3, 8})])
def test_a_wrong_factor_in_theorem_1_is_found_by_every_check_of_its_value(monkeypatch, factor, wrong):
    bound = discrepancy.theorem1_bound
    monkeypatch.setattr(discrepancy, "theorem1_bound", lambda *args: factor * bound(*args))
    assert failing(ONE_STEP) == wrong


@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_a_wrong_factor_in_a_corollary_is_found(monkeypatch, factor):
    first, second = discrepancy.corollary1_bound, discrepancy.corollary2_bound
    monkeypatch.setattr(discrepancy, "corollary1_bound", lambda *args: factor * first(*args))
    assert failing((5, 11)) == {5, 11}
    monkeypatch.setattr(discrepancy, "corollary1_bound", first)
    monkeypatch.setattr(discrepancy, "corollary2_bound", lambda *args: factor * second(*args))
    assert failing((6, 9)) == {6}


def test_a_wrong_discrepancy_is_found(monkeypatch):
    measure = discrepancy.output_discrepancy
    monkeypatch.setattr(discrepancy, "output_discrepancy", lambda *args: measure(*args, form="half_squared"))
    assert failing((1, 2, 5, 9)) == {1, 2, 5, 9}


def test_a_verdict_follows_what_was_measured(monkeypatch):
    monkeypatch.setattr(discrepancy, "theorem1_bound", lambda lr, loss, norm: torch.full_like(loss, 9.0))
    assert CHECKS[0](SEEDS).verdict == "does not hold"
    assert CHECKS[2](SEEDS).verdict == "holds exactly"


def test_the_figures_show_what_was_found(found):
    drawn = {picture.name: picture for picture in pictures(list(found.values()))}
    assert list(drawn) == ["theorem1", "corollaries", "batch-ranks", "cross-entropy"]
    assert "mathdefault" not in drawn["theorem1"].svg + drawn["corollaries"].svg
    assert found[7].finding in drawn["batch-ranks"].description
    nearest = float(re.search(r"nearest at (\S+) of", drawn["cross-entropy"].description)[1])
    assert 0.3 < nearest <= 1


def test_the_page_has_a_row_a_check_and_every_figure_it_shows(found, tmp_path):
    page = write_theory(list(found.values()), tmp_path / "new", seeds=SEEDS)
    text = page.read_text()
    assert text.startswith(
        "# The theorem, checked by number\n\n14 of 14 checks are as expected, on 10 networks"
    )
    rows = [line for line in text.splitlines() if re.match(r"\| \d+ \|", line)]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [6] * len(CHECKS)
    shown = re.findall(r"\]\((\S+)\.svg\)", text)
    assert len(shown) == 4
    assert all((page.parent / f"{name}.{form}").stat().st_size for name in shown for form in ("svg", "png"))
