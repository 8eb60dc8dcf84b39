"""ArcFace, with a stand-in for its network."""

import numpy as np
import pytest

from elimctl.errors import ConfigError, MissingError
from elimctl.faces import align, embed, models
from elimctl.faces.align import CropOptions
from elimctl.faces.embed import ARCFACE
from elimctl.faces.face import Face

# insightface's own imports use calls that their packages deprecate
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

CROP = CropOptions()


@pytest.fixture
def model(packs):
    return ARCFACE.load(ARCFACE.find(packs), crop=CROP, device="cpu", threads=1)


@pytest.fixture
def crops():
    """Smooth noise: crops that look different everywhere."""
    import cv2

    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    return np.stack([cv2.resize(image, (256, 256), interpolation=cv2.INTER_CUBIC) for image in coarse])


def points_in(side_px, *, share=0.8, shift=(0.0, 0.0)):
    """ArcFace's points in a crop."""
    scale = share * side_px / align.TEMPLATE_SIDE_PX
    return ((align.TEMPLATE - 56) * scale + side_px / 2 + shift).astype(np.float32)


def test_features_are_those_of_insightface(packs, model, crops):
    """`get_feat` is insightface's own preprocessing: BGR in, channels swapped and scaled."""
    from insightface.model_zoo import get_model

    points = points_in(256)
    theirs = get_model(str(ARCFACE.find(packs)), providers=["CPUExecutionProvider"])
    bgr = [embed.aligned(crop, points, CROP)[..., ::-1] for crop in crops]
    wanted = theirs.get_feat([np.ascontiguousarray(image) for image in bgr])
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    # float32 sums of 196 pixels in another order
    np.testing.assert_allclose(model.embed(crops, [points] * 5), wanted, atol=1e-5)


def test_alignment_is_insightfaces_norm_crop(crops):
    """Of a rotated and scaled face."""
    from insightface.utils import face_align

    angle = 0.2
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points = ((points_in(256, share=0.5) - 128) @ turn + 128).astype(np.float32)
    ours = embed.aligned(crops[0], points, CROP)
    theirs = face_align.norm_crop(crops[0], points)
    difference = np.abs(ours.astype(int) - theirs)[8:-8, 8:-8]
    assert difference.mean() < 2  # ours averages where it shrinks


def test_features_have_length_one_and_do_not_depend_on_the_batch(model, crops):
    points = [points_in(256), None, points_in(256, share=0.6), None, points_in(256)]
    together = model.embed(crops, points)
    assert together.dtype == np.float32
    assert together.shape == (5, 512)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    alone = [model.embed(crops[i : i + 1], points[i : i + 1])[0] for i in range(5)]
    np.testing.assert_allclose(together, alone, atol=1e-6)  # sums of float32 in another order


@pytest.mark.parametrize("batch", [1, 2])
def test_a_network_of_a_fixed_batch_gives_the_same(tmp_path, model, save_recognition, crops, batch):
    fixed = save_recognition(tmp_path / "arcface_fixed.onnx", batch=batch)
    points = [points_in(256)] * 5
    found = ARCFACE.load(fixed, crop=CROP, device="cpu", threads=1).embed(crops, points)
    np.testing.assert_allclose(found, model.embed(crops, points), atol=1e-6)


def test_a_shifted_face_gives_the_same_features_by_its_points(model):
    import cv2

    face = np.full((256, 256, 3), 90, np.uint8)
    cv2.circle(face, (128, 128), 60, (200, 150, 120), -1)
    cv2.circle(face, (110, 115), 8, (20, 20, 60), -1)
    shifted = np.roll(face, (6, 10), axis=(0, 1))
    points = points_in(256, share=0.6)
    first, second, unaligned = model.embed(
        np.stack([face, shifted, shifted]), [points, points + np.float32((10, 6)), points]
    )
    assert first @ second > 0.9999
    assert first @ unaligned < first @ second


def test_without_points_the_place_of_a_frontal_face_is_taken(crops):
    """Points where a frontal face has them in a box crop bring the same crop, up to rounding."""
    x0, y0, x1, _ = embed.template_box(CROP)
    points = (x0, y0) + align.TEMPLATE * (x1 - x0) / align.TEMPLATE_SIDE_PX
    by_points = embed.aligned(crops[0], points.astype(np.float32), CROP)
    by_place = embed.aligned(crops[0], None, CROP)
    assert np.abs(by_points.astype(int) - by_place).max() <= 2


@pytest.mark.parametrize("points", [np.full((5, 2), 7.0), np.full((5, 2), np.nan)])
def test_points_that_no_face_has_count_as_none(crops, points):
    np.testing.assert_array_equal(embed.aligned(crops[0], points, CROP), embed.aligned(crops[0], None, CROP))


def test_a_black_crop_has_finite_features(model):
    assert np.isfinite(model.embed(np.zeros((1, 256, 256, 3), np.uint8), [None])).all()


def test_a_crop_aligned_by_points_is_cut_to_arcfaces(crops):
    options = CropOptions(align="points", size_px=160, room=0.125)
    face = Face(box=(0, 0, 1, 1), score=1.0, points=points_in(256, share=0.4))
    stored = align.crop(crops[0], face, options)
    direct = align.crop(crops[0], face, CropOptions(size_px=112, align="points", room=0))
    inside = (align.TEMPLATE - 56) * 160 / (112 * 1.25) + 80
    found = embed.aligned(stored, inside, options)
    # sampled twice instead of once
    assert np.abs(found.astype(int) - direct).mean() < 2


def test_the_largest_of_the_recognition_models_is_taken(tmp_path, save_recognition):
    save_recognition(tmp_path / "buffalo_s" / "w600k_mbf.onnx", side_px=112)
    (tmp_path / "det_10g.onnx").write_bytes(b"0" * 10**6)
    large = tmp_path / "antelopev2" / "glintr100.onnx"
    large.parent.mkdir()
    large.write_bytes(b"0" * 10**6)
    assert ARCFACE.find(tmp_path) == large


def test_without_a_model_the_hint_is_the_command_that_downloads_one(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "CACHE", tmp_path / "nothing")
    with pytest.raises(MissingError, match="no ArcFace model found") as caught:
        ARCFACE.find(None)
    assert caught.value.hint == "run insightface-cli model.download buffalo_l"


def test_a_model_of_another_kind_is_named(tmp_path, save_age):
    file = save_age(tmp_path / "arcface.onnx")
    with pytest.raises(ConfigError, match=r"arcface\.onnx is not the expected ArcFace model: .* genderage"):
        ARCFACE.load(file, crop=CROP, device="cpu")
