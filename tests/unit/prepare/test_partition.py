import hashlib
import json
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from elimctl.cli.main import app
from elimctl.errors import ConfigError, DataError, LayoutError, MissingError, Notice
from elimctl.manifest import parquet
from elimctl.manifest.row import Row
from elimctl.prepare.partition import Partition, digest, splits_of
from elimctl.prepare.settings import PrepareSettings, recorded
from elimctl.prepare.split_file import files_of

VA = "name,valence,arousal,age,gender,race"
EXPR = "name,expression,age,gender,race"
FILES = ("train.csv", "valid.csv", "test.csv")


def _row(path: str, clip: str | None = None, **more) -> Row:
    return Row(path=path, identity=path, clip=clip or path.rpartition(".")[0], frame=0, **more)


ROWS = [
    _row("train_set/images/0.jpg", "train/0", valence=0.5, arousal=-0.25, expression="anger", split="train"),
    _row("train_set/images/1.jpg", "train/1", valence=0.1, arousal=0.2, split="train"),
    _row("val_set/images/0.jpg", "val/0", valence=-1.0, arousal=1.0, split="val"),
]


def _files(folder: Path, *texts: str, header: str = VA, names: tuple[str, ...] = FILES) -> list[Path]:
    """Files of a partition with these lines."""
    files = [folder / name for name in names[: len(texts)]]
    for file, text in zip(files, texts, strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{header}\n{text}", encoding="utf-8")
    return files


def _apply(files: list[Path], rows: list[Row] = ROWS, root: Path = Path("/nowhere")) -> list[Row]:
    return list(Partition(root, files).apply(rows))


def test_images_get_the_splits_labels_and_groups_of_the_files(tmp_path: Path) -> None:
    files = _files(
        tmp_path,
        "val_set/0.jpg,-1,1,03-09,Male,Asian\n",
        "train_set/1.jpg,0.1,0.2,70+,Female,White\n",
        "train_set/0.jpg,0.5,-0.25,20-29,Female,Black\n",
    )
    found = [
        (row.path, row.split, row.valence, row.arousal, row.expression, row.age_group, row.gender, row.race)
        for row in _apply(files)
    ]
    assert found == [
        ("train_set/images/0.jpg", "test", 0.5, -0.25, "anger", "20-29", "Female", "Black"),
        ("train_set/images/1.jpg", "val", 0.1, 0.2, None, "70+", "Female", "White"),
        ("val_set/images/0.jpg", "train", -1.0, 1.0, None, "03-09", "Male", "Asian"),
    ]


def test_other_labels_than_the_dataset_s_are_taken_with_a_notice(tmp_path: Path) -> None:
    lines = "train_set/0.jpg,0.504,-0.25,,,\ntrain_set/1.jpg,0.1,0.3,,,\n"
    files = _files(tmp_path, lines, "val_set/0.jpg,-1,1,,,\n")
    with pytest.warns(Notice, match=r"^1 of 3 images have other labels in train.csv, valid.csv than in the"):
        rows = _apply(files)
    assert [(row.valence, row.arousal) for row in rows] == [(0.504, -0.25), (0.1, 0.3), (-1.0, 1.0)]


def test_what_no_file_names_is_dropped_and_what_no_image_has_is_counted(tmp_path: Path) -> None:
    files = _files(tmp_path, "train_set/1.jpg,0.1,0.2,,,\n", "val_set/7.jpg,0,0,,,\n")
    assert [(row.path, row.split, row.reason) for row in _apply(files)] == [
        ("train_set/images/0.jpg", None, "not in the split files"),
        ("train_set/images/1.jpg", "train", None),
        ("val_set/images/0.jpg", None, "not in the split files"),
        ("val_set/7.jpg", "val", "not found: named in valid.csv"),
    ]


def test_a_name_that_fits_two_images_is_refused(tmp_path: Path) -> None:
    files = _files(tmp_path, "0.jpg,0,0,,,\n", "1.jpg,0,0,,,\n")
    message = r"^0.jpg of train.csv \(train\) fits two images: train_set/images/0.jpg, val_set/images/0.jpg"
    with pytest.raises(DataError, match=message) as caught:
        _apply(files)
    assert "train_set/0.jpg" in caught.value.hint


def test_a_name_that_is_a_path_below_the_root_fits_that_image_alone(tmp_path: Path) -> None:
    for path in ("1/7.png", "1/2/7.png"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    files = _files(tmp_path, "1/7.png,0.5,0,,,\n", "1/2/7.png,-0.5,0,,,\n")
    rows = _apply(files, [_row("1/2/7.png"), _row("1/7.png")], tmp_path)
    assert [(row.path, row.split, row.valence) for row in rows] == [
        ("1/2/7.png", "val", -0.5),
        ("1/7.png", "train", 0.5),
    ]


@pytest.mark.parametrize(
    ("name", "path", "clip"),
    [
        ("train_set/12.jpg", "AffectNet/train_set/images/12.jpg", "train/12"),
        ("images/train_set/12.jpg", "train_set/images/12.jpg", "train/12"),
        ("train/12.jpg", "train_set/train_set/images/12.png", "train/12"),
        ("val_set/12.jpg", "valid_set/images/12.jpg", "val/12"),
        ("train_set/12.jpg", "images/12.jpg", "train/12"),
        ("test_0001.jpg", "Image/aligned/test_0001_aligned.jpg", "test_0001"),
        ("689/7D3A.JPG", "Manually_Annotated_Images/689/7d3a.jpg", "689/7d3a"),
        (r"689\7d3a.jpg", "689/7d3a.jpg", "689/7d3a"),
        (unicodedata.normalize("NFC", "Zoë/1.jpg"), unicodedata.normalize("NFD", "zoë/1.jpg"), "1"),
    ],
)
def test_names_are_found_where_a_copy_has_the_images(tmp_path: Path, name: str, path: str, clip: str) -> None:
    files = _files(tmp_path, f"{name},0.25,0.5,,,\n", "other.jpg,0,0,,,\n")
    row, _ = _apply(files, [_row(path, clip)])
    assert (row.split, row.valence, row.reason) == ("train", 0.25, None)


def test_the_same_number_of_another_set_is_another_image(tmp_path: Path) -> None:
    files = _files(tmp_path, "train_set/0.jpg,0.5,-0.25,,,\n", "val_set/9.jpg,0,0,,,\n")
    rows = _apply(files, [ROWS[2], ROWS[0]])
    assert [row.split for row in rows] == [None, "train", "val"]


@pytest.mark.parametrize("second", ["train_set/0.jpg", "./TRAIN_SET/0.png"])
def test_a_name_in_two_files_is_refused(tmp_path: Path, second: str) -> None:
    files = _files(tmp_path, "train_set/0.jpg,0,0,,,\n", "", f"{second},0,0,,,\n")
    with pytest.raises(DataError, match=r"0\.(jpg|png) is in train.csv \(train\) and in test.csv \(test\)"):
        Partition(tmp_path, files)


def test_an_image_with_two_names_in_two_files_is_refused(tmp_path: Path) -> None:
    files = _files(tmp_path, "1.jpg,0,0,,,\n", "train_set/1.jpg,0,0,,,\n")
    with pytest.raises(DataError, match=r"train_set/images/1.jpg is 1.jpg of train.csv and train_set/1.jpg"):
        _apply(files)


def test_a_name_twice_in_a_file_must_say_the_same(tmp_path: Path) -> None:
    line = "train_set/0.jpg,0.5,-0.25,,,\n"
    assert _apply(_files(tmp_path, line + line, "x.jpg,0,0,,,\n"))[0].valence == 0.5
    files = _files(tmp_path, line + line.replace("0.5", "0.6"), "x.jpg,0,0,,,\n")
    with pytest.raises(DataError, match=r"train_set/0.jpg is twice in train.csv, with other labels"):
        _apply(files)


def test_files_that_name_nothing_that_is_there_are_refused(tmp_path: Path) -> None:
    files = _files(tmp_path, "a.jpg,0,0,,,\n", "b.jpg,0,0,,,\n")
    with pytest.raises(DataError, match=r"train.csv, valid.csv name no image that was found"):
        _apply(files)


@pytest.mark.parametrize(
    ("word", "wanted"), [("Happiness", "happiness"), ("Anger", "anger"), ("Contempt", "contempt"), ("", None)]
)
def test_classes_are_words(tmp_path: Path, word: str, wanted: str | None) -> None:
    files = _files(tmp_path, f"test_0001.jpg,{word},20-39,Unsure,Asian\n", "x.jpg,Fear,,,\n", header=EXPR)
    row, _ = _apply(files, [_row("aligned/test_0001_aligned.jpg", expression=wanted)])
    assert (row.expression, row.age_group, row.gender, row.race) == (wanted, "20-39", "Unsure", "Asian")


@pytest.mark.parametrize("number", ["0", "7", "-1", "3.0"])
def test_classes_as_numbers_are_refused(tmp_path: Path, number: str) -> None:
    files = _files(tmp_path, f"a.jpg,{number},,,\n", "b.jpg,0,,,\n", header=EXPR)
    with pytest.raises(DataError, match=rf"train.csv, a.jpg: .* is the number {number}; wanted a word"):
        Partition(tmp_path, files)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ("-2,-2", "no label: valence is -2"),
        ("0.5,", "no label: arousal"),
        ("0.5,-5", "label out of range: arousal is -5, expected -1 to 1"),
        ("nan,0", "label out of range: valence is nan, expected -1 to 1"),
    ],
)
def test_an_image_without_a_usable_label_in_the_files_is_dropped(
    tmp_path: Path, labels: str, reason: str
) -> None:
    files = _files(tmp_path, f"train_set/0.jpg,{labels},,,\n", "val_set/0.jpg,-1,1,,,\n")
    row = _apply(files)[0]
    assert (row.valence, row.arousal, row.reason, row.split) == (None, None, reason, "train")


