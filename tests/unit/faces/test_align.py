import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from elimctl.errors import DataError
from elimctl.faces.align import TEMPLATE, CropOptions, crop, place, similarity
from elimctl.faces.face import Face

finite = st.floats(-100, 100)
points_5 = st.lists(st.tuples(finite, finite), min_size=5, max_size=5).map(np.array)


def face(x0, y0, x1, y1, points=None):
    return Face((float(x0), float(y0), float(x1), float(y1)), 1.0, points)


def options(**knobs):
    return CropOptions(**{"size_px": 64, "margin": 0, **knobs})


def noise(height_px=200, width_px=300):
    return np.random.default_rng(0).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)


def test_similarity_undoes_a_rotation_scale_and_shift():
    angle, scale = np.deg2rad(37), 2.5
    turn = scale * np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    moved = TEMPLATE @ turn.T + (-40, 12)
    matrix = similarity(TEMPLATE, moved)
    # float64 sums of 5 terms of order 100
    np.testing.assert_allclose(matrix[:, :2], turn, atol=1e-12)
    np.testing.assert_allclose(matrix[:, 2], (-40, 12), atol=1e-12)


@given(points_5, st.tuples(finite, finite, finite, finite))
def test_no_other_similarity_comes_nearer(points, nudge):
    if np.ptp(points, axis=0).max() < 1:
        points = points + np.arange(10).reshape(5, 2)
    matrix = similarity(points, TEMPLATE)
    a, b, c, d = np.array(nudge) / 1000
    other = matrix + np.array([(a, -b, c), (b, a, d)])

    def error(m):
        return np.sum((points @ m[:, :2].T + m[:, 2] - TEMPLATE) ** 2)

    # rounding of sums of squares of order 1e5
    assert error(matrix) <= error(other) + 1e-8


