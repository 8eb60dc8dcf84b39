from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from elimctl.datasets.raw.video import VideoError, count_frames, frames

RED, GREEN = (255, 0, 0), (0, 255, 0)
MARKED = Disposition.attached_pic


def _still(colour: tuple[int, int, int], side: int) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.full((side, side, 3), colour, np.uint8), format="rgb24")


def _file(
    path: Path,
    kinds: str,
    *,
    marks: Disposition | None = MARKED,
    cover: str = "mjpeg",
    side: int = 64,
    file_format: str | None = None,
) -> Path:
    """A file of streams.

    Args:
        path: where.
        kinds: of its streams in order: c a green cover, v a red video of 5 frames, s sound.
        marks: what a cover is marked as.
        cover: codec of the cover.
        side: of the cover, px.
        file_format: where the suffix does not say it.
    """
    with av.open(str(path), "w", format=file_format) as container:
        streams = []
        for kind in kinds:
            if kind == "s":
                streams.append(container.add_stream("mp3" if "mp3" in path.name else "aac", rate=16000))
                continue
            stream = container.add_stream("libx264" if kind == "v" else cover, rate=25)
            stream.width = stream.height = 32 if kind == "v" else side
            stream.pix_fmt = {"mjpeg": "yuvj420p", "png": "rgb24"}[cover] if kind == "c" else "yuv420p"
            stream.codec_context.time_base = Fraction(1, 25)
            if kind == "c" and marks is not None:
                stream.disposition = marks
            streams.append(stream)
        for kind, stream in zip(kinds, streams, strict=True):
            if kind == "s":
                samples = np.zeros((1, 16000), np.float32)
                sound = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
                sound.sample_rate = 16000
                container.mux(stream.encode(sound))
            for number in range({"c": 1, "v": 5}.get(kind, 0)):
                frame = _still(GREEN, side) if kind == "c" else _still(RED, 32)
                frame.pts, frame.time_base = number, Fraction(1, 25)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "kinds", "marks", "cover"),
    [
        ("x.mp4", "sc", MARKED, "mjpeg"),
        ("x.mp4", "cs", MARKED, "png"),
        ("x.mp4", "c", MARKED, "mjpeg"),  # and nothing else
        ("x.mov", "sc", None, "mjpeg"),  # a track of one picture
        ("x.mp4", "sc", None, "png"),
        ("x.mkv", "sc", MARKED, "mjpeg"),  # the mark is lost
        ("x.mkv", "cs", None, "mjpeg"),
        ("x.avi", "sc", None, "png"),
    ],
)
def test_a_recording_of_sound_with_a_cover_has_no_video(
    tmp_path: Path, name: str, kinds: str, marks: Disposition | None, cover: str
) -> None:
    path = _file(tmp_path / name, kinds, marks=marks, cover=cover)
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    for use in (count_frames, lambda path: list(frames(path, [0]))):
        with pytest.raises(VideoError, match="no video stream"):
            use(path)


def test_an_mp3_with_a_picture_has_no_video_whatever_its_name(tmp_path: Path) -> None:
    path = _file(tmp_path / "x.mp3", "sc").rename(tmp_path / "x.mp4")
    with av.open(str(path)) as container:
        assert container.streams.video[0].disposition & MARKED
    with pytest.raises(VideoError, match="no video stream"):
        count_frames(path)


@pytest.mark.parametrize("side", [16, 512])
@pytest.mark.parametrize(
    ("name", "kinds", "marks"),
    [
        ("x.mp4", "vc", MARKED),
        ("x.mp4", "cv", MARKED),
        ("x.mp4", "csv", MARKED),
        ("x.mp4", "scv", Disposition.timed_thumbnails | MARKED),
        ("x.mkv", "cvs", MARKED),
        ("x.mkv", "cv", Disposition.default),
        ("x.mp4", "cvs", None),
    ],
)
def test_beside_a_cover_the_video_counts_whichever_is_larger_or_first(
    tmp_path: Path, name: str, kinds: str, marks: Disposition | None, side: int
) -> None:
    path = _file(tmp_path / name, kinds, marks=marks, side=side)
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 2
    assert count_frames(path) == 5
    for _, image in frames(path, range(5)):
        assert image is not None
        assert image.shape == (32, 32, 3)
        assert np.abs(image.astype(int) - RED).max() < 40


def test_a_silent_video_of_one_picture_is_a_video(tmp_path: Path) -> None:
    assert count_frames(_file(tmp_path / "x.avi", "c", marks=None)) == 1
