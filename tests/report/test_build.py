import base64
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from pyarrow import parquet

from nextlabel.errors import DataError, UnknownNameError
from nextlabel.report.build import build, render
from nextlabel.results import to_csv

VOID = {"meta", "img", "path", "use", "rect", "br"}


class Page(HTMLParser):
    """Checks that elements nest, and collects attributes and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.attributes, self.text = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.attributes.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def of(self, tag):
        return [attributes for name, attributes in self.attributes if name == tag]


@pytest.fixture(scope="module")
def html(built_run):
    return (built_run / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_the_page_asks_nothing_of_the_network(html, page):
    assert re.findall(r"https?://", html) == []
    assert page.of("link") == page.of("script") == []
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.of("img"))
    assert "url(" not in html.replace("url(#", "")


def test_every_id_of_the_page_is_its_own(page):
    ids = [attributes["id"] for _, attributes in page.attributes if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_every_figure_and_image_is_described(page):
    assert len(page.of("svg")) == 2 + 3 + 2 + 1
    assert all(svg["role"] == "img" and svg["aria-labelledby"] for svg in page.of("svg"))
    assert all(image["alt"].startswith("Images queried by") for image in page.of("img"))


def test_table_heads_have_a_scope_and_wide_tables_scroll_on_their_own(page):
    assert {head["scope"] for head in page.of("th")} == {"col", "row"}
    regions = [box for box in page.of("div") if box.get("class") == "scroll"]
    assert len(regions) == len(page.of("table")) == 2
    assert all(box["tabindex"] == "0" and box["aria-label"] for box in regions)


def test_the_page_follows_the_readers_theme_and_can_be_printed(html):
    assert "@media screen and (prefers-color-scheme: dark)" in html
    assert "@media print" in html
    assert 'name="viewport"' in html


def test_the_page_opens_with_the_finding(page):
    text = " ".join(page.text)
    assert text.index("On digits, random needs") < text.index("Results on digits")


def test_the_images_of_the_first_seed_are_shown_cycle_by_cycle(built_run, page):
    assert len(page.of("img")) == 3 * 3  # strategies and querying cycles
    first = (built_run / "cells/digits-cod-supervised-0/cycles/0001/queried.png").read_bytes()
    assert base64.b64decode(page.of("img")[0]["src"].partition(",")[2]) == first
    assert (page.of("img")[0]["width"], page.of("img")[0]["height"]) == ("80", "56")


def test_a_failed_cell_is_reported_with_its_error_as_text(html):
    assert "digits, entropy, supervised, seed 1" in html
    assert "the scores of &lt;b&gt;entropy&lt;/b&gt; are not" in html
    assert "<b>entropy" not in html


def test_a_cell_that_ended_early_is_named(html):
    assert "These cells ended early and are left out of all means: entropy, seed 0 (210 of 350" in html


def test_the_page_says_how_to_reproduce_it_and_where_it_ran(html):
    assert "nextlabel run experiment.toml --out again" in html
    assert "<dt>torch</dt><dd>2.4.0</dd>" in html
    assert "warm_start = true" in html


def test_markdown_has_the_tables_and_only_files_that_are_there(built_run):
    text = (built_run / "report.md").read_text(encoding="utf-8")
    links = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    assert len(links) == 8 + 9
    assert all((built_run / link).is_file() for link in links)
    assert "| Strategy | Labels | Final accuracy, % |" in text
    assert "the scores of <b>entropy</b> are not finite" in text
    assert "\n\n\n" not in text


def test_every_figure_is_a_file_of_both_kinds(built_run):
    names = sorted(path.name for path in (built_run / "figures").iterdir())
    assert len(names) == 16
    assert {name.partition(".")[0] + ".svg" for name in names} == {
        name for name in names if name.endswith(".svg")
    }
    assert "digits-supervised-learning-curves.png" in names


def test_the_same_run_gives_the_same_report_byte_for_byte(rows_of, make_run, tmp_path):
    run = make_run(rows_of(strategies=["cod"], seeds=1, cycles=2))
    copy = shutil.copytree(run, tmp_path / "elsewhere" / "run")
    for folder in (run, copy):
        build(folder)
    written = [sorted(p for p in folder.rglob("*") if p.is_file()) for folder in (run, copy)]
    assert len(written[0]) == len(written[1])
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(*written, strict=True))


def test_several_data_sets_have_a_section_each_and_a_way_to_them(rows_of, make_run):
    run = make_run([*rows_of(seeds=1, cycles=1), *rows_of(dataset="animals", seeds=1, cycles=1)])
    page = Page(render(run, "html").read_text(encoding="utf-8"))
    sections = [attributes["id"] for attributes in page.of("section")]
    assert sections == ["digits-supervised", "animals-supervised", "reproduce"]
    assert {"#digits-supervised", "#animals-supervised"} <= {link["href"] for link in page.of("a")}


def test_a_run_whose_cells_all_failed_still_has_a_report(make_run):
    text = build(make_run([])).read_text(encoding="utf-8")
    assert "No cell has finished a cycle yet." in text
    Page(text)


def test_each_format_is_written_where_it_is_said(built_run):
    assert render(built_run, "csv") == built_run / "results.csv"
    assert parquet.read_table(render(built_run, "parquet")).num_rows == 3 * 3 * 4 + 2


def test_an_unknown_format_offers_the_nearest(built_run):
    with pytest.raises(UnknownNameError, match="did you mean 'html'"):
        render(built_run, "htm")


def test_images_that_no_query_explains_are_refused(rows_of, make_run):
    run = make_run(rows_of(strategies=["cod"], seeds=1, cycles=2))
    (run / "cells/digits-cod-supervised-0/queries.json").write_text("[]")
    with pytest.raises(DataError, match=r"query of cycle 1 not found"):
        build(run)


def test_a_cell_without_rows_shows_no_images_and_stops_no_report(rows_of, make_run):
    rows = rows_of(strategies=["cod"], seeds=2, cycles=2)
    run = make_run(rows)
    (run / "results.csv").write_text(to_csv(row for row in rows if row.seed == 1))
    (run / "cells/digits-cod-supervised-0/queries.json").write_text("[]")
    assert "cod, seed 1" in render(run, "html").read_text(encoding="utf-8")


def test_a_broken_image_is_named(rows_of, make_run):
    run = make_run(rows_of(strategies=["cod"], seeds=1, cycles=2))
    (run / "cells/digits-cod-supervised-0/cycles/0001/queried.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"queried\.png must be an image"):
        build(run)


def test_reports_load_no_torch():
    code = (
        "import sys, nextlabel.report.build; sys.exit('torch' in sys.modules or 'matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
