import csv
import io
import json
import re
import shutil
import statistics
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from elimctl.cli import main as cli
from elimctl.manifest import parquet
from elimctl.prepare import build, lock
from elimctl.store.images import open_images

Run = Callable[..., SimpleNamespace]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with 6 clips of 4 frames, 2 of them dropped, prepared as `afew-va`."""
    place = tmp_path_factory.mktemp("workspace")
    _call("synth", "afew-va", place / "raw", "--people", 6, "--clips", 6, "--frames", 4)
    for number, annotation in enumerate(sorted((place / "raw").rglob("*.json"))[:2]):
        values = json.loads(annotation.read_text())
        del values["frames"][f"{number:05d}"]
        annotation.write_text(json.dumps(values))
    options = ("--detector", "annotation", "--size", 24, "--workers", 1, "--set", "prepare.shard_images=5")
    _call("prepare", "afew-va", place / "raw", "--workspace", place, *options)
    shutil.rmtree(place / "raw")
    return place


def _call(*arguments: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["elimctl", *map(str, arguments)])
        with suppress(SystemExit):
            cli.main()


@pytest.fixture
def place(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the workspace, which commands use."""
    shutil.copytree(prepared, tmp_path / "place")
    monkeypatch.setenv("ELIMCTL_WORKSPACE", str(tmp_path / "place"))
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path / "place"


