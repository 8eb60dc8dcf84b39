import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from elimctl.errors import ImageError
from elimctl.faces.image import MAX_SIDE_PX, decode

RGB = np.random.default_rng(0).integers(0, 256, (9, 13, 3), dtype=np.uint8)
GRAY = RGB[..., 0]


def read(content):
    image = decode(content, where="clip/00001.png")
    assert (image.dtype, image.ndim, image.shape[2]) == (np.uint8, 3, 3)
    assert image.flags.c_contiguous
    return image


def png(image=RGB):
    """Encode with OpenCV, which the code under test does not use."""
    return cv2.imencode(".png", image[..., ::-1] if image.ndim == 3 else image)[1].tobytes()


def png_header(width_px, height_px):
    """The start of a PNG that claims a size and has no pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    checked = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + checked + struct.pack(">I", 999) + b"IDAT"


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_come_back_exactly(encode, file_format):
    np.testing.assert_array_equal(read(encode(RGB, file_format)), RGB)


def test_channels_are_red_green_blue():
    np.testing.assert_array_equal(read(png()), RGB)


def test_jpeg_comes_back_within_its_own_loss(encode):
    smooth = np.tile(np.linspace(40, 200, 64).astype(np.uint8)[:, None, None], (1, 64, 3))
    # at quality 95 a smooth ramp is quantised in steps of at most 2, plus rounding
    np.testing.assert_allclose(read(encode(smooth, "JPEG", quality=95)).astype(int), smooth, atol=3)


def test_gray_fills_all_three_channels(encode):
    np.testing.assert_array_equal(read(encode(GRAY)), np.repeat(GRAY[..., None], 3, axis=2))


def test_alpha_leaves_the_colours_as_stored(encode):
    faint = np.dstack([RGB, np.full(GRAY.shape, 7, np.uint8)])
    np.testing.assert_array_equal(read(encode(faint)), RGB)


@pytest.mark.parametrize("knobs", [{}, {"transparency": 3}, {"transparency": bytes([0, 9, 255])}])
def test_palettes_give_their_colours(encode, knobs):
    colours = np.random.default_rng(1).integers(0, 256, (256, 3), dtype=np.uint8)
    image = Image.fromarray(GRAY, "L").copy()
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette(colours.tobytes())
    np.testing.assert_array_equal(read(encode(image, **knobs)), colours[GRAY])


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_samples_keep_their_upper_8_bits(suffix, channels):
    deep = np.random.default_rng(2).integers(0, 65536, (9, 13, channels), dtype=np.uint16)
    content = cv2.imencode(suffix, deep[..., ::-1])[1].tobytes()
    np.testing.assert_array_equal(read(content), np.broadcast_to(deep >> 8, (9, 13, 3)))


def test_cmyk_becomes_rgb(encode):
    content = encode(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG")
    # magenta and yellow make red; JPEG may move a flat colour by rounding only
    np.testing.assert_allclose(read(content)[4, 4].astype(int), (255, 0, 0), atol=2)


def test_exif_orientation_is_ignored(encode):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    np.testing.assert_array_equal(read(encode(RGB, exif=exif)), RGB)


def test_an_empty_file_says_so():
    with pytest.raises(ImageError, match=r"clip/00001.png is empty"):
        read(b"")


def test_what_is_no_image_is_shown():
    with pytest.raises(ImageError, match=r"not a readable image; its first bytes are b'<html>.*wanted PNG"):
        read(b"<html>404</html>")


def test_other_image_formats_are_not_opened(encode):
    with pytest.raises(ImageError, match=r"not a readable image; .* wanted PNG"):
        read(encode(RGB, "GIF"))


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_an_error_not_half_an_image(encode, file_format, share):
    content = encode(np.tile(RGB, (20, 20, 1)), file_format)
    with pytest.raises(ImageError):
        read(content[: int(len(content) * share)])


def test_a_bomb_is_refused_by_its_header():
    with pytest.raises(ImageError, match=r"is too large: .*400000000 pixels"):
        read(png_header(20_000, 20_000))


def test_an_image_is_decoded_without_a_warning_up_to_the_size_refused(monkeypatch):
    pixels = RGB.shape[0] * RGB.shape[1]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pixels // 2 + 1)  # Pillow refuses from twice as many
    np.testing.assert_array_equal(read(png()), RGB)  # under pytest a warning would be an error
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pixels // 2 - 1)
    with pytest.raises(ImageError, match="is too large"):
        read(png())


def test_a_side_too_long_for_warps_is_refused_by_its_header():
    with pytest.raises(ImageError, match=f"has {MAX_SIDE_PX + 1} x 1 px"):
        read(png_header(MAX_SIDE_PX + 1, 1))


def test_32_bit_samples_are_refused(encode):
    with pytest.raises(ImageError, match="32-bit samples"):
        read(encode(np.zeros((4, 4), np.float32), "TIFF"))


@settings(max_examples=200)
@given(st.sampled_from(["PNG", "JPEG", "BMP", "TIFF"]), st.data())
def test_damage_never_raises_anything_but_image_errors(file_format, data):
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, format=file_format)
    content = bytearray(buffer.getvalue())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    try:
        read(bytes(content))
    except ImageError:
        return


def test_a_photograph_is_turned_only_where_that_is_asked_for():
    tag = Image.Exif()
    tag[0x0112] = 6  # shown after a quarter turn clockwise
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "PNG", exif=tag)
    np.testing.assert_array_equal(read(file.getvalue()), RGB)
    turned = decode(file.getvalue(), where="a.png", turn=True)
    np.testing.assert_array_equal(turned, np.rot90(RGB, -1))


# The stored picture is R G above B W; what is shown of it, row by row, for each EXIF orientation.
SHOWN = {1: "RG BW", 2: "GR WB", 3: "WB GR", 4: "BW RG", 5: "RB GW", 6: "BR WG", 7: "WG BR", 8: "GW RB"}
COLOURS = {"R": (255, 0, 0), "G": (0, 255, 0), "B": (0, 0, 255), "W": (255, 255, 255)}


def letters(image):
    """The colour of each quarter of a picture."""
    height, width = image.shape[:2]

    def letter(y, x):
        pixel = image[height * y // 4, width * x // 4].astype(int)
        return min(COLOURS, key=lambda name: np.abs(pixel - COLOURS[name]).sum())

    return f"{letter(1, 1)}{letter(1, 3)} {letter(3, 1)}{letter(3, 3)}"


@pytest.mark.parametrize("orientation", SHOWN)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_photograph_is_turned_and_mirrored_as_its_orientation_says(file_format, orientation):
    rows = [[COLOURS[name] for name in row] for row in ("RG", "BW")]
    stored = np.repeat(np.repeat(np.array(rows, np.uint8), 24, axis=0), 32, axis=1)
    tag, file = Image.Exif(), io.BytesIO()
    tag[0x0112] = orientation
    Image.fromarray(stored).save(file, file_format, exif=tag)
    shown = decode(file.getvalue(), where="a", turn=True)
    assert letters(shown) == SHOWN[orientation]
    assert shown.shape == ((64, 48, 3) if orientation >= 5 else (48, 64, 3))
    as_stored = read(file.getvalue())
    assert letters(as_stored) == "RG BW"
    assert as_stored.shape == (48, 64, 3)


def test_webp_is_read():
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "WEBP", lossless=True)
    np.testing.assert_array_equal(read(file.getvalue()), RGB)


def test_more_pixels_than_memory_is_meant_for_are_refused_by_the_header():
    with pytest.raises(ImageError, match="has 12000 x 9000 px, the limit is 100,000,000 pixels"):
        read(png_header(12_000, 9_000))
