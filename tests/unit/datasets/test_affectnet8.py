from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from elimctl.datasets import affectnet8
from elimctl.datasets.affectnet8 import Options, read
from elimctl.errors import ConfigError, LayoutError, MissingError
from elimctl.manifest.row import EXPRESSIONS, NO_GROUP, Row
from elimctl.synthetic import affectnet8 as synthetic
from elimctl.synthetic.affectnet8 import Options as SynthOptions
from elimctl.synthetic.affectnet8 import write
from elimctl.synthetic.affectnet8_defects import WAYS
from elimctl.synthetic.stills import Still, draw_stills

LANDMARKS = np.arange(136, dtype=np.float64)

_DRAWN: dict[tuple[Any, ...], list[Still]] = {}


@pytest.fixture(autouse=True)
def _drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw for the first test that wants a picture: drawing takes longer than all the rest."""

    def draw(rng: np.random.Generator, **options: Any) -> list[Still]:
        key = tuple(options.items())
        if key not in _DRAWN:
            _DRAWN[key] = list(draw_stills(rng, **options))
        return _DRAWN[key]

    monkeypatch.setattr(synthetic, "draw_stills", draw)


def _sample(folder: Path, number: int, *, image: str | None = ".jpg", **labels: Any) -> None:
    """Write an image and its labels; a label of None is not written."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "annotations").mkdir(exist_ok=True)
    if image:
        (folder / "images" / f"{number}{image}").write_bytes(b"image")
    for kind, value in ({"exp": "1", "val": "0.5", "aro": "-0.25", "lnd": LANDMARKS} | labels).items():
        if value is not None:
            np.save(folder / "annotations" / f"{number}_{kind}.npy", np.array(value), allow_pickle=True)


def _read(root: Path, **options: Any) -> list[Row]:
    return list(read(root, Options(**options)))


def _made(root: Path, **options: Any) -> Path:
    """A synthetic dataset of small images."""
    options = {"clips": 28, "frames": 1, "people": 4, "width_px": 40, "height_px": 40} | options
    write(root, np.random.default_rng(0), SynthOptions(**options))
    return root


def test_a_sample_becomes_a_row(tmp_path: Path) -> None:
    _sample(tmp_path / "train_set", 7)
    [row] = _read(tmp_path)
    assert (row.path, row.clip, row.identity, row.frame) == (
        "train_set/images/7.jpg",
        "train/7",
        "train/7",
        0,
    )
    assert (row.valence, row.arousal, row.expression, row.split) == (0.5, -0.25, "happiness", "train")
    assert row.cropped, "the images are crops as shipped"
    assert row.landmarks is not None
    np.testing.assert_array_equal(row.landmarks, np.arange(136, dtype=np.float32).reshape(68, 2))
    assert (row.box, row.age, row.reason) == (None, None, None)


@pytest.mark.parametrize("layout", ["nested", "valid", "validation", "joint"])
def test_every_layout_holds_the_same_rows(tmp_path: Path, layout: str) -> None:
    def facts(rows: list[Row]) -> list[tuple[Any, ...]]:
        return [(row.clip, row.valence, row.arousal, row.expression, row.split, row.reason) for row in rows]

    official = _read(_made(tmp_path / "official"))
    found = _read(_made(tmp_path / layout, layout=layout))
    assert facts(found) == facts(official)
    assert [row.reason for row in found] == [None] * 28
    assert all((tmp_path / layout / row.path).is_file() for row in found)


def test_numbers_are_in_order_of_their_size_in_each_set(tmp_path: Path) -> None:
    rows = _read(_made(tmp_path))
    numbers = {
        split: [int(row.clip.partition("/")[2]) for row in rows if row.split == split]
        for split in ("train", "val")
    }
    assert numbers["train"][:9] == [0, 1, 2, 5, 7, 10, 100, 101, 103]
    assert numbers["val"] == numbers["train"][:7]
    assert [row.split for row in rows] == ["train"] * 21 + ["val"] * 7
    contents = {(tmp_path / row.path).read_bytes() for row in rows}
    assert len(contents) == 28, "one number is another picture in each set"


def test_text_and_numbers_are_read_alike(tmp_path: Path) -> None:
    root = _made(tmp_path)
    kinds = {
        folder: np.load(root / folder / "annotations" / "5_val.npy").dtype.kind
        for folder in ("train_set", "val_set")
    }
    assert kinds == {"train_set": "U", "val_set": "f"}
    rows = _read(root)
    for row in rows:
        number = row.clip.partition("/")[2]
        shipped = np.load(root / f"{row.split}_set" / "annotations" / f"{number}_aro.npy")
        assert row.arousal == float(shipped.item())
        assert row.expression in EXPRESSIONS[:8]


