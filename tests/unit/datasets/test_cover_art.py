"""Cover art of a sound file is no video, and never stands in for one."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition

from elimctl.datasets.raw.video import VideoError, count_frames, frame_times, frames

RED = np.full((96, 96, 3), (200, 0, 0), np.uint8)
BLUE = np.full((48, 64, 3), (0, 0, 200), np.uint8)


def write(path: Path, *, moving: int, cover_first: bool = True) -> Path:
    """A file with sound, a red cover of 96 px, and `moving` blue frames of 64 x 48 px."""
    kind = "matroska" if path.suffix == ".mkv" else "mp4"
    with av.open(str(path), "w", format=kind) as container:
        sound = container.add_stream("aac", rate=8000)
        shown = _moving(container) if moving and not cover_first else None
        cover = None
        if kind == "matroska":
            jpeg = cv2.imencode(".jpg", RED[..., ::-1])[1].tobytes()
            container.add_attachment("cover.jpg", "image/jpeg", jpeg)
        else:
            cover = container.add_stream("mjpeg", rate=5)
            cover.width, cover.height, cover.pix_fmt = 96, 96, "yuvj420p"
            cover.disposition = Disposition.attached_pic
        if moving and shown is None:
            shown = _moving(container)
        if cover is not None:
            container.mux(cover.encode(av.VideoFrame.from_ndarray(RED, format="rgb24")))
            container.mux(cover.encode(None))
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
        tone.rate = 8000
        container.mux(sound.encode(tone))
        container.mux(sound.encode(None))
        if shown is not None:
            for _ in range(moving):
                container.mux(shown.encode(av.VideoFrame.from_ndarray(BLUE, format="rgb24")))
            container.mux(shown.encode(None))
    return path


def _moving(container):
    stream = container.add_stream("mpeg4", rate=5)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    return stream


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".m4v", ".mkv"])
def test_a_sound_file_with_a_cover_has_no_video_stream(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"interview{suffix}", moving=0)
    for read in (count_frames, frame_times, lambda path: list(frames(path, [0]))):
        with pytest.raises(VideoError) as caught:
            read(path)
        assert caught.value.detail == "no video stream"
        assert caught.value.reason() == "no video stream"
        assert caught.value.reason("a/talk.mp4") == "no video stream: a/talk.mp4"


@pytest.mark.parametrize("cover_first", [True, False])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_of_a_cover_and_moving_pictures_the_moving_ones_are_read(
    suffix: str, cover_first: bool, tmp_path: Path
) -> None:
    path = write(tmp_path / f"talk{suffix}", moving=4, cover_first=cover_first)
    assert count_frames(path) == 4
    for _, image in frames(path, [0, 3]):
        assert image is not None
        assert image.shape == (48, 64, 3)
        assert image[24, 32, 2] > 150  # blue, not the red of the cover
        assert image[24, 32, 0] < 60
