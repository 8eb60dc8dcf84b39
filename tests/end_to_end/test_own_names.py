"""Names as people and computers write them, through the command line: accents, case, delimiters, patterns."""

import io
import zipfile

import cv2
import numpy as np
import pytest

from elimctl.manifest import parquet

pytestmark = pytest.mark.filterwarnings("default::elimctl.errors.Notice")  # shown, as to a user

PREPARE = ["--detector", "annotation", "--size", "32", "--workers", "1", "--set", "prepare.folds=2"]
PEOPLE = {"Jos\xe9": "Jose\u0301", "Zo\xeb": "Zoe\u0308", "\u0141ukasz": "\u0141ukasz", "Anna": "Anna"}


@pytest.fixture
def archive(tmp_path):
    """A zip with names in NFD and mixed case; its list has NFC, `sep=;` and a comma in the header."""
    lines = ["sep=;", "path;valence;arousal;notes, remarks;x;y;w;h"]
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(tmp_path / "raw.zip", "w") as file:
        for number, (listed, packed) in enumerate(PEOPLE.items()):
            for picture in "ab":
                image = cv2.imencode(".png", rng.integers(0, 256, (64, 64, 3), np.uint8))[1]
                file.writestr(f"{number}_{packed}.{picture}.PnG", image.tobytes())
                lines.append(f"{number}_{listed}.{picture}.png;0,25;-0,5;a, b;8;8;40;40")
        file.writestr("labels.csv", "\r\n".join([*lines, ""]))
    return tmp_path / "raw.zip"


def _rows(workspace):
    return parquet.read(workspace / "data" / "folder" / "manifest.parquet").to_pylist()


def test_people_with_accents_keep_all_their_images_and_one_fold(call, archive, tmp_path, capsys):
    pattern = r"dataset.identity_pattern=_(.*)\.[ab]\."
    assert call("prepare", "folder", archive, *PREPARE, "--set", pattern, "--workspace", tmp_path) == 0
    assert "4 (dataset.identity_pattern)" in capsys.readouterr().out
    rows = _rows(tmp_path)
    assert [row["reason"] for row in rows] == [None] * 8
    assert {(row["valence"], row["arousal"]) for row in rows} == {(0.25, -0.5)}
    assert {row["identity"] for row in rows} == set(PEOPLE)
    assert len({(row["identity"], row["fold"]) for row in rows}) == 4


def test_splits_in_windows_1252_are_joined(call, archive, tmp_path, capsys):
    (tmp_path / "splits.csv").write_bytes(
        "identity;split\nJos\xe9;val\nZo\xeb;train\nID;val\n".encode("cp1252")
    )
    pattern = r"dataset.identity_pattern=_(.*)\.[ab]\."
    settings = ["--split", tmp_path / "splits.csv", "--set", pattern, "--workspace", tmp_path]
    assert call("prepare", "folder", archive, *PREPARE, *settings) == 0
    assert "warning: " in (told := capsys.readouterr().err)
    assert "1 of 3 names in column identity were not found" in told
    splits = {row["identity"]: row["split"] for row in _rows(tmp_path)}
    assert splits == {"Jos\xe9": "val", "Zo\xeb": "train", "Anna": None, "\u0141ukasz": None}


def test_a_column_that_counts_lines_leaves_nobody_in_two_folds(call, tmp_path, capsys):
    raw, lines = tmp_path / "raw", ["id,path,valence,arousal,x,y,w,h"]
    for person in range(4):
        (raw / f"person{person}").mkdir(parents=True)
        for picture in "ab":
            noise = np.random.default_rng(len(lines)).integers(0, 256, (64, 64, 3), np.uint8)
            cv2.imwrite(str(raw / f"person{person}" / f"{picture}.png"), noise)
            lines.append(f"{len(lines)},person{person}/{picture}.png,0.1,0.2,8,8,40,40")
    (raw / "labels.csv").write_text("\n".join([*lines, ""]))
    assert call("prepare", "folder", raw, *PREPARE, "--workspace", tmp_path) == 0
    told = capsys.readouterr()
    assert "warning: column id differs in every line, so it does not name people" in told.err
    assert "4 (folder 1 of the path)" in told.out
    rows = _rows(tmp_path)
    assert len({(row["identity"], row["fold"]) for row in rows}) == 4


def test_identities_that_differ_in_case_only_are_told(call, archive, tmp_path, capsys):
    content = io.BytesIO(archive.read_bytes())
    raw = tmp_path / "raw"
    with zipfile.ZipFile(content) as file:
        file.extractall(raw)
    text = (raw / "labels.csv").read_text(encoding="utf-8").replace("notes, remarks", "identity")
    people = iter(["ID0", "id0"] * 4)
    (raw / "labels.csv").write_text(
        "".join(
            line.replace("a, b", next(people)) if "a, b" in line else line for line in text.splitlines(True)
        ),
        encoding="utf-8",
    )
    assert call("prepare", "folder", raw, *PREPARE, "--workspace", tmp_path) == 0
    assert "identities 'ID0' and 'id0' differ only in the case of letters" in capsys.readouterr().err
    assert {row["identity"] for row in _rows(tmp_path)} == {"ID0", "id0"}
