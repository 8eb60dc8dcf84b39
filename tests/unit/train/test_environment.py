import json
import platform
from pathlib import Path

import pytest
import torch

from elimctl.train.config import TrainConfig
from elimctl.train.environment import environment


def test_device_and_precision_are_those_that_were_chosen():
    found = environment(TrainConfig(device="cpu", precision="bf16"))
    assert (found["device"], found["precision"]) == ("cpu", "bfloat16")
    assert environment(TrainConfig(device="cpu", precision="float32"))["precision"] == "float32"
    assert environment(TrainConfig(device="cpu"))["precision"] in ("float32", "bfloat16")
    assert "gpu" not in found


def test_python_system_processor_and_threads_are_told():
    found = environment(TrainConfig(device="cpu"))
    assert found["python"].endswith(platform.python_version())
    assert platform.system() in found["system"]
    assert found["threads"] == torch.get_num_threads()
    assert found["processor"]


def test_nothing_tells_whose_machine_it_is(monkeypatch):
    monkeypatch.setattr(platform, "node", lambda: "somebodys-desk")
    text = json.dumps(environment(TrainConfig(device="cpu")))
    assert "somebodys-desk" not in text
    assert str(Path.home()) not in text


@pytest.mark.gpu
def test_a_gpu_is_named_with_its_cuda():
    found = environment(TrainConfig(device="cuda"))
    assert (found["device"], found["cuda"]) == ("cuda", torch.version.cuda)
    assert found["gpu"] == torch.cuda.get_device_name(0)
