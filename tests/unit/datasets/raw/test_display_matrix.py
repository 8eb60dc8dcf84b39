"""Turned and mirrored videos, read as players show them."""

import shutil
import struct
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest

from elimctl.datasets.raw.display_matrix import MatrixError, shown
from elimctl.datasets.raw.video import VideoError, count_frames, frames

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


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg command")
@pytest.mark.parametrize("name", SHOWN)
def test_every_pixel_is_where_the_ffmpeg_command_has_it(name: str, tmp_path: Path) -> None:
    (a, b, c, d), _ = SHOWN[name]
    path = video_with(tmp_path / "v.mp4", (a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, W))
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
    raw = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    [(_, image)] = frames(path, [1])
    assert image is not None
    theirs = np.frombuffer(raw, np.uint8).reshape(3, *image.shape)[1]
    # 12: colours may be rounded in another way; a wrong turn differs by 200 in places
    assert np.abs(image.astype(int) - theirs).max() <= 12


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
def test_other_containers_say_how_to_show_a_video_as_well(name: str, suffix: str, tmp_path: Path) -> None:
    (a, b, c, d), wanted = SHOWN[name]
    matrix = (a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, W)
    [(_, image)] = frames(h264(tmp_path / f"v{suffix}", matrix), [1])
    assert letters(image) == wanted


def h264(path: Path, matrix: tuple[int, ...], *, count: int = 3, options: str = "") -> Path:
    """A video in groups of 8 frames, with options of x264."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=5, options={"x264-params": options})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.gop_size = 8
        stream.set_display_matrix(matrix)
        for _ in range(count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def said_in_h264(whole: Path, path: Path, said: str, container: tuple[int, ...]) -> Path:
    """The same video, with an orientation among its messages and one of the container."""
    a, b, c, d = container
    with av.open(str(whole)) as before, av.open(str(path), "w") as after:
        source = before.streams.video[0]
        change = av.BitStreamFilterContext(f"h264_metadata=display_orientation=insert:{said}", source)
        stream = after.add_stream_from_template(source)
        stream.set_display_matrix((a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, W))
        for packet in before.demux(source):
            for changed in change.filter(packet if packet.size else None):
                changed.stream = stream
                after.mux(changed)
    return path


@pytest.mark.parametrize(
    ("said", "container", "wanted"),
    [
        ("flip=horizontal", "none", "GR WB"),
        ("flip=vertical", "none", "BW RG"),
        ("rotate=180", "none", "WB GR"),
        ("rotate=90", "none", "GW RB"),  # anticlockwise in H.264
        ("rotate=270", "none", "BR WG"),
        ("rotate=180", "turned clockwise", "BR WG"),  # the container's counts
    ],
)
def test_what_h264_says_of_the_first_frame_of_a_sequence_holds_for_all_of_it(
    said: str, container: str, wanted: str, tmp_path: Path
) -> None:
    # With headers in each sequence, and messages among which the orientation is put.
    messages = "nal-hrd=vbr:vbv-maxrate=500:vbv-bufsize=500"
    whole = h264(tmp_path / "v.ts", (ONE, 0, 0, 0, ONE, 0, 0, 0, W), count=30, options=messages)
    path = said_in_h264(whole, tmp_path / "v.mp4", said, SHOWN[container][0])
    for numbers in (range(30), [3, 17], [29]):
        assert [letters(image) for _, image in frames(path, numbers)] == [wanted] * len(numbers)


def test_a_sequence_of_which_h264_says_nothing_is_shown_as_stored(tmp_path: Path) -> None:
    whole = h264(tmp_path / "whole.mp4", (ONE, 0, 0, 0, ONE, 0, 0, 0, W), count=16)  # one header for all
    path = said_in_h264(whole, tmp_path / "v.mp4", "flip=horizontal", (1, 0, 0, 1))
    for numbers in (range(16), [7, 8], [8], [15]):
        wanted = ["GR WB" if number < 8 else "RG BW" for number in numbers]
        assert [letters(image) for _, image in frames(path, numbers)] == wanted


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
        ((ONE, ONE, 0, -ONE, ONE, 0, 0, 0, W), "rotates by 45 degrees"),
        ((ONE, 0, 0, ONE // 4, ONE, 0, 0, 0, W), "shears"),
        ((2 * ONE, 0, 0, 0, ONE, 0, 0, 0, W), "stretches the picture 2.00 to 1"),
        ((ONE, 0, 0, 0, 0, 0, 0, 0, W), "rotates by 0 degrees or shears"),  # to a line
        ((ONE, ONE, 0, ONE, ONE, 0, 0, 0, W), "rotates by 45 degrees or shears"),
        ((ONE, 0, 5 << 14, 0, ONE, 0, 0, 0, W), "perspective"),
    ],
)
def test_what_cannot_be_undone_is_told_and_no_frame_is_read(
    matrix: tuple[int, ...], said: str, tmp_path: Path
) -> None:
    with pytest.raises(MatrixError, match=said):
        shown(picture(), np.array(matrix, np.int32))
    path = video_with(tmp_path / "v.mp4", matrix)
    assert count_frames(path) == 3
    with pytest.raises(VideoError, match=rf"v\.mp4: its display matrix .*{said}"):
        list(frames(path, [0, 1, 2]))
