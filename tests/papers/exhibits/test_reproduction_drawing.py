"""Panels of measured and published numbers."""

import re

import pytest
from matplotlib import rc_context
from matplotlib.figure import Figure

from nextlabel.papers.exhibits.figure import draw_lines, draw_points
from nextlabel.papers.exhibits.legend import add_legend
from nextlabel.papers.exhibits.numbers import Measured, Pair
from nextlabel.papers.exhibits.panels import Entry, Line, Panel
from nextlabel.papers.exhibits.presentation import lines_made, points_made, tables_of
from nextlabel.papers.published.exhibits import EXHIBITS
from nextlabel.report.plot import LIGHT, SERIES, SETTINGS, columns_that_fit
from nextlabel.report.tables import UNKNOWN

WORDS = {"title": "A title", "caption": "How to read it.", "description": "What there is."}


def line(label="Random", *, published=False, **more):
    return Line(label, (10.0, 20.0), (80.0, 90.0), (None, 1.0), published, **more)


def own(series, x, y, *, dataset="cifar10", panel=""):
    return Measured(dataset, panel, series, x, y, 0.5, 2, "%")


def test_measured_lines_are_solid_and_published_ones_dashed():
    both = draw_lines("both", [Panel("", "x", "y", (line("A"), line("A", published=True)))], **WORDS)
    assert "stroke-dasharray" in both.svg
    for word in ("measured", "published"):
        assert word in both.svg
    alone = draw_lines("alone", [Panel("", "x", "y", (line("A"),))], **WORDS)
    assert "stroke-dasharray" not in alone.svg
    assert "published" not in alone.svg


@pytest.mark.parametrize("draw", [draw_lines, draw_points])
def test_the_same_panels_give_the_same_bytes(draw):
    panels = [Panel("one", "x", "y", (line("A"), line("B", published=True), line("Random")))]
    first, second = (draw("twice", panels, **WORDS) for _ in range(2))
    assert (first.svg, first.png) == (second.svg, second.png)
    assert first.png.startswith(b"\x89PNG")


def test_levels_guides_equal_ticks_and_logarithms_are_drawn():
    lines = (
        Line("Full training", (100.0,), (93.0,), (None,), published=True, level=True),
        Line("random choice", (1.0, 10.0), (1.0, 10.0), (None, None), published=False, guide=True),
    )
    ticked = Panel("ticks", "decay", "y", (line(),), ticks=(10.0, 20.0))
    drawn = draw_lines("odd", [Panel("log", "x", "y", (*lines, line()), log_x=True), ticked], **WORDS)
    for word in ("Full training", "random choice", "decay"):
        assert word in drawn.svg
    assert "mathdefault" not in drawn.svg  # numbers of a logarithmic axis are plain text


def test_ten_series_have_ten_colours():
    lines = tuple(line(f"class {number}") for number in range(1, 11))
    drawn = draw_lines("ten", [Panel("", "x", "y", lines)], **WORDS)
    assert all(LIGHT[name] in drawn.svg for name in SERIES)
    assert len(SERIES) == 10


@pytest.mark.parametrize("cycles", [1, 7])
def test_an_axis_of_cycles_has_whole_numbers_however_few_there_are(cycles):
    x = tuple(float(cycle) for cycle in range(1, cycles + 1))
    one = Line("Random", x, tuple(0.1 + 0.01 * place for place in x), (None,) * cycles, published=False)
    drawn = draw_lines("cycles", [Panel("", "Cycle", "y", (one,))], **WORDS)
    horizontal = drawn.svg.split('id="matplotlib.axis_1"')[1].split('id="matplotlib.axis_2"')[0]
    ticks = [word for word in re.findall(r">([^<>]+)</text>", horizontal) if word != "Cycle"]
    assert ticks
    assert all(tick.isdigit() for tick in ticks)


def test_a_data_set_of_the_papers_shares_its_panel_with_what_they_print():
    made = lines_made("fig7", [own("Ours-Semi", 10.0, 80.0), own("Ours-Semi", 15.0, 86.0)])
    assert [table.caption for table in made.tables] == [
        "CIFAR-10, measured and published, %; columns: Labelled, %"
    ]
    rows = {row[:2]: row[2:] for row in made.tables[0].rows}
    assert rows["Ours-Semi", "measured"][:3] == ("80.0 ± 0.5", "86.0 ± 0.5", UNKNOWN)
    assert rows["Ours-Semi", "published"][:3] == ("79.7", "87.8", "90.2")
    assert rows["Full training", "published"][-1] == "93.1"
    assert sum(pair.published is not None and pair.measured is not None for pair in made.pairs) == 2


def test_another_data_set_has_a_panel_of_its_own_and_the_page_says_why():
    made = lines_made("fig9", [own("CyclicOD", 10.0, 95.0, dataset="digits")])
    captions = [table.caption.split(", %")[0] for table in made.tables]
    assert captions == ["digits, measured", "CIFAR-10, published"]
    assert "The papers do not show digits" in made.notes[0]
    assert all(pair.published is None or pair.measured is None for pair in made.pairs)


