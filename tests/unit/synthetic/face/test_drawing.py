from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from elimctl.faces import centerface
from elimctl.faces.options import DetectorOptions
from elimctl.synthetic.face.drawing import (
    Drawing,
    Identity,
    View,
    draw_face,
    draw_identity,
    draw_view,
    jitter,
)
from elimctl.synthetic.face.expression import express
from elimctl.synthetic.face.face_shape import outline

FRAME = {"width_px": 320, "height_px": 256}


def a_view_of_an_identity(seed: int, *, shift: float = 0.0) -> tuple[Identity, View]:
    rng = np.random.default_rng(seed)
    return draw_identity(rng, identity_shift=shift), draw_view(rng)


def frontal(view: View) -> View:
    """The view without turn, so that px measure the face and not the pose."""
    return replace(view, yaw=0.0, pitch=0.0, roll=0.0, noise=0.0)


def draw(identity: Identity, view: View, valence: float = 0.0, arousal: float = 0.0) -> Drawing:
    return draw_face(identity, view, valence=valence, arousal=arousal, **FRAME)


def shape(identity: Identity, valence: float = 0.0, arousal: float = 0.0) -> np.ndarray:
    """The landmarks before a camera sees them, face units: quicker than a drawing."""
    expression = express(identity.temperament, valence=valence, arousal=arousal)
    return outline(identity.anatomy, expression, gaze=(0.0, 0.0)).landmarks


def corner_lift(points: np.ndarray) -> float:
    """How far the mouth's corners stand above the middle of its seam."""
    return float(0.5 * (points[62, 1] + points[66, 1]) - points[[48, 54], 1].mean())


def eye_aperture(points: np.ndarray) -> float:
    return float((points[[40, 41, 46, 47], 1] - points[[38, 37, 44, 43], 1]).mean())


def brow_height(points: np.ndarray) -> float:
    return float(points[36:48, 1].mean() - points[17:27, 1].mean())


def mouth_opening(points: np.ndarray) -> float:
    return float(points[66, 1] - points[62, 1])


