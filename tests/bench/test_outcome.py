import pytest

from nextlabel.bench.outcome import rows_of
from nextlabel.errors import DataError


@pytest.mark.parametrize("content", ["{", "[]", "[{}]", "3", None])
def test_damaged_rows_are_named_with_a_way_to_write_them_again(tmp_path, content):
    if content is not None:
        (tmp_path / "rows.json").write_text(content)
    with pytest.raises(DataError, match=r"rows\.json.*delete .*finished and run the same command again"):
        rows_of(tmp_path)