@pytest.fixture
def run(place: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A function that runs `elimctl data ...`."""

    def call(*arguments: object) -> SimpleNamespace:
        monkeypatch.setattr(sys, "argv", ["elimctl", "data", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as leave:
            code = leave.code or 0
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err, json=lambda: json.loads(out))

    return call


def _damage(place: Path, name: str = "afew-va") -> None:
    shard = place / "data" / name / "images.zarr" / "c" / "2" / "0" / "0" / "0"
    content = bytearray(shard.read_bytes())
    content[10] ^= 1
    shard.write_bytes(content)


def test_the_list_has_a_line_for_each_dataset(run: Run) -> None:
    run("convert", "afew-va", "--to", "hdf5", "--codec", "jpeg", "--as", "small")
    found = run("list", "--json").json()
    assert [(line["name"], line["store"], line["codec"]) for line in found] == [
        ("afew-va", "zarr", "raw"),
        ("small", "hdf5", "jpeg"),
    ]
    for line in found:
        assert (line["rows"], line["kept"], line["identities"]) == (24, 22, 6)
        assert line["size"] > 1000
        assert line["damage"] is None
    table = run("list").out
    assert "hdf5, jpeg" in table
    assert max(map(len, table.splitlines())) <= 80


def test_a_damaged_dataset_does_not_hide_the_others(run: Run, place: Path) -> None:
    run("convert", "afew-va", "--codec", "jpeg", "--as", "small")
    (place / "data" / "small" / "images.zarr" / "zarr.json").write_text("{")
    found = run("list")
    assert found.code == 0
    assert "damaged" in found.out
    assert "zarr.json is damaged" in found.err
    assert [line["damage"] is None for line in run("list", "--json").json()] == [True, False]


def test_an_empty_workspace_has_an_empty_list(run: Run, place: Path) -> None:
    shutil.rmtree(place / "data")
    assert run("list", "--json").json() == []
    assert "no prepared dataset" in run("list").err


def test_show_tells_what_the_dataset_holds(run: Run, place: Path) -> None:
    found = run("show", "--json").json()
    kept = [row for row in parquet.read(place / "data" / "afew-va").to_pylist() if row["status"] == "kept"]
    assert found["counts"]["kept"] == len(kept) == 22
    sizes = Counter(row["identity"] for row in kept).values()
    wanted = {"smallest": min(sizes), "median": statistics.median(sizes), "largest": max(sizes)}
    assert found["identities"] == {"number": 6, **wanted}
    for label in ("valence", "arousal"):
        values = [row[label] for row in kept]
        wanted = {"min": min(values), "max": max(values), "mean": statistics.fmean(values), "missing": 0}
        assert found["labels"][label] == pytest.approx(wanted)
    assert sum(group["rows"] for group in found["folds"]) == 22
    assert [group["identities"] for group in found["folds"]] == [1] * 6
    assert found["splits"] == []
    assert found["images"]["shape"] == [24, 24, 24, 3]
    assert found["settings"]["detector"]["name"] == "annotation"
    assert "numpy" in found["versions"]


def test_show_fits_80_columns(run: Run) -> None:
    table = run("show", "afew-va").out
    assert max(map(len, table.splitlines())) <= 80
    assert "dropped: " in table
    assert "settings.crop.size_px" in table


def test_a_whole_dataset_passes(run: Run) -> None:
    found = run("verify")
    assert (found.code, found.out) == (0, "")
    assert "afew-va is undamaged: 24 checked" in found.err
    assert run("verify", "--json").json() == {"name": "afew-va", "damaged": [], "checked": 24, "whole": True}


def test_each_damaged_row_is_named_and_the_code_is_1(run: Run, place: Path) -> None:
    _damage(place)
    found = run("verify")
    assert found.code == 1
    [line] = found.out.splitlines()
    assert line.startswith("row ")
    assert ".png" in line
    assert "1 of 24 checked are damaged" in found.err
    found = run("verify", "--json")
    assert found.code == 1
    values = found.json()
    assert not values["whole"]
    [damage] = values["damaged"]
    path = parquet.read(place / "data" / "afew-va")["path"][damage["row"]].as_py()
    assert damage["path"] == path


@pytest.mark.parametrize("kind", ["zarr", "hdf5"])
@pytest.mark.parametrize("codec", ["raw", "blosc"])
def test_converting_without_loss_keeps_every_image(run: Run, place: Path, kind: str, codec: str) -> None:
    folder = place / "data" / "afew-va"
    before = open_images(folder).read(range(24))
    found = run("convert", "afew-va", "--to", kind, "--codec", codec, "--json").json()
    assert (found["store"], found["codec"]) == (kind, codec)
    assert found["written"] == (0 if (kind, codec) == ("zarr", "raw") else 24)
    assert open_images(folder).kind == kind
    np.testing.assert_array_equal(open_images(folder).read(range(24)), before)
    assert run("verify").code == 0
    assert (build.read_record(folder)["inputs"] is None) == (found["written"] > 0)


def test_what_is_not_named_stays_as_it_is(run: Run, place: Path) -> None:
    run("convert", "--codec", "blosc")
    run("convert", "--to", "hdf5")
    images = open_images(place / "data" / "afew-va")
    assert (images.kind, images.codec) == ("hdf5", "blosc")
    assert "is already hdf5, blosc" in run("convert").err


def test_a_new_name_leaves_the_dataset(run: Run, place: Path) -> None:
    before = sorted((place / "data" / "afew-va").rglob("*"))
    assert run("convert", "--codec", "jpeg", "--as", "small").code == 0
    assert [
        path for path in sorted((place / "data" / "afew-va").rglob("*")) if path.name != lock.NAME
    ] == before
    assert open_images(place / "data" / "small").codec == "jpeg"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("afew-va", "--to", "tar"), "to: input should be 'zarr' or 'hdf5'"),
        (("afew-va", "--codec", "png"), "codec: input should be"),
        (("afew-va", "--as", "../out"), "cannot be the name of a folder"),
        (("nothing",), "no prepared dataset 'nothing'"),
    ],
)
def test_what_cannot_be_converted_is_told(run: Run, arguments: tuple, message: str) -> None:
    found = run("convert", *arguments)
    assert found.code == 1
    assert message in found.err


def test_a_name_that_is_taken_is_refused(run: Run) -> None:
    run("convert", "afew-va", "--codec", "jpeg", "--as", "small")
    found = run("convert", "afew-va", "--codec", "blosc", "--as", "small")
    assert found.code == 1
    assert "already holds a dataset" in found.err


def test_a_damaged_dataset_is_not_converted_and_leaves_nothing(run: Run, place: Path) -> None:
    _damage(place)
    found = run("convert", "--codec", "jpeg", "--as", "small")
    assert found.code == 1
    assert "its manifest says" in found.err
    assert not (place / "data" / "small").exists()


def test_nothing_is_changed_while_a_preparation_runs(run: Run, place: Path) -> None:
    (place / "data" / "afew-va" / "units").mkdir()
    with lock.hold(place / "data" / "afew-va"):
        for command in (("convert", "--codec", "jpeg"), ("gc", "--yes"), ("gc", "afew-va", "--yes")):
            found = run(*command)
            assert found.code == 1
            assert "is being prepared or changed by" in found.err
    assert (place / "data" / "afew-va" / "units").exists()


@pytest.fixture
def leftover(place: Path) -> Path:
    folder = place / "data" / "afew-va" / "units"
    folder.mkdir()
    (folder / "1.shard").write_bytes(b"x" * 10_000)
    return folder


@pytest.mark.parametrize("arguments", [(), ("--dry-run",), ("--dry-run", "--yes"), ("--json",)])
def test_gc_only_lists_unless_told(run: Run, leftover: Path, arguments: tuple) -> None:
    found = run("gc", *arguments)
    assert found.code == 0
    assert "units" in found.out
    assert leftover.exists()


def test_gc_frees_what_it_listed_when_told(run: Run, leftover: Path, place: Path) -> None:
    (place / "data" / ".unpacked" / "x").mkdir(parents=True)
    found = run("gc", "--yes", "--json").json()
    assert found["removed"]
    assert found["size"] >= 10_000
    assert [Path(piece["path"]).name for piece in found["garbage"]] == ["units", ".unpacked"]
    assert not leftover.exists()
    assert not (place / "data" / ".unpacked").exists()
    assert "nothing to delete" in run("gc", "--yes").err
    assert run("verify").code == 0


def test_gc_of_one_dataset_leaves_the_archives(run: Run, leftover: Path, place: Path) -> None:
    (place / "data" / ".unpacked").mkdir()
    run("gc", "afew-va", "--yes")
    assert not leftover.exists()
    assert (place / "data" / ".unpacked").exists()


@pytest.mark.parametrize(("answer", "stays"), [("y", False), ("n", True), ("", True)])
def test_gc_asks_on_a_terminal(
    run: Run, leftover: Path, monkeypatch: pytest.MonkeyPatch, answer: str, stays: bool
) -> None:
    terminal = io.StringIO(f"{answer}\n")
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    found = run("gc")
    assert re.search(r"delete \d+\.\d kB\?", found.err)
    assert leftover.exists() == stays


def test_gc_completes_a_conversion_that_was_stopped(run: Run, place: Path) -> None:
    folder = place / "data" / "afew-va"
    staging = folder / ".staging"
    staging.mkdir()
    for name in ("images.zarr", "prepare.json", "manifest.parquet"):
        (folder / name).rename(staging / name)
    run("gc", "--yes")
    assert run("verify", "afew-va").code == 0


def test_a_conversion_that_was_stopped_is_completed_by_the_next_command(run: Run, place: Path) -> None:
    folder = place / "data" / "afew-va"
    (folder / ".staging").mkdir()
    (folder / "manifest.parquet").rename(folder / ".staging" / "manifest.parquet")
    assert run("show", "afew-va").code == 0
    assert not (folder / ".staging").exists()


@pytest.mark.parametrize(
    "command", [("show",), ("list", "--json"), ("audit", "--no-images"), ("gc",), ("verify",)], ids=" ".join
)
def test_it_is_completed_whatever_the_command_and_without_a_name(
    run: Run, place: Path, command: tuple
) -> None:
    folder = place / "data" / "afew-va"
    (folder / ".staging").mkdir()
    (folder / "manifest.parquet").rename(folder / ".staging" / "manifest.parquet")
    assert run(*command).code == 0
    assert (folder / "manifest.parquet").exists()
    assert not (folder / ".staging").exists()


def test_what_another_process_is_at_work_on_does_not_stop_the_list(run: Run, place: Path) -> None:
    folder = place / "data" / "afew-va"
    (folder / ".staging").mkdir()
    (folder / "manifest.parquet").rename(folder / ".staging" / "manifest.parquet")
    with lock.hold(folder):
        assert json.loads(run("list", "--json").out) == []


def test_gc_of_a_name_that_is_not_there_makes_no_folder(run: Run, place: Path) -> None:
    result = run("gc", "typo")
    assert result.code == 1
    assert "no dataset 'typo'" in result.err
    assert not (place / "data" / "typo").exists()


def test_of_several_datasets_one_is_named_after_the_command(run: Run) -> None:
    run("convert", "afew-va", "--codec", "jpeg", "--as", "small")
    for command in ("show", "audit", "verify"):
        assert "hint: name one of these after the command" in run(command).err


def test_verify_tells_how_damage_is_mended(run: Run, place: Path) -> None:
    _damage(place)
    assert "run the same elimctl prepare with --force" in run("verify").err


def _rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_the_kept_rows_are_exported(run: Run, place: Path) -> None:
    found = run("export-csv")
    header, *rows = _rows(found.out)
    assert header[:4] == ["path", "valence", "arousal", "identity"]
    table = [row for row in parquet.read(place / "data" / "afew-va").to_pylist() if row["status"] == "kept"]
    assert [row[0] for row in rows] == [row["path"] for row in table]
    for row, known in zip(rows, table, strict=True):
        assert float(row[1]) == pytest.approx(known["valence"])
        assert row[header.index("frame")] == str(known["frame"])
        assert row[header.index("actor")] == (known["actor"] or "")
    assert "22 rows of afew-va" in found.err


def test_dropped_rows_are_exported_when_asked_for(run: Run) -> None:
    header, *rows = _rows(run("export-csv", "--all").out)
    assert len(rows) == 24
    assert {row[header.index("status")] for row in rows} == {"kept", "dropped"}


def test_a_split_may_be_exported(run: Run) -> None:
    parts = [_rows(run("export-csv", "--split", split, "--fold", 2).out)[1:] for split in ("train", "val")]
    assert len(parts[0]) + len(parts[1]) == 22
    assert not {row[3] for row in parts[0]} & {row[3] for row in parts[1]}


@pytest.mark.parametrize("codec", ["raw", "jpeg"])
def test_elim_reads_the_identity_from_the_path(run: Run, tmp_path: Path, codec: str, place: Path) -> None:
    run("convert", "--codec", codec)
    out, crops = tmp_path / "training.csv", tmp_path / "train"
    found = run("export-csv", "--elim", "--out", out, "--images", crops, "--json").json()
    assert found["rows"] == 22
    lines = out.read_text().splitlines()
    assert lines[0] == '"subDirectory_filePath","valence","arousal"'
    table = [row for row in parquet.read(place / "data" / "afew-va").to_pylist() if row["status"] == "kept"]
    images = open_images(place / "data" / "afew-va")
    for (path, valence, arousal), known in zip(_rows(out.read_text())[1:], table, strict=True):
        assert path.split("/")[0] == known["identity"]
        assert (float(valence), float(arousal)) == pytest.approx((known["valence"], known["arousal"]))
        crop = np.asarray(Image.open(crops / path))
        np.testing.assert_array_equal(crop, images.read([known["row"]])[0])
        assert path.endswith(".jpg" if codec == "jpeg" else ".png")


def test_an_export_with_images_can_be_prepared_again(run: Run, tmp_path: Path) -> None:
    """Its paths are those of the crops, and the raw ones have a column of their own."""
    run("export-csv", "--all", "--images", tmp_path / "crops", "--out", tmp_path / "rows.csv")
    header, *rows = _rows((tmp_path / "rows.csv").read_text())
    for row in rows:
        values = dict(zip(header, row, strict=True))
        assert (tmp_path / "crops" / values["path"]).exists() == (values["status"] == "kept")
        assert values["raw_path"].endswith(".png")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--all", "--elim"), "--all cannot be combined with --elim or --split"),
        (("--all", "--split", "val"), "--all cannot be combined with --elim or --split"),
        (("--json",), "--json needs --out"),
        (("--split", "test"), "no split 'test'"),
    ],
)
def test_what_cannot_be_exported_is_told(run: Run, arguments: tuple, message: str) -> None:
    found = run("export-csv", *arguments)
    assert found.code == 1
    assert message in found.err


def test_an_export_that_fails_leaves_no_file(run: Run, tmp_path: Path, place: Path) -> None:
    (place / "data" / "afew-va" / "images.zarr" / "zarr.json").unlink()
    out = tmp_path / "rows.csv"
    assert run("export-csv", "--elim", "--out", out).code == 1
    assert not out.exists()


@pytest.mark.parametrize("command", ["list", "show", "verify", "convert", "gc", "export-csv"])
def test_every_help_fits_80_columns(run: Run, command: str) -> None:
    found = run(command, "--help")
    assert found.code == 0
    assert "--json" in found.out
    assert max(map(len, found.out.splitlines())) <= 80
