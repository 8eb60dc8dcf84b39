import json
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from elimctl.datasets.afew_va import Options, pixel_aspect, read
from elimctl.errors import ConfigError, LayoutError, MissingError
from elimctl.manifest.row import Row
from elimctl.synthetic import afew_va as synthetic
from elimctl.synthetic.afew_va import Options as SynthOptions
from elimctl.synthetic.afew_va import write
from elimctl.synthetic.people import write_image

LANDMARKS = [[10.5 + i, 20.0 + i % 7] for i in range(68)]


def _entry(valence: Any = 1, arousal: Any = -2, **more: Any) -> dict[str, Any]:
    return {"valence": valence, "arousal": arousal, "landmarks": LANDMARKS} | more


def _clip(
    folder: Path,
    frames: Any = None,
    *,
    images: list[str] | None = None,
    actor: Any = "Actor 01",
    size_px: tuple[int, int] = (10, 8),
) -> Path:
    """Write a clip; without `frames` or `images` it has two frames."""
    frames = {"00000": _entry(), "00001": _entry()} if frames is None else frames
    folder.mkdir(parents=True)
    for name in ["00000.png", "00001.png"] if images is None else images:
        cv2.imwrite(str(folder / name), np.zeros((size_px[1], size_px[0], 3), np.uint8))
    content = {"actor": actor, "video_id": folder.name, "frames": frames}
    (folder / f"{folder.name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def _read(root: Path, **options: Any) -> list[Row]:
    return list(read(root, Options(**options)))


def _reasons(rows: list[Row]) -> dict[int, str | None]:
    return {row.frame: row.reason for row in rows}


@pytest.mark.parametrize("above", ["01", "", "AFEW-VA/AFEW-VA/AFEW-VA/data/01", "AFEW-VA/AFEW-VA", "samples"])
def test_clips_are_found_below_any_folders(tmp_path: Path, above: str) -> None:
    for name in ("002", "001"):
        _clip(tmp_path / above / name)
    rows = _read(tmp_path)
    assert [(row.clip, row.frame) for row in rows] == [("001", 0), ("001", 1), ("002", 0), ("002", 1)]
    first = rows[0]
    assert first.path == (Path(above) / "001" / "00000.png").as_posix()
    assert (first.identity, first.actor, first.reason) == ("001", "Actor 01", None)
    assert (first.valence, first.arousal) == (0.1, -0.2)
    assert first.landmarks.dtype == np.float32
    np.testing.assert_array_equal(first.landmarks, np.float32(LANDMARKS))


def test_one_level_out_or_in_finds_the_same_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = _clip(tmp_path / "AFEW-VA" / "01" / "001")
    for root in (tmp_path, tmp_path / "AFEW-VA", clip.parent, clip):
        assert [(row.clip, root / row.path) for row in _read(root)] == [
            ("001", clip / "00000.png"),
            ("001", clip / "00001.png"),
        ]
    monkeypatch.chdir(clip)
    assert [(row.clip, row.path) for row in _read(Path())] == [("001", "00000.png"), ("001", "00001.png")]


def test_a_clip_that_is_there_twice_is_listed(tmp_path: Path) -> None:
    first, second = _clip(tmp_path / "a/01/001"), _clip(tmp_path / "b/001")
    with pytest.raises(LayoutError, match="1 clip found more than once") as caught:
        _read(tmp_path)
    assert f"{first}, {second}" in caught.value.message
    assert len(_read(tmp_path / "b")) == 2


def test_a_folder_without_clips_is_no_afew_va(tmp_path: Path) -> None:
    (tmp_path / "001").mkdir()
    (tmp_path / "001" / "labels.json").touch()
    with pytest.raises(LayoutError, match=f"no NNN/NNN.json under {tmp_path}$") as caught:
        _read(tmp_path)
    assert "clip folders" in caught.value.hint


def test_a_folder_of_archives_asks_to_unpack_them(tmp_path: Path) -> None:
    for name in ("01.zip", "02.ZIP"):
        (tmp_path / name).touch()
    with pytest.raises(LayoutError, match="but 2 archives") as caught:
        _read(tmp_path)
    assert "unpack" in caught.value.hint


def test_a_missing_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no folder"):
        _read(tmp_path / "raw")


def test_frames_are_joined_by_number_whatever_the_order_and_padding(tmp_path: Path) -> None:
    frames = {str(number): _entry(valence=number) for number in (10, 9, 1, 2)}
    _clip(tmp_path / "001", frames, images=["00010.png", "2.png", "00001.png", "000009.png"])
    rows = _read(tmp_path)
    assert [(row.frame, row.valence, row.reason) for row in rows] == [
        (1, 0.1, None),
        (2, 0.2, None),
        (9, 0.9, None),
        (10, 1.0, None),
    ]
    assert [row.path for row in rows] == ["001/00001.png", "001/2.png", "001/000009.png", "001/00010.png"]


def test_a_frame_under_two_keys_is_dropped_unless_they_say_the_same(tmp_path: Path) -> None:
    frames = {
        "00000": _entry(valence=5),
        "0": _entry(valence=6),
        "00001": _entry(valence=5),
        "1": _entry(valence=5),
    }
    _clip(tmp_path / "001", frames)
    assert [(row.valence, row.reason) for row in _read(tmp_path)] == [
        (None, "labels disagree: the frame occurs twice"),
        (0.5, None),
    ]


@pytest.mark.parametrize(
    ("frame", "label", "reasons"),
    [
        ('{"valence": 7, "arousal": 1}', "4", ["labels disagree: the frame occurs twice", None]),
        ('{"valence": 4, "arousal": 1}', "4", [None, None]),
        (
            '{"valence": 4, "arousal": 1}',
            '9, "valence": 4',
            ["labels disagree: valence occurs twice", None],
        ),
    ],
)
def test_keys_that_json_gives_twice_are_compared(
    tmp_path: Path, frame: str, label: str, reasons: list
) -> None:
    folder = _clip(tmp_path / "001")
    first = f'"00000": {{"valence": {label}, "arousal": 1}}'
    other = f', "00000": {frame}' if "," not in label else ""
    text = f'{{"frames": {{{first}{other}, "00001": {{"valence": 1, "arousal": 1}}}}}}'
    (folder / "001.json").write_text(text)
    assert [row.reason for row in _read(tmp_path)] == reasons


def test_images_and_annotations_without_each_other_are_dropped(tmp_path: Path) -> None:
    _clip(tmp_path / "001", {"00000": _entry(), "00002": _entry(valence=3)})
    rows = _read(tmp_path)
    assert _reasons(rows) == {0: None, 1: "no annotation", 2: "no image"}
    assert rows[2].path == "001/00002.png"
    assert rows[2].valence == 0.3


@pytest.mark.parametrize("first", [1, 101])
def test_images_that_are_counted_from_elsewhere_than_the_labels_keep_none(tmp_path: Path, first: int) -> None:
    names = [f"{number:05d}.png" for number in range(5)]
    annotated = {f"{number:05d}": _entry(valence=number % 10) for number in range(first, first + 5)}
    del annotated[f"{first + 2:05d}"]
    _clip(tmp_path / "001", annotated, images=names)
    _clip(tmp_path / "002")
    rows = _read(tmp_path)
    said = f"frames do not fit: labels of numbers {first} to {first + 4}, images of 0 to 4"
    both = {row.reason for row in rows if row.clip == "001"}
    assert both == {"no image", "no annotation"} | ({said} if first == 1 else set())
    assert [row.reason for row in rows if row.clip == "002"] == [None, None]


def test_a_gap_is_no_frame(tmp_path: Path) -> None:
    _clip(tmp_path / "001", {"00001": _entry(), "00003": _entry()}, images=["00001.png", "00003.png"])
    assert _reasons(_read(tmp_path)) == {1: None, 3: None}


@pytest.mark.parametrize("value", [-10, 10, 0, 7.0, -2.5])
def test_whole_numbers_and_floats_up_to_ten_are_labels(tmp_path: Path, value: float) -> None:
    _clip(tmp_path / "001", {"00000": _entry(arousal=value)}, images=["00000.png"])
    [row] = _read(tmp_path)
    assert (row.arousal, row.reason) == (value / 10, None)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({}, "no label: valence"),
        ({"valence": 1}, "no label: arousal"),
        (_entry(valence=None), "no label: valence"),
        (_entry(arousal=10.5), "label out of range: arousal is 10.5, expected -10 to 10"),
        (_entry(arousal=-11), "label out of range: arousal is -11, expected -10 to 10"),
        (_entry(valence=10**400), "label out of range: valence is 1000"),
        (_entry(valence=float("nan")), "label out of range: valence is nan"),
        (_entry(valence=float("inf")), "label out of range: valence is inf"),
        (_entry(valence="1"), "label is not a number: valence is '1'"),
        (_entry(valence=True), "label is not a number: valence is True"),
        (_entry(valence=[1]), "label is not a number: valence is [1]"),
        ([], "no label: valence"),
        (None, "no label: valence"),
        (3, "no label: valence"),
    ],
)
def test_a_frame_with_unusable_labels_is_dropped(tmp_path: Path, entry: Any, reason: str) -> None:
    _clip(tmp_path / "001", {"00000": entry, "00001": _entry()})
    first, second = _read(tmp_path)
    assert first.reason.startswith(reason)
    assert (first.valence, first.arousal) == (None, None)
    assert second.reason is None


