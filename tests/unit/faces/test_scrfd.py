import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from elimctl.errors import ConfigError, MissingError
from elimctl.faces import models
from elimctl.faces.options import DetectorOptions
from elimctl.faces.scrfd import PATTERNS, Scrfd, build

# insightface's own imports use calls that their packages deprecate
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

SIDE_PX = 128
STRIDES_PX = (8, 16, 32)
OPTIONS = DetectorOptions(device="cpu", name="scrfd", threads=1)


def network(n_outputs=9, width_px=SIDE_PX):
    """A network with SCRFD's inputs and outputs: one face, as bright as the image is red."""
    nodes, outputs = [], []
    nodes.append(helper.make_node("Slice", ["images", "zero", "one", "axis"], ["red"]))
    nodes.append(helper.make_node("ReduceMax", ["red"], ["redness"], axes=[0, 1, 2, 3], keepdims=0))
    values = {"zero": np.array([0]), "one": np.array([1]), "axis": np.array([1])}
    for kind, width in (("score", 1), ("box", 4), ("points", 10))[: n_outputs // 3]:
        for stride_px in STRIDES_PX:
            value = np.zeros(((SIDE_PX // stride_px) ** 2 * 2, width), np.float32)
            if stride_px == 32:  # cell in row 1, column 2, the first of its two anchors: at (64, 32) px
                value[(1 * 4 + 2) * 2] = {
                    "score": [0.9],
                    "box": [0.5, 0.25, 0.75, 1],
                    "points": [-0.25, 0, 0.25, 0, 0, 0.25, -0.125, 0.5, 0.125, 0.5],
                }[kind]
            name = f"{kind}_{stride_px}"
            values[f"{name}_value"] = value
            nodes.append(
                helper.make_node("Mul", [f"{name}_value", "redness"], [name])
                if kind == "score"
                else helper.make_node("Identity", [f"{name}_value"], [name])
            )
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape))
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, (1, 3, SIDE_PX, width_px))
    weights = [numpy_helper.from_array(value, name) for name, value in values.items()]
    graph = helper.make_graph(nodes, "fake", [images], outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)


def save(file: Path, model=None) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model or network(), str(file))
    return file


def test_a_face_comes_back_in_px_of_the_image(tmp_path):
    save(tmp_path / "det_10g.onnx")
    detector = build(OPTIONS.model_copy(update={"models": tmp_path}))
    red = np.zeros((128, 256, 3), np.uint8)
    red[..., 0] = 255
    (face,) = detector.detect(red)  # shown to the network at half its size
    # distances are in strides of 32 px around (64, 32); exact in float32
    assert face.box == (2 * (64 - 16), 2 * (32 - 8), 2 * (64 + 24), 2 * (32 + 32))
    wanted = 2 * np.array([(56, 32), (72, 32), (64, 40), (60, 48), (68, 48)])
    np.testing.assert_array_equal(face.points, wanted)
    # red 255 reaches the network as 127.5 / 128
    assert face.score == pytest.approx(0.9 * 127.5 / 128, abs=1e-6)


def test_channels_are_read_as_red_green_blue(tmp_path):
    save(tmp_path / "det_10g.onnx")
    detector = build(OPTIONS.model_copy(update={"models": tmp_path}))
    blue = np.zeros((128, 128, 3), np.uint8)
    blue[..., 2] = 255
    assert detector.detect(blue) == []


def test_a_strip_too_thin_to_scale_has_no_face(tmp_path):
    save(tmp_path / "det_10g.onnx")
    detector = build(OPTIONS.model_copy(update={"models": tmp_path}))
    assert detector.detect(np.full((1, 4000, 3), 255, np.uint8)) == []


def test_a_model_without_points_gives_faces_without_points(tmp_path):
    save(tmp_path / "det_10g.onnx", network(n_outputs=6))
    detector = build(OPTIONS.model_copy(update={"models": tmp_path}))
    assert detector.detect(np.full((128, 128, 3), 255, np.uint8))[0].points is None


def test_the_digest_is_that_of_the_file(tmp_path):
    file = save(tmp_path / "det_10g.onnx")
    wanted = hashlib.sha256(file.read_bytes()).hexdigest()
    assert build(OPTIONS.model_copy(update={"models": tmp_path})).digest == wanted


def test_faces_come_best_score_first():
    class Model:
        input_size = (640, 640)

        def detect(self, image):
            return np.array([(0, 0, 1, 1, 0.5), (2, 2, 3, 3, 0.75)], np.float32), None

    faces = Scrfd(Model(), digest="").detect(np.zeros((9, 9, 3), np.uint8))
    assert [face.score for face in faces] == [0.75, 0.5]


def test_a_pack_is_found_in_insightfaces_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "CACHE", tmp_path)
    file = save(tmp_path / "buffalo_l" / "det_10g.onnx")
    save(tmp_path / "buffalo_l" / "w600k_r50.onnx")
    assert models.find(None, PATTERNS, what="SCRFD model") == file


def test_of_several_the_largest_is_taken(tmp_path):
    (tmp_path / "det_500m.onnx").write_bytes(b"1")
    (tmp_path / "scrfd_10g_bnkps.onnx").write_bytes(b"22")
    assert models.find(tmp_path, PATTERNS, what="SCRFD model").name == "scrfd_10g_bnkps.onnx"


def test_without_a_model_the_hint_is_the_command_that_downloads_one(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "CACHE", tmp_path / "nothing")
    with pytest.raises(MissingError, match=r"no folder .*nothing") as caught:
        build(OPTIONS)
    assert caught.value.hint == "run insightface-cli model.download buffalo_l"


def test_a_folder_without_a_model_is_named_and_the_download_goes_there(tmp_path):
    with pytest.raises(MissingError, match=r"no det_\*\.onnx or scrfd_\*\.onnx under") as caught:
        build(OPTIONS.model_copy(update={"models": tmp_path}))
    assert caught.value.hint == f"run insightface-cli model.download buffalo_l --root {tmp_path}"


def test_the_command_in_the_hint_exists():
    from insightface.commands.model_download import ModelDownloadCommand
    from insightface.utils import DEFAULT_MP_NAME

    assert ModelDownloadCommand
    assert models.DOWNLOAD.split()[1:] == ["model.download", DEFAULT_MP_NAME]


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "det_10g.onnx").write_bytes(b"half a download")
    with pytest.raises(ConfigError, match=r"det_10g\.onnx cannot be loaded"):
        build(OPTIONS.model_copy(update={"models": tmp_path}))


def test_a_model_of_another_kind_is_named(tmp_path):
    save(tmp_path / "det_10g.onnx", network(n_outputs=3, width_px=96))
    with pytest.raises(ConfigError, match=r"det_10g\.onnx is not the expected SCRFD model: .* task None"):
        build(OPTIONS.model_copy(update={"models": tmp_path}))