# skimage, which insightface aligns with, deprecates the call that it uses
@pytest.mark.filterwarnings("ignore:`estimate` is deprecated:FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:insightface")
def test_similarity_agrees_with_insightface():
    from insightface.utils.face_align import estimate_norm

    rng = np.random.default_rng(3)
    for _ in range(20):
        points = TEMPLATE * rng.uniform(0.3, 4) + rng.normal(0, 10, (5, 2)) + rng.uniform(-50, 50, 2)
        # insightface's template is float32: 7 digits of coordinates up to 100
        np.testing.assert_allclose(similarity(points, TEMPLATE), estimate_norm(points), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("value", [7.0, np.nan, np.inf])
def test_points_that_coincide_or_are_not_finite_are_refused(value):
    with pytest.raises(DataError, match="coincide or are not finite"):
        similarity(np.full((5, 2), value), TEMPLATE)


def test_a_box_of_the_crop_size_is_cut_out_unchanged():
    image = noise()
    np.testing.assert_array_equal(crop(image, face(40, 30, 104, 94), options()), image[30:94, 40:104])


def test_a_box_twice_the_crop_size_is_averaged_in_blocks():
    image = noise()
    blocks = image[10:138, 20:148].reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
    # one rounding to whole levels
    np.testing.assert_allclose(crop(image, face(20, 10, 148, 138), options()), blocks, atol=0.5001)


def test_an_oblong_box_is_widened_around_its_centre():
    image = noise()
    np.testing.assert_array_equal(crop(image, face(60, 30, 84, 94), options()), image[30:94, 40:104])


def test_the_margin_is_added_on_each_side():
    image = noise()
    found = crop(image, face(60, 50, 92, 82), options(margin=0.5))
    np.testing.assert_array_equal(found, image[34:98, 44:108])


def test_beyond_the_image_its_border_is_repeated():
    image = noise()
    found = crop(image, face(-20, 150, 44, 214), options())
    wanted = np.pad(image, ((0, 14), (20, 0), (0, 0)), mode="edge")[150:214, :64]
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("align", ["box", "points"])
def test_a_fine_checkerboard_shrinks_to_gray(align):
    board = np.zeros((400, 400, 3), np.uint8)
    board[(np.indices((400, 400)).sum(axis=0) % 2).astype(bool)] = 255
    turned = (TEMPLATE - 56) @ np.array([(0.96, 0.28), (-0.28, 0.96)]) * 2.6 + 200
    found = crop(board, face(51, 52, 349, 350, turned), options(align=align, room=0))
    # sampled without averaging, the squares would show up as patterns from 0 to 255
    assert np.abs(found.astype(int) - 127.5).max() < 20


def test_a_face_that_lies_on_its_side_is_averaged_as_an_upright_one_is():
    image = noise(400, 400)
    points = (TEMPLATE - 56) * 2 + 200  # twice the crop's size: each pixel is the mean of 2 x 2
    lying = np.stack([points[:, 1], 400 - points[:, 0]], axis=1)  # as numpy.rot90 turns the image
    knobs = options(size_px=112, align="points", room=0)
    upright, turned = (
        crop(one, face(0, 0, 400, 400, five), knobs)
        for one, five in ((image, points), (np.rot90(image), lying))
    )
    blocks = image[88:312, 88:312].reshape(112, 2, 112, 2, 3).mean(axis=(1, 3))
    # one rounding to whole levels
    np.testing.assert_allclose(upright, blocks, atol=0.5001)
    np.testing.assert_allclose(turned, blocks, atol=0.5001)


@pytest.mark.parametrize("size_px", [64, 112, 256])
@pytest.mark.parametrize("room", [0, 0.125])
@pytest.mark.parametrize("scale", [0.7, 1.5, 6.0])
def test_the_five_points_land_on_the_template(size_px, room, scale):
    turned = (TEMPLATE - 56) @ np.array([(0.8, -0.6), (0.6, 0.8)]) * scale + (450, 420)
    y, x = np.mgrid[:900, :900] + 0.5
    shown = size_px / (112 * (1 + 2 * room))
    for point, target in zip(turned, TEMPLATE, strict=True):
        spot = np.exp(-((x - point[0]) ** 2 + (y - point[1]) ** 2) / (2 * (3 * scale) ** 2))
        image = np.repeat((255 * spot).astype(np.uint8)[..., None], 3, axis=2)
        found = crop(
            image, face(0, 0, 900, 900, turned), CropOptions(size_px=size_px, align="points", room=room)
        )
        weight = found[..., 0].astype(float)
        cells = np.mgrid[:size_px, :size_px] + 0.5
        centre = [(weight * cells[1]).sum() / weight.sum(), (weight * cells[0]).sum() / weight.sum()]
        # levels are whole numbers, and OpenCV samples at 1/32 px: well below a tenth of a pixel
        np.testing.assert_allclose(centre, (target - 56) * shown + size_px / 2, atol=0.1)


@example(30.0, 0.0, 1.0, 47.0, 17, 1.0)  # its centre, solved for, comes out a rounding beyond the corner
@given(
    st.floats(0, 30),
    st.floats(0, 20),
    st.floats(0.5, 200),
    st.floats(0.5, 200),
    st.integers(16, 80),
    st.floats(0, 2),
)
def test_every_crop_is_a_square_of_bytes(x, y, width, height, size_px, margin):
    image = noise(20, 30)
    box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    found = crop(image, Face(box, 1.0, None), CropOptions(size_px=size_px, margin=margin))
    assert (found.shape, found.dtype, found.flags.c_contiguous) == ((size_px, size_px, 3), np.uint8, True)


boxes = st.tuples(finite, finite, st.floats(1, 500), st.floats(1, 500)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)


@given(boxes, st.integers(16, 512), st.floats(0, 2))
def test_the_longer_side_of_a_box_and_its_margins_fill_the_crop(box, size_px, margin):
    matrix = place(face(*box), CropOptions(size_px=size_px, margin=margin))
    x0, y0, x1, y1 = box
    corners = np.array([(x0, y0), (x1, y1)]) @ matrix[:, :2].T + matrix[:, 2]
    # float64 of numbers up to 1000 px
    np.testing.assert_allclose(corners.mean(axis=0), size_px / 2, atol=1e-9)
    longer = np.ptp(corners, axis=0).max()
    assert longer * (1 + 2 * margin) == pytest.approx(size_px, rel=1e-9)
    assert (corners[1] > corners[0]).all()  # upright, and not mirrored


@given(points_5, st.integers(16, 512), st.floats(0, 2))
def test_a_crop_aligned_by_points_is_arcfaces_with_room_around_it(points, size_px, room):
    if np.ptp(points, axis=0).max() < 1:
        points = points + np.arange(10).reshape(5, 2)
    matrix = place(
        face(0, 0, 9, 9, points), CropOptions(size_px=size_px, align="points", room=room, margin=1.0)
    )
    aligned = similarity(points, TEMPLATE)  # into ArcFace's crop of 112 px
    scale = size_px / (112 + 2 * 112 * room)
    wanted = scale * aligned
    wanted[:, 2] += scale * 112 * room
    # float64 of numbers of order 1e4
    np.testing.assert_allclose(matrix, wanted, rtol=1e-9, atol=1e-8)


@given(st.floats(0, 30), st.floats(0, 20), st.floats(4, 100), st.integers(16, 80))
def test_the_crop_shows_what_its_place_says(x, y, width, size_px):
    image = np.zeros((20, 30, 3), np.uint8)
    image[:, 15:] = 255  # an edge at x = 15
    one = Face((x - width / 2, y - width / 2, x + width / 2, y + width / 2), 1.0, None)
    knobs = CropOptions(size_px=size_px)
    edge = float(place(one, knobs)[0] @ (15, 0, 1))
    light = crop(image, one, knobs)[:, :, 0].mean(axis=0) / 255
    # what is right of the edge is white: to a pixel of the image, in pixels of the crop, for it is smooth
    blur = max(1.0, size_px / (1.1 * width))
    assert size_px - light.sum() == pytest.approx(np.clip(edge, 0, size_px), abs=blur)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((10, 10, 10, 30), "has no area"),
        ((30, 10, 10, 30), "has no area"),
        ((0, 0, np.nan, 30), "has no area"),
        ((400, 0, 500, 90), "lies outside the image of 300 x 200 px"),
        ((-1e6, -1e6, 1e6, 1e6), "2000000 px wide"),
    ],
)
def test_broken_boxes_are_refused(box, message):
    with pytest.raises(DataError, match=message):
        crop(noise(), face(*box), options())


@pytest.mark.parametrize("box", [(10, 10, 10, 30), (0, 0, np.inf, 30)])
def test_a_broken_box_has_no_place(box):
    with pytest.raises(DataError, match="has no area"):
        place(face(*box), options())


def test_alignment_by_points_needs_points():
    with pytest.raises(DataError, match="no points"):
        crop(noise(), face(10, 10, 90, 90), options(align="points"))
