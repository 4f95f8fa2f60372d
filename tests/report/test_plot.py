import io
import re
from xml.etree import ElementTree

import pytest
from PIL import Image

from nextlabel.report.plot import DARK, LIGHT, SERIES, css_variables, draw, styles


def luminance(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.fixture(scope="module")
def image():
    def paint(axes):
        axes.plot([1, 2], [3, 4], color=LIGHT["series-0"], marker="s", label="cod & $x$ < 1")
        axes.fill_between([1, 2], [2, 3], [4, 5], color=LIGHT["series-0"], alpha=0.1)

    return draw("one", paint, title="A <title>", caption="c", description='says "so" & more')


def test_every_colour_of_a_theme_has_its_own_value():
    assert len(set(LIGHT.values())) == len(LIGHT)
    assert list(DARK) == list(LIGHT)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_lines_stand_out_from_the_paper(theme):
    assert contrast(theme["ink"], theme["paper"]) >= 7
    assert contrast(theme["muted"], theme["paper"]) >= 4.5
    assert all(contrast(theme[name], theme["paper"]) >= 3 for name in (*SERIES, "baseline"))
    assert all(contrast(theme["ink"], theme[name]) >= 4.5 for name in theme if name.startswith("heat-"))


def test_the_dark_figure_is_the_light_one_in_the_colours_of_the_dark_theme(image):
    light, dark = (set(re.findall(r"#[0-9a-f]{6}", svg)) for svg in (image.svg, image.dark))
    assert LIGHT["series-0"] in light
    assert dark == {DARK[name] for name, value in LIGHT.items() if value in light}
    assert len(image.dark) == len(image.svg)


def test_the_inline_figure_has_no_colour_of_its_own(image):
    assert re.findall(r"#[0-9a-f]{6}\b", image.inline) == []
    assert "var(--series-0)" in image.inline


def test_the_inline_figure_is_named_and_described(image):
    root = ElementTree.fromstring(image.inline.replace("xlink:href", "href"))
    assert root.get("role") == "img"
    named = {element.get("id"): element.text for element in root.iter() if element.get("id")}
    assert [named[i] for i in root.get("aria-labelledby").split()] == ["A <title>", 'says "so" & more']


def test_every_reference_in_the_inline_figure_finds_its_id(image):
    ids = re.findall(r'\bid="([^"]+)"', image.inline)
    targets = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', image.inline)
    assert len(ids) == len(set(ids))
    assert {a or b for a, b in targets} <= set(ids)
    assert all(name.startswith("one-") for name in ids)


def test_a_name_with_a_dollar_is_drawn_as_it_is_written(image):
    assert "cod &amp; $x$ &lt; 1" in image.svg


def test_the_figure_file_stands_alone_in_the_light_theme(image):
    ElementTree.fromstring(image.svg)
    assert LIGHT["series-0"] in image.svg
    assert "var(" not in image.svg
    assert Image.open(io.BytesIO(image.png)).size[0] in (919, 920)  # matplotlib before 3.10 rounds down


def test_the_same_drawing_gives_the_same_bytes(image):
    def paint(axes):
        axes.plot([1, 2], [3, 4], color=LIGHT["series-0"], marker="s", label="cod & $x$ < 1")
        axes.fill_between([1, 2], [2, 3], [4, 5], color=LIGHT["series-0"], alpha=0.1)

    again = draw("one", paint, title="A <title>", caption="c", description='says "so" & more')
    assert (again.svg, again.png) == (image.svg, image.png)


def test_strategies_differ_in_colour_dash_and_marker_and_the_baseline_is_grey():
    looks = styles(["random", "a", "b", "c", "d", "e"], "random")
    assert looks["random"].color == "baseline"
    for part in ("color", "dash", "marker"):
        assert len({getattr(look, part) for look in looks.values()}) == 6


def test_more_strategies_than_colours_still_all_look_different():
    looks = list(styles([f"s{i}" for i in range(20)], "random").values())
    assert len({look.color for look in looks[:10]}) == 10
    assert len({(look.color, look.dash) for look in looks}) == 20
    assert len({(look.color, look.marker) for look in looks}) == 20


def test_a_theme_becomes_css_declarations():
    assert css_variables({"ink": "#000000", "paper": "#ffffff"}) == "--ink: #000000; --paper: #ffffff;"


@pytest.mark.parametrize(
    "labels",
    [
        ("random", "cod", "margin", "entropy"),
        ("no relation", "cod", "cod(gap='10 steps')", "margin", "random"),
        ("a", "learning_loss(tod)", "b", "c", "d", "learning_loss(tod)", "e", "f"),  # 4 columns fit, 3 do not
        ("random choice", "learning_loss(tod(weight=0.1))", "cod(gap='50 epochs', form='l2')"),
    ],
)
def test_no_legend_is_wider_than_its_figure(labels, monkeypatch):
    drawn = []
    monkeypatch.setattr("nextlabel.report.plot.image_of", lambda figure, *_, **__: drawn.append(figure))

    def paint(axes):
        for label in labels:
            axes.plot([0, 1], marker="o", label=label)

    draw("figure", paint, title="", caption="", description="")
    drawn[0].draw_without_rendering()
    assert drawn[0].legends[0].get_window_extent().x1 <= drawn[0].bbox.x1
