import os
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from elimctl.datasets.raw import video
from elimctl.datasets.raw.video import VideoError, count_frames, frame_times, frames
from elimctl.synthetic.video_writing import write_video

COUNT = 40
BITS = 2 ** np.arange(8)
IRREGULAR_MS = np.cumsum([5, 7, 40, 33, 100, 1, 250, 20] * 5).tolist()


def _numbered(number: int) -> np.ndarray:
    """An image that shows its number: eight bars, white for the bits that are set."""
    bars = np.where(number & BITS, 235, 20).astype(np.uint8)
    return np.repeat(np.broadcast_to(np.repeat(bars, 8), (48, 64))[..., None], 3, axis=2)


def _number(image: np.ndarray | None) -> int | None:
    """The number an image shows."""
    if image is None:
        return None
    assert image.shape == (48, 64, 3)
    assert image.dtype == np.uint8
    return int(BITS[image[8:40].mean(axis=(0, 2)).reshape(8, 8)[:, 2:6].mean(axis=1) > 128].sum())


def _make(path: Path, **how: Any) -> Path:
    write_video(path, map(_numbered, range(COUNT)), **how)
    return path


def _numbers(path: Path, wanted: Sequence[int]) -> list[tuple[int, int | None]]:
    return [(number, _number(image)) for number, image in frames(path, wanted)]


