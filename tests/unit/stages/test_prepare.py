"""The stage that writes imitations: complete or absent."""

import errno
from pathlib import Path

import pytest

from elimctl.datasets import afew_va
from elimctl.errors import ConfigError
from elimctl.stages.prepare import imitate_dataset

VALUES = {"identities": 1, "clips": 2, "frames": 1, "width_px": 72, "height_px": 58}


def _imitate(folder: Path) -> None:
    imitate_dataset("afew-va", folder, VALUES, seed=0)


def test_an_imitation_is_the_same_in_a_new_and_in_an_empty_folder(
    tmp_path: Path,
) -> None:
    (tmp_path / "empty").mkdir()
    inode = (tmp_path / "empty").stat().st_ino
    for name in ("empty", "below/new"):
        _imitate(tmp_path / name)
    assert sorted(_content(tmp_path / "empty")) == [
        f"01/{clip}/{name}" for clip in ("001", "002") for name in ("00000.png", f"{clip}.json")
    ]
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
            imitate_dataset("afew-va", folder, {**VALUES, "defects": True}, seed=0)
    assert caught.value.filename == str(folder)
    assert [path.name for path in tmp_path.rglob("*")] == ["raw"] * existed
    _imitate(folder)
    assert [path.name for path in folder.iterdir()] == ["01"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "raw").write_text("mine")
    with pytest.raises(ConfigError, match=r"raw is a file; wanted a folder"):
        _imitate(tmp_path / "raw")
    with pytest.raises(NotADirectoryError) as caught:
        _imitate(tmp_path / "raw" / "below")
    assert caught.value.filename == str(tmp_path / "raw" / "below")
    assert (tmp_path / "raw").read_text() == "mine"


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is not empty"):
        _imitate(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
