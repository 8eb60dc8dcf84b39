"""What every detector promises, whichever file it is in."""

from pathlib import Path

import numpy as np
import pytest
import skimage

from elimctl import plugins
from elimctl.errors import MissingError
from elimctl.faces.face import Annotation, Detector
from elimctl.faces.image import decode
from elimctl.faces.options import DetectorOptions

PORTRAIT = Path(skimage.__file__).parent / "data" / "astronaut.png"
ANNOTATION = Annotation(box=(175.0, 60.0, 275.0, 190.0))

# insightface's own imports use calls that their packages deprecate
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return decode(PORTRAIT.read_bytes(), where=PORTRAIT.name)


@pytest.fixture(scope="module", params=plugins.names("faces"))
def detector(request: pytest.FixtureRequest) -> Detector:
    try:
        return plugins.find("faces", request.param).build(DetectorOptions(name=request.param, device="cpu"))
    except MissingError as error:  # a detector whose model is downloaded by hand
        pytest.skip(error.message)


def test_it_finds_the_one_face(detector, portrait):
    (face,) = detector.detect(portrait, ANNOTATION)
    x0, y0, x1, y1 = face.box
    assert x0 < 225 < x1
    assert y0 < 125 < y1
    assert all(type(value) is float for value in face.box)
    assert type(face.score) is float
    assert 0 < face.score <= 1
    if face.points is not None:
        assert (face.points.shape, face.points.dtype) == ((5, 2), np.float32)


def test_it_leaves_the_image_alone_and_answers_the_same_twice(detector, portrait):
    before = portrait.copy()
    first, second = (detector.detect(portrait, ANNOTATION) for _ in range(2))
    np.testing.assert_array_equal(portrait, before)
    assert [(face.box, face.score) for face in first] == [(face.box, face.score) for face in second]


def test_it_takes_a_view_of_a_larger_array(detector, portrait):
    view = portrait[10:, 20:]
    assert not view.flags.c_contiguous
    shifted = Annotation(box=(155.0, 50.0, 255.0, 180.0))
    assert len(detector.detect(view, shifted)) == 1


def test_an_empty_picture_has_no_face(detector):
    assert detector.detect(np.zeros((48, 64, 3), np.uint8)) == []


def test_its_digest_tells_it_from_the_others(detector):
    others = set(plugins.names("faces"))
    assert detector.digest
    assert detector.digest not in others