@pytest.mark.parametrize(
    ("reason", "wanted"),
    [
        ("no annotation", None),
        ("no label: valence is -2", None),
        ("no image", "no image"),
        ("unreadable annotation file: x", "unreadable annotation file: x"),
    ],
)
def test_labels_of_the_files_take_the_place_of_missing_ones(
    tmp_path: Path, reason: str, wanted: str | None
) -> None:
    files = _files(tmp_path, "a/1.jpg,0.5,0.25,,,\n", "x.jpg,0,0,,,\n")
    row, _ = _apply(files, [_row("a/1.jpg", reason=reason)])
    assert (row.valence, row.reason) == (0.5, wanted)


def test_an_age_in_years_is_no_group(tmp_path: Path) -> None:
    files = _files(tmp_path, "train_set/1.jpg,0.1,0.2,23,,\n", "val_set/0.jpg,-1,1,20-29,,\n")
    rows = _apply(files)
    assert [(row.age, row.age_group) for row in rows[1:]] == [(23.0, None), (None, "20-29")]


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (("train.csv", "valid.csv", "test.csv"), ["train", "val", "test"]),
        (("test.csv", "train.csv", "valid.csv"), ["test", "train", "val"]),
        (("VA_training.csv", "VA_dev.csv"), ["train", "val"]),
        (("train.csv", "test.csv"), ["train", "test"]),
        (("train/labels.csv", "test/labels.csv"), ["train", "test"]),
        (("a.csv", "b.csv", "c.csv"), ["train", "val", "test"]),
        (("a.csv", "valid.csv", "c.csv"), ["train", "val", "test"]),
    ],
)
def test_the_names_of_the_files_say_the_splits_else_their_order(names, wanted: list[str]) -> None:
    assert splits_of([Path("/x", name) for name in names]) == wanted


