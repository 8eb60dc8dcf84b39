import base64
from io import BytesIO

from PIL import Image

from elimctl.report import pictures

TWO = ["va_plane", "error_map"]


def test_a_figure_is_an_image_for_light_and_for_dark_screens_with_words(make_run, subject):
    (found,), skipped = pictures.pictures([subject(make_run())], ["va_plane"])
    assert skipped == []
    assert "80 samples" in found.alt
    for uri, bright in ((found.light, True), (found.dark, False)):
        kind, _, content = uri.partition(",")
        assert kind == "data:image/png;base64"
        image = Image.open(BytesIO(base64.b64decode(content))).convert("L")
        assert (image.getpixel((2, 2)) > 128) == bright


def test_a_figure_that_does_not_apply_is_named_with_the_reason(make_run, subject):
    found, skipped = pictures.pictures([subject(make_run())], ["confusion_matrix"])
    assert found == []
    assert skipped[0].why == "the run learns valence and arousal, not classes"


def test_figures_that_find_no_room_are_left_out_and_named(make_run, subject, monkeypatch):
    one = subject(make_run())
    (first, _), _ = pictures.pictures([one], TWO)
    monkeypatch.setattr(pictures, "BYTES", first.size)
    found, skipped = pictures.pictures([one], TWO)
    assert [picture.name for picture in found] == ["va_plane"]
    assert skipped[0].name == "error_map"
    assert "keep the page small" in skipped[0].why


def test_faces_of_a_dataset_that_is_gone_are_not_there(make_run, subject):
    one = subject(make_run())
    assert pictures.faces(pictures.members([one], [one.table.row])) == {}
