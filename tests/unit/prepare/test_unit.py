import hashlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from elimctl import atomic
from elimctl.faces.align import CropOptions
from elimctl.faces.face import Face
from elimctl.manifest.row import Row
from elimctl.prepare import unit
from elimctl.prepare.extract import Outcome
from elimctl.prepare.plan import Plan
from elimctl.prepare.settings import PrepareSettings
from elimctl.store.images import open_images, write_images
from elimctl.synthetic.video_writing import write_video

from .conftest import Fixed

FACE = Face((10.0, 5.0, 30.0, 25.0), 0.75, np.float32([[15, 10], [25, 10], [20, 15], [16, 20], [24, 20]]))
# Into a crop of 16 px goes the box of 20 px with 1 px added on each side: x is (x - 9) * 16 / 22.
IN_CROP = [48 / 11, 48 / 11, 128 / 11, 48 / 11, 8, 8, 56 / 11, 128 / 11, 120 / 11, 128 / 11]
SETTINGS = PrepareSettings(crop=CropOptions(size_px=16), shard_images=4)


def _run(
    rows: list[Row], root: Path, detector: Fixed, settings: PrepareSettings = SETTINGS
) -> tuple[list[Outcome], str]:
    work = unit.run(rows, root, root / "units", settings=settings, detector=detector)
    outcomes = []
    while True:
        try:
            outcomes.append(next(work))
        except StopIteration as end:
            return outcomes, end.value


def _name(row: Row, root: Path, settings: PrepareSettings = SETTINGS) -> str:
    return _run([row], root, Fixed(FACE), settings)[1]


def _images(root: Path, name: str, count: int) -> np.ndarray:
    """The images of a unit, read as the only one of a store."""
    out = root / "store"
    out.mkdir()
    files = [unit.shard_file(root / "units", name)]
    shape = (count, 16, 16, 3)
    write_images(out, shape, files, kind="zarr", codec="raw", shard_images=4, attributes={})
    return open_images(out).read(range(count))


def _image(root: Path, name: str = "a.png") -> Path:
    image = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    cv2.imwrite(str(root / name), image)
    return root / name


def _row(path: str = "a.png", **more: object) -> Row:
    return Row(path=path, identity="1", clip="1", frame=0, **more)


def test_a_kept_row_says_what_was_found(tmp_path: Path) -> None:
    file = _image(tmp_path)
    [outcome], name = _run([_row()], tmp_path, Fixed(FACE))
    assert outcome == Outcome(
        source_sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        width_px=40,
        height_px=30,
        faces=1,
        box=[10.0, 5.0, 30.0, 25.0],
        score=0.75,
        points=[15.0, 10.0, 25.0, 10.0, 20.0, 15.0, 16.0, 20.0, 24.0, 20.0],
        crop_points=np.float32(IN_CROP).tolist(),
    )
    [recorded] = unit.read_record(tmp_path / "units", name)
    crop = _images(tmp_path, name, 1)[0]
    assert recorded.image_sha256 == hashlib.sha256(crop.tobytes()).hexdigest()
    assert {**_values(recorded), "image_sha256": None} == _values(outcome)


def _values(outcome: Outcome) -> dict[str, object]:
    return {name: getattr(outcome, name) for name in Outcome.__slots__}


def test_the_shard_holds_the_crops_and_zeros_for_dropped_rows(tmp_path: Path) -> None:
    _image(tmp_path)
    rows = [_row(), _row("missing.png"), _row()]
    outcomes, name = _run(rows, tmp_path, Fixed(FACE))
    images = _images(tmp_path, name, 3)
    assert images[0].any()
    assert not images[1].any()
    np.testing.assert_array_equal(images[2], images[0])
    assert outcomes[1].reason == "unreadable image: missing.png: No such file or directory"
    assert [found.image_sha256 is None for found in unit.read_record(tmp_path / "units", name)] == [
        *(False, True, False)
    ]


def test_a_unit_without_a_kept_row_has_an_empty_shard(tmp_path: Path) -> None:
    [outcome], name = _run([_row("missing.png")], tmp_path, Fixed(FACE))
    assert outcome.reason is not None
    assert unit.shard_file(tmp_path / "units", name).read_bytes() == b""


