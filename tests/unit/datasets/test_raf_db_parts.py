import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from elimctl.cli.main import app
from elimctl.datasets.raf_db import Options, read
from elimctl.errors import LayoutError, Notice
from elimctl.manifest.row import Row

LIST = "EmoLabel/list_patition_label.txt"


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    """A root whose name tells no part, as that of a test would."""
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


def _write(file: Path, text: str = "") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def _tree(root: Path, labels: str, *, file: str = LIST) -> Path:
    """A list and an aligned image for each of its lines."""
    _write(root / file, labels)
    for line in labels.splitlines():
        name = line.replace(",", " ").split()[0]
        _write(root / "Image/aligned" / name.replace(".jpg", "_aligned.jpg"))
    return root


def _read(root: Path) -> list[Row]:
    return list(read(root, Options()))


BASIC = "train_00001.jpg 5\ntrain_00002.jpg 3\ntest_0001.jpg 4\n"


@pytest.mark.parametrize("code", [8, 9, 10, 11])
@pytest.mark.parametrize("file", [LIST, "EmoLabel/list_partition_label.txt", "train_labels.csv"])
def test_a_list_with_a_compound_class_is_refused_whatever_it_is_called(
    tmp_path: Path, code: int, file: str
) -> None:
    separator = "," if file.endswith(".csv") else " "
    labels = f"train_00001.jpg 5\ntrain_00002.jpg {code}\n".replace(" ", separator)
    _tree(tmp_path, labels, file=file)
    with pytest.raises(LayoutError, match=rf"compound part: it has class {code} of train_00002") as caught:
        _read(tmp_path)
    assert str(tmp_path / file) in caught.value.message


def test_images_in_folders_of_compound_classes_are_refused(tmp_path: Path) -> None:
    for number, code in enumerate((1, 3, 11), start=1):
        _write(tmp_path / f"DATASET/train/{code}/train_{number:05d}_aligned.jpg")
    with pytest.raises(LayoutError, match=r"train/11 belongs to RAF-DB's compound part"):
        _read(tmp_path)


@pytest.mark.parametrize(
    "labels",
    ["train_0001.jpg 3\ntrain_0002.jpg 7\n", "train_1001.jpg 1\ntrain_1002.jpg 2\ntest_0001.jpg 3\n"],
    ids=["padded", "all of four digits"],
)
def test_a_compound_list_cut_to_the_basic_classes_is_known_by_its_names(tmp_path: Path, labels: str) -> None:
    _tree(tmp_path, labels)
    with pytest.raises(LayoutError, match=r"compound part: it has train.*four digits"):
        _read(tmp_path)


def test_compound_images_beside_a_basic_list_are_refused(tmp_path: Path) -> None:
    _write(tmp_path / LIST, BASIC)
    _write(tmp_path / "Image/aligned/train_0001_aligned.jpg")
    with pytest.raises(LayoutError, match=r"image under .* it has train_0001 with four digits"):
        _read(tmp_path)


def test_numbers_of_other_widths_are_those_of_the_basic_part(tmp_path: Path) -> None:
    _tree(tmp_path, "train_1.jpg 3\ntrain_1234.jpg 2\ntest_0012.jpg 6\n")
    assert [(row.clip, row.expression) for row in _read(tmp_path)] == [
        ("test_0012", "anger"),
        ("train_00001", "disgust"),
        ("train_01234", "fear"),
    ]


@pytest.mark.parametrize(
    ("folder", "part"),
    [
        *[("compound", "compound"), ("RAF-DB_Compound (1)", "compound"), ("raf/compound.zip/x", "compound")],
        *[("RAF-AU", "RAF-AU"), ("raf_ml", "RAF-ML"), ("basic/compound", "compound")],
    ],
)
def test_a_folder_of_another_part_alone_is_refused(tmp_path: Path, folder: str, part: str) -> None:
    _tree(tmp_path / folder, "train_00001.jpg 5\ntest_0001.jpg 2\n")
    with pytest.raises(
        LayoutError, match=rf"belongs to RAF-DB's {part} part; elimctl reads only the basic part"
    ):
        _read(tmp_path)


def test_the_name_of_the_root_counts(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="compound part"):
        _read(_tree(tmp_path / "compound", BASIC))
    (tmp_path / "link").symlink_to(tmp_path / "compound")
    with pytest.raises(LayoutError, match="compound part"):
        _read(tmp_path / "link")


@pytest.mark.parametrize("above", ["compound_project/basic", "compound and basic"])
def test_the_innermost_name_that_tells_one_part_decides(tmp_path: Path, above: str) -> None:
    assert [row.expression for row in _read(_tree(tmp_path / above, BASIC))] == [
        "happiness",
        "sadness",
        "disgust",
    ]


def test_the_compound_part_beside_the_basic_one_is_passed_over_with_a_notice(tmp_path: Path) -> None:
    _tree(tmp_path / "RAF-DB/basic", BASIC)
    _tree(tmp_path / "RAF-DB/compound", "train_0001.jpg 11\ntrain_0003.jpg 1\ntest_0002.jpg 2\n")
    with pytest.warns(Notice, match=r"4 files of RAF-DB's compound part are not read, such as .*/compound/"):
        rows = _read(tmp_path)
    assert [(row.clip, row.expression) for row in rows] == [
        ("test_0001", "happiness"),
        ("train_00001", "sadness"),
        ("train_00002", "disgust"),
    ]
    assert all("/basic/" in row.path for row in rows)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("train_00001.jpg 1 0 0 0 0 0", "6 numbers"),
        ("train_00001.jpg 0.1 0.2 0.3 0.1 0.2 0.1", "6 numbers"),
        ("train_00001.jpg 1 0 0 1 0 0 1 0 0 0 -1 0", "12 numbers"),
        ("train_00001.jpg 1+2+25", "action units"),
    ],
)
def test_distributions_and_action_units_are_refused(tmp_path: Path, line: str, found: str) -> None:
    _tree(tmp_path, "train_00002.jpg 5\n")
    _write(tmp_path / LIST, f"{line}\ntrain_00002.jpg 5\n")
    with pytest.raises(LayoutError, match=rf"gives {found} for an image; expected one class") as caught:
        _read(tmp_path)
    assert str(tmp_path / LIST) in caught.value.message


def test_a_few_further_columns_are_passed_over(tmp_path: Path) -> None:
    _tree(tmp_path, "train_00001.jpg 5 1 0.93\ntrain_00002.jpg 3 0 0.5\n")
    assert [row.expression for row in _read(tmp_path)] == ["sadness", "disgust"]


@pytest.mark.parametrize("packed", ["compound.zip", "raf.zip"])
def test_a_packed_compound_part_is_refused_on_the_command_line(tmp_path: Path, packed: str) -> None:
    (tmp_path / "raw").mkdir()
    with zipfile.ZipFile(tmp_path / "raw" / packed, "w") as archive:
        archive.writestr("EmoLabel/list_patition_label.txt", "train_0001.jpg 3\ntrain_0002.jpg 4\n")
        for number in (1, 2):
            archive.writestr(f"Image/aligned/train_000{number}_aligned.jpg", b"")
    for raw in (tmp_path / "raw", tmp_path / "raw" / packed):
        arguments = ["prepare", "raf-db", str(raw), "--workspace", str(tmp_path / "work")]
        error = CliRunner().invoke(app, arguments).exception
        assert isinstance(error, LayoutError)
        assert "compound part" in error.message
