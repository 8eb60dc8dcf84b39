import numpy as np
import pytest

from elimctl.faces.align import CropOptions
from elimctl.faces.face import Face
from elimctl.manifest.row import Row
from elimctl.prepare.extract import Extractor, Outcome
from elimctl.prepare.settings import PrepareSettings

from .conftest import Fixed

POINTS = np.float32([(70, 60), (130, 64), (100, 90), (76, 120), (124, 123)])
HEIGHT_PX, WIDTH_PX = 200, 240


def _extract(
    image: np.ndarray | str, row: Row, *faces: Face, crop: CropOptions | None = None
) -> tuple[Outcome, np.ndarray]:
    settings = PrepareSettings(crop=crop or CropOptions(size_px=64))
    out = np.zeros((settings.crop.size_px,) * 2 + (3,), np.uint8)
    return Extractor(settings, Fixed(*faces))(image, row, out), out


def _row(**more: object) -> Row:
    return Row(**{"path": "a", "identity": "1", "clip": "1", "frame": 0, **more})


def _noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT_PX, WIDTH_PX, 3), dtype=np.uint8)


def _spot(point: np.ndarray, spread: tuple[float, float]) -> np.ndarray:
    """An image with a bright spot around a point."""
    y, x = np.mgrid[:HEIGHT_PX, :WIDTH_PX] + 0.5
    light = np.exp(-(((x - point[0]) / spread[0]) ** 2 + ((y - point[1]) / spread[1]) ** 2) / 2)
    return np.repeat((255 * light).astype(np.uint8)[..., None], 3, axis=2)


def _centre(crop: np.ndarray) -> list[float]:
    """Where the light of a crop is, (x, y) in px."""
    light = crop[..., 0].astype(float)
    y, x = np.mgrid[: len(crop), : len(crop)] + 0.5
    return [(light * x).sum() / light.sum(), (light * y).sum() / light.sum()]


@pytest.mark.parametrize("align", ["box", "points"])
@pytest.mark.parametrize("pixel_aspect", [1.0, 1.5])
@pytest.mark.parametrize("size_px", [64, 256])
def test_the_points_in_the_crop_are_where_the_crop_shows_them(
    align: str, pixel_aspect: float, size_px: int
) -> None:
    box = (40.0, 30.0, 160.0, 150.0)
    stretch = np.float32([pixel_aspect, 1])
    shown = tuple(np.reshape(np.reshape(box, (2, 2)) * stretch, 4).tolist())
    face = Face(shown, 1.0, POINTS * stretch)  # as found in the image with square pixels
    options = CropOptions(size_px=size_px, align=align)
    for number, point in enumerate(POINTS):
        image = _spot(point, (4 / pixel_aspect, 4))
        outcome, crop = _extract(image, _row(pixel_aspect=pixel_aspect), face, crop=options)
        assert outcome.reason is None
        np.testing.assert_allclose(outcome.points, POINTS.ravel(), rtol=1e-6)  # float32
        assert outcome.box == pytest.approx(box)
        # levels are whole numbers, and OpenCV samples at 1/32 px: well below a tenth of a pixel
        np.testing.assert_allclose(
            _centre(crop), np.reshape(outcome.crop_points, (5, 2))[number], atol=0.1 * max(1, size_px / 120)
        )


def test_a_crop_as_shipped_is_taken_whole_and_no_face_is_sought() -> None:
    image = _noise()[:64, :64]
    points = POINTS / 4
    detector = Fixed()
    out = np.zeros((64, 64, 3), np.uint8)
    settings = PrepareSettings(crop=CropOptions(size_px=64, margin=0.5, align="points"))
    outcome = Extractor(settings, detector)(image, _row(cropped=True, points=points), out)
    np.testing.assert_array_equal(out, image)
    assert not detector.seen
    assert outcome == Outcome(
        width_px=64,
        height_px=64,
        box=[0.0, 0.0, 64.0, 64.0],
        score=1.0,
        points=points.ravel().tolist(),
        crop_points=points.ravel().tolist(),
    )