def test_every_way_to_lose_a_face_has_a_reason(tmp_path: Path) -> None:
    _image(tmp_path)
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("text")
    (tmp_path / "folder.png").mkdir()
    elsewhere = np.full((68, 2), 35.0, np.float32) + np.random.default_rng(0).random((68, 2), np.float32)
    rows = [_row("empty.png"), _row("text.png"), _row("folder.png"), _row(landmarks=elsewhere)]
    reasons = [outcome.reason for outcome in _run(rows, tmp_path, Fixed(FACE))[0]]
    assert reasons[0] == "unreadable image: empty.png is empty"
    assert reasons[1].startswith("unreadable image: text.png is not a ")
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
    assert outcome == Outcome(reason="no label: valence")
    assert not detector.seen


def test_a_finished_unit_is_not_done_again(tmp_path: Path) -> None:
    _image(tmp_path)
    first, again = Fixed(FACE), Fixed(FACE)
    name = _run([_row()], tmp_path, first)[1]
    assert _run([_row()], tmp_path, again) == (unit.read_record(tmp_path / "units", name), name)
    assert len(first.seen) == 1
    assert not again.seen


def test_a_unit_is_named_before_it_is_done(tmp_path: Path) -> None:
    _image(tmp_path)
    rows = [_row(), _row("missing.png")]
    name = unit.name_of(rows, tmp_path, settings=SETTINGS, model="fixed")
    assert not (tmp_path / "units").exists()
    assert _run(rows, tmp_path, Fixed(FACE))[1] == name


def test_labels_identity_and_place_on_disk_do_not_name_a_unit(tmp_path: Path) -> None:
    _image(tmp_path)
    other = Row(
        **{"path": "a.png", "identity": "2", "clip": "9", "frame": 7, "valence": 0.5, "arousal": 0.5},
        **{"actor": "Actor 01", "age": 31.0, "split": "val", "expression": "anger"},
    )
    here = _name(_row(), tmp_path)
    assert _name(other, tmp_path) == here
    moved = tmp_path / "moved"
    moved.mkdir()
    (tmp_path / "a.png").rename(moved / "a.png")
    assert _name(_row(), tmp_path) != here  # now missing
    assert _name(_row(), moved) == _name(other, moved) == here


@pytest.mark.parametrize(
    "change",
    [
        {"landmarks": np.ones((68, 2), np.float32)},
        {"points": np.ones((5, 2), np.float32)},
        {"box": (1.0, 2.0, 3.0, 4.0)},
        {"pixel_aspect": 4 / 3},
        {"side": "left"},
        {"cropped": True},
        {"reason": "no label"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_annotation_names_a_unit(tmp_path: Path, change: dict) -> None:
    _image(tmp_path)
    assert _name(_row(), tmp_path) != _name(_row(**change), tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"crop": CropOptions(size_px=17)},
        {"crop": CropOptions(size_px=16, margin=0.1)},
        {"codec": "jpeg"},
        {"shard_images": 5},
    ],
    ids=str,
)
def test_the_settings_of_the_crop_name_a_unit(tmp_path: Path, change: dict) -> None:
    _image(tmp_path)
    assert _name(_row(), tmp_path, SETTINGS.model_copy(update=change)) != _name(_row(), tmp_path)


def test_the_frame_and_the_clip_of_a_video_name_a_unit(tmp_path: Path) -> None:
    write_video(tmp_path / "v.avi", np.zeros((3, 16, 16, 3), np.uint8), codec="mjpeg")
    first, second, other = (
        Row(path="v.avi", identity="1", clip=clip, frame=0, video_frame=number)
        for clip, number in (("1", 0), ("1", 1), ("2", 0))
    )
    # A face is followed through a clip, so what is found depends on where clips begin.
    assert len({_name(row, tmp_path) for row in (first, second, other)}) == 3


def test_the_bytes_of_the_image_name_a_unit(tmp_path: Path) -> None:
    file = _image(tmp_path)
    before = _name(_row(), tmp_path)
    file.write_bytes(file.read_bytes() + b"\0")
    assert _name(_row(), tmp_path) != before


def test_the_model_names_a_unit(tmp_path: Path) -> None:
    _image(tmp_path)
    other = Fixed(FACE)
    other.digest = "other"
    assert _name(_row(), tmp_path) != _run([_row()], tmp_path, other)[1]


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
    for task in plan.tasks(tmp_path):
        work = task.work(plan.detector)
        assert next(work) is not None
        work.close()  # as on Ctrl-C
    assert list(tmp_path.glob("*.json")) == []
