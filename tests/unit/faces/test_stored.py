import numpy as np
import pytest

from elimctl.faces import align
from elimctl.faces.align import CropOptions
from elimctl.faces.stored import face_box, template_box


def test_a_box_crop_holds_the_box_and_its_margin():
    assert face_box(CropOptions(size_px=240, margin=0.25)) == (40, 40, 200, 200)


def test_a_points_crop_holds_arcfaces_crop_and_its_room():
    # 200 px are 1.25 of ArcFace's side
    np.testing.assert_allclose(
        template_box(CropOptions(size_px=200, align="points", room=0.125)), (20, 20, 180, 180), atol=1e-9
    )


@pytest.mark.parametrize("way", ["box", "points"])
def test_both_agree_with_the_detector_on_a_photograph(detector, portrait, way):
    """Within 15 % of the face: heads differ and turn."""
    face = detector.detect(portrait)[0]
    options = CropOptions(align=way)
    matrix = align._box_matrix(face, options) if way == "box" else align._points_matrix(face, options)
    seen = matrix[:, :2] @ np.reshape(face.box, (2, 2)).T + matrix[:, 2:]
    side = np.ptp(seen, axis=1).max()
    x0, y0, x1, y1 = face_box(options)
    centre = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    assert abs(x1 - x0 - side) < 0.15 * side
    assert np.abs(seen.mean(axis=1) - centre).max() < 0.15 * side
