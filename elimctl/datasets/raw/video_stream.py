"""Select the video stream of a file, and read its packets."""

from collections.abc import Iterator

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

# Streams of still pictures: cover art and chapter thumbnails.
STILL = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
PICTURES = (
    "mjpeg",
    "png",
    "bmp",
    "gif",
    "tiff",
    "webp",
)  # codecs of cover art; the first is also used for videos


def moving(container: InputContainer) -> VideoStream | None:
    """The video stream that players show; cover art of a sound file does not count.

    Args:
        container: an open file.
    """
    films = [stream for stream in container.streams.video if not stream.disposition & STILL]
    best = container.streams.best("video")
    return max(films, key=lambda film: (not _is_picture(film), film is best), default=None)


def is_cover(container: InputContainer, stream: VideoStream, *, packets: int) -> bool:
    """Whether a stream is unmarked cover art: AVI and Matroska cannot mark it.

    Args:
        container: an open file.
        stream: one of its streams.
        packets: number of pictures in it.
    """
    return packets == 1 and _is_picture(stream) and bool(container.streams.audio)


def _is_picture(stream: VideoStream) -> bool:
    return stream.codec_context is not None and stream.codec_context.name in PICTURES


def packets_of(container: InputContainer, stream: VideoStream) -> Iterator[Packet]:
    """Packets of a stream that are not empty, up to the end or the first read error."""
    try:
        for packet in container.demux(stream):
            if packet.size:
                yield packet
    except av.FFmpegError:
        return


def is_hidden(packet: Packet, stream: VideoStream) -> bool:
    """Whether a packet's frame is decoded only as a reference and not shown."""
    if packet.is_discard:  # cut by an edit list
        return True
    # VP8 keeps reference frames in packets of their own; the fifth bit says whether to show (RFC 6386, 9.1).
    return stream.codec_context.name == "vp8" and not memoryview(packet)[0] & 0x10
