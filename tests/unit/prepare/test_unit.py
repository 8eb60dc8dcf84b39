import hashlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from elimctl import atomic
from elimctl.faces.align import CropOptions
from elimctl.faces.face import Annotation, Face
from elimctl.manifest.row import Row
from elimctl.prepare import unit
from elimctl.prepare.plan import Plan
from elimctl.prepare.settings import PrepareSettings
from elimctl.store import zarr


class Fixed:
    """A detector that finds the same faces in every image, and counts its calls."""

    digest = "fixed"

    def __init__(self, *faces: Face) -> None:
        self.faces = list(faces)
        self.seen: list[tuple[np.ndarray, Annotation | None]] = []

    def detect(self, image: np.ndarray, annotation: Annotation | None = None) -> list[Face]:
        self.seen.append((image, annotation))
        return self.faces


FACE = Face((10.0, 5.0, 30.0, 25.0), 0.75, np.float32([[15, 10], [25, 10], [20, 15], [16, 20], [24, 20]]))
SETTINGS = PrepareSettings(crop=CropOptions(size_px=16), shard_images=4)


def _run(rows: list[Row], root: Path, detector: Fixed) -> tuple[list[unit.Outcome], str]:
    work = unit.run(rows, root, root / "units", settings=SETTINGS, detector=detector)
    outcomes = []
    while True:
        try:
            outcomes.append(next(work))
        except StopIteration as end:
            return outcomes, end.value


def _image(root: Path, name: str = "a.png") -> Path:
    image = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    cv2.imwrite(str(root / name), image)
    return root / name


def _row(path: str = "a.png", **more: object) -> Row:
    return Row(path=path, identity="1", clip="1", frame=0, **more)


def test_a_kept_row_says_what_was_found(tmp_path: Path) -> None:
    file = _image(tmp_path)
    [outcome], name = _run([_row()], tmp_path, Fixed(FACE))
    assert outcome == unit.Outcome(
        source_sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        width_px=40,
        height_px=30,
        faces=1,
        box=[10.0, 5.0, 30.0, 25.0],
        score=0.75,
        points=[15.0, 10.0, 25.0, 10.0, 20.0, 15.0, 16.0, 20.0, 24.0, 20.0],
    )
    assert unit.read_record(tmp_path / "units", name) == [outcome]


def test_the_shard_holds_the_crops_and_zeros_for_dropped_rows(tmp_path: Path) -> None:
    _image(tmp_path)
    rows = [_row(), _row("missing.png"), _row()]
    outcomes, name = _run(rows, tmp_path, Fixed(FACE))
    shard = unit.shard_file(tmp_path / "units", name)
    images = zarr.decode_shard(shard, (3, 16, 16, 3), shard_images=4)
    assert images[0].any()
    assert not images[1].any()
    np.testing.assert_array_equal(images[2], images[0])
    assert outcomes[1].reason == "unreadable image: missing.png: No such file or directory"


def test_every_way_to_lose_a_face_has_a_reason(tmp_path: Path) -> None:
    _image(tmp_path)
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("text")
    (tmp_path / "folder.png").mkdir()
    elsewhere = np.full((68, 2), 35.0, np.float32) + np.random.default_rng(0).random((68, 2), np.float32)
    rows = [_row("empty.png"), _row("text.png"), _row("folder.png"), _row(landmarks=elsewhere)]
    reasons = [outcome.reason for outcome in _run(rows, tmp_path, Fixed(FACE))[0]]
    assert reasons[0] == "unreadable image: empty.png is empty"
    assert reasons[1].startswith("unreadable image: text.png is no ")
    assert reasons[2] == "unreadable image: folder.png: Is a directory"
    assert reasons[3] == "no face at the annotated place"
    [nothing], _ = _run([_row()], tmp_path, Fixed())
    assert (nothing.reason, nothing.faces, nothing.width_px) == ("no face found", 0, 40)


def test_a_face_that_cannot_be_cropped_is_dropped_with_its_place(tmp_path: Path) -> None:
    _image(tmp_path)
    [outcome], _ = _run([_row()], tmp_path, Fixed(Face((100.0, 100.0, 120.0, 120.0), 0.5, None)))
    assert outcome.reason.startswith("unusable face: ")
    assert outcome.box == [100.0, 100.0, 120.0, 120.0]