@pytest.mark.parametrize(
    "value", [np.array(b"0.5"), np.array([0.5]), np.array([["0.5"]]), np.float32(0.5), " 0.5 ", "5e-1"]
)
def test_a_single_value_of_any_kind_is_a_label(tmp_path: Path, value: Any) -> None:
    _sample(tmp_path / "train_set", 0, val=value)
    [row] = _read(tmp_path)
    assert (row.valence, row.reason) == (0.5, None)


@pytest.mark.parametrize(
    "landmarks",
    [
        LANDMARKS.astype("<U8"),
        LANDMARKS.reshape(68, 2),
        np.asfortranarray(LANDMARKS.reshape(68, 2)),
        LANDMARKS.astype("S8"),
    ],
)
def test_landmarks_of_any_kind_are_points(tmp_path: Path, landmarks: np.ndarray) -> None:
    _sample(tmp_path / "train_set", 0, lnd=landmarks)
    [row] = _read(tmp_path)
    assert row.landmarks is not None
    np.testing.assert_array_equal(row.landmarks, LANDMARKS.reshape(68, 2))


@pytest.mark.parametrize(
    "landmarks",
    [
        None,
        LANDMARKS[1:],
        LANDMARKS * 1e4,
        LANDMARKS * np.nan,
        np.array(["x"] * 136),
        LANDMARKS.astype(object),
    ],
)
def test_malformed_landmarks_are_none_and_the_image_is_kept(tmp_path: Path, landmarks: Any) -> None:
    _sample(tmp_path / "train_set", 0, lnd=landmarks)
    [row] = _read(tmp_path)
    assert (row.landmarks, row.reason) == (None, None)


def test_defects_give_each_its_reason(tmp_path: Path) -> None:
    rows = dict(zip(WAYS, _read(_made(tmp_path, defects=True)), strict=False))
    broken = "broken annotation file: "
    assert {name: row.reason for name, row in rows.items() if row.reason} == {
        "no image": "no image",
        "no annotation": "no annotation",
        "no arousal": "no annotation file: 100_aro.npy",
        "Python object": f"{broken}103_val.npy: it holds Python objects; expected numbers or text",
        "empty file": f"{broken}104_val.npy: the file is empty",
        "two values": f"{broken}106_aro.npy: it has the shape (2,), expected 1 value",
        "sentinel": "no label: valence is -2",
        "out of range": "label out of range: arousal is 1.5, expected -1 to 1",
        "word": "label is not a number: valence is 'high'",
        "no such class": "unknown class of expression: '11', expected 0 to 10",
    }
    assert rows["no image"].path == "train_set/images/1.jpg"
    assert rows["one value in a row"].arousal == 0.25
    assert rows["no class"].expression is None
    assert [name for name in ("no landmarks", "135 landmarks") if rows[name].landmarks is not None] == []
    assert len(_read(tmp_path)) == 28, "junk is no sample"


def test_too_few_images_for_the_defects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="9 training images cannot show all defects; wanted 16"):
        _made(tmp_path, clips=12, defects=True)


@pytest.mark.parametrize("root", ["", "a", "a/train_set", "a/train_set/train_set"])
def test_any_level_down_to_a_set_finds_it(tmp_path: Path, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _sample(tmp_path / "a" / "train_set" / "train_set", 3)
    [row] = _read(tmp_path / root)
    assert tmp_path / root / row.path == tmp_path / "a/train_set/train_set/images/3.jpg"
    monkeypatch.chdir(tmp_path / root)
    assert [(row.path, row.split) for row in _read(Path())] == [(row.path, "train")]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train_set", "train"),
        ("Training", "train"),
        ("val_set", "val"),
        ("valid_set", "val"),
        ("VALIDATION_SET", "val"),
        ("val", "val"),
        ("validation set.zip", "val"),
        ("test_set", "test"),
    ],
)
def test_the_name_of_the_folder_says_which_set_it_is(tmp_path: Path, name: str, split: str) -> None:
    _sample(tmp_path / "train_and_val_set" / name / "Inner", 3)
    [row] = _read(tmp_path)
    assert (row.split, row.clip) == (split, f"{split}/3")


def test_a_set_without_a_name_is_refused(tmp_path: Path) -> None:
    _sample(tmp_path / "trained", 3)
    with pytest.raises(LayoutError, match="no folder in its path is named after a set") as caught:
        _read(tmp_path)
    assert "train_set" in caught.value.hint


