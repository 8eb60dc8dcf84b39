import io
import subprocess
import sys
from contextlib import suppress

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from elimctl.store import codec

IMAGES = arrays.arrays(np.uint8, st.integers(1, 24).map(lambda size: (size, size, 3)))


@settings(max_examples=50)
@given(image=IMAGES, name=st.sampled_from(["raw", "blosc"]))
def test_raw_and_blosc_lose_nothing(image: np.ndarray, name: codec.Codec) -> None:
    chunk = np.frombuffer(codec.encode(image, name), np.uint8)
    np.testing.assert_array_equal(codec.decode(chunk, image.shape, name), image)
    raw = np.frombuffer(image.tobytes(), np.uint8)
    assert codec.digest(chunk, image.nbytes, name) == codec.digest(raw, image.nbytes, "raw")


def test_jpeg_keeps_the_order_of_the_channels() -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    image[..., 0] = 200
    found = codec.decode(np.frombuffer(codec.encode(image, "jpeg"), np.uint8), image.shape, "jpeg")
    np.testing.assert_allclose(found[8, 8], [200, 0, 0], atol=3)  # rounding of YCbCr and quantisation


def test_blosc_gives_the_same_bytes_whatever_its_threads() -> None:
    program = """
import hashlib, sys
import numpy as np
from numcodecs import blosc
blosc.set_nthreads(int(sys.argv[1]))
blosc.use_threads = sys.argv[1] != "1"
from elimctl.store import codec
noise = np.random.default_rng(0).integers(0, 8, (1024, 1024, 3), dtype=np.uint8)
print(hashlib.sha256(codec.encode(noise, "blosc")).hexdigest())
"""
    found = [
        subprocess.run([sys.executable, "-c", program, threads], capture_output=True, text=True, check=True)
        for threads in ("1", "4")
    ]
    assert found[0].stdout == found[1].stdout


@pytest.mark.parametrize("name", ["raw", "blosc", "jpeg"])
@pytest.mark.parametrize("content", [b"", b"x", b"x" * 100])
def test_bytes_that_are_no_image_are_refused(name: codec.Codec, content: bytes) -> None:
    with pytest.raises(ValueError, match="wanted"):
        codec.decode(np.frombuffer(content, np.uint8), (4, 4, 3), name)


@settings(max_examples=50)
@given(image=IMAGES, name=st.sampled_from(["raw", "blosc", "jpeg"]))
def test_a_read_only_chunk_is_decoded(image: np.ndarray, name: codec.Codec) -> None:
    chunk = np.frombuffer(bytes(codec.encode(image, name)), np.uint8)  # read-only, as in a file
    writable = codec.decode(chunk.copy(), image.shape, name)
    np.testing.assert_array_equal(codec.decode(chunk, image.shape, name), writable)


def test_raw_pixels_are_decoded_where_they_are() -> None:
    chunk = np.zeros(48, np.uint8)
    assert np.shares_memory(codec.decode(chunk, (4, 4, 3), "raw"), chunk)


@pytest.mark.parametrize("name", ["raw", "blosc", "jpeg"])
def test_an_image_of_another_size_is_refused(name: codec.Codec) -> None:
    chunk = np.frombuffer(codec.encode(np.ones((5, 5, 3), np.uint8), name), np.uint8)
    with pytest.raises(ValueError, match="wanted"):
        codec.decode(chunk, (4, 4, 3), name)


@given(place=st.integers(16, 200), value=st.integers(0, 255))
def test_damaged_blosc_gives_an_error_or_another_image(place: int, value: int) -> None:
    image = np.random.default_rng(0).integers(0, 4, (16, 16, 3), dtype=np.uint8)
    chunk = np.frombuffer(codec.encode(image, "blosc"), np.uint8).copy()
    chunk[place % len(chunk)] = value
    with suppress(ValueError):
        codec.decode(chunk, image.shape, "blosc")


def test_the_jpeg_that_is_noted_is_the_jpeg_that_is_written() -> None:
    noise = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8), (0, 0), 2
    )
    options = [cv2.IMWRITE_JPEG_QUALITY, codec.JPEG["quality"], cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
    assert codec.encode(noise, "jpeg") == cv2.imencode(".jpg", noise[..., ::-1], options)[1].tobytes()


def test_a_jpeg_has_quality_95_and_colours_of_full_resolution() -> None:
    with Image.open(io.BytesIO(codec.encode(np.zeros((16, 16, 3), np.uint8), "jpeg"))) as image:
        # ITU T.81, table K.1, begins with 16, 11, 10, 16, 24, 40, 51, 61; quality 95 keeps a tenth, rounded
        assert image.quantization[0][:8] == [2, 1, 1, 2, 2, 4, 5, 6]
        assert [part[1:3] for part in image.layer] == [(1, 1)] * 3  # brightness and both colours
    assert codec.JPEG == {"quality": 95, "sampling": "4:4:4", "encoder": "opencv"}
