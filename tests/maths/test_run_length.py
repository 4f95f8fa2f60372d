"""A mask and its run-length string are the same, and strings of another form are refused."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nextlabel.errors import DataError
from nextlabel.maths.run_length import from_run_length, run_length

SHAPES = array_shapes(min_dims=2, max_dims=2, max_side=9)


@given(arrays(np.uint8, SHAPES, elements=st.sampled_from([0, 1, 2, 255])))
def test_a_mask_comes_back_from_its_string_pixel_for_pixel(mask):
    back = from_run_length(run_length(mask))
    assert back.dtype == np.uint8
    assert np.array_equal(back, mask)


@given(arrays(np.uint8, SHAPES, elements=st.integers(0, 255)))
def test_equal_values_never_follow_each_other_so_that_a_mask_has_one_string(mask):
    values = [run.split("*")[0] for run in run_length(mask).split(":")[2].split(",")]
    assert all(first != second for first, second in pairwise(values))


def test_a_mask_of_large_areas_has_a_short_string():
    mask = np.zeros((1024, 2048), dtype=np.uint8)
    mask[100:900, 300:1500] = 7
    assert len(run_length(mask)) < 20_000


@pytest.mark.parametrize(
    "text",
    ["", "rle:", "2x2:0*4", "rle:2x2:0*3", "rle:2x2:0*5", "rle:0x2:0*1", "rle:2x2:300*4", "rle:2x2:0*4,",
     "rle:2x2:0*4\n", "rle:2x2:-1*4"],
)  # fmt: skip
def test_what_is_no_run_length_string_is_refused(text):
    with pytest.raises(DataError, match="a run-length mask"):
        from_run_length(text)
