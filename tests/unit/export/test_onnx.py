"""ONNX files."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

import elimctl
from elimctl import plugins
from elimctl.backbones.config import BackboneConfig
from elimctl.backbones.normalise import Normalise
from elimctl.backbones.projector import Projector
from elimctl.errors import ExportError
from elimctl.export import eager
from elimctl.export.onnx import export, load


def model(**settings):
    """A whole network whose BatchNorms have seen images, so that it is far from constant."""
    torch.manual_seed(0)
    config = BackboneConfig(**settings)
    backbone = plugins.find("backbones", config.name).build(config)
    network = nn.Sequential(Normalise(), backbone, Projector(config.d, bn=True))
    for part in network.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.momentum = None  # running statistics are plain means: here, those of the one batch
    with torch.no_grad():
        network.train()(torch.from_numpy(images(4, config.image_px)))
    return network.eval()


def images(count, px):
    """Noise around a colour of each image's own, so that predictions differ from image to image."""
    rng = np.random.default_rng(count)
    colours = rng.integers(0, 128, (count, 3, 1, 1), np.uint8)
    return colours + rng.integers(0, 128, (count, 3, px, px), np.uint8)


@pytest.mark.parametrize(
    "settings",
    [
        {"name": "al"},
        {"name": "al", "image_px": 112},  # maps of 2x2, spread over 6x6
        {"name": "al", "neck": "gap", "image_px": 96},
        {"name": "r18", "image_px": 96},
        {"name": "timm/test_efficientnet", "image_px": 64},  # the smallest network with most of the operators
        pytest.param({"name": "timm/mobilenetv3_small_050"}, marks=pytest.mark.slow),
        pytest.param({"name": "mmx"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_file_agrees_with_the_model_at_any_batch_size(settings, tmp_path):
    network, px = model(**settings), settings.get("image_px", 224)
    export(network, tmp_path / "model.onnx", image_px=px)
    predict = load(tmp_path / "model.onnx")
    batches = [images(count, px) for count in (1, 3, 5)]
    spread = predict(batches[2]).std(axis=0).min()
    # float32 sums taken in another order: 5e-6 to 2e-5 of the spread between images, measured
    assert eager.difference(predict, network, batches) < 2e-4 * spread


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    network = nn.Sequential(Normalise(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    export(network, path, image_px=16, metadata={"run": "a"})
    return path


def test_inputs_and_outputs_are_named_and_typed(small):
    graph = onnx.load(small).graph
    found = [
        (
            one.name,
            one.type.tensor_type.elem_type,
            [dim.dim_param or dim.dim_value for dim in one.type.tensor_type.shape.dim],
        )
        for one in [*graph.input, *graph.output]
    ]
    assert found == [
        ("images", TensorProto.UINT8, ["batch", 3, 16, 16]),
        ("valence_arousal", TensorProto.FLOAT, ["batch", 2]),
    ]


def test_file_holds_nothing_about_the_machine_it_was_made_on(small):
    content = small.read_bytes()
    for folder in (Path(elimctl.__file__).parent, Path(torch.__file__).parent):
        assert str(folder).encode() not in content


def test_weights_are_written_in_float32_whatever_they_were(tmp_path):
    network = nn.Sequential(Normalise(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2).double())
    export(network, tmp_path / "model.onnx", image_px=16)
    weights = onnx.load(tmp_path / "model.onnx").graph.initializer
    assert TensorProto.DOUBLE not in {weight.data_type for weight in weights}
    assert network[3].weight.dtype == torch.float64


def test_a_model_too_large_for_one_file_is_refused_before_it_is_traced(monkeypatch, tmp_path):
    monkeypatch.setattr("elimctl.export.onnx.MAX_BYTES", 100)
    with pytest.raises(ExportError, match="an ONNX file holds less than 2 GiB"):
        export(nn.Linear(5, 5), tmp_path / "model.onnx", image_px=16)
    assert list(tmp_path.iterdir()) == []


def test_an_onnx_model_of_someone_else_is_refused_with_what_it_has(tmp_path):
    def tensor(name):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])

    graph = helper.make_graph([helper.make_node("Abs", ["x"], ["y"])], "g", [tensor("x")], [tensor("y")])
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), tmp_path / "other.onnx")
    with pytest.raises(ExportError, match="x, y, wanted images and valence_arousal"):
        load(tmp_path / "other.onnx")


@pytest.mark.gpu
def test_a_model_on_a_gpu_is_exported_and_stays_there(tmp_path):
    network = model(name="r18", image_px=96).cuda()
    export(network, tmp_path / "model.onnx", image_px=96)
    assert {parameter.device.type for parameter in network.parameters()} == {"cuda"}
    # float32 sums taken in another order, of predictions of order 1
    assert eager.difference(load(tmp_path / "model.onnx"), network, [images(3, 96)]) < 1e-5
