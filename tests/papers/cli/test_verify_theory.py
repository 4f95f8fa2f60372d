"""Promises of ``nextlabel verify-theory``."""

from nextlabel import discrepancy


def test_verify_theory_reports_every_verdict_and_where_the_page_is(nextlabel, tmp_path):
    result = nextlabel("verify-theory", "--seeds", 10, "--out", tmp_path)
    assert result.code == 0
    for verdict in ("holds exactly", "does not hold", "void"):
        assert verdict in result.out
    assert str(tmp_path / "theory.md") in result.out.replace("\n", "")
    assert (tmp_path / "theory.md").exists()


def test_a_number_that_drifts_exits_with_1_and_is_named(nextlabel, tmp_path, monkeypatch):
    bound = discrepancy.corollary2_bound
    monkeypatch.setattr(discrepancy, "corollary2_bound", lambda *args: 2 * bound(*args))
    result = nextlabel("verify-theory", "--seeds", 10, "--out", tmp_path, "--json")
    assert result.code == 1
    reported = result.json()
    assert reported["ok"] is False
    assert reported["error"].startswith("1 of 17 checks of the theorem are not as expected: 6 (Corollary 2")
    assert [check["number"] for check in reported["checks"] if not check["as_expected"]] == [6]
    assert reported["page"] == str(tmp_path / "theory.md")
    keys = {"number", "title", "claim", "finding", "expected", "source", "verdict", "as_expected", "measured"}
    assert all(keys <= set(check) for check in reported["checks"])
    assert set(reported["checks"][0]["measured"][0]) == {"setting", "values"}


def test_too_few_seeds_are_one_sentence(nextlabel, tmp_path):
    result = nextlabel("verify-theory", "--seeds", 3, "--out", tmp_path)
    assert result.code == 1
    assert result.err == "Error: seeds must be at least 10, got 3; use more seeds\n"
    assert not list(tmp_path.iterdir())