def test_a_crop_as_shipped_may_have_another_size_and_shape() -> None:
    image = _noise()[:64, :128]
    outcome, crop = _extract(image, _row(cropped=True))
    # The longer side fills the crop, each pixel the mean of 2 x 2; above and below the border is repeated.
    blocks = image.reshape(32, 2, 64, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(crop[16:48], blocks, atol=0.5001)  # one rounding to whole levels
    np.testing.assert_array_equal(crop[:15], np.broadcast_to(crop[:1], (15, 64, 3)))
    assert outcome.points is outcome.crop_points is None


def test_landmarks_of_a_crop_as_shipped_give_its_points() -> None:
    landmarks = np.random.default_rng(1).uniform(5, 60, (68, 2)).astype(np.float32)
    outcome, _ = _extract(_noise()[:64, :64], _row(cropped=True, landmarks=landmarks))
    assert outcome.points[4:6] == landmarks[30].tolist()  # the tip of the nose, by iBUG's numbers


def test_the_reason_why_there_is_no_image_is_the_rows() -> None:
    outcome, crop = _extract("no such frame: v has no readable frame 3", _row(video_frame=3))
    assert outcome == Outcome(reason="no such frame: v has no readable frame 3")
    assert not crop.any()


def test_of_two_people_each_side_gets_its_own() -> None:
    left, right = Face((10.0, 20.0, 60.0, 80.0), 0.6, None), Face((150.0, 20.0, 230.0, 110.0), 0.9, None)
    for side, face in (("left", left), ("right", right)):
        outcome, _ = _extract(_noise(), _row(side=side), right, left)
        assert outcome.box == list(face.box)
        assert outcome.faces == 2


def test_a_face_that_is_alone_on_the_other_side_is_not_the_samples() -> None:
    outcome, crop = _extract(_noise(), _row(side="left"), Face((150.0, 20.0, 230.0, 110.0), 0.9, None))
    assert outcome == Outcome(width_px=WIDTH_PX, height_px=HEIGHT_PX, faces=1, reason="no face on the left")
    assert not crop.any()


def test_sides_are_those_of_the_image_with_square_pixels() -> None:
    # 240 stored pixels are shown as 480: a face around 250 is right of the middle of the first.
    face = Face((260.0, 20.0, 320.0, 80.0), 0.9, None)
    assert _extract(_noise(), _row(side="right", pixel_aspect=2.0), face)[0].reason is None
    assert _extract(_noise(), _row(side="left", pixel_aspect=2.0), face)[0].reason == "no face on the left"


def test_an_annotation_is_stretched_in_x_alone_where_pixels_are_wide() -> None:
    landmarks = np.random.default_rng(2).uniform(20, 180, (68, 2)).astype(np.float32)
    detector = Fixed()
    row = _row(pixel_aspect=1.5, box=(40.0, 30.0, 160.0, 150.0), points=POINTS, landmarks=landmarks)
    Extractor(PrepareSettings(), detector)(_noise(), row, np.zeros((256, 256, 3), np.uint8))
    [(image, annotation)] = detector.seen
    assert image.shape == (HEIGHT_PX, 360, 3)  # 240 stored pixels
    assert annotation.box == (60.0, 30.0, 240.0, 150.0)
    np.testing.assert_array_equal(annotation.points, POINTS * np.float32([1.5, 1]))
    np.testing.assert_allclose(annotation.landmarks, landmarks * np.float32([1.5, 1]), rtol=1e-6)


class Filmed:
    """A detector of a film: each image has its own faces."""

    digest = "filmed"

    def __init__(self, *faces: list[Face]) -> None:
        self._faces = iter(faces)

    def detect(self, image, annotation=None) -> list[Face]:
        return next(self._faces)


HERO = [Face((20.0 + 4 * n, 30.0, 80.0 + 4 * n, 90.0), 0.9, None) for n in range(5)]  # moves to the right
CROWD = Face((150.0, 10.0, 230.0, 100.0), 0.95, None)  # larger


def _follow(faces: list[list[Face]], rows: list[Row]) -> list[list[float] | None]:
    extract = Extractor(PrepareSettings(crop=CropOptions(size_px=16)), Filmed(*faces))
    out = np.zeros((16, 16, 3), np.uint8)
    return [extract(_noise(), row, out).box for row in rows]


def _film(count: int, **more: object) -> list[Row]:
    return [_row(frame=number, video_frame=number, **more) for number in range(count)]


def test_a_face_is_followed_though_a_larger_one_comes() -> None:
    faces = [[HERO[0]], [CROWD, HERO[1]], [CROWD, HERO[2]], [HERO[3], CROWD], [CROWD]]
    found = _follow(faces, _film(5))
    assert found == [list(face.box) for face in (*HERO[:4], CROWD)]


def test_a_face_is_followed_over_a_frame_without_it() -> None:
    assert _follow([[HERO[0]], [], [CROWD, HERO[2]]], _film(3)) == [
        list(HERO[0].box),
        None,
        list(HERO[2].box),
    ]


def test_another_clip_follows_nobody() -> None:
    rows = [*_film(1), *_film(1, clip="2"), *_film(1, clip="1")]
    faces = [[HERO[0]], [CROWD, HERO[1]], [CROWD, HERO[2]]]
    assert _follow(faces, rows) == [list(face.box) for face in (HERO[0], CROWD, CROWD)]


def test_another_clip_follows_nobody_though_its_first_frames_are_lost() -> None:
    extract = Extractor(PrepareSettings(crop=CropOptions(size_px=16)), Filmed([HERO[0]], [CROWD, HERO[1]]))
    out = np.zeros((16, 16, 3), np.uint8)
    rows = [*_film(1), *_film(1, clip="2"), *_film(1, clip="1")]
    found = [
        extract(image, row, out).box for image, row in zip([_noise(), "lost", _noise()], rows, strict=True)
    ]
    assert found == [list(HERO[0].box), None, list(CROWD.box)]


def test_images_that_are_no_video_follow_nobody() -> None:
    rows = [_row(frame=number) for number in range(2)]
    assert _follow([[HERO[0]], [CROWD, HERO[1]]], rows) == [list(HERO[0].box), list(CROWD.box)]


def test_an_annotated_face_is_followed_where_the_annotation_ends() -> None:
    rows = [_row(frame=0, video_frame=0, box=HERO[0].box), _row(frame=1, video_frame=1)]
    found = _follow([[CROWD, HERO[0]], [CROWD, HERO[1]]], rows)
    assert found == [list(HERO[0].box), list(HERO[1].box)]
