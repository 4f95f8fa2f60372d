import sys

import pytest
from pyarrow import parquet

from nextlabel.errors import MissingExtraError
from nextlabel.report.parquet import write_parquet
from nextlabel.results import COLUMNS


def test_parquet_gives_back_every_row_with_its_types(rows_of, tmp_path):
    rows = rows_of(seeds=1, cycles=2)
    table = parquet.read_table(write_parquet(rows, tmp_path / "rows.parquet"))
    assert tuple(table.column_names) == COLUMNS
    assert table.to_pylist() == [row.as_dict() for row in rows]


def test_a_column_of_missing_values_keeps_its_type(rows_of, tmp_path):
    rows = rows_of(strategies=["random"], seeds=1, cycles=2)
    table = parquet.read_table(write_parquet(rows, tmp_path / "rows.parquet"))
    assert str(table.schema.field("loss_correlation").type) == "double"
    assert str(table.schema.field("seed").type) == "int64"


def test_without_pyarrow_the_extra_is_named(rows_of, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"nextlabel\[parquet\]"):
        write_parquet(rows_of(seeds=1), tmp_path / "rows.parquet")
