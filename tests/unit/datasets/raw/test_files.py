import os
from pathlib import Path

import pytest

from elimctl.datasets.raw import files
from elimctl.errors import LayoutError, MissingError


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_every_folder_comes_once_in_the_order_of_names(tmp_path: Path) -> None:
    _touch(tmp_path, "b/2", "b/1", "a/x", "top")
    found = [(folder.relative_to(tmp_path).as_posix(), names) for folder, names in files.walk(tmp_path)]
    assert found == [(".", ["top"]), ("a", ["x"]), ("b", ["1", "2"])]


def test_junk_is_passed_over(tmp_path: Path) -> None:
    _touch(tmp_path, "__MACOSX/x", ".git/x", "a/.DS_Store", "a/._x", "a/Thumbs.db", "a/x", "a/desktop.ini")
    assert list(files.walk(tmp_path))[1:] == [(tmp_path / "a", ["x"])]


def test_a_hidden_root_is_no_junk(tmp_path: Path) -> None:
    _touch(tmp_path, ".raw/x")
    assert list(files.walk(tmp_path / ".raw")) == [(tmp_path / ".raw", ["x"])]


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    _touch(tmp_path, "elsewhere/x")
    root = tmp_path / "root"
    root.mkdir()
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(root)
    assert list(files.walk(root)) == [(root, []), (root / "linked", ["x"])]


def test_a_link_that_leads_nowhere_or_to_itself_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name, target in {"linked": "folder", "gone": "nowhere", "itself": "itself"}.items():
        (tmp_path / name).symlink_to(target)
    with os.scandir(tmp_path) as entries:
        found = {entry.name for entry in entries if files.is_folder(entry)}
    assert found == {"folder", "linked"}


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=f"no folder {tmp_path / 'x'}"):
        list(files.walk(tmp_path / "x"))


def test_an_archive_as_root_asks_to_unpack_it(tmp_path: Path) -> None:
    _touch(tmp_path, "x.zip", "x.txt")
    with pytest.raises(LayoutError, match=r"x.zip is a file") as caught:
        list(files.walk(tmp_path / "x.zip"))
    assert "unpack" in caught.value.hint
    with pytest.raises(LayoutError, match=r"x.txt is a file") as caught:
        list(files.walk(tmp_path / "x.txt"))
    assert "unpack" not in caught.value.hint


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(MissingError, match=f"cannot list {tmp_path}: Permission denied"):
        list(files.walk(tmp_path))