@pytest.mark.parametrize(
    "names", [("valid.csv", "b.csv"), ("train_a.csv", "train_b.csv"), ("a.csv", "train.csv")]
)
def test_names_that_contradict_the_order_are_refused(names) -> None:
    with pytest.raises(ConfigError, match="do not say which split each is"):
        splits_of([Path("/x", name) for name in names])


def test_the_digest_tells_which_file_is_which_split(tmp_path: Path) -> None:
    files = _files(tmp_path, "a\n", "b\n", names=("test.csv", "train.csv"))
    test, train = (hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    assert digest(files) == f"test={test},train={train}"
    assert digest(files[:1]) == test
    settings = PrepareSettings(splits=",".join(map(str, files)))
    assert recorded(settings)["splits"] == digest(files)
    assert recorded(PrepareSettings())["splits"] == "official"


@pytest.mark.parametrize("count", [1, 4])
def test_another_number_of_files_is_refused(count: int) -> None:
    with pytest.raises(ConfigError, match=f"{count} files; wanted train, valid and test"):
        splits_of([Path(f"{number}.csv") for number in range(count)])


def test_a_comma_in_the_name_of_a_file_that_is_there_separates_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a,b.csv"
    assert files_of(str(file)) == [Path(f"{tmp_path}/a"), Path("b.csv")]
    file.touch()
    assert files_of(str(file)) == [file]
    assert files_of("train.csv,") == [Path("train.csv")]
    assert files_of("train.csv, valid.csv") == [Path("train.csv"), Path("valid.csv")]


@pytest.mark.parametrize(
    ("header", "message"),
    [("label,valence,arousal", "wanted name"), ("name,valence,age", "wanted both valence and arousal")],
)
def test_missing_columns_are_named(tmp_path: Path, header: str, message: str) -> None:
    files = _files(tmp_path, "a,0,0\n", "b,0,0\n", header=header)
    with pytest.raises(LayoutError, match=message):
        Partition(tmp_path, files)


def test_a_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"gone\.csv"):
        Partition(tmp_path, [*_files(tmp_path, "a.jpg,0,0,,,\n"), tmp_path / "gone.csv"])


