"""Every exporter, found by name."""

import numpy as np
import pytest
import torch
from torch import nn

from elimctl import plugins
from elimctl.backbones.normalise import Normalise
from elimctl.errors import ConfigError, ExportError, MissingError
from elimctl.export import eager
from elimctl.export.metadata import describe

IMAGE_PX = 32


@pytest.fixture(scope="module")
def model():
    """The smallest model that has all that exports must get right: normalisation, BatchNorm, dropout."""
    torch.manual_seed(0)
    model = nn.Sequential(
        Normalise(),
        nn.Conv2d(3, 8, 5, stride=4),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(8, 2),
    )
    model(
        torch.randint(0, 256, (8, 3, IMAGE_PX, IMAGE_PX), dtype=torch.uint8)
    )  # moves BatchNorm's statistics
    return model.eval()


@pytest.fixture(scope="module", params=plugins.names("export"))
def exporter(request):
    return plugins.find("export", request.param)


@pytest.fixture(scope="module")
def facts():
    return describe(run="r", dataset="afew-va", crop={"size_px": 256, "align": "box"})


@pytest.fixture(scope="module")
def path(exporter, model, facts, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "new" / "model"
    exporter.export(model, path, image_px=IMAGE_PX, metadata=facts)
    return path


def images(count):
    shape = (count, 3, IMAGE_PX, IMAGE_PX)
    return np.random.default_rng(count).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("count", [1, 3, 5])
def test_any_number_of_images_is_predicted_as_the_model_predicts_them(exporter, model, path, count):
    predict = exporter.load(path)
    preds = predict(images(count))
    assert preds.shape == (count, 2)
    assert preds.dtype == np.float32
    # float32 sums taken in another order, of values of order 1
    assert eager.difference(predict, model, [images(count)]) < 1e-6


def test_images_that_are_a_view_of_other_memory_are_predicted_alike(exporter, path):
    predict = exporter.load(path)
    rows = np.ascontiguousarray(images(2).transpose(0, 2, 3, 1))  # NHWC, as a store keeps them
    assert np.array_equal(predict(rows.transpose(0, 3, 1, 2)), predict(images(2)))


def test_it_is_one_file_and_says_what_it_is(exporter, path, facts):
    assert list(path.parent.iterdir()) == [path]
    loaded = exporter.load(path)
    assert loaded.metadata == facts
    assert loaded.image_px == IMAGE_PX


def test_a_model_is_exported_as_it_predicts_and_left_as_it_is(exporter, model, tmp_path, capfd):
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.train()
    exporter.export(model, tmp_path / "model", image_px=IMAGE_PX)
    assert model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert eager.difference(exporter.load(tmp_path / "model"), model.eval(), [images(2)]) < 1e-6  # as above
    assert capfd.readouterr().out == ""


def test_a_failed_export_leaves_the_old_file(exporter, path, tmp_path):
    class Undecided(nn.Module):
        def forward(self, images):
            return images.float() if images.sum() > 0 else images.float() * 2

    (tmp_path / "model").write_bytes(path.read_bytes())
    with pytest.raises(ExportError, match="cannot export this model"):
        exporter.export(Undecided(), tmp_path / "model", image_px=IMAGE_PX)
    assert [file.name for file in tmp_path.iterdir()] == ["model"]
    assert exporter.load(tmp_path / "model")(images(1)).shape == (1, 2)


def test_a_file_that_is_not_there_or_not_an_export_is_an_error(exporter, path, tmp_path):
    with pytest.raises(MissingError, match="nowhere"):
        exporter.load(tmp_path / "nowhere")
    for content in (b"", b"no model", path.read_bytes()[:1000]):
        (tmp_path / "damaged").write_bytes(content)
        with pytest.raises(ExportError, match="damaged"):
            exporter.load(tmp_path / "damaged")


def test_a_device_that_is_not_there_is_an_error(exporter, path, monkeypatch):
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ConfigError, match="cuda"):
        exporter.load(path, device="cuda")
