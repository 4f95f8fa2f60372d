"""The checks of the theorem: each passes here, and the right ones fail where a bound is wrong."""

import re
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from nextlabel import discrepancy
from nextlabel.errors import ConfigurationError
from nextlabel.papers.theory import batches, cross_entropy, one_step, premises
from nextlabel.papers.theory.networks import descend
from nextlabel.papers.theory.report import images, write_theory
from nextlabel.papers.theory.verification import CHECKS, verify

SEEDS = 10
VERDICTS = {
    1: "holds exactly", 2: "holds to first order", 3: "does not hold", 4: "holds to first order",
    5: "holds to first order", 6: "holds to first order", 7: "does not hold", 8: "holds to first order",
    9: "holds exactly", 10: "void", 11: "does not hold", 12: "does not hold", 13: "does not hold",
    14: "does not hold", 15: "does not hold", 16: "does not hold", 17: "holds to first order",
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
    with pytest.raises(ConfigurationError, match="seeds must be at least 10, got 9"):
        verify(9)


def failing(numbers):
    checks = {number: CHECKS[number - 1](SEEDS) for number in numbers}
    return {number for number, check in checks.items() if not check.as_expected}


@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_a_wrong_factor_in_theorem_1_is_found_by_every_check_of_its_value(monkeypatch, factor):
    bound = discrepancy.theorem1_bound
    monkeypatch.setattr(discrepancy, "theorem1_bound", lambda *args: factor * bound(*args))
    assert failing((1, 2, 3, 4, 8, 9, 12, 15, 16, 17)) == {1, 2, 3, 4, 8, 15, 16, 17}


@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_a_bound_that_is_wrong_at_large_learning_rates_alone_is_found(monkeypatch, factor):
    bound = discrepancy.theorem1_bound
    monkeypatch.setattr(
        discrepancy, "theorem1_bound", lambda lr, *args: bound(factor * lr if lr >= 0.1 else lr, *args)
    )
    assert failing((3, 8, 15, 16)) == {3, 8, 15, 16}


@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_a_wrong_factor_in_a_corollary_is_found(monkeypatch, factor):
    first, second = discrepancy.corollary1_bound, discrepancy.corollary2_bound
    monkeypatch.setattr(discrepancy, "corollary1_bound", lambda *args: factor * first(*args))
    assert failing((5, 11)) == {5, 11}
    monkeypatch.setattr(discrepancy, "corollary1_bound", first)
    monkeypatch.setattr(discrepancy, "corollary2_bound", lambda *args: factor * second(*args))
    assert failing((6, 9)) == {6}


@pytest.mark.parametrize("power", [0.5, 0.1])
def test_a_corollary_2_that_grows_too_fast_with_the_steps_is_found(monkeypatch, power):
    bound = discrepancy.corollary2_bound
    monkeypatch.setattr(
        discrepancy, "corollary2_bound", lambda lr, losses, c: len(losses) ** power * bound(lr, losses, c)
    )
    assert failing((6,)) == {6}


def test_a_wrong_discrepancy_is_found(monkeypatch):
    measure = discrepancy.output_discrepancy
    monkeypatch.setattr(discrepancy, "output_discrepancy", lambda *args: measure(*args, form="half_squared"))
    assert failing((1, 2, 3, 4, 5, 9, 15, 16, 17)) == {1, 2, 3, 4, 5, 9, 15, 16, 17}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("corollary1_bound", lambda right, *args: 2 * right(*args)),
        ("output_discrepancy", lambda right, *args: right(*args, form="half_squared")),
    ],
)
def test_a_bound_or_discrepancy_that_is_wrong_in_a_batch_is_found(monkeypatch, name, wrong):
    monkeypatch.setattr(discrepancy, name, partial(wrong, getattr(discrepancy, name)))
    assert failing((7,)) == {7}


def test_kinks_that_are_not_seen_are_found(monkeypatch):
    monkeypatch.setattr(
        one_step, "_crossed", lambda network, path, seeds: torch.zeros(seeds, dtype=torch.bool)
    )
    assert failing((4,)) == {4}


