"""The numbers of both papers, and what an unknown number is answered."""

import pytest

from nextlabel.errors import ConfigurationError, UnknownNameError
from nextlabel.papers.published.exhibits import EXHIBITS
from nextlabel.papers.published.numbering import PLACES, exhibit_named, places_of


@pytest.mark.parametrize(
    ("typed", "exhibit"),
    [
        ("fig7", "fig7"), ("iccv-fig7", "fig7"), ("tnnls-fig8", "fig7"), ("tnnls-fig7", "suppfig3"),
        ("tnnls-fig9", "noise"), ("tnnls-fig10", "fig8"), ("tnnls-fig11", "fig9"), ("tnnls-fig12", "fig10"),
        ("tnnls-fig15", "suppfig1"), ("tnnls-fig16", "suppfig2"), ("iccv-suppfig2", "suppfig2"),
        ("iccv-table1", "table1"), ("tnnls-table1", "table1"), ("tnnls-tableI", "table1"),
        ("TNNLS-TableIV", "model_selection"), ("tnnls-table3", "model_selection"), ("tnnls-table6", "table3"),
        ("noise", "noise"), ("tsne", "tsne"), ("model_selection", "model_selection"),
    ],
)  # fmt: skip
def test_a_number_of_either_paper_is_the_exhibit_that_stands_there(typed, exhibit):
    assert exhibit_named(typed) == exhibit


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("fig99", "figures are 1 to 11; did you mean 'fig11'"),
        ("iccv-fig99", "did you mean 'iccv-fig11'"),
        ("tnnls-fig40", "figures are 1 to 16; did you mean 'tnnls-fig16'"),
        ("table9", "tables are 1 to 3; did you mean 'table3'"),
        ("tnnls-tableX", "tables are 1 to 6; did you mean 'tnnls-table6'"),
        ("fig0", "did you mean 'fig1'"),
        ("fig15", "ICCV 2021 has no fig15: its figures are 1 to 11; did you mean 'tnnls-fig15'"),
        ("suppfig4", "supplement's figures are 1 to 3; did you mean 'suppfig3'"),
        ("tnnls-suppfig2", "TNNLS 2022 has no supplement; did you mean 'tnnls-fig16'"),
        ("tnnls-suppfig9", "TNNLS 2022 has no supplement; did you mean 'iccv-suppfig3'"),
    ],
)
def test_a_number_that_the_paper_does_not_have_is_offered_the_nearest_that_is_right(typed, offered):
    with pytest.raises(ConfigurationError) as refused:
        exhibit_named(typed)
    assert offered in str(refused.value)
    assert exhibit_named(str(refused.value).split("did you mean '")[1].split("'")[0]) in EXHIBITS


@pytest.mark.parametrize(
    ("typed", "title"),
    [("tnnls-fig3", "TNNLS 2022, Fig. 3"), ("tnnls-fig13", "TNNLS 2022, Fig. 13"),
     ("tnnls-table2", "TNNLS 2022, Table II")],
)  # fmt: skip
def test_a_figure_that_the_article_has_but_is_not_made_says_so(typed, title):
    with pytest.raises(ConfigurationError, match=f"{title} exists but cannot be reproduced"):
        exhibit_named(typed)


@pytest.mark.parametrize("typed", ["figg7", "fig", "figvx", "iccv-", "tnnls-noise9", ""])
def test_what_is_no_number_is_an_unknown_name(typed):
    with pytest.raises(UnknownNameError, match="exhibit not found"):
        exhibit_named(typed)


def test_every_exhibit_has_a_number_but_the_maps_and_names_it_where_it_says_it_comes_from():
    for name, about in EXHIBITS.items():
        places = [*places_of(name, "iccv"), *places_of(name, "tnnls")]
        assert bool(places) == (name != "tsne")
        for place in places if name != "model_selection" else ():
            assert place.title in about.where
    assert "Tables III to V" in EXHIBITS["model_selection"].where
    assert [place.number for place in places_of("model_selection", "tnnls")] == [3, 4, 5]
    assert all(place.exhibit in {*EXHIBITS, ""} for place in PLACES.values())
    assert PLACES["tnnls-table3"].title == "TNNLS 2022, Table III"
    assert PLACES["iccv-suppfig3"].title == "ICCV 2021 supplement, Fig. 3"
