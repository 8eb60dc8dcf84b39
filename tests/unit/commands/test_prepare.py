import errno
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from elimctl.commands.prepare import open_raw, planned, settle, write_synthetic
from elimctl.errors import ConfigError, DataError, LayoutError, MissingError
from elimctl.manifest.row import Row
from elimctl.prepare import lock
from elimctl.synthetic import afew_va

VALUES = {"people": 1, "clips": 2, "frames": 1, "width_px": 72, "height_px": 58}


def _draw(folder: Path) -> None:
    write_synthetic("afew-va", folder, VALUES, seed=0)


def test_an_imitation_is_the_same_in_a_new_and_in_an_empty_folder(
    tmp_path: Path,
) -> None:
    (tmp_path / "empty").mkdir()
    inode = (tmp_path / "empty").stat().st_ino
    for name in ("empty", "below/new"):
        _draw(tmp_path / name)
    images = [f"01/{clip}/{name}" for clip in ("001", "002") for name in ("00000.png", f"{clip}.json")]
    assert sorted(_content(tmp_path / "empty")) == [".synthetic", *images]
    assert _content(tmp_path / "empty") == _content(tmp_path / "below" / "new")
    assert (tmp_path / "empty").stat().st_ino == inode  # a shell that stands in it still does
    assert [entry.name for entry in (tmp_path / "below").iterdir()] == ["new"]


def _content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("existed", [False, True])
def test_nothing_is_left_of_an_imitation_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existed: bool
) -> None:
    folder = tmp_path / "raw"
    if existed:
        folder.mkdir()

    def fill_the_disk(folders: list[Path]) -> None:
        assert all(any(folder.iterdir()) for folder in folders)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(afew_va, "spoil", fill_the_disk)
        with pytest.raises(OSError, match="No space left") as caught:
            write_synthetic("afew-va", folder, {**VALUES, "defects": True}, seed=0)
    assert caught.value.filename == str(folder)
    assert [path.name for path in tmp_path.rglob("*")] == ["raw"] * existed
    _draw(folder)
    assert {path.name for path in folder.iterdir()} == {".synthetic", "01"}


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "raw").write_text("mine")
    with pytest.raises(ConfigError, match=r"raw is a file; wanted a folder"):
        _draw(tmp_path / "raw")
    with pytest.raises(NotADirectoryError) as caught:
        _draw(tmp_path / "raw" / "below")
    assert caught.value.filename == str(tmp_path / "raw" / "below")
    assert (tmp_path / "raw").read_text() == "mine"


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is not empty"):
        _draw(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def _zip(folder: Path, file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for member in sorted(folder.rglob("*")):
            archive.write(member, member.relative_to(folder))


def _rows(root: Path, rows: Iterator[Row]) -> list[tuple[str, int, bytes]]:
    return [(row.clip, row.frame, (root / row.path).read_bytes()) for row in rows]


def test_a_raw_folder_is_read_where_it_is(tmp_path: Path) -> None:
    _draw(tmp_path / "raw")
    root, rows = open_raw("afew-va", tmp_path / "raw", {}, cache=tmp_path / "cache")
    assert root == tmp_path / "raw"
    assert [(row.clip, row.frame) for row in rows] == [("001", 0), ("002", 0)]
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("packed", ["raw.zip", "raw"], ids=["an archive", "a folder with archives"])
def test_what_is_packed_is_read_as_if_it_were_not(tmp_path: Path, packed: str) -> None:
    _draw(tmp_path / "made")
    (tmp_path / "raw").mkdir()
    _zip(tmp_path / "made", tmp_path / "raw.zip")
    (tmp_path / "raw" / "afew.zip").write_bytes((tmp_path / "raw.zip").read_bytes())
    members: list[str] = []
    found = open_raw("afew-va", tmp_path / packed, {}, cache=tmp_path / "cache", on_member=members.append)
    plain = open_raw("afew-va", tmp_path / "made", {}, cache=tmp_path / "cache")
    assert _rows(*found) == _rows(*plain)
    assert len(members) >= 4
    assert found[0].is_relative_to(tmp_path / "cache")


def test_a_setting_of_the_reader_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"dataset\.identify"):
        open_raw("afew-va", tmp_path, {"identify": "actor"}, cache=tmp_path / "cache")


def test_a_raw_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="gone"):
        open_raw("afew-va", tmp_path / "gone", {}, cache=tmp_path / "cache")


