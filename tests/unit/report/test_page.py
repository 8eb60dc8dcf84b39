import re
from html.parser import HTMLParser

import pytest

from elimctl.errors import ConfigError, DataError
from elimctl.report import page as pages
from elimctl.report.build import build
from elimctl.report.page import render
from elimctl.report.pictures import TITLES

from .conftest import NASTY, RESAMPLING

FIGURE = ["va_plane"]


class Reader(HTMLParser):
    """Elements and text of a page."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.within = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.within.append(tag)

    def handle_data(self, data):
        if self.within and self.within[-1] not in ("script", "style"):
            self.text.append(data)


@pytest.fixture
def made(make_run, workspace):
    """A function that makes runs and their page."""

    def make(*runs, **options):
        names = [make_run(**run) for run in runs]
        return render(build(workspace, names, only=FIGURE, resampling=RESAMPLING, **options))

    return make


def test_an_identity_that_is_a_script_is_text(made):
    html = made(
        {
            "identity": [NASTY] * 40 + ["Actor"] * 40,
            "clip": ["<b>bold</b>"] * 80,
            "path": ['"><img src=x>'] * 80,
        }
    )
    page = Reader(html)
    assert NASTY not in html
    assert NASTY in "".join(page.text)
    assert [attributes for tag, attributes in page.elements if tag == "b"] == []
    assert all(attributes["src"].startswith("data:") for tag, attributes in page.elements if tag == "img")
    assert len([tag for tag, _ in page.elements if tag == "script"]) == 2


def test_names_of_runs_and_datasets_are_escaped_too(make_run, workspace):
    make_run("run", dataset="<i>data</i>")
    html = render(build(workspace, ["run"], only=FIGURE, resampling=RESAMPLING))
    assert "<i>" not in html
    assert "&lt;i&gt;data&lt;/i&gt;" in html


def test_nothing_on_the_page_comes_from_elsewhere(made):
    page = Reader(made({}))
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        for name in ("src", "srcset", "href"):
            value = attributes.get(name, "#")
            assert value.startswith(("data:image/", "#")), (tag, value)
        assert not [name for name in attributes if name.startswith("on") or name == "style"], attributes
    (policy,) = [a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")


def test_equal_runs_give_an_equal_page(made, workspace):
    html = made({})
    assert render(build(workspace, ["one"], only=FIGURE, resampling=RESAMPLING)) == html


def test_all_ids_are_unique_and_all_links_lead_somewhere(made):
    page = Reader(made({}, {"name": "two", "seed": 1}, {"name": "three", "classes": ("neutral", "fear")}))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        for name in ("aria-labelledby", "aria-controls"):
            assert attributes.get(name, ids[0]) in ids
        if attributes.get("href"):
            assert attributes["href"][1:] in ids


def test_all_ids_of_a_cross_validation_are_unique_too(make_crossval, workspace):
    page = Reader(render(build(workspace, [make_crossval()], only=FIGURE, resampling=RESAMPLING)))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert "fold-scores-0-table" in ids
    assert len(ids) == len(set(ids))


def test_a_damaged_analysis_is_a_remark_on_the_page(make_run, workspace):
    folder = workspace.runs / make_run() / "eval"
    (folder / "val.calibration.json").write_text("{}")
    page = build(workspace, only=FIGURE, resampling=RESAMPLING)
    assert any("eval/val.calibration.json of one is damaged" in remark for remark in page.remarks)


def test_figures_of_several_runs_want_several(make_run, workspace):
    make_run()
    with pytest.raises(ConfigError, match="identity_sweep: these figures need several runs"):
        build(workspace, only=["identity_sweep"], resampling=RESAMPLING)


def test_figures_of_several_runs_together_are_known(make_run, workspace):
    names = [make_run("one"), make_run("two", seed=1)]
    page = build(workspace, names, only=["loss_comparison"], resampling=RESAMPLING)
    assert [one.name for one in page.skipped] == ["loss_comparison"]


def test_each_figure_is_there_for_light_and_for_dark_with_the_same_words(made):
    page = Reader(made({}))
    images = [attributes for tag, attributes in page.elements if tag == "img"]
    assert [image["class"] for image in images] == ["on-light", "on-dark"]
    assert images[0]["alt"] == images[1]["alt"] != ""
    assert images[0]["src"] != images[1]["src"]


def test_a_kind_has_a_title_of_its_own_where_that_of_a_figure_names_a_sample(make_run, workspace):
    names = [make_run("one"), make_run("two", seed=1)]
    page = build(workspace, names, only=["timeline_worst"], resampling=RESAMPLING)
    assert [title for title, _ in page.galleries] == ["The clip with the largest error"]
    assert TITLES["plan_map"] == "Transport plan of one pair of identities"


def test_figures_of_several_runs_stand_side_by_side(made):
    html = made({}, {"name": "two", "seed": 1})
    assert re.search(
        r"<h3>Predicted and true.*?<figcaption><bdi>one</bdi>.*?<figcaption><bdi>two</bdi>", html, re.S
    )


def test_a_run_named_twice_is_shown_once(make_run, workspace):
    make_run()
    assert build(workspace, ["one", "one"], only=FIGURE, resampling=RESAMPLING).runs == ["one"]


def test_without_a_name_the_newest_run_is_shown(make_run, workspace):
    make_run("one")
    make_run("two")
    assert build(workspace, only=FIGURE, resampling=RESAMPLING).runs == ["two"]


def test_runs_of_different_datasets_are_told_apart(made):
    html = made({}, {"name": "two", "dataset": "other"})
    assert "No paired difference: runs one and two cannot be compared" in html


def test_a_run_of_classes_has_a_page(made):
    html = made({"classes": ("neutral", "fear")})
    assert "predicts classes of expression" in html
    assert "balanced accuracy" in html


def test_a_dataset_that_is_gone_is_told(made):
    assert "no prepared dataset" in made({})


def test_a_page_too_large_is_refused(make_run, workspace, monkeypatch):
    make_run()
    monkeypatch.setattr(pages, "LIMIT", 10_000)
    with pytest.raises(DataError, match=r"the page would have .* MB, at most"):
        render(build(workspace, only=FIGURE, resampling=RESAMPLING))


def test_a_figure_that_does_not_exist_is_refused(make_run, workspace):
    make_run()
    with pytest.raises(ConfigError, match="no figure 'nonsense'; there are: va_plane"):
        build(workspace, only=["nonsense"])
