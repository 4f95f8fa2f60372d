"""Write the rows of results as Parquet, for notebooks and data bases; needs the extra ``parquet``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from nextlabel.errors import MissingExtraError
from nextlabel.results import Row

__all__ = ["write_parquet"]


def write_parquet(rows: Sequence[Row], path: Path) -> Path:
    """Write the rows as a Parquet file, a column a field of :class:`~nextlabel.results.Row`.

    Columns are typed even where every value is missing, so that files of several runs can be read as one.

    Args:
        rows: The rows, in order.
        path: The file to write; one that is there is replaced.

    Returns:
        The path.

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