@pytest.mark.parametrize(
    "landmarks",
    [
        None,
        [],
        LANDMARKS[:67],
        [[1, 2, 3]] * 68,
        [[1, "x"]] * 68,
        [[1], *LANDMARKS[1:]],
        [[1, float("nan")]] * 68,
        [[1, 1e300]] * 68,
        [[1, 10**400]] * 68,
        [[1, None]] * 68,
        "none",
        {"x": 1},
    ],
)
def test_malformed_landmarks_are_none_and_the_frame_is_kept(tmp_path: Path, landmarks: Any) -> None:
    _clip(tmp_path / "001", {"00000": _entry(landmarks=landmarks)}, images=["00000.png"])
    [row] = _read(tmp_path)
    assert row.landmarks is None
    assert row.reason is None


def test_landmarks_may_leave_the_image(tmp_path: Path) -> None:
    landmarks = [[-5.5, 1e3], *LANDMARKS[1:]]
    _clip(tmp_path / "001", {"00000": _entry(landmarks=landmarks)}, images=["00000.png"])
    assert _read(tmp_path)[0].landmarks[0].tolist() == [-5.5, 1e3]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "broken annotation file: 002.json: Expecting value"),
        (b'{"frames": {"00000"', "broken annotation file: 002.json: Expecting ':'"),
        (b"[]", "broken annotation file: 002.json has no table `frames`"),
        (b"{}", "broken annotation file: 002.json has no table `frames`"),
        (b'{"frames": []}', "broken annotation file: 002.json has no table `frames`"),
        (b"\xff\xfe\x00", "broken annotation file: 002.json: 'utf-8' codec"),
        (b"[" * 100_000, "broken annotation file: 002.json: maximum recursion depth"),
        (None, "no annotation file: 002.json"),
    ],
)
def test_a_broken_annotation_file_drops_its_clip_and_no_other(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    _clip(tmp_path / "001")
    file = _clip(tmp_path / "002") / "002.json"
    file.unlink() if content is None else file.write_bytes(content)
    rows = _read(tmp_path)
    assert [row.clip for row in rows] == ["001", "001", "002", "002"]
    assert [row.reason for row in rows[:2]] == [None, None]
    assert all(row.reason.startswith(reason) for row in rows[2:])


def test_an_annotation_file_that_cannot_be_opened_names_no_absolute_path(tmp_path: Path) -> None:
    file = _clip(tmp_path / "001") / "001.json"
    file.unlink()
    file.mkdir()
    _clip(tmp_path / "002")
    # A folder is no file, so the clip counts as one without annotation.
    assert {row.reason for row in _read(tmp_path) if row.clip == "001"} == {
        "unreadable annotation file: 001.json: Is a directory"
    }


def test_a_byte_order_mark_and_further_keys_do_no_harm(tmp_path: Path) -> None:
    folder = _clip(tmp_path / "001")
    content = json.loads((folder / "001.json").read_text()) | {"subset": "x", "emotion": "y"}
    content["frames"]["note"] = {"by": "hand"}
    (folder / "001.json").write_text(json.dumps(content), encoding="utf-8-sig")
    assert _reasons(_read(tmp_path)) == {0: None, 1: None}


def test_repacks_as_jpeg_are_read_and_png_goes_first(tmp_path: Path) -> None:
    images = ["00000.JPG", "00001.jpeg", "00001.png", "00002.jpg"]
    _clip(tmp_path / "001", {f"0000{n}": _entry() for n in range(3)}, images=images)
    assert [row.path for row in _read(tmp_path)] == ["001/00000.JPG", "001/00001.png", "001/00002.jpg"]


def test_junk_and_crops_of_repacks_are_passed_over(tmp_path: Path) -> None:
    folder = _clip(tmp_path / "01" / "001")
    for copy in ("01/001_cropped/001", "01/__MACOSX/001", "all_cropped/001", ".hidden/001"):
        _clip(tmp_path / copy)
    for name in (".DS_Store", "._00000.png", "Thumbs.db", "cover.png", "00000.txt", "._001.json"):
        (folder / name).touch()
    assert len(_read(tmp_path)) == 2


def test_frames_without_a_json_beside_an_annotated_copy_are_no_second_clip(tmp_path: Path) -> None:
    _clip(tmp_path / "AFEW-VA" / "001")
    (_clip(tmp_path / "faces" / "001") / "001.json").unlink()
    assert [row.path for row in _read(tmp_path)] == ["AFEW-VA/001/00000.png", "AFEW-VA/001/00001.png"]


def test_identities_can_be_actors(tmp_path: Path) -> None:
    _clip(tmp_path / "001", actor="Actor 07")
    _clip(tmp_path / "002", actor=" Actor 07 ")
    assert {row.identity for row in _read(tmp_path, identity="actor")} == {"Actor 07"}
    assert {row.identity for row in _read(tmp_path)} == {"001", "002"}


@pytest.mark.parametrize("half", [0xD800, 0xDCFF])
def test_half_a_character_in_the_name_of_an_actor_becomes_text(tmp_path: Path, half: int) -> None:
    _clip(tmp_path / "001", actor=f"A{chr(half)}")  # JSON writes it as an escape
    assert {row.actor for row in _read(tmp_path, identity="actor")} == {f"A\\u{half:x}"}


@pytest.mark.parametrize("actor", [None, "", "  ", 7, [], "NA", "nan", "None", "N/A", "-"])
def test_a_clip_without_actor_is_dropped_where_identities_are_actors(tmp_path: Path, actor: Any) -> None:
    _clip(tmp_path / "001", actor=actor)
    rows = _read(tmp_path, identity="actor")
    assert [row.reason for row in rows] == ["no actor: --identity actor needs one"] * 2
    assert [row.identity for row in rows] == ["001"] * 2
    assert [row.reason for row in _read(tmp_path)] == [None] * 2


def test_frames_of_720_by_576_are_stretched_only_on_request(tmp_path: Path) -> None:
    _clip(tmp_path / "001", size_px=(720, 576))
    _clip(tmp_path / "002", size_px=(640, 480))
    (tmp_path / "001" / "00001.png").write_bytes(b"")
    assert [row.pixel_aspect for row in _read(tmp_path)] == [1.0] * 4
    assert [row.pixel_aspect for row in _read(tmp_path, anamorphic=True)] == [4 / 3, 1.0, 1.0, 1.0]


# Small frames keep the drawing fast.
SMALL = {"width_px": 90, "height_px": 72}


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic dataset with every defect."""
    root = tmp_path_factory.mktemp("spoilt")
    options = SynthOptions(people=4, clips=7, frames=6, defects=True, layout="doubled", **SMALL)
    write(root, np.random.default_rng(0), options)
    return root


def test_an_imitation_with_defects_is_read_and_every_defect_counted(spoilt: Path) -> None:
    rows = _read(spoilt)
    kinds = Counter(row.reason.partition(":")[0] for row in rows if row.reason)
    assert kinds == {
        "broken annotation file": 6,
        "label out of range": 2,
        "no label": 1,
        "label is not a number": 1,
        "no image": 1,
        "no annotation": 1,
    }
    frames = Counter(row.clip for row in rows)
    assert frames == dict.fromkeys(("001", "002", "003", "005", "006", "007"), 6) | {"004": 5}
    assert {row.frame for row in rows if row.clip == "004"} == {1, 2, 4, 5, 6}
    assert [row.frame for row in rows if row.clip == "006" and row.landmarks is None] == [0, 4, 5]
    assert [row.valence for row in rows if row.clip == "001"][:3] == [-1.0, 0.0, 1.0]
    assert {Path(row.path).suffix for row in rows if row.clip == "005"} == {".jpg"}
    assert rows[0].path.startswith("AFEW-VA/AFEW-VA/01/001/")
    assert rows[0].actor == rows[24].actor == "Actor 01"


def test_an_imitation_has_the_numbers_asked_for(tmp_path: Path) -> None:
    options = SynthOptions(people=2, clips=5, frames=2, layout="flat", **SMALL)
    write(tmp_path, np.random.default_rng(0), options)
    rows = _read(tmp_path)
    assert Counter(row.clip for row in rows) == {f"00{number}": 2 for number in range(1, 6)}
    assert Counter(row.actor for row in rows) == {"Actor 01": 6, "Actor 02": 4}
    assert all(row.reason is None and row.landmarks is not None for row in rows)
    assert cv2.imread(str(tmp_path / rows[0].path)).shape == (72, 90, 3)


def test_the_same_seed_draws_the_same_tree(tmp_path: Path) -> None:
    options = SynthOptions(people=1, clips=1, frames=2, **SMALL)
    for name in ("a", "b"):
        write(tmp_path / name, np.random.default_rng(3), options)
    for file in (tmp_path / "a").rglob("*.*"):
        assert file.read_bytes() == (tmp_path / "b" / file.relative_to(tmp_path / "a")).read_bytes()


def test_parts_hold_fifty_clips() -> None:
    assert [synthetic._place(number, "parts") for number in (0, 49, 50, 599)] == [
        "01/001",
        "01/050",
        "02/051",
        "12/600",
    ]


def test_fewer_clips_than_identities_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="5 clips cannot show 6 identities"):
        write(tmp_path, np.random.default_rng(0), SynthOptions(people=6, clips=5))


def test_too_few_clips_for_all_defects_is_a_mistake(tmp_path: Path) -> None:
    options = SynthOptions(people=1, clips=1, frames=1, defects=True, **SMALL)
    with pytest.raises(ConfigError, match="1 clips of 1 frames cannot show all defects; wanted 7 clips of 6"):
        write(tmp_path, np.random.default_rng(0), options)


@pytest.fixture
def image(tmp_path: Path):
    """A function that writes an image of a size."""

    def write(width_px: int, height_px: int) -> Path:
        write_image(tmp_path / "x.png", np.zeros((height_px, width_px, 3), np.uint8))
        return tmp_path / "x.png"

    return write


@pytest.mark.parametrize(
    ("size_px", "wanted"), [((720, 576), 4 / 3), ((576, 720), 1.0), ((720, 575), 1.0), ((960, 576), 1.0)]
)
def test_only_frames_of_a_dvd_have_wide_pixels(image, size_px: tuple[int, int], wanted: float) -> None:
    assert pixel_aspect(image(*size_px)) == wanted


@pytest.mark.parametrize("content", [None, b"", b"no image"])
def test_what_cannot_be_read_has_square_pixels(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "x.png").write_bytes(content)
    assert pixel_aspect(tmp_path / "x.png") == 1.0


@pytest.mark.parametrize("limit_px", [1500, 500], ids=["Pillow would warn", "Pillow refuses"])
def test_a_huge_image_has_square_pixels(image, monkeypatch: pytest.MonkeyPatch, limit_px: int) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit_px)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert pixel_aspect(image(50, 40)) == 1.0  # 2000 pixels
    assert not warned