def test_a_set_that_is_there_twice_is_listed(tmp_path: Path) -> None:
    for name in ("val_set", "valid_set"):
        _sample(tmp_path / name, 3)
    with pytest.raises(
        LayoutError, match=f"found the set val twice: {tmp_path}/val_set, {tmp_path}/valid_set"
    ):
        _read(tmp_path)


def test_a_folder_without_sets_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train_set" / "images").mkdir(parents=True)
    with pytest.raises(LayoutError, match=f"no folder under {tmp_path} has both images/ and annotations/$"):
        _read(tmp_path)
    (tmp_path / "train_set.tar").touch()
    with pytest.raises(LayoutError, match="but 1 archive") as caught:
        _read(tmp_path)
    assert "unpack" in caught.value.hint
    with pytest.raises(MissingError, match="no folder"):
        _read(tmp_path / "raw")


def test_other_suffixes_are_images_and_other_names_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "Train_Set"
    for number, suffix in enumerate((".png", ".JPG", ".jpeg")):
        _sample(folder, number, image=suffix)
    (folder / "images" / "0.jpg").touch()  # of two images of one number, the JPEG file counts
    for name in ("x.jpg", "1 (2).jpg", "._1.jpg", "2.jpg.part", "Thumbs.db", "007.jpg"):
        (folder / "images" / name).touch()
        (folder / "annotations" / name).touch()
    (folder / "annotations").rename(folder / "Annotations")
    assert [row.path for row in _read(tmp_path)] == [
        "Train_Set/images/0.jpg",
        "Train_Set/images/1.JPG",
        "Train_Set/images/2.jpeg",
    ]
    assert [row.reason for row in _read(tmp_path)] == [None] * 3


@pytest.mark.parametrize("suffix", [".JPEG", ".PNG", ".Jpg", ".JpG"])
def test_suffixes_in_any_case_are_images(tmp_path: Path, suffix: str) -> None:
    _sample(tmp_path / "val_set", 4, image=suffix)
    assert [(row.path, row.reason) for row in _read(tmp_path)] == [(f"val_set/images/4{suffix}", None)]


def test_annotations_of_an_image_that_is_missing_are_a_row(tmp_path: Path) -> None:
    _sample(tmp_path / "val_set", 4, image=None)
    _sample(tmp_path / "val_set", 12, exp=None, val=None, aro=None, lnd=None)
    _sample(tmp_path / "val_set", 5, exp=None, val=None, aro=None, image=None)
    rows = _read(tmp_path)
    assert [(row.path, row.reason, row.valence) for row in rows] == [
        ("val_set/images/4.jpg", "no image", 0.5),
        ("val_set/images/5.jpg", "no image", None),
        ("val_set/images/12.jpg", "no annotation", None),
    ]


def test_ages_are_joined_by_name(tmp_path: Path) -> None:
    root = _made(tmp_path / "raw", ages=True)
    rows = _read(root, identity="age-group", ages=root / "ages.csv")
    assert all(row.age for row in rows)
    assert {row.identity for row in rows} == {row.age_group or NO_GROUP for row in rows}
    assert not {row.age for row in rows if row.split == "train"} & {
        row.age for row in rows if row.split == "val"
    }
    by_path = tmp_path / "by_path.csv"
    by_path.write_text("path,age\ntrain_set/images/0.jpg,31\n")
    assert Counter(row.age for row in _read(root, ages=by_path)) == {31: 1, None: 27}


def test_ages_in_the_order_of_the_release_of_2017_are_refused(tmp_path: Path) -> None:
    root = _made(tmp_path / "raw")
    file = tmp_path / "validation_age.csv"
    file.write_text("age\n" + "31\n" * 5500)
    with pytest.raises(ConfigError, match="has no column of image names"):
        _read(root, ages=file)


def test_age_groups_without_ages_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--ages is not given") as caught:
        _read(_made(tmp_path), identity="age-group")
    assert "CSV" in caught.value.hint


def test_crops_show_the_face_large_and_landmarks_where_it_is(tmp_path: Path) -> None:
    rows = _read(_made(tmp_path, width_px=112, height_px=112, clips=4))
    for row in rows:
        image = cv2.imread(str(tmp_path / row.path))
        assert image.shape == (112, 112, 3)
        assert row.landmarks is not None
        extent = np.ptp(row.landmarks, axis=0)
        # brows to chin and ear to ear fill most of a crop that is a quarter larger than the face's box
        assert extent.max() > 0.55 * 112
        assert row.landmarks.min() > 0
        assert row.landmarks.max() < 112


def test_the_note_says_that_figures_cannot_be_compared() -> None:
    assert "3,999" in affectnet8.NOTE
    assert "4,500" in affectnet8.NOTE