def _encode(path: Path, codec: str, **options: str) -> Path:
    """A video with options of the encoder that `write_video` does not offer."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.gop_size = 8
        stream.codec_context.thread_count = 1
        for number in range(COUNT):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(_numbered(number), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def _remux(source: Path, out: Path, change: Callable[[av.Packet], av.Packet], **options: str) -> Path:
    """The packets of a video, each changed."""
    with av.open(str(source)) as before, av.open(str(out), "w", options=options) as after:
        stream = after.add_stream_from_template(before.streams.video[0])
        for number, packet in enumerate(before.demux(video=0)):
            if packet.size:
                packet.opaque = number
                changed = change(packet)
                changed.stream = stream
                after.mux(changed)
    return out


def _shifted(packet: av.Packet) -> av.Packet:
    """A packet earlier by ten frames, so that the first ten lie before the start."""
    packet.pts -= 10 * 512  # of the 12,800 units that a second of 25 frames has
    packet.dts -= 10 * 512
    return packet


def _with_content(packet: av.Packet, content: bytes) -> av.Packet:
    changed = av.Packet(content)
    changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
    changed.is_keyframe = packet.is_keyframe
    return changed


MAKERS: dict[str, Callable[[Path], Path]] = {
    "h264": lambda folder: _make(folder / "x.mp4"),
    "h264 with frames out of order": lambda folder: _make(folder / "x.mp4", b_frames=3),
    "h264 at a variable rate": lambda folder: _make(folder / "x.mp4", b_frames=3, times_ms=IRREGULAR_MS),
    "h264 with open groups": lambda folder: _encode(
        folder / "x.mp4", "libx264", **{"x264-params": "open-gop=1:bframes=3"}
    ),
    "h264 refreshed bit by bit": lambda folder: _encode(
        folder / "x.mp4", "libx264", **{"x264-params": "intra-refresh=1:bframes=0"}
    ),
    "h264 out of order in avi": lambda folder: _make(folder / "x.avi", b_frames=3),
    "h264 in mkv": lambda folder: _make(folder / "x.mkv", b_frames=3),
    "h264 in ts": lambda folder: _make(folder / "x.ts", b_frames=2),
    "mjpeg in avi": lambda folder: _make(folder / "x.avi", codec="mjpeg", rate=30),
    "mpeg4 in avi": lambda folder: _make(folder / "x.avi", codec="mpeg4"),
    "mpeg4 out of order in avi": lambda folder: _make(folder / "x.avi", codec="mpeg4", b_frames=2),
    "mpeg4 out of order in mp4": lambda folder: _make(folder / "x.mp4", codec="mpeg4", b_frames=2),
    "vp9 in webm": lambda folder: _encode(folder / "x.webm", "libvpx-vp9", **{"cpu-used": "8"}),
}


@pytest.fixture(scope="module", params=list(MAKERS))
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return MAKERS[request.param](tmp_path_factory.mktemp("video"))


def test_every_frame_is_counted_and_comes_once_in_order(made: Path) -> None:
    assert count_frames(made) == COUNT
    assert _numbers(made, range(COUNT)) == [(number, number) for number in range(COUNT)]


def test_a_frame_sought_has_the_pixels_of_the_frame_decoded_in_order(made: Path) -> None:
    with av.open(str(made)) as container:
        in_order = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    for number in range(0, COUNT, 3):
        [(_, image)] = frames(made, [number])
        np.testing.assert_array_equal(image, in_order[number])


@given(st.sets(st.integers(0, COUNT + 3), min_size=1).map(sorted))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_choice_of_frames_gives_these_and_none_beyond_the_end(made: Path, wanted: list[int]) -> None:
    assert _numbers(made, wanted) == [(number, number if number < COUNT else None) for number in wanted]


def test_distant_frames_are_sought_and_not_all_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = _make(tmp_path / "x.mp4", key_every=4)
    decoded = []
    inner = video._frames

    def spy(*args: Any) -> Any:
        for frame in inner(*args):
            decoded.append(frame)
            yield frame

    monkeypatch.setattr(video, "_frames", spy)
    assert _numbers(made, [9, 30, 31]) == [(9, 9), (30, 30), (31, 31)]
    # At most a group of four for each of the two places, and one before where the container lands early.
    assert len(decoded) <= 2 * 8


def test_no_frames_are_asked_for(tmp_path: Path) -> None:
    assert list(frames(_make(tmp_path / "x.mp4"), [])) == []


@pytest.mark.parametrize("how", [{"b_frames": 3}, {"codec": "mpeg4", "b_frames": 2}])
def test_what_an_edit_list_cuts_away_is_not_counted(tmp_path: Path, how: dict[str, Any]) -> None:
    whole = _make(tmp_path / "x.mp4", **how)
    cut = _remux(whole, tmp_path / "cut.mp4", _shifted, avoid_negative_ts="disabled")
    with av.open(str(cut)) as container:
        assert any(packet.is_discard for packet in container.demux(video=0))
    assert count_frames(cut) == COUNT - 10
    for wanted in (range(COUNT - 10), [3], [17, 29]):
        assert _numbers(cut, wanted) == [(number, number + 10) for number in wanted]


def test_hidden_reference_frames_of_vp8_are_not_counted(tmp_path: Path) -> None:
    whole = _encode(tmp_path / "x.webm", "libvpx")

    def hide(packet: av.Packet) -> av.Packet:
        content = bytearray(bytes(packet))
        content[0] &= 0xFF if packet.opaque != 3 else ~0x10
        return _with_content(packet, bytes(content))

    hidden = _remux(whole, tmp_path / "hidden.webm", hide)
    assert count_frames(hidden) == COUNT - 1
    assert [shown for _, shown in _numbers(hidden, range(COUNT - 1))] == [*range(3), *range(4, COUNT)]


@pytest.mark.parametrize(("name", "codec"), [("x.avi", "mjpeg"), ("x.mp4", "mjpeg"), ("x.mp4", "h264")])
def test_a_frame_that_cannot_be_decoded_moves_no_other(tmp_path: Path, name: str, codec: Any) -> None:
    whole = _make(tmp_path / name, codec=codec, key_every=1)

    def damage(packet: av.Packet) -> av.Packet:
        return packet if packet.opaque != 5 else _with_content(packet, b"\0" * packet.size)

    damaged = _remux(whole, tmp_path / f"damaged{Path(name).suffix}", damage)
    assert count_frames(damaged) == COUNT
    wanted = [(number, None if number == 5 else number) for number in range(COUNT)]
    assert _numbers(damaged, range(COUNT)) == wanted
    assert _numbers(damaged, [5, 6]) == wanted[5:7]


@pytest.mark.parametrize("codec", ["h264", "mpeg4"])
@pytest.mark.parametrize(
    "damage", [lambda content: b"\0" * len(content), lambda content: content[:9] + b"\xff" * 9]
)
@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_what_depends_on_a_lost_frame_is_lost_up_to_the_next_key_frame(
    tmp_path: Path, codec: Any, damage: Callable[[bytes], bytes], suffix: str
) -> None:
    whole = _make(tmp_path / f"x{suffix}", codec=codec, key_every=8)
    damaged = _remux(
        whole,
        tmp_path / f"damaged{suffix}",
        lambda packet: packet if packet.opaque != 5 else _with_content(packet, damage(bytes(packet))),
    )
    with av.open(str(whole)) as container:
        keys = [number for number, packet in enumerate(container.demux(video=0)) if packet.is_keyframe]
    end = min(key for key in keys if key > 5)
    wanted = [(number, None if 5 <= number < end else number) for number in range(COUNT)]
    assert _numbers(damaged, range(COUNT)) == wanted
    assert _numbers(damaged, [6, 9]) == [wanted[6], wanted[9]]


@pytest.mark.parametrize("how", [{"codec": "mjpeg"}, {"codec": "mpeg4"}, {"b_frames": 3}])
def test_a_video_that_ends_early_gives_what_it_holds(tmp_path: Path, how: dict[str, Any]) -> None:
    whole = _make(tmp_path / "whole.avi", **how)
    content = whole.read_bytes()
    cut = tmp_path / "cut.avi"
    cut.write_bytes(content[: content.index(b"movi") + (len(content) - content.index(b"movi")) // 2])
    count = count_frames(cut)
    assert 0 < count < COUNT
    numbers = _numbers(cut, range(COUNT))
    # The frame that the cut goes through is lost, and so may be three that are stored after a later one.
    assert [shown for _, shown in numbers[: count - 4]] == list(range(count - 4))
    assert all(shown is None for _, shown in numbers[count:])


def test_a_frame_that_the_file_ends_in_is_not_shown(tmp_path: Path) -> None:
    content = _make(tmp_path / "x.avi", codec="mjpeg").read_bytes()
    (tmp_path / "cut.avi").write_bytes(content[: content.rindex(b"00dc", 0, content.rindex(b"idx1")) + 200])
    assert count_frames(tmp_path / "cut.avi") == COUNT
    assert _numbers(tmp_path / "cut.avi", [COUNT - 2, COUNT - 1]) == [
        (COUNT - 2, COUNT - 2),
        (COUNT - 1, None),
    ]


def test_an_mp4_that_ends_before_its_index_is_no_video(tmp_path: Path) -> None:
    content = _make(tmp_path / "x.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    with pytest.raises(VideoError, match=r"cut.mp4: Invalid data"):
        count_frames(tmp_path / "cut.mp4")


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"", "Invalid data"),
        (b"a text\n" * 100, "Invalid data"),
        (b"<html>404 Not Found</html>", "Invalid data"),
        (b"#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:9/x.ts\n", "Invalid data"),
        (b"1\n00:00:01,000 --> 00:00:02,000\nsubtitles\n\n", "Invalid argument"),
    ],
)
def test_what_is_no_video_is_told(tmp_path: Path, content: bytes, detail: str) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    for use in (count_frames, frame_times, lambda path: list(frames(path, [0]))):
        with pytest.raises(VideoError) as caught:
            use(path)
        assert caught.value.message.startswith(f"unreadable video {path}: {detail}")
        assert caught.value.detail.startswith(detail)
        # Errors of worker processes are sent to the one that started them.
        assert pickle.loads(pickle.dumps(caught.value)).detail == caught.value.detail


def test_missing_files_and_folders_are_no_videos(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="cannot be opened: No such file"):
        count_frames(tmp_path / "x.mp4")
    with pytest.raises(VideoError, match="Is a directory"):
        count_frames(tmp_path)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "x.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    with pytest.raises(VideoError, match="no video stream"):
        count_frames(tmp_path / "x.mp4")


def test_a_video_without_frames_is_told(tmp_path: Path) -> None:
    content = _make(tmp_path / "x.avi", codec="mjpeg").read_bytes()
    (tmp_path / "empty.avi").write_bytes(content[: content.index(b"movi") + 4])
    with pytest.raises(VideoError, match=r"empty.avi: (it holds no frame|Invalid data)"):
        count_frames(tmp_path / "empty.avi")


def test_a_frame_of_too_many_pixels_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = _make(tmp_path / "x.avi", codec="mjpeg")
    monkeypatch.setattr(video, "MAX_PIXELS", 1000)
    assert _numbers(made, [0, 1]) == [(0, None), (1, None)]


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_video_stored_lying_is_shown_upright_as_by_opencv(tmp_path: Path, degrees: int) -> None:
    whole = tmp_path / "x.mp4"
    write_video(whole, [_numbered(5)])  # looks different from every side
    turned = tmp_path / "turned.mp4"
    with av.open(str(whole)) as before, av.open(str(turned), "w") as after:
        stream = after.add_stream_from_template(before.streams.video[0])
        stream.set_display_rotation(degrees)
        for packet in before.demux(video=0):
            if packet.size:
                packet.stream = stream
                after.mux(packet)
    capture = cv2.VideoCapture(str(turned))
    _, reference = capture.read()
    capture.release()
    [(_, image)] = frames(turned, [0])
    assert image.shape == reference.shape
    # 12: the two convert colours with differently rounded arithmetic; a wrong turn differs by 200 in places
    assert np.abs(image.astype(int) - reference[..., ::-1]).max() <= 12


def test_a_changed_file_is_scanned_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.avi"
    write_video(path, map(_numbered, range(5)), codec="mjpeg")
    assert count_frames(path) == 5
    write_video(path, map(_numbered, range(7)), codec="mjpeg")
    assert count_frames(path) == 7


def test_names_and_titles_that_are_not_utf8_do_no_harm(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    with av.open(str(tmp_path / "x.mp4"), "w") as container:
        container.metadata["title"] = "title----"
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(_numbered(9), format="rgb24")))
        container.mux(stream.encode(None))
    path.write_bytes((tmp_path / "x.mp4").read_bytes().replace(b"title----", b"caf\xe9\xff----"))
    assert _numbers(path, [0]) == [(0, 9)]


def test_times_follow_the_rate_of_the_container(tmp_path: Path) -> None:
    assert frame_times(_make(tmp_path / "x.avi", codec="mjpeg", rate=30))[1] == 1 / 30
    assert frame_times(_make(tmp_path / "x.mp4", rate=24))[1] == 1 / 24


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    for suffix, codec in ((".mp4", "h264"), (".mp4", "mpeg4"), (".avi", "mjpeg"), (".mkv", "h264")):
        first, second = (_make(tmp_path / f"{name}{suffix}", codec=codec) for name in "ab")
        assert first.read_bytes() == second.read_bytes()
