import pytest

from nextlabel.errors import DataError
from nextlabel.results import COLUMNS, Row, read_csv, to_csv

ROW = Row("digits", "cod", "supervised", 0, 1, 144, 0.1 + 0.2, 0.3, 1.5, 0.25, 0.0, 1293, 72, None, 0.5, 0.05)


def test_rows_survive_csv_to_the_last_digit(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text(to_csv([ROW]))
    assert read_csv(path) == [ROW]


def test_the_columns_that_are_promised_come_first_and_in_order():
    assert COLUMNS[:12] == (
        "dataset", "strategy", "objective", "seed", "cycle", "n_labelled", "accuracy", "loss",
        "fit_seconds", "scan_seconds", "select_seconds", "rows_forwarded",
    )  # fmt: skip


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match="run the experiment first"):
        read_csv(tmp_path / "results.csv")


def test_a_missing_column_and_a_wrong_value_are_named(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("dataset\ndigits\n")
    with pytest.raises(DataError, match="must have the column 'strategy'"):
        read_csv(path)
    path.write_text(to_csv([ROW]).replace("144", "many"))
    with pytest.raises(DataError, match=r"column 'n_labelled' of .* must hold int, got 'many'"):
        read_csv(path)


@pytest.mark.parametrize("text", ["", "a,b\n"])
def test_a_file_of_other_columns_is_not_taken_for_one_without_rows(tmp_path, text):
    path = tmp_path / "results.csv"
    path.write_text(text)
    with pytest.raises(
        DataError, match=r"must have the column 'dataset', .* repeat the nextlabel run command"
    ):
        read_csv(path)


def test_a_row_that_is_cut_short_is_said_to_be(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text(to_csv([ROW])[:-70])
    with pytest.raises(DataError, match=r"a row of .* ends before its column '"):
        read_csv(path)


def test_a_file_that_is_not_text_is_named(tmp_path):
    path = tmp_path / "results.csv"
    path.write_bytes(b"\x89PNG\xff")
    with pytest.raises(DataError, match=r"results\.csv must be a CSV file, .*; repeat the nextlabel run"):
        read_csv(path)