def test_a_layout_that_is_not_recognised_tells_what_is_still_packed(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "afew.part1.rar").write_bytes(b"Rar!")
    _, rows = open_raw("afew-va", tmp_path / "raw", {}, cache=tmp_path / "cache")
    with pytest.raises(LayoutError, match=r"no NNN/NNN\.json .*afew\.part1\.rar is still packed") as caught:
        list(rows)
    assert "unrar" in caught.value.hint


TABLES = {"dataset": {}, "prepare": {"detector": {"name": "annotation"}, "folds": 2, "shard_images": 1}}


def _found(count: int) -> Iterator[Row]:
    return (Row(path=f"{n}.png", identity=f"{n}", clip=f"{n}", frame=0) for n in range(count))


def test_while_there_is_a_plan_the_folder_is_locked_and_its_rows_are_in_it(tmp_path: Path) -> None:
    out = tmp_path / "data" / "afew-va"
    with planned("afew-va", tmp_path, _found(3), TABLES, out) as plan:
        assert len(plan.rows) == len(list(plan.rows)) == 3
        assert plan.settings.folds == 2
        assert plan.rows.file.parent == out
        with pytest.raises(ConfigError, match="is being prepared"), lock.hold(out):
            pytest.fail("two at once")
        (out / "manifest.parquet").touch()
    assert [file.name for file in out.iterdir()] == ["manifest.parquet"]


def test_shares_have_plans_of_their_own_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with planned("afew-va", tmp_path, _found(3), TABLES, out, shared=True) as plan:
        monkeypatch.setattr(os, "getpid", lambda: 0)  # as another process
        with pytest.raises(ConfigError), planned("afew-va", tmp_path, _found(3), TABLES, out):
            pytest.fail("a share and the whole at once")
        with planned("afew-va", tmp_path, _found(3), TABLES, out, shared=True) as other:
            assert other.fingerprint == plan.fingerprint
            assert other.rows.file != plan.rows.file
        monkeypatch.undo()
        assert len(list(plan.rows)) == 3


@pytest.mark.parametrize("before", [(), ("notes.txt",)])
def test_nothing_is_left_of_a_plan_that_came_to_nothing(tmp_path: Path, before: tuple[str, ...]) -> None:
    out = tmp_path / "data" / "afew-va"
    for name in before:
        out.mkdir(parents=True)
        (out / name).touch()
    tables = {**TABLES, "prepare": {**TABLES["prepare"], "folds": 3}}
    too_few = pytest.raises(DataError, match="2 identities cannot fill 3 folds")
    with too_few, planned("afew-va", tmp_path, _found(2), tables, out):
        pytest.fail("no plan")
    assert out.exists() == bool(before)
    assert [file.name for file in (tmp_path / "data").rglob("*")] == ["afew-va", *before][not before :]


def test_what_readers_raise_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[Row]:
        yield from _found(3)
        raise LayoutError("no such layout")

    with pytest.raises(LayoutError), planned("afew-va", tmp_path, broken(), TABLES, tmp_path / "out"):
        pytest.fail("no plan")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("table", ["dataset", "prepare"])
def test_settings_are_checked_before_rows_are_read(tmp_path: Path, table: str) -> None:
    def unread() -> Iterator[Row]:
        pytest.fail("read")
        yield

    tables = {**TABLES, table: {"fold": 2}}
    unknown = pytest.raises(ConfigError, match=rf"{table}\.fold")
    with unknown, planned("afew-va", tmp_path, unread(), tables, tmp_path / "out"):
        pytest.fail("no plan")


@pytest.mark.parametrize(
    ("dataset", "wanted", "left"),
    [
        ({"identity": "actor"}, None, {"identity": "actor"}),
        ({"identity": "cluster", "width": 3}, "cluster", {"width": 3}),
        ({"ages": "model"}, "estimated-age", {}),
        ({"ages": "model", "identity": "age-group"}, "estimated-age", {}),
        ({"ages": "ages.csv", "identity": "age-group"}, None, {"ages": "ages.csv", "identity": "age-group"}),
    ],
)
def test_identities_that_a_model_finds_are_no_business_of_the_reader(
    dataset: dict, wanted: str | None, left: dict
) -> None:
    tables = settle({"dataset": dataset, "prepare": {"folds": 3}, "train": {}})
    assert tables["dataset"] == left
    assert tables["prepare"] == {"folds": 3, **({"identities": wanted} if wanted else {})}
    assert tables["train"] == {}


@pytest.mark.parametrize("identity", ["cluster", "actor"])
def test_a_model_gives_ages_to_groups_of_ages_only(identity: str) -> None:
    with pytest.raises(ConfigError, match=f"ages = model cannot be combined with identity = {identity}"):
        settle({"dataset": {"ages": "model", "identity": identity}, "prepare": {}})