def test_a_row_dropped_by_the_reader_is_not_read(tmp_path: Path) -> None:
    detector = Fixed(FACE)
    [outcome], _ = _run([_row(reason="no label: valence")], tmp_path, detector)
    assert outcome == unit.Outcome(reason="no label: valence")
    assert not detector.seen


def test_a_finished_unit_is_not_done_again(tmp_path: Path) -> None:
    _image(tmp_path)
    first, again = Fixed(FACE), Fixed(FACE)
    assert _run([_row()], tmp_path, first) == _run([_row()], tmp_path, again)
    assert len(first.seen) == 1
    assert not again.seen


def test_labels_identity_and_place_on_disk_do_not_name_a_unit(tmp_path: Path) -> None:
    _image(tmp_path)
    other = Row(path="a.png", identity="2", clip="9", frame=7, valence=0.5, arousal=0.5, actor="Actor 01")
    assert _run([_row()], tmp_path, Fixed(FACE))[1] == _run([other], tmp_path, Fixed(FACE))[1]
    moved = tmp_path / "moved"
    moved.mkdir()
    (tmp_path / "a.png").rename(moved / "a.png")
    assert _run([_row()], tmp_path, Fixed(FACE))[1] != _run([_row()], moved, Fixed(FACE))[1]  # now missing
    assert _run([_row()], moved, Fixed(FACE))[1] == _run([other], moved, Fixed(FACE))[1]


@pytest.mark.parametrize(
    "change",
    [
        {"landmarks": np.ones((68, 2), np.float32)},
        {"box": (1.0, 2.0, 3.0, 4.0)},
        {"pixel_aspect": 4 / 3},
        {"reason": "no label"},
    ],
)
def test_the_annotation_names_a_unit(tmp_path: Path, change: dict) -> None:
    _image(tmp_path)
    assert _run([_row()], tmp_path, Fixed(FACE))[1] != _run([_row(**change)], tmp_path, Fixed(FACE))[1]


def test_the_bytes_of_the_image_name_a_unit(tmp_path: Path) -> None:
    file = _image(tmp_path)
    before = _run([_row()], tmp_path, Fixed(FACE))[1]
    file.write_bytes(file.read_bytes() + b"\0")
    assert _run([_row()], tmp_path, Fixed(FACE))[1] != before


def test_the_model_names_a_unit(tmp_path: Path) -> None:
    _image(tmp_path)
    other = Fixed(FACE)
    other.digest = "other"
    assert _run([_row()], tmp_path, Fixed(FACE))[1] != _run([_row()], tmp_path, other)[1]


def test_wide_pixels_are_stretched_before_detection_and_reported_as_stored(tmp_path: Path) -> None:
    _image(tmp_path)
    landmarks = np.stack([np.linspace(10, 30, 68), np.linspace(5, 25, 68)], axis=1).astype(np.float32)
    wide = Face((15.0, 5.0, 45.0, 25.0), 0.5, np.float32([[15, 10]] * 5))
    detector = Fixed(wide)
    row = _row(landmarks=landmarks, box=(10.0, 5.0, 30.0, 25.0), pixel_aspect=1.5)
    [outcome], _ = _run([row], tmp_path, detector)
    [(image, annotation)] = detector.seen
    assert image.shape == (30, 60, 3)
    np.testing.assert_array_equal(annotation.landmarks, landmarks * np.float32([1.5, 1]))
    assert annotation.box == (15.0, 5.0, 45.0, 25.0)
    assert (outcome.width_px, outcome.height_px) == (40, 30)
    assert outcome.box == [10.0, 5.0, 30.0, 25.0]
    assert outcome.points == [10.0, 10.0] * 5


def test_a_full_disk_leaves_nothing_of_a_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _image(tmp_path)

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(atomic, "sync", full)
    with pytest.raises(OSError, match="No space left"):
        _run([_row()], tmp_path, Fixed(FACE))
    assert list((tmp_path / "units").iterdir()) == []
    monkeypatch.undo()
    assert _run([_row()], tmp_path, Fixed(FACE))[0][0].reason is None


def test_a_unit_that_was_stopped_is_not_finished(make_plan: Callable[..., Plan], tmp_path: Path) -> None:
    plan = make_plan()
    for rows in plan.units():
        work = unit.run(rows, plan.root, tmp_path, settings=plan.settings, detector=plan.detector)
        assert next(work) is not None
        work.close()  # as on Ctrl-C
    assert list(tmp_path.glob("*.json")) == []
