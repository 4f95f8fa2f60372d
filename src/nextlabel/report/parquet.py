"""Write the rows of results as Parquet, for notebooks and databases; needs the extra ``parquet``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from nextlabel.errors import MissingExtraError
from nextlabel.results import Row

__all__ = ["write_parquet"]


def write_parquet(rows: Sequence[Row], path: Path) -> Path:
    """Write the rows as a Parquet file, one column per field of :class:`~nextlabel.results.Row`.

    Columns are typed even if all values are missing, so that files of several runs can be read as one. An
    existing file is replaced.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet", "writing Parquet") from error
    kinds = {"str": pyarrow.string(), "int": pyarrow.int64()}
    schema = pyarrow.schema([(f.name, kinds.get(str(f.type), pyarrow.float64())) for f in fields(Row)])
    table = pyarrow.Table.from_pylist([row.as_dict() for row in rows], schema=schema)
    parquet.write_table(table, path)
    return path