def overlap(a: tuple, b: tuple) -> float:
    """Intersection over union of two boxes."""
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = a, b
    common = max(min(ax1, bx1) - max(ax0, bx0), 0.0) * max(min(ay1, by1) - max(ay0, by0), 0.0)
    return common / ((ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - common)


def test_same_arguments_give_the_same_bytes():
    first, second = (draw(*a_view_of_an_identity(3), valence=0.4, arousal=-0.2) for _ in range(2))
    assert first.image.tobytes() == second.image.tobytes()
    assert first.landmarks.tobytes() == second.landmarks.tobytes()
    assert first.box == second.box


def test_the_number_of_threads_changes_no_byte():
    threads = cv2.getNumThreads()
    identity, view = a_view_of_an_identity(4)
    images = set()
    try:
        for count in (1, 2, 4):
            cv2.setNumThreads(count)
            big = draw_face(identity, view, valence=0.2, arousal=0.3, width_px=720, height_px=576)
            images.add(big.image.tobytes())
    finally:
        cv2.setNumThreads(threads)
    assert len(images) == 1


@pytest.mark.parametrize("size", [(320, 256), (720, 576), (96, 160)])
def test_a_drawing_has_the_size_asked_for_and_its_box_and_landmarks_lie_in_it(size):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        identity, view = draw_identity(rng), draw_view(rng)
        drawing = draw_face(identity, view, valence=0.5, arousal=1.0, width_px=size[0], height_px=size[1])
        assert drawing.image.shape == (size[1], size[0], 3)
        assert drawing.image.dtype == np.uint8
        assert drawing.landmarks.shape == (68, 2)
        assert drawing.landmarks.dtype == np.float32
        x0, y0, x1, y1 = drawing.box
        assert 0 <= x0 < x1 <= size[0]
        assert 0 <= y0 < y1 <= size[1]
        assert np.all((drawing.landmarks >= 0) & (drawing.landmarks < size))


def test_landmarks_come_in_the_order_of_ibug():
    for seed in range(4):
        identity, view = a_view_of_an_identity(seed)
        x, y = draw(identity, frontal(view), valence=0.3, arousal=0.6).landmarks.T
        assert np.all(np.diff(x[:17]) > 0), "the jaw runs from the image's left to its right"
        assert y[8] == y[:17].max(), "its middle is the chin"
        assert np.all(np.diff(x[17:27]) > 0), "so do the brows"
        assert np.all(np.diff(y[27:31]) > 0), "the bridge runs down"
        assert np.all(np.diff(x[31:36]) > 0)
        assert x[36] < x[37] < x[38] < x[39] < x[42] < x[43] < x[44] < x[45]
        assert np.all(y[[37, 38, 43, 44]] < y[[41, 40, 47, 46]]), "upper lids before lower lids"
        assert np.all(np.diff(x[48:55]) > 0)
        assert np.all(np.diff(x[54:60]) < 0)
        assert np.all(np.diff(x[60:65]) > 0)
        assert y[51] < y[62] < y[66] < y[57] < y[8]
        assert y[17:27].max() < y[36:48].min() < y[30] < y[51]


def test_a_turned_head_carries_its_landmarks_along():
    identity, view = a_view_of_an_identity(1)
    straight, turned = (draw(identity, replace(frontal(view), yaw=yaw)).landmarks for yaw in (0.0, 18.0))
    # the tip of the nose stands out further than the jaw, so it moves further
    assert turned[30, 0] - straight[30, 0] > turned[[4, 12], 0].mean() - straight[[4, 12], 0].mean() + 3
    tilted = draw(identity, replace(frontal(view), roll=10.0)).landmarks
    across = tilted[42:48].mean(axis=0) - tilted[36:42].mean(axis=0)
    # a head tilts as a whole: the line through the eyes turns as far as the head; lids are even to 1 degree
    assert np.degrees(np.arctan2(across[1], across[0])) == pytest.approx(10.0, abs=1.0)


@pytest.mark.parametrize("arousal", [-1.0, 0.0, 1.0])
def test_valence_lifts_the_corners_of_the_mouth(arousal):
    for seed in range(10):
        identity, _ = a_view_of_an_identity(seed, shift=1.0)
        lifts = [corner_lift(shape(identity, v, arousal)) for v in np.linspace(-1, 1, 9).tolist()]
        assert np.all(np.diff(lifts) > 0)


@pytest.mark.parametrize("valence", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("measure", [eye_aperture, brow_height, mouth_opening])
def test_arousal_opens_eyes_and_mouth_and_raises_the_brows(measure, valence):
    for seed in range(10):
        identity, _ = a_view_of_an_identity(seed, shift=1.0)
        sizes = [measure(shape(identity, valence, a)) for a in np.linspace(-1, 1, 9).tolist()]
        assert np.all(np.diff(sizes) > 0)


def test_the_drawn_landmarks_show_the_expression_too():
    identity, view = a_view_of_an_identity(2)
    sad, glad = (draw(identity, frontal(view), valence=v).landmarks for v in (-0.8, 0.8))
    calm, lively = (draw(identity, frontal(view), arousal=a).landmarks for a in (-0.8, 0.8))
    assert corner_lift(glad) > corner_lift(sad) + 2
    assert eye_aperture(lively) > 1.5 * eye_aperture(calm)


def test_a_small_change_of_the_label_is_a_small_change_of_the_picture():
    identity, view = a_view_of_an_identity(1, shift=1.0)
    labels = np.linspace(-1, 1, 21).tolist()
    pictures = [draw(identity, view, label, -label).image.astype(np.float64) for label in labels]
    steps = [np.abs(b - a).mean() for a, b in pairwise(pictures)]
    # a jump would make one step stand out; 3 times the mean allows for curvature
    assert max(steps) < 3 * np.mean(steps)
    assert min(steps) > 0, "a label that moves nothing could not be read from the picture"


def test_without_a_shift_all_identities_show_the_same_expression():
    rests = {draw_identity(np.random.default_rng(seed)).temperament for seed in range(5)}
    assert len(rests) == 1
    (shared,) = rests
    assert (shared.valence_rest, shared.arousal_rest, shared.valence_gain, shared.arousal_gain) == (
        0,
        0,
        1,
        1,
    )


def test_the_shift_changes_the_expression_and_nothing_else_of_an_identity():
    plain, shifted = (a_view_of_an_identity(5, shift=shift)[0] for shift in (0.0, 1.0))
    assert replace(shifted, temperament=plain.temperament) == plain
    assert shifted.temperament != plain.temperament


def test_with_full_shift_one_neutral_looks_like_the_smile_or_frown_of_others():
    looks = []
    for seed in range(60):
        (plain, _), (shifted, _) = a_view_of_an_identity(seed), a_view_of_an_identity(seed, shift=1.0)
        frown, neutral, smile = (corner_lift(shape(plain, v)) for v in (-0.3, 0.0, 0.3))
        assert frown < neutral < smile
        resting = corner_lift(shape(shifted))
        looks.append("smile" if resting > smile else "frown" if resting < frown else "neutral")
    # rests are uniform in [-0.5, 0.5]: a fifth lies beyond 0.3 on either side, 12 of 60 give or take 3
    assert looks.count("smile") >= 5
    assert looks.count("frown") >= 5


def test_frames_of_a_clip_differ_a_little():
    rng = np.random.default_rng(0)
    identity, view = draw_identity(rng), draw_view(rng)
    for _ in range(3):
        following = jitter(view, rng)
        before, after = draw(identity, view), draw(identity, following)
        assert before.image.tobytes() != after.image.tobytes()
        # a few steps of the pose's walk: well under a tenth of the frame
        assert np.abs(before.landmarks - after.landmarks).max() < 20
        view = following


@pytest.mark.parametrize("count", [50, pytest.param(400, marks=pytest.mark.slow)])
def test_the_detector_finds_drawn_faces_where_their_box_says(count):
    detector = centerface.build(DetectorOptions())
    found, alone = 0, 0
    for seed in range(count):
        rng = np.random.default_rng([11, seed])
        identity, view = draw_identity(rng, identity_shift=float(seed % 2)), draw_view(rng)
        valence, arousal = np.sign(rng.uniform(-1, 1, 2)) if seed % 4 == 0 else rng.uniform(-1, 1, 2)
        size = (720, 576) if seed % 5 == 0 else (320, 256)
        drawing = draw_face(
            identity, view, valence=valence, arousal=arousal, width_px=size[0], height_px=size[1]
        )
        faces = detector.detect(drawing.image)
        found += bool(faces) and overlap(faces[0].box, drawing.box) >= 0.5
        alone += len(faces) == 1
    assert found >= 0.98 * count
    assert alone >= 0.98 * count
