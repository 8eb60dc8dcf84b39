import hashlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from elimctl.datasets.raw import video
from elimctl.errors import DataError
from elimctl.manifest.row import Row
from elimctl.prepare import source
from elimctl.prepare.source import Source, examine, images
from elimctl.synthetic.video_writing import write_video

FRAMES = 24
STEP = 10  # gray levels from one frame to the next: more than what codec changes


@pytest.fixture(params=["v.mp4", "v.avi"])
def film(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A video whose frame k is gray of level 10 k, of frames in and out of order."""
    file = tmp_path / request.param
    codec = "h264" if file.suffix == ".mp4" else "mjpeg"
    levels = np.arange(FRAMES, dtype=np.uint8) * STEP
    frames = np.broadcast_to(levels[:, None, None, None], (FRAMES, 32, 48, 3))
    write_video(file, frames, codec=codec, b_frames=2 if codec == "h264" else 0)
    return file


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The frames asked for each time that a video is opened."""
    calls = []
    frames = video.frames

    def count(path: Path, numbers: list[int]) -> Iterator[tuple[int, np.ndarray | None]]:
        calls.append(list(numbers))
        return frames(path, numbers)

    monkeypatch.setattr(video, "frames", count)
    return calls


def _row(path: str, number: int | None = None, **more: object) -> Row:
    return Row(path=path, identity="1", clip="1", frame=number or 0, video_frame=number, **more)


def _read(rows: list[Row], root: Path) -> list[np.ndarray | str]:
    return list(images(rows, [examine(row, root) for row in rows], root))


def _numbers(found: list[np.ndarray | str]) -> list[int | str]:
    """Numbers of the frames of a film, by their gray."""
    return [image if isinstance(image, str) else round(image.mean() / STEP) for image in found]


def test_a_file_is_known_by_the_hash_of_its_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert examine(_row("a"), tmp_path) == Source(hashlib.sha256(b"abc").hexdigest())
    (tmp_path / "a").write_bytes(b"abcd")
    assert examine(_row("a"), tmp_path) == Source(hashlib.sha256(b"abcd").hexdigest())


def test_a_file_that_many_rows_share_is_hashed_once(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source._hash.cache_clear()
    hashed = []
    digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda *given: hashed.append(given) or digest(*given))
    assert len({examine(_row(film.name, number), tmp_path) for number in range(FRAMES)}) == 1
    assert len(hashed) == 1


def test_a_row_that_is_dropped_already_is_not_touched(tmp_path: Path) -> None:
    assert examine(_row("gone\udcff", reason="no label: gone\udcff"), tmp_path) == Source(
        reason=r"no label: gone\xff"
    )


def test_what_cannot_be_read_says_whether_it_is_an_image_or_a_video(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    rows = [_row("gone.png"), _row("gone.mp4", 3), _row("folder"), _row("na\udcefve.png")]
    assert [examine(row, tmp_path).reason for row in rows] == [
        "unreadable image: gone.png: No such file or directory",
        "unreadable video: gone.mp4: No such file or directory",
        "unreadable image: folder: Is a directory",
        r"unreadable image: na\xefve.png: No such file or directory",
    ]


def test_frames_of_a_video_are_the_right_ones_and_decoded_in_one_pass(
    film: Path, tmp_path: Path, opened: list[list[int]]
) -> None:
    found = _read([_row(film.name, number) for number in range(FRAMES)], tmp_path)
    assert _numbers(found) == list(range(FRAMES))
    assert {image.shape for image in found} == {(32, 48, 3)}
    assert opened == [list(range(FRAMES))]


def test_dropped_rows_among_the_frames_begin_no_other_pass(
    film: Path, tmp_path: Path, opened: list[list[int]]
) -> None:
    rows = [_row(film.name, n, reason="no label" if n % 2 else None) for n in range(FRAMES)]
    found = _read(rows, tmp_path)
    assert _numbers(found) == ["no label" if n % 2 else n for n in range(FRAMES)]
    assert opened == [list(range(0, FRAMES, 2))]


def test_clips_of_one_video_are_decoded_one_after_the_other(
    film: Path, tmp_path: Path, opened: list[list[int]]
) -> None:
    numbers = [3, 4, 9, 2, 9, 9, 23]
    assert _numbers(_read([_row(film.name, number) for number in numbers], tmp_path)) == numbers
    assert opened == [[3, 4, 9], [2, 9], [9, 23]]


def test_images_and_videos_may_take_turns(film: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((4, 6, 3), 7 * STEP, np.uint8))
    rows = [_row("a.png"), _row(film.name, 2), _row("a.png"), _row("gone.png"), _row(film.name, 3)]
    found = _numbers(_read(rows, tmp_path))
    assert found == [7, 2, 7, "unreadable image: gone.png: No such file or directory", 3]


def test_all_frames_of_a_dropped_video_are_dropped(film: Path, tmp_path: Path, opened: list) -> None:
    rows = [_row(film.name, number, reason="no label") for number in range(3)]
    assert _read(rows, tmp_path) == ["no label"] * 3
    assert opened == []


def test_a_video_that_ends_early_gives_the_frames_it_has(film: Path, tmp_path: Path) -> None:
    rows = [_row(film.name, number) for number in (0, 22, 23, 24, 400)]
    where = f"no such frame: {film.name} has no readable frame"
    assert _numbers(_read(rows, tmp_path)) == [0, 22, 23, f"{where} 24", f"{where} 400"]


def test_a_video_that_was_cut_short_gives_the_frames_before(tmp_path: Path) -> None:
    levels = np.arange(FRAMES, dtype=np.uint8) * STEP
    frames = np.broadcast_to(levels[:, None, None, None], (FRAMES, 32, 48, 3))
    write_video(tmp_path / "v.avi", frames, codec="mjpeg")
    content = (tmp_path / "v.avi").read_bytes()
    last = content.index(b"00dc", content.index(b"movi")) + 10 * 222  # each frame takes 222 bytes
    assert content[last:].startswith(b"00dc")
    (tmp_path / "v.avi").write_bytes(content[: last + 200])
    found = _numbers(_read([_row("v.avi", number) for number in range(FRAMES)], tmp_path))
    assert found[:10] == list(range(10))
    assert all("has no readable frame" in lost for lost in found[10:])


@pytest.mark.parametrize("content", [b"", b"no video", b"\0" * 5000])
def test_every_frame_of_an_unreadable_video_is_dropped(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "v.mp4").write_bytes(content)
    found = _read([_row("v.mp4", number) for number in (0, 1, 0)], tmp_path)
    assert len(found) == 3
    assert all(reason.startswith("unreadable video: v.mp4: Invalid data") for reason in found)


def test_an_image_that_changed_since_it_was_hashed_is_noticed(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 6, 3), np.uint8))
    rows = [_row("a.png")]
    sources = [examine(row, tmp_path) for row in rows]
    cv2.imwrite(str(tmp_path / "a.png"), np.ones((4, 6, 3), np.uint8))
    with pytest.raises(DataError, match=r"a\.png changed while it was read"):
        list(images(rows, sources, tmp_path))


@pytest.mark.parametrize("change", [lambda film: film.write_bytes(b"other"), Path.unlink])
def test_a_video_that_changed_while_it_was_decoded_is_noticed(film: Path, tmp_path: Path, change) -> None:
    rows = [_row(film.name, number) for number in range(FRAMES)]
    found = images(rows, [examine(row, tmp_path) for row in rows], tmp_path)
    assert next(found).mean() < STEP
    change(film)
    with pytest.raises(DataError, match=rf"{film.name} changed while it was read"):
        list(found)


def test_an_image_that_vanished_since_it_was_hashed_is_dropped(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 6, 3), np.uint8))
    sources = [examine(_row("a.png"), tmp_path)]
    (tmp_path / "a.png").unlink()
    [reason] = images([_row("a.png")], sources, tmp_path)
    assert reason == "unreadable image: a.png: No such file or directory"
