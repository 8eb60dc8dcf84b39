import json
import platform
from pathlib import Path

import pytest
import torch

from elimctl.errors import ConfigError
from elimctl.train import hardware
from elimctl.train.config import TrainConfig
from elimctl.train.hardware import device_name, environment


def test_auto_takes_the_cpu_where_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert hardware.device("auto") == torch.device("cpu")


def test_a_device_that_is_not_there_is_refused_with_the_number_found(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ConfigError, match="0 CUDA devices found"):
        hardware.device("cuda")


def test_a_word_that_is_no_device_is_refused():
    with pytest.raises(ConfigError, match="invalid device 'gpu'"):
        hardware.device("gpu")


@pytest.mark.parametrize(("fast", "dtype"), [(True, torch.bfloat16), (False, None)])
def test_auto_precision_follows_the_hardware(monkeypatch, fast, dtype):
    monkeypatch.setattr(hardware, "fast_bf16", lambda _: fast)
    assert hardware.autocast_type("auto", torch.device("cpu")) == dtype


def test_a_given_precision_is_kept(monkeypatch):
    monkeypatch.setattr(hardware, "fast_bf16", lambda _: True)
    assert hardware.autocast_type("float32", torch.device("cpu")) is None
    assert hardware.autocast_type("bf16", torch.device("cpu")) == torch.bfloat16


CPU, GPU = torch.device("cpu"), torch.device("cuda", 1)


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


def test_the_processor_is_named_as_the_system_names_it(monkeypatch):
    listed = (
        "processor\t: 0\nmodel name\t: Some Processor 9\n\nprocessor\t: 1\nmodel name\t: Some Processor 9\n"
    )
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: listed)
    assert device_name(CPU) == "Some Processor 9"


def test_a_system_that_lists_no_model_names_its_architecture(monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError

    for read in (missing, lambda *_, **__: "Processor\t: 0\n"):
        monkeypatch.setattr(Path, "read_text", read)
        monkeypatch.setattr("platform.processor", lambda: "")
        monkeypatch.setattr("platform.machine", lambda: "riscv64")
        assert device_name(CPU) == "riscv64"


def test_a_card_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"Card {device.index}")
    assert device_name(GPU) == "Card 1"
