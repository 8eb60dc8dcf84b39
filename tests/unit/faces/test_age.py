"""The age model, with a stand-in for its network that tells brightness."""

import numpy as np
import pytest

from elimctl.errors import ConfigError, MissingError
from elimctl.faces.age import AGE, surroundings
from elimctl.faces.align import CropOptions

# insightface's own imports use calls that their packages deprecate
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def model(packs):
    return AGE.load(AGE.find(packs), crop=CropOptions(), device="cpu", threads=1)


def gray(level, count=1):
    return np.full((count, 256, 256, 3), level, np.uint8)


def test_ages_are_years(model):
    images = np.concatenate([gray(0), gray(51), gray(255)])
    # float32 in units of 100 years
    np.testing.assert_allclose(model.embed(images, [None] * 3), [[0], [20], [100]], atol=1e-4)


def test_ages_are_those_of_insightface(packs, model):
    """`get` cuts one and a half times the box out of the image; a crop with margin 0.25 holds just that."""
    from insightface.app.common import Face
    from insightface.model_zoo import get_model

    rng = np.random.default_rng(0)
    image = np.repeat(np.repeat(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8), 16, 0), 16, 1)
    theirs = get_model(str(AGE.find(packs)), providers=["CPUExecutionProvider"])
    _, wanted = theirs.get(np.ascontiguousarray(image[..., ::-1]), Face(bbox=np.array([32, 32, 160, 160.0])))
    wide = AGE.load(AGE.find(packs), crop=CropOptions(size_px=192, margin=0.25), device="cpu", threads=1)
    [[found]] = wide.embed(image[None], [None])
    assert abs(found - wanted) <= 1  # theirs are whole years, and sampled without averaging


def test_an_answer_out_of_the_manifests_range_is_clipped(tmp_path, save_age):
    import onnx
    from onnx import numpy_helper

    file = save_age(tmp_path / "genderage.onnx")
    network = onnx.load(str(file))
    bias = next(value for value in network.graph.initializer if value.name == "bias")
    bias.CopyFrom(numpy_helper.from_array(np.array([0, 0, -0.5], np.float32), "bias"))
    onnx.save(network, str(file))
    found = AGE.load(file, crop=CropOptions(), device="cpu", threads=1).embed(gray(0), [None])
    assert found.tolist() == [[0.0]]


def test_a_wide_crop_is_shown_whole_and_a_narrow_one_within_its_border():
    image = gray(100)[0]
    image[:, :13] = 0  # the border that the margin of 0.05 leaves
    wide = surroundings(image, None, CropOptions(margin=0.25), 96)
    assert (wide[:, :4] == 0).all()  # 13 px are 4.9 of 96
    assert (wide[:, 6:] == 100).all()
    narrow = surroundings(image, None, CropOptions(margin=0.05), 96)
    # 256 px are 1.1 of the 1.5 sides shown: the border column reaches 12.8 + 4.8 of 96 px inwards
    assert (narrow[:, :16] == 0).all()
    assert (narrow[:, 19:] == 100).all()


def test_without_a_model_the_hint_is_the_command_that_downloads_one(tmp_path):
    with pytest.raises(MissingError, match="no age model found") as caught:
        AGE.find(tmp_path)
    assert caught.value.hint == f"run insightface-cli model.download buffalo_l --root {tmp_path}"


def test_an_attribute_model_of_another_kind_is_named(tmp_path, save_age):
    file = save_age(tmp_path / "genderage.onnx", outputs=2)
    with pytest.raises(
        ConfigError, match="is not the expected age model: insightface reports the task attribute_2"
    ):
        AGE.load(file, crop=CropOptions(), device="cpu")
