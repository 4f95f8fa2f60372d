import numpy as np
import pytest
import torch
from PIL import Image

from nextlabel.bench.contact_sheet import write_contact_sheet
from nextlabel.bench.diagnostics import loss_estimate

LOSSES = torch.tensor([0.1, 3.0, 0.2, 2.0, 1.0])


def test_scores_that_rank_as_the_losses_do_correlate_perfectly():
    found = loss_estimate(LOSSES, torch.tensor([1, 3]), LOSSES**3)
    assert found == {"loss_correlation": pytest.approx(1.0), "top_fraction": 1.0, "top_random": 0.4}


def test_a_batch_that_misses_the_largest_losses_has_found_none_of_them():
    found = loss_estimate(LOSSES, torch.tensor([0, 3]), -LOSSES)
    assert found == {"loss_correlation": pytest.approx(-1.0), "top_fraction": 0.5, "top_random": 0.4}


@pytest.mark.parametrize("scores", [None, torch.ones(5)])
def test_without_scores_that_differ_there_is_no_correlation(scores):
    assert loss_estimate(LOSSES, torch.tensor([1]), scores)["loss_correlation"] is None


def test_a_contact_sheet_shows_the_first_72_images_in_rows_of_12(tmp_path):
    images = np.zeros((80, 1, 8, 8), dtype=np.uint8)
    images[12] = 255
    write_contact_sheet(images, tmp_path / "a" / "queried.png")
    sheet = np.asarray(Image.open(tmp_path / "a" / "queried.png"))
    assert sheet.shape == (6 * 52 - 4, 12 * 52 - 4, 4)
    assert sheet[60, 10].tolist() == [255, 255, 255, 255]
    assert sheet[10, 10].tolist() == [0, 0, 0, 255]
    assert sheet[50, 10, 3] == 0


def test_items_that_are_no_images_leave_no_sheet(tmp_path):
    write_contact_sheet(np.zeros((3, 5), dtype=np.float32), tmp_path / "queried.png")
    assert not (tmp_path / "queried.png").exists()
