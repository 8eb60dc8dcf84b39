import warnings
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from elimctl.cli import prepare
from elimctl.cli.main import app
from elimctl.commands.prepare import open_raw
from elimctl.errors import ConfigError, LayoutError
from elimctl.manifest import parquet
from elimctl.prepare.build import Part, Summary


def test_jobs_of_the_work_are_told_apart() -> None:
    assert prepare._job(None, None, merge=False) is None
    assert prepare._job(0, 3, merge=False) == Part(0, 3)
    assert prepare._job(None, None, merge=True) == "merge"
    assert prepare._job(None, 3, merge=True) == "merge"


@pytest.mark.parametrize(("index", "count"), [(3, 3), (0, None), (None, 3)])
def test_half_a_job_is_refused(index: int | None, count: int | None) -> None:
    with pytest.raises(ConfigError, match="with the index below the number"):
        prepare._job(index, count, merge=False)


def test_a_job_is_not_merged() -> None:
    with pytest.raises(ConfigError, match="--merge-jobs with --job-index"):
        prepare._job(0, 3, merge=True)


def test_what_is_still_packed_is_named_when_no_dataset_is_found(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for part in ("01", "02"):
        (raw / f"Manually_Annotated.part{part}.rar").write_bytes(b"Rar!\x1a\x07\x01\0")
    arguments = ["prepare", "affectnet", str(raw), "--workspace", str(tmp_path)]
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, LayoutError)
    assert "still packed" in error.message
    assert "unrar x Manually_Annotated.part01.rar" in error.hint
    assert not (tmp_path / "data").exists() or not list((tmp_path / "data").iterdir())


def test_a_rar_in_the_place_of_the_folder_says_what_to_run(tmp_path: Path) -> None:
    (tmp_path / "x.part1.rar").write_bytes(b"Rar!\x1a\x07\x01\0")
    arguments = ["prepare", "affectnet", str(tmp_path / "x.part1.rar"), "--workspace", str(tmp_path)]
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, LayoutError)
    assert "run unrar x x.part1.rar" in error.hint


def test_a_packed_dataset_that_is_none_is_named_as_the_user_did(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    with zipfile.ZipFile(tmp_path / "raw" / "x.zip", "w") as archive:
        archive.writestr("readme.txt", "")
    arguments = ["prepare", "raf-db", str(tmp_path / "raw"), "--workspace", str(tmp_path)]
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, LayoutError)
    assert f"under {tmp_path / 'raw'}" in error.message


def test_an_official_split_that_is_not_there_at_all_is_missing() -> None:
    found = {"rows": 72, "train": 72}
    sentences = [entry.sentence for entry in prepare.compare("affectnet", Summary(72, 72, {}, totals=found))]
    assert "val: 0 of 5,500, 5,500 missing" in sentences
    folds = prepare.compare("affectnet", Summary(72, 72, {}, totals={"rows": 72}))
    assert [entry.name for entry in folds] == ["rows"]


def test_splits_of_the_user_are_not_compared_with_the_card() -> None:
    found = Summary(72, 72, {}, totals={"rows": 72, "train": 50, "test": 22}, own_splits=True)
    assert [entry.name for entry in prepare.compare("affectnet", found)] == ["rows"]


def test_the_counts_are_compared_with_the_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = tmp_path / "raw"
    arguments = ["synth", "afew-va", str(raw), "--people", "6", "--clips", "6", "--frames", "1"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    (raw / ".synthetic").unlink()  # a real copy has no such mark
    arguments = ["prepare", "afew-va", str(raw), "--detector", "annotation", "--workspace", str(tmp_path)]
    found = CliRunner().invoke(app, arguments)
    assert found.exit_code == 0, found.output
    assert "clips: 6 of 600, 594 missing" in found.stderr


def test_groups_of_ages_are_shown_as_words() -> None:
    assert prepare._words({"18-29": 3200, "30-39": 28}) == "18-29: 3,200, 30-39: 28"
    assert prepare._words(0.4) == 0.4


def test_samples_in_no_split_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    totals = {"rows": 10, "clips": 10, "identities": 10, "train": 5, "val": 2}
    prepare.show_totals("folder", Summary(10, 10, {}, totals))
    assert "3 of 10 samples are in no split" in capsys.readouterr().err
    prepare.show_totals("folder", Summary(10, 10, {}, {"rows": 10, "clips": 10, "identities": 10}))
    assert "no split" not in capsys.readouterr().err


def test_ages_are_refused_where_nothing_reads_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="folder does not accept a file of ages"):
        open_raw("folder", tmp_path, {"ages": "ages.csv"}, cache=tmp_path / "cache")


@pytest.mark.parametrize(("options", "told"), [((), True), (("--folds", "1"), False)])
def test_one_person_is_prepared_to_be_scored(tmp_path: Path, options: tuple[str, ...], told: bool) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    rng = np.random.default_rng(0)
    lines = ["path,valence,arousal,identity,x,y,w,h"]
    for number in range(3):
        cv2.imwrite(str(raw / f"{number}.png"), rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
        lines.append(f"{number}.png,0.{number},0,me,8,8,40,40")
    (raw / "l.csv").write_text("\n".join(lines) + "\n")
    arguments = ["prepare", "folder", str(raw), "--detector", "annotation", "--size", "16", "--workers", "1"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        done = CliRunner().invoke(app, [*arguments, *options, "--workspace", str(tmp_path)])
    assert done.exit_code == 0, done.output
    table = parquet.read(tmp_path / "data" / "folder")
    assert table["split"].to_pylist() == ["test"] * 3
    assert table["fold"].to_pylist() == [None] * 3
    assert any("all 3 rows are `test`" in str(one.message) for one in caught) == told
