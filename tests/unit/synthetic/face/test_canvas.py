import numpy as np
import pytest

from elimctl.synthetic.face.canvas import Canvas, blank, blend

SQUARE = np.array([(1.0, 1.0), (3.0, 1.0), (3.0, 2.0), (1.0, 2.0)])


def mask(*, scale: float = 20.0) -> Canvas:
    return blank(0.0, 0.0, 4.0, 3.0, scale=scale).like(channels=1)


@pytest.mark.parametrize("scale", [7.0, 20.0, 50.0])
def test_a_filled_outline_covers_its_area(scale):
    canvas = mask(scale=scale)
    canvas.fill(SQUARE, 255)
    # OpenCV paints the pixels that the edge touches: half a pixel too much all around
    edge = 6.0 * 0.75 / scale
    assert canvas.pixels.sum() / 255 / scale**2 == pytest.approx(2.0, abs=edge)


def test_blurring_keeps_the_amount_of_paint():
    sharp, soft = mask(), mask()
    sharp.fill(SQUARE, 255)
    soft.fill(SQUARE, 255, blur=0.1)
    # the blur's tail beyond 2.5 deviations is cut off, and values are whole numbers
    assert int(soft.pixels.sum()) == pytest.approx(int(sharp.pixels.sum()), rel=0.02)
    outside, inside = soft.pixels[30, 17], soft.pixels[30, 22]
    assert 0 < outside < inside < 255, "paint has crossed the outline at column 20"


def test_what_lies_outside_is_cut_off():
    canvas = mask()
    canvas.fill(SQUARE + 100.0, 255)
    canvas.stroke(np.array([(-9.0, -9.0), (-8.0, -9.0)]), 255, width=0.1)
    canvas.fill(np.zeros((0, 2)), 255)
    assert not canvas.pixels.any()
    canvas.fill((SQUARE - [2.0, 1.5]) * 100.0, 255)
    assert canvas.pixels.all()


def test_a_part_cut_out_and_laid_back_changes_only_what_is_inside_the_outline():
    canvas = blank(0.0, 0.0, 4.0, 3.0, scale=20.0)
    canvas.pixels[:] = (10, 20, 30)
    part = canvas.cut(SQUARE, margin=0.2)
    part.pixels[:] = (200, 100, 50)
    canvas.lay(part, SQUARE)
    assert canvas.pixels[30, 40].tolist() == [200, 100, 50]
    assert canvas.pixels[10, 40].tolist() == [10, 20, 30]
    assert canvas.pixels[30, 70].tolist() == [10, 20, 30]


def test_blending_agrees_with_arithmetic():
    rng = np.random.default_rng(0)
    pixels, cover = rng.integers(0, 256, (9, 7, 3), np.uint8), rng.integers(0, 256, (9, 7), np.uint8)
    weight = cover[..., None] / 255 * 0.5
    expected = pixels * (1 - weight) + np.array([200.0, 30.0, 90.0]) * weight
    blend(pixels, cover, (200.0, 30.0, 90.0), 0.5)
    # three roundings of half a level each
    assert np.abs(pixels - expected).max() <= 1.5
