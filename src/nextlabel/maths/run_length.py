"""Masks as short strings: run lengths of class indices in reading order. No torch."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from nextlabel.errors import DataError

__all__ = ["PREFIX", "from_run_length", "run_length"]

PREFIX = "rle:"
"""How such a string begins; it cannot be mistaken for a path on any system."""

_FORM = re.compile(r"rle:([1-9]\d*)x([1-9]\d*):(\d{1,3}\*[1-9]\d*(?:,\d{1,3}\*[1-9]\d*)*)")


def run_length(mask: NDArray[np.uint8]) -> str:
    """Return a (height, width) mask as ``rle:HEIGHTxWIDTH:VALUE*COUNT,VALUE*COUNT,...``.

    >>> run_length(np.array([[0, 0, 1], [1, 1, 255]], dtype=np.uint8))
    'rle:2x3:0*2,1*3,255*1'
    """
    flat = mask.ravel()
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    counts = np.diff(np.append(starts, flat.size))
    runs = zip(flat[starts].tolist(), counts.tolist(), strict=True)
    height, width = mask.shape
    return f"{PREFIX}{height}x{width}:" + ",".join(f"{value}*{count}" for value, count in runs)


def from_run_length(text: str) -> NDArray[np.uint8]:
    """Return the (height, width) mask that :func:`run_length` encoded.

    Raises:
        DataError: The text has another form, a value above 255, or runs that do not fill the mask.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise DataError(
            f"a run-length mask must have the form rle:HEIGHTxWIDTH:VALUE*COUNT,..., got {text[:40]!r}; "
            "write it with run_length"
        )
    height, width = int(found[1]), int(found[2])
    values, counts = zip(*(map(int, run.split("*")) for run in found[3].split(",")), strict=True)
    if max(values) > 255 or sum(counts) != height * width:
        raise DataError(
            f"a run-length mask of {height} x {width} pixels must hold {height * width} values from 0 to "
            f"255, got {sum(counts)} values up to {max(values)}; write it with run_length"
        )
    return np.repeat(np.array(values, dtype=np.uint8), counts).reshape(height, width)
