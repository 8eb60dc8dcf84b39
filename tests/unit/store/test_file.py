import errno
import os
from pathlib import Path

import numpy as np
import pytest

from elimctl.errors import StoreError
from elimctl.store.file import File

CONTENT = np.random.default_rng(0).integers(0, 256, 10_000, dtype=np.uint8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "content").write_bytes(CONTENT.tobytes())
    return tmp_path / "content"


@pytest.mark.parametrize(("offset", "size"), [(0, 10_000), (4095, 2), (9_999, 1), (4096, 4096)])
def test_a_view_is_the_range_of_the_file(path: Path, offset: int, size: int) -> None:
    file = File(path)
    file.announce(offset, size)
    view = file.view(offset, size)
    np.testing.assert_array_equal(view, CONTENT[offset : offset + size])
    np.testing.assert_array_equal(view, file.read(offset, size))


def test_a_view_cannot_be_written_and_outlives_its_file(path: Path) -> None:
    view = File(path).view(10, 5)
    assert not view.flags.writeable
    np.testing.assert_array_equal(view, CONTENT[10:15])


def test_views_share_one_mapping(path: Path) -> None:
    file = File(path)
    before = _open_files()
    assert np.shares_memory(file.view(0, 10), file.view(5, 10))
    assert _open_files() - before == 1


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("length", [9_999, 4096, 0])
def test_a_file_cut_short_is_damaged_before_it_is_looked_at(path: Path, length: int) -> None:
    file = File(path)
    file.view(0, 10_000)
    os.truncate(path, length)
    with pytest.raises(StoreError, match="it ends early"):
        file.view(9_990, 10)


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EACCES, "cannot be read: Permission denied"),
        (errno.EMFILE, "cannot be read: Too many open files"),
        (errno.EIO, "is damaged: Input/output error"),
        (errno.ENOENT, "is damaged: No such file or directory"),
    ],
)
def test_a_file_is_damaged_only_if_its_content_is(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int, told: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreError, match=f"content {told}"):
        File(path)


def test_a_range_behind_the_end_is_damaged(path: Path) -> None:
    with pytest.raises(StoreError, match="it ends early"):
        File(path).view(9_990, 11)


def test_what_was_added_since_the_file_was_mapped_is_not_looked_at(path: Path) -> None:
    file = File(path)
    file.view(0, 1)
    with path.open("ab") as more:
        more.write(b"more")
    with pytest.raises(StoreError, match="it ends early"):
        file.view(9_999, 2)


def test_an_empty_file_cannot_be_mapped(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(StoreError, match="it cannot be mapped") as caught:
        File(tmp_path / "empty").view(0, 1)
    assert caught.value.hint
