"""Weights from the libraries' caches, and none from the network."""

from io import BytesIO
from urllib.error import HTTPError, URLError

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import AlexNet_Weights, alexnet

from elimctl.backbones import pretrained
from elimctl.errors import ConfigError, DownloadError

NAME = "mobilenetv3_small_050.lamb_in1k"


@pytest.fixture(autouse=True)
def empty_caches(monkeypatch, tmp_path):
    """Caches of our own, and a network that answers nobody."""

    def no_network(*args, **kwargs):
        raise URLError("no route to host")

    monkeypatch.setattr(pretrained, "urlopen", no_network)
    monkeypatch.setattr(pretrained.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    return tmp_path


def hub_file(folder):
    """Where Hugging Face's cache keeps the weights of NAME."""
    repo = folder / "hub" / f"models--timm--{NAME}"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text("abc")
    (repo / "snapshots" / "abc").mkdir(parents=True)
    return repo / "snapshots" / "abc" / "model.safetensors"


def alexnet_file(folder):
    (folder / "checkpoints").mkdir()
    return folder / "checkpoints" / AlexNet_Weights.IMAGENET1K_V1.url.rpartition("/")[2]


def test_cached_timm_weights_are_loaded_without_a_network(empty_caches):
    source = pretrained.timm_model(NAME, num_classes=1000, pretrained=False)
    save_file(source.state_dict(), hub_file(empty_caches))
    found = pretrained.timm_model(NAME, num_classes=0, pretrained=True)
    assert found.state_dict().keys() == source.state_dict().keys() - {"classifier.weight", "classifier.bias"}
    assert all(torch.equal(value, source.state_dict()[key]) for key, value in found.state_dict().items())
    assert "state_dict" not in found.pretrained_cfg


def test_cached_alexnet_weights_are_loaded_without_a_network(empty_caches):
    source = alexnet(weights=None)
    torch.save(source.state_dict(), alexnet_file(empty_caches))
    found = pretrained.alexnet_features(pretrained=True)
    assert all(
        torch.equal(value, source.features.state_dict()[key]) for key, value in found.state_dict().items()
    )


def test_a_damaged_file_of_timm_weights_is_an_error_that_names_the_model(empty_caches):
    hub_file(empty_caches).write_bytes(b"half a file")
    with pytest.raises(DownloadError, match=NAME):
        pretrained.timm_model(NAME, num_classes=0, pretrained=True)


def test_a_damaged_file_of_alexnet_weights_is_an_error_that_names_the_file(empty_caches):
    file = alexnet_file(empty_caches)
    file.write_bytes(b"half a file")
    with pytest.raises(DownloadError, match="AlexNet") as caught:
        pretrained.alexnet_features(pretrained=True)
    assert str(file) in caught.value.hint


def test_the_libraries_do_not_start_their_retries_where_nothing_answers(monkeypatch):
    def never(*args, **kwargs):
        pytest.fail("a library went to the network")

    monkeypatch.setattr(pretrained.huggingface_hub, "hf_hub_download", never)
    monkeypatch.setattr(AlexNet_Weights, "get_state_dict", never)
    with pytest.raises(DownloadError, match="no route to host"):
        pretrained.timm_model(NAME, num_classes=0, pretrained=True)
    with pytest.raises(DownloadError, match="no route to host"):
        pretrained.alexnet_features(pretrained=True)


def test_a_server_that_refuses_is_left_to_the_library_which_may_have_a_token(monkeypatch):
    def refuse(request, timeout):
        raise HTTPError(request.full_url, 401, "unauthorized", {}, BytesIO())

    def download(repo, file, revision):
        raise PermissionError(f"{repo} is gated")

    monkeypatch.setattr(pretrained, "urlopen", refuse)
    monkeypatch.setattr(pretrained.huggingface_hub, "hf_hub_download", download)
    with pytest.raises(DownloadError, match="is gated"):
        pretrained.timm_model(NAME, num_classes=0, pretrained=True)


def test_a_model_without_weights_cannot_be_pretrained():
    with pytest.raises(ConfigError, match="no pretrained weights for coatnet_0_224"):
        pretrained.timm_model("coatnet_0_224", num_classes=0, pretrained=True)
