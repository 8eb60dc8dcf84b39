"""Turned and mirrored videos, read as players show them."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from elimctl.datasets.display_matrix import MatrixError, shown
from elimctl.datasets.video import VideoError, count_frames, frames

ONE, W = 1 << 16, 1 << 30
# The stored picture is R G above B W. What FFmpeg 5.1 shows of it, row by row, for each matrix (a, b, c, d).
SHOWN = {
    "none": ((1, 0, 0, 1), "RG BW"),
    "turned clockwise": ((0, 1, -1, 0), "BR WG"),
    "turned by half": ((-1, 0, 0, -1), "WB GR"),
    "turned anticlockwise": ((0, -1, 1, 0), "GW RB"),
    "mirrored left to right": ((-1, 0, 0, 1), "GR WB"),
    "upside down": ((1, 0, 0, -1), "BW RG"),
    "transposed": ((0, 1, 1, 0), "RB GW"),
    "transposed the other way": ((0, -1, -1, 0), "WG BR"),
}
COLOURS = {"R": (255, 0, 0), "G": (0, 255, 0), "B": (0, 0, 255), "W": (255, 255, 255)}


def picture() -> np.ndarray:
    """48 x 64 px, of four colours."""
    rows = [[COLOURS[name] for name in row] for row in ("RG", "BW")]
    return np.repeat(np.repeat(np.array(rows, np.uint8), 24, axis=0), 32, axis=1)


def letters(image: np.ndarray) -> str:
    """The colour of each quarter of a picture."""
    height, width = image.shape[:2]
    rows = []
    for y in (height // 4, 3 * height // 4):
        corner = [image[y, x].astype(int) for x in (width // 4, 3 * width // 4)]
        nearest = [min(COLOURS, key=lambda name: np.abs(pixel - COLOURS[name]).sum()) for pixel in corner]
        rows.append("".join(nearest))
    return " ".join(rows)


def video_with(path: Path, matrix: tuple[int, ...]) -> Path:
    """A video of three frames whose track has a display matrix of nine fixed-point numbers."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(), format="rgb24")))
        container.mux(stream.encode(None))
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 44  # version 0: after ten fields of 32 bits
    assert struct.unpack(">9i", content[at : at + 36]) == (ONE, 0, 0, 0, ONE, 0, 0, 0, W)
    content[at : at + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", SHOWN)
def test_a_video_is_read_as_players_show_it(name: str, tmp_path: Path) -> None:
    (a, b, c, d), wanted = SHOWN[name]
    path = video_with(tmp_path / "v.mp4", (a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 7 * ONE, 9 * ONE, W))
    for _, image in frames(path, [0, 2]):
        assert image is not None
        assert image.shape == ((64, 48, 3) if a == 0 else (48, 64, 3))
        assert letters(image) == wanted


@pytest.mark.parametrize("scale", [1, ONE // 2, 3 * ONE])
def test_the_scale_of_the_whole_picture_changes_nothing(scale: int) -> None:
    matrix = np.array([0, scale, 0, -scale, 0, 0, 0, 0, W], np.int32)
    assert letters(shown(picture(), matrix)) == "BR WG"


def test_a_matrix_of_zeros_is_none() -> None:
    np.testing.assert_array_equal(shown(picture(), np.zeros(9, np.int32)), picture())


def test_a_turn_that_is_rounded_is_a_turn() -> None:
    matrix = np.array([300, ONE, 0, -ONE, 300, 0, 0, 0, W], np.int32)  # a quarter of a degree off
    assert letters(shown(picture(), matrix)) == "BR WG"


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        ((ONE, ONE, 0, -ONE, ONE, 0, 0, 0, W), "turns by 45 degrees"),
        ((ONE, 0, 0, ONE // 4, ONE, 0, 0, 0, W), "shears"),
        ((2 * ONE, 0, 0, 0, ONE, 0, 0, 0, W), "stretches by 2.00 to 1"),
        ((ONE, 0, 5, 0, ONE, 0, 0, 0, W), "perspective"),
    ],
)
def test_what_cannot_be_undone_is_told_and_no_frame_is_read(
    matrix: tuple[int, ...], said: str, tmp_path: Path
) -> None:
    with pytest.raises(MatrixError, match=said):
        shown(picture(), np.array(matrix, np.int32))
    if "perspective" not in said:  # FFmpeg reads no perspective from a file
        path = video_with(tmp_path / "v.mp4", matrix)
        assert count_frames(path) == 3
        with pytest.raises(VideoError, match=rf"v\.mp4: its display matrix .*{said}"):
            list(frames(path, [0, 1, 2]))