@pytest.mark.filterwarnings("always::elimctl.errors.Notice")
def test_a_partition_is_prepared_from_the_command_line(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    image = np.full((224, 224, 3), 90, np.uint8)
    for split, number in (("train", 0), ("train", 1), ("val", 0), ("val", 3)):
        folder = tmp_path / "raw" / f"{split}_set"
        for below in ("images", "annotations"):
            (folder / below).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"images/{number}.jpg"), image)
        for kind, value in {"exp": "3", "val": "0.5", "aro": "0.5"}.items():
            np.save(folder / f"annotations/{number}_{kind}.npy", np.array(value))
    _files(
        tmp_path,
        "val_set/0.jpg,0.5,0.5,20-29,Male,White\n",
        "train_set/1.jpg,0.5,0.5,03-09,Female,Asian\n",
        "train_set/0.jpg,-0.75,0.5,70+,Female,Indian\nval_set/44.jpg,0,0,,,\n",
    )
    arguments = ["prepare", "affectnet8", "raw", "--split", ",".join(FILES), "--workers", "1"]
    found = CliRunner().invoke(app, [*arguments, "--workspace", str(tmp_path), "--json"])
    assert found.exit_code == 0, found.output
    columns = ("path", "split", "valence", "age_group", "gender", "race", "status", "reason")
    rows = parquet.read(tmp_path / "data/affectnet8/manifest.parquet").to_pylist()
    assert [tuple(row[name] for name in columns) for row in rows] == [
        ("train_set/images/0.jpg", "test", -0.75, "70+", "Female", "Indian", "kept", None),
        ("train_set/images/1.jpg", "val", 0.5, "03-09", "Female", "Asian", "kept", None),
        ("val_set/images/0.jpg", "train", 0.5, "20-29", "Male", "White", "kept", None),
        ("val_set/images/3.jpg", None, 0.5, None, None, None, "dropped", "not in the split files"),
        ("val_set/44.jpg", "test", None, None, None, None, "dropped", "not found: named in test.csv"),
    ]
    assert '"rows"' in found.output
    assert '"name": "train"' not in found.output  # the card's splits are others
    record = json.loads((tmp_path / "data/affectnet8/prepare.json").read_text(encoding="utf-8"))
    assert record["settings"]["splits"].count("=") == 3
    again = CliRunner().invoke(app, [*arguments, "--workspace", str(tmp_path)])
    assert "already prepared" in again.output
