import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from elimctl.report import plane
from elimctl.report.plane import as_json, faced_rows, planes

from .conftest import NASTY


def test_points_lie_where_the_predictions_are(make_run, subject):
    preds = np.zeros(80)
    preds[:2] = [1, -1]
    (made,) = planes([subject(make_run(valence_pred=preds, arousal_pred=preds))])
    places = dict(zip(made.rows["row"], [(point.x, point.y) for point in made.points], strict=True))
    # +1 is right and up, -1 left and down, 0 in the middle
    assert places[0] == (plane.SIDE - plane.MARGIN, plane.MARGIN)
    assert places[1] == (plane.MARGIN, plane.SIDE - plane.MARGIN)
    assert places[2] == (plane.SIDE / 2, plane.SIDE / 2)


def test_points_a_little_beyond_1_widen_the_plane(make_run, subject):
    preds = np.zeros(80)
    preds[0] = 1.25
    (made,) = planes([subject(make_run(valence_pred=preds))])
    assert made.rows["reach"] == 1.25
    assert max(point.x for point in made.points) == plane.SIDE - plane.MARGIN


def test_points_far_out_stand_at_the_edge_and_that_is_said(make_run, subject):
    preds = np.zeros(80)
    preds[:2] = [70, -80]
    (made,) = planes([subject(make_run(valence_pred=preds))])
    assert made.rows["reach"] == plane.REACH
    assert {point.x for point in made.points[-2:]} == {plane.MARGIN, plane.SIDE - plane.MARGIN}
    assert "2 lie outside the plane" in made.shown
    assert made.rows["preds"][-1][0] == -80


def test_points_come_by_rising_error_and_show_their_own_row(make_run, subject):
    found = subject(make_run())
    (made,) = planes([found])
    target, preds = np.array(made.rows["target"]), np.array(made.rows["preds"])
    errors = np.linalg.norm(preds - target, axis=1)
    assert (np.diff(errors) > -1e-4).all()  # the page has four decimals
    for index in (0, 40, 79):
        row = made.rows["row"][index]
        assert made.rows["identities"][made.rows["identity"][index]] == f"Actor {row // 10:02d}"
        assert made.rows["clips"][made.rows["clip"][index]] == f"{row // 5:03d}"
        assert np.allclose(preds[index], found.table.preds[row], atol=5e-5)


def test_of_many_samples_a_part_is_shown_the_same_each_time_and_for_each_run(make_run, subject, monkeypatch):
    monkeypatch.setattr(plane, "POINTS", 40)
    found = [subject(make_run("one")), subject(make_run("two", seed=1))]
    first, second = planes(found)
    assert len(first.points) == 20
    assert sorted(first.rows["row"]) == sorted(second.rows["row"])
    assert planes(found) == [first, second]
    assert "20 of 80 samples, chosen at random" in first.shown


def test_json_in_a_script_cannot_end_it(make_run, subject):
    found = planes([subject(make_run(identity=[NASTY] * 80, path=["<!-- & \u2028 -->"] * 80))])
    text = as_json(found)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text)["plane-0"]["identities"] == [NASTY]


def test_runs_of_classes_have_no_plane(make_run, subject):
    assert planes([subject(make_run(classes=("neutral", "fear")))]) == []


def test_larger_errors_are_larger_points(make_run, subject):
    (made,) = planes([subject(make_run(noise=0.5))])
    radii = [point.radius for point in made.points]
    assert radii == sorted(radii)
    assert len(set(radii)) == 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_of_errors_are_told_apart_in_grey_too(scheme):
    sheet = (Path(plane.__file__).parent / "page.css").read_text()
    paper, *colours = (
        luminance(re.findall(rf"--{name}: #(\w+);", sheet)[scheme == "dark"])
        for name in ("paper", "e0", "e1", "e2", "e3")
    )
    steps = [contrast(paper, colour) for colour in colours]
    assert steps[0] >= 3  # as WCAG 2 wants it of graphics
    assert all(after > 1.25 * before for before, after in pairwise(steps))


def test_each_face_is_on_the_page_once_and_points_without_one_say_so(make_run, subject):
    found = [subject(make_run("one")), subject(make_run("two", seed=1))]
    faces = {("drawn", row): f"data:face{row}" for row in range(0, 80, 2)}
    made = planes(found, faces)
    assert "40 of them have a face on this page" in made[0].shown
    values = json.loads(as_json(made))
    assert values["faces"] == [f"data:face{row}" for row in range(0, 80, 2)]
    for row, number in zip(values["plane-1"]["row"], values["plane-1"]["faces"], strict=True):
        assert number == (row // 2 if row % 2 == 0 else -1)


@pytest.mark.parametrize(("most", "wanted"), [(600, 80), (80, 80), (40, 40)])
def test_as_many_points_have_faces_as_there_is_room_for(make_run, subject, monkeypatch, most, wanted):
    monkeypatch.setattr(plane, "FACES", most)
    found = [subject(make_run("one")), subject(make_run("two", seed=1))]
    first, second = faced_rows(found)
    assert len(set(first.tolist()) | set(second.tolist())) == wanted


def luminance(colour):
    """Relative luminance of `rrggbb`, as WCAG 2 defines it."""
    channels = np.array([int(colour[place : place + 2], 16) for place in (0, 2, 4)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(a, b):
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)