def test_a_bound_that_ranks_a_batch_is_found(monkeypatch):
    train = batches._train

    def ranked(*args):
        _, bounds = train(*args)
        return {1: bounds[1] * 0.06, 50: bounds[50] * 0.01}, bounds

    monkeypatch.setattr(batches, "_train", ranked)
    check = CHECKS[6](SEEDS)
    assert (check.verdict, check.as_expected) == ("holds to first order", False)


def test_outputs_whose_sum_is_no_constant_are_found(monkeypatch):
    monkeypatch.setattr(cross_entropy, "WIDTH", 1)  # for speed
    monkeypatch.setattr(torch.Tensor, "softmax", lambda logits, dim: logits.sigmoid())
    assert failing((10,)) == {10}


@pytest.mark.parametrize(("name", "norms"), [("_squared_norm", 1.0), ("summed_gradient", (1e-9, 1.0))])
def test_a_sum_that_moves_in_one_of_the_two_networks_is_found(monkeypatch, name, norms):
    monkeypatch.setattr(cross_entropy, "WIDTH", 1)  # for speed
    monkeypatch.setattr(cross_entropy, name, lambda *args, **options: norms)
    assert failing((10,)) == {10}


@pytest.mark.parametrize(
    ("number", "name", "kept"),
    [
        (12, "descend", lambda *args, eta, decay: descend(*args, eta=eta)),
        (13, "functional", SimpleNamespace(batch_norm=lambda x, *args, **options: x)),
        (14, "descend", lambda *args, eta: descend(*args, eta=0.0)),
    ],
)
def test_a_premise_that_is_kept_is_not_taken_for_a_broken_one(monkeypatch, number, name, kept):
    monkeypatch.setattr(premises, name, kept)
    check = CHECKS[number - 1](SEEDS)
    assert (check.verdict, check.as_expected) == ("holds exactly", False)


def test_a_bound_that_is_not_0_where_nothing_is_learned_is_found(monkeypatch):
    bound = discrepancy.theorem1_bound
    monkeypatch.setattr(
        discrepancy, "theorem1_bound", lambda lr, loss, norm: bound(lr + 1e-9, loss + 1e-9, norm)
    )
    assert failing((12, 13, 14)) == {12, 13, 14}


def test_a_verdict_follows_what_was_measured(monkeypatch):
    monkeypatch.setattr(discrepancy, "theorem1_bound", lambda lr, loss, norm: torch.full_like(loss, 9.0))
    assert CHECKS[0](SEEDS).verdict == "does not hold"
    assert CHECKS[2](SEEDS).verdict == "holds exactly"


def test_the_figures_show_what_was_found(found):
    drawn = {image.name: image for image in images(list(found.values()))}
    assert list(drawn) == ["theorem1", "corollaries", "batch-ranks", "other-losses", "cross-entropy"]
    assert not any("<text" in image.svg for image in drawn.values())  # formulas are shapes
    assert found[7].finding in drawn["batch-ranks"].description
    assert "For r^2 the ratios lie between 1.41 and 1.41. For |r|" in drawn["other-losses"].description
    described = re.search(
        r"reach at most (\S+) of .* \(f, -f\) at least (\S+)\.$", drawn["cross-entropy"].description
    )
    assert 0.3 < float(described[1]) <= 1
    assert float(described[2]) == 1


def test_the_page_has_a_numbered_row_per_check_and_every_figure_it_shows(found, tmp_path):
    page = write_theory(list(found.values()), tmp_path / "new", seeds=SEEDS)
    text = page.read_text()
    assert text.startswith(
        "# Numerical checks of the theorem\n\n17 of 17 checks are as expected, on 10 networks"
    )
    rows = [line for line in text.splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(row.split()[1]) for row in rows] == list(found)
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [6] * len(CHECKS)
    shown = re.findall(r"\]\((\S+)\.svg\)", text)
    assert len(shown) == 5
    assert all((page.parent / f"{name}.{form}").stat().st_size for name in shown for form in ("svg", "png"))


def test_the_documentation_names_every_check():
    text = (Path(__file__).parents[3] / "docs/theory.md").read_text()
    columns = re.findall(r"\| ([\d, ]+) \|$", text, re.MULTILINE)
    named = {
        int(number) for cell in [*re.findall(r"check (\d+)", text), *columns] for number in cell.split(", ")
    }
    assert named >= set(range(1, len(CHECKS) + 1))
    assert f"in {len(CHECKS)} numbered" in text
