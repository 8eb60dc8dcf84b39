import base64
import json
from io import BytesIO

from PIL import Image

from elimctl.report import pictures

TWO = ["va_plane", "error_map"]


def image(uri):
    kind, _, content = uri.partition(",")
    assert kind == "data:image/png;base64"
    return Image.open(BytesIO(base64.b64decode(content))).convert("L")


def test_a_figure_is_an_image_for_light_and_for_dark_screens_with_words(make_run, subject):
    (found,), skipped = pictures.pictures([subject(make_run())], ["va_plane"])
    assert skipped == []
    assert "80 samples" in found.alt
    for uri, bright in ((found.light, True), (found.dark, False)):
        assert (image(uri).getpixel((2, 2)) > 128) == bright


def test_a_figure_that_does_not_apply_is_named_with_the_reason(make_run, subject):
    found, skipped = pictures.pictures([subject(make_run())], ["confusion_matrix"])
    assert found == []
    assert skipped[0].why == "the run learns valence and arousal, not classes"


def test_a_kind_that_finds_no_room_for_all_runs_is_left_out_of_all(make_run, subject, monkeypatch):
    found = [subject(make_run("one")), subject(make_run("two", seed=1))]
    of_one, _ = pictures.pictures(found, ["va_plane"])
    monkeypatch.setattr(pictures, "BYTES", sum(picture.size for picture in of_one) + 1000)
    drawn = []
    monkeypatch.setitem(pictures.OF_RUN, "error_map", lambda *_: drawn.append("error_map"))
    shown, skipped = pictures.pictures(found, TWO)
    assert [(picture.name, picture.run) for picture in shown] == [("va_plane", "one"), ("va_plane", "two")]
    (left_out,) = skipped
    assert (left_out.run, left_out.name) == ("", "error_map")
    assert "elimctl report one two --only error_map" in left_out.why
    assert drawn == []  # it is not even drawn


def test_figures_of_many_runs_are_smaller(make_run, subject):
    found = [subject(make_run(name)) for name in ("one", "two", "three")]
    ((few, _), _), ((many, *_), _) = (pictures.pictures(found[:n], ["va_plane"]) for n in (2, 3))
    assert many.size < 0.6 * few.size
    assert image(few.light).width == 990  # 6.6 inches
    assert image(many.light).width == 660


def test_runs_together_have_their_figures_too(make_run, subject, workspace):
    names = [make_run(name, seed=seed) for seed, name in enumerate(("one", "two"))]
    for name, identities in zip(names, (4, 8), strict=True):
        file = workspace.runs / name / "run.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"train_identities": identities}))
    (found,), skipped = pictures.pictures([subject(name) for name in names], ["identity_sweep"])
    assert (found.run, found.name, skipped) == ("all runs together", "identity_sweep", [])


def test_a_run_that_does_not_say_its_identities_is_named(make_run, subject):
    found = [subject(make_run(name)) for name in ("one", "two")]
    _, (skipped,) = pictures.pictures(found, ["identity_sweep"])
    assert "does not say how many identities" in skipped.why


def test_what_no_run_has_is_told_once(make_run, subject, monkeypatch):
    monkeypatch.setattr(pictures, "BYTES", 0)  # nor is it said that there is no room for it
    found = [subject(make_run(name)) for name in ("one", "two")]
    _, skipped = pictures.pictures(found, ["va_plane", "confusion_matrix"])
    assert (skipped[1].run, skipped[1].why) == ("", "the run learns valence and arousal, not classes")


def test_faces_of_a_dataset_that_is_gone_are_not_there(make_run, subject):
    one = subject(make_run())
    assert pictures.faces(pictures.members([one], [one.table.row])) == {}
