"""Figures as files."""

from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from elimctl.figures.clip_timeline import clip_timeline
from elimctl.figures.save import rendered, save
from elimctl.figures.shift_bars import Pair, shift_bars
from elimctl.figures.style import DARK
from elimctl.figures.va_plane import va_plane

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("form", ["png", "svg"])
def test_the_same_arrays_give_the_same_bytes(drawn, form):
    first, second = (
        rendered(va_plane(drawn.preds, drawn.target, drawn.identity), form, command="elimctl figures r")
        for _ in range(2)
    )
    assert first == second
    dark = va_plane(drawn.preds, drawn.target, drawn.identity, look=DARK)
    assert rendered(dark, form, look=DARK) != first


def test_files_say_what_they_show_and_how_they_were_made(drawn, tmp_path):
    drawing = va_plane(drawn.preds, drawn.target, drawn.identity)
    png, svg = save(drawing, tmp_path / "new" / "va_plane", command="elimctl figures r")
    assert sorted(file.name for file in png.parent.iterdir()) == ["va_plane.png", "va_plane.svg"]
    with Image.open(png) as image:
        assert image.text["Title"] == drawing.title
        assert image.text["Description"] == drawing.alt
        assert image.text["Source"] == "elimctl figures r"
        assert image.width == 990  # 6.6 inches of 150 dots
    root = ElementTree.fromstring(svg.read_bytes())
    assert root.attrib["role"] == "img"
    assert root.find(f"{SVG}title").text == drawing.title
    assert root.find(f"{SVG}desc").text == drawing.alt
    assert b"http" not in svg.read_bytes().split(b"<defs>")[1].replace(b"http://www.w3.org", b"")


def test_a_figure_without_a_command_is_saved_too(drawn, tmp_path):
    drawing = va_plane(drawn.preds, drawn.target, drawn.identity)
    assert b"elimctl figures" not in rendered(drawing, "svg")


@pytest.mark.parametrize("name", ["A\x01B", "\x1b[31m", "a\ud800b", "\x0bc\uffff", "-->&<"])
def test_a_name_of_any_characters_gives_files_that_can_be_read(name, tmp_path):
    pair = Pair(name, name, np.array([0.1, 0.2]))
    frame, values = np.arange(3), np.zeros((3, 2))
    for number, drawing in enumerate([shift_bars([pair]), clip_timeline(frame, values, values, clip=name)]):
        png, svg = save(drawing, tmp_path / str(number), command=f"elimctl figures --pair '{name}:c'")
        root = ElementTree.parse(svg).getroot()
        assert root.find(f"{SVG}desc").text == drawing.alt
        with Image.open(png) as image:
            assert image.text["Description"] == drawing.alt
