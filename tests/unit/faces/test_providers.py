import onnxruntime
import pytest

from elimctl.errors import ConfigError
from elimctl.faces.providers import CPU, CUDA, check_running, providers_for, session_options


def offer(monkeypatch, *names):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [*names, CPU])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)


def test_providers_are_never_the_ones_that_happen_to_be_listed_first(monkeypatch):
    offer(monkeypatch, "AzureExecutionProvider")
    assert providers_for("auto") == [CPU]


def test_auto_takes_cuda_where_it_is_offered(monkeypatch):
    offer(monkeypatch, "TensorrtExecutionProvider", CUDA)
    assert providers_for("auto") == [CUDA, CPU]
    assert providers_for("cuda") == [CUDA, CPU]
    assert providers_for("cpu") == [CPU]


def test_cuda_without_the_gpu_build_names_what_there_is(monkeypatch):
    offer(monkeypatch, "AzureExecutionProvider")
    with pytest.raises(ConfigError, match="offers AzureExecutionProvider, CPUExecutionProvider") as caught:
        providers_for("cuda")
    assert "onnxruntime-gpu" in (caught.value.hint or "")


def test_a_silent_fall_back_to_the_cpu_is_an_error_only_if_cuda_was_asked_for():
    check_running([CPU], device="auto")
    check_running([CUDA, CPU], device="cuda")
    with pytest.raises(ConfigError, match="could not start it"):
        check_running([CPU], device="cuda")


def test_the_number_of_threads_reaches_the_session():
    assert session_options(3).intra_op_num_threads == 3