def test_jpeg_images_stand_next_to_the_published_ones_and_the_page_says_so():
    made = lines_made("fig9", [own("CyclicOD", 10.0, 78.0, dataset="cifar10_jpeg")])
    assert [table.caption for table in made.tables] == [
        "CIFAR-10 (JPEG), measured; CIFAR-10, published, %; columns: Labelled, %"
    ]
    assert "JPEG compression" in made.notes[0]


def test_measured_points_at_other_percentages_are_paired_with_the_nearest_and_the_page_says_so():
    numbers = [own("Ours-Semi", x, 70.0, dataset="caltech101") for x in (11.2, 44.7)]
    made = lines_made("fig7", numbers)
    near, far = made.pairs[:2]
    assert (near.published.x, far.published) == (10.0, None)
    assert "nearest percentage, at most 2.5 points away" in made.notes[0]
    assert made.tables[0].headers[2:5] == ("10", "11.2", "15")
    assert lines_made("fig7", [own("A", 100 * 361 / 1437, 70.0)]).tables[0].headers[5] == "25"
    alike = lines_made("fig7", [own("Ours-Semi", 10.02, 70.0)])
    assert not any("nearest percentage" in note for note in alike.notes)


def test_series_of_their_own_units_have_a_table_each():
    numbers = [Pair(Measured("digits", "", name, 1.0, 0.3, None, 1, unit), None)
               for name, unit in (("COD", ""), ("loss", "nats"))]  # fmt: skip
    captions = [table.caption for table in tables_of("fig3", numbers, split=True)]
    assert captions == ["digits, measured; columns: Cycle", "digits, measured, nats; columns: Cycle"]


@pytest.mark.parametrize("draw", [draw_lines, draw_points])
def test_formulas_are_saved_as_shapes_and_other_text_as_text(draw):
    formula = [Panel("", r"$\|\nabla_w f\|^2$", "plain", (line("A"),))]
    shapes = draw_lines("shapes", formula, math=True, **WORDS)
    assert "<text" not in shapes.svg
    assert shapes.svg.count("<use") > 10
    plain = draw("text", [Panel("$5 and $6", "x", "y", (line("A"),))], **WORDS)
    assert "$5 and $6" in plain.svg


def test_panels_with_legends_of_their_own_start_again_with_the_colours():
    first, second = (tuple(line(f"{part} {i}") for i in range(3)) for part in "ab")
    drawn = draw_lines("own", [Panel("1", "x", "y", first), Panel("2", "x", "y", second)],
                       own_legends=True, **WORDS)  # fmt: skip
    for name in (*SERIES[:3], *(f"{part} {i}" for part in "ab" for i in range(3))):
        assert LIGHT.get(name, f">{name}<") in drawn.svg
    assert all(LIGHT[name] not in drawn.svg for name in SERIES[3:])


@pytest.mark.parametrize(
    "labels",
    [
        ("0-5 %", "5-10 %", "10-20 %", "20-50 %", "50-100 %", "solid: measured", "dashed: published"),
        ("Ours", "VAAL", "LL4AL", "Core-set", "Random", "solid: measured", "dashed: published"),
        ("Ours-Semi", "Least confidence (not in the papers)", "Random, TOD loss (not in the papers)"),
        ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "queried next", "not labelled"),
    ],
)
@pytest.mark.parametrize("inches", [5.0, 7.5, 10.0, 15.0])
def test_no_legend_is_wider_than_its_figure(labels, inches):
    entries = [Entry(label, LIGHT["ink"], "o", "-") for label in labels]
    with rc_context(SETTINGS):
        figure = Figure(figsize=(inches, 4.0), layout="constrained")
        figure.add_subplot()
        add_legend(figure, entries, columns=columns_that_fit(labels, inches))
        figure.draw_without_rendering()
        assert figure.legends[0].get_window_extent().x1 <= figure.bbox.x1


def test_a_table_is_drawn_as_rows_of_points_with_its_numbers_below():
    made = points_made("table1", [own("Base", 40.0, 90.0), own("Base+Semi", 40.0, 91.0)])
    assert len(made.images) == 1
    rows = {row[:2]: row[2] for row in made.tables[0].rows}
    assert (rows["Base", "measured"], rows["SRAAL", "published"]) == ("90.0 ± 0.5", "92.5")
    assert made.tables[0].caption.endswith("columns: Labelled, %")


@pytest.mark.parametrize(("count", "drawn"), [(7, True), (8, False)])
def test_a_caption_speaks_of_bands_only_where_they_are_drawn(count, drawn, monkeypatch):
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *_, **__: None)
    numbers = [own(f"line {i}", x, 80.0 + i, dataset="digits") for i in range(count) for x in (10.0, 20.0)]
    caption = lines_made("fig9", numbers).images[0].caption
    assert caption.startswith("Measured: mean of 2 seeds")
    assert ("standard deviation" in caption) == drawn


def test_without_measured_numbers_the_published_ones_stand_alone():
    made = lines_made("fig5", [])
    assert made.images[0].title == EXHIBITS["fig5"].title
    assert all(pair.measured is None for pair in made.pairs)
