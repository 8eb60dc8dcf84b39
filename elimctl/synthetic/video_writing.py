"""Videos of drawn frames, for synthetic datasets."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np

PIXELS = {"h264": "yuv420p", "mpeg4": "yuv420p", "mjpeg": "yuvj420p"}  # formats that all players read


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    *,
    codec: Literal["h264", "mpeg4", "mjpeg"] = "h264",
    rate: int = 25,
    times_ms: Sequence[int] | None = None,
    key_every: int = 12,
    b_frames: int = 0,
) -> None:
    """Write a video; the same frames give the same bytes.

    Args:
        path: file to write; its suffix says which container.
        frames: (H, W, 3) uint8 RGB, all of one size, sides even.
        codec: how frames are coded; `mjpeg` codes each on its own.
        rate: frames a second.
        times_ms: when each frame is shown, ascending, for a variable rate; None for a constant one.
        key_every: at most this many frames from one key frame to the next.
        b_frames: at most this many frames in a row that depend on a later one.
    """
    # Without `bitexact`, Matroska files get a random number.
    with av.open(str(path), "w", options={"fflags": "bitexact"}) as container:
        stream = container.add_stream("libx264" if codec == "h264" else codec, rate=rate)
        stream.pix_fmt = PIXELS[codec]
        context = stream.codec_context
        context.thread_count = 1  # the bytes depend on it
        if codec == "h264":
            # x264 looks ahead in a thread of its own, and under load its decisions depend on the time
            context.options = {"x264-params": "sync-lookahead=0:rc-lookahead=0:mbtree=0"}
        context.gop_size, context.max_b_frames = key_every, b_frames
        if codec == "mjpeg":
            context.qscale, context.global_quality = True, 3 * 118  # FF_QP2LAMBDA times a quality of 2 to 31
        unit = Fraction(1, rate) if times_ms is None else Fraction(1, 1000)
        context.time_base = unit
        for number, image in enumerate(frames):
            if number == 0:
                stream.height, stream.width = image.shape[:2]
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number if times_ms is None else times_ms[number], unit
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
