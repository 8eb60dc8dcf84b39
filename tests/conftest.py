"""Settings of all tests, and stand-ins for the models of insightface's packs, which may not be passed on."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # a shell's background jobs are deaf to Ctrl-C, and would have children that tests interrupt inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the package index at import
settings.register_profile(
    "elimctl",
    deadline=None,  # the machines are shared: time is not a law
    derandomize="CI" in os.environ,  # what lands is judged by the same examples each time
)
settings.register_profile("quick", settings.get_profile("elimctl"), max_examples=5)  # of `make quick`
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "elimctl"))


@pytest.fixture(scope="session")
def save_recognition() -> Callable[..., Path]:
    """A function that writes a recognition model: a fixed random map of the face at 8 x 8 px."""

    def save(file: Path, *, seed: int = 0, batch: Any = None, side_px: int = 112) -> Path:
        weights = np.random.default_rng(seed).standard_normal((192, 512)).astype(np.float32)
        cell = side_px // 8
        steps = [
            ("AveragePool", ["faces"], "small", {"kernel_shape": [cell, cell], "strides": [cell, cell]}),
            ("Flatten", ["small"], "flat", {}),
            ("MatMul", ["flat", "weights"], "features", {}),
        ]
        return _save(file, steps, {"weights": weights}, (batch, 3, side_px, side_px), (batch, 512))

    return save


@pytest.fixture(scope="session")
def save_age() -> Callable[..., Path]:
    """A function that writes an age model: a year for each hundredth of full brightness."""

    def save(file: Path, *, batch: Any = None, outputs: int = 3) -> Path:
        # insightface shows the model (x - 127.5) / 128; of white that is 127.5 / 128
        weights = np.zeros((3, outputs), np.float32)
        weights[:, -1] = 128 / 255 / 3
        bias = np.zeros(outputs, np.float32)
        bias[-1] = 0.5
        steps = [
            ("GlobalAveragePool", ["faces"], "mean", {}),
            ("Flatten", ["mean"], "flat", {}),
            ("MatMul", ["flat", "weights"], "scaled", {}),
            ("Add", ["scaled", "bias"], "answer", {}),
        ]
        return _save(file, steps, {"weights": weights, "bias": bias}, (batch, 3, 96, 96), (batch, outputs))

    return save


@pytest.fixture(scope="session")
def packs(tmp_path_factory: pytest.TempPathFactory, save_recognition, save_age) -> Path:
    """A folder of models with a pack that has a recognition and an age model."""
    folder = tmp_path_factory.mktemp("models")
    save_recognition(folder / "buffalo_l" / "w600k_r50.onnx")
    save_age(folder / "buffalo_l" / "genderage.onnx")
    return folder


def _save(file: Path, steps: list, values: dict[str, np.ndarray], taken: tuple, given: tuple) -> Path:
    """Write a network of steps, each (operator, inputs, output, attributes)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes = [helper.make_node(name, inputs, [output], **knobs) for name, inputs, output, knobs in steps]
    graph = helper.make_graph(
        nodes,
        "stand-in",
        [helper.make_tensor_value_info("faces", TensorProto.FLOAT, taken)],
        [helper.make_tensor_value_info(steps[-1][2], TensorProto.FLOAT, given)],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(file))
    return file
