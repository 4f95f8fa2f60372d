import pytest


@pytest.mark.parametrize("as_json", [False, True])
def test_an_interrupt_outside_the_cells_is_one_sentence_too(as_json, finished_run, nextlabel, monkeypatch):
    def build(folder):
        raise KeyboardInterrupt

    monkeypatch.setattr("nextlabel.report.build.build", build)
    options = [*finished_run.options, *(["--json"] if as_json else [])]
    result = nextlabel("run", *options, "--out", finished_run.folder)
    assert result.code == 1
    told = result.json()["error"] if as_json else result.err
    assert "interrupted; nothing is lost: run the same command again" in told
