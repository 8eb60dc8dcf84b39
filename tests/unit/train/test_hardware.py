import pytest
import torch

from elimctl.errors import ConfigError
from elimctl.train import hardware


def test_auto_takes_the_cpu_where_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert hardware.device("auto") == torch.device("cpu")


def test_a_device_that_is_not_there_is_refused_with_the_number_found(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ConfigError, match="0 CUDA devices found"):
        hardware.device("cuda")


def test_a_word_that_is_no_device_is_refused():
    with pytest.raises(ConfigError, match="'gpu' is no device"):
        hardware.device("gpu")


@pytest.mark.parametrize(("fast", "dtype"), [(True, torch.bfloat16), (False, None)])
def test_auto_precision_follows_the_hardware(monkeypatch, fast, dtype):
    monkeypatch.setattr(hardware, "fast_bf16", lambda _: fast)
    assert hardware.autocast_type("auto", torch.device("cpu")) == dtype


def test_a_given_precision_is_kept(monkeypatch):
    monkeypatch.setattr(hardware, "fast_bf16", lambda _: True)
    assert hardware.autocast_type("float32", torch.device("cpu")) is None
    assert hardware.autocast_type("bf16", torch.device("cpu")) == torch.bfloat16
