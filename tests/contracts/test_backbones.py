"""Every backbone, found by name."""

import re
from urllib.error import URLError

import pytest
import torch

from elimctl import plugins
from elimctl.backbones import pretrained
from elimctl.backbones.backbone import Backbone
from elimctl.backbones.config import BackboneConfig
from elimctl.backbones.split import Split
from elimctl.errors import ConfigError, DownloadError

# timm wants the name of a network after its own; a small one stands for all
NAMES = [{"timm": "timm/mobilenetv3_small_050"}.get(name, name) for name in plugins.names("backbones")]


def build(name, **settings):
    return plugins.find("backbones", name).build(BackboneConfig(name=name, **settings))


def images(count, *, px=224):
    return torch.randn(count, 3, px, px, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module", params=NAMES)
def backbone(request):
    """One of each kind for all tests: the largest takes seconds to initialise."""
    return build(request.param, d=24)


def test_features_have_the_width_that_was_asked_for(backbone):
    with torch.inference_mode():
        features = backbone.eval()(images(2))
    assert isinstance(backbone, Backbone)
    assert features.shape == (2, 24)
    assert features.dtype == torch.float32
    assert features.isfinite().all()


def test_forward_is_the_neck_after_the_trunk(backbone):
    backbone.eval()
    with torch.inference_mode():
        assert torch.equal(backbone(images(1)), backbone.neck(backbone.trunk(images(1))))


def test_evaluation_sees_one_image_at_a_time(backbone):
    """Dropout is off, and a batch's other images change nothing."""
    backbone.eval()
    with torch.inference_mode():
        together = backbone(images(2))
        alone = torch.cat([backbone(image[None]) for image in images(2)])
    # float32 sums taken in another order, of features of order 1
    assert torch.allclose(together, alone, atol=1e-5)


def test_gradients_reach_every_parameter(backbone):
    backbone.train()(images(2)).square().sum().backward()
    assert [key for key, parameter in backbone.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("name", NAMES)
def test_images_of_half_the_size_work_or_are_refused_when_building(name):
    with torch.device("meta"):  # shapes alone decide
        try:
            features = build(name, image_px=112).eval()(torch.empty(2, 3, 112, 112))
        except ConfigError as error:
            said = f"{error.message} {error.hint}"
        else:
            said = None
    assert "112" in said and "224" in said if said else features.shape == (2, 64)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_split_into_maps_and_their_features_or_refuses_to_be(name):
    with torch.device("meta"):  # shapes alone decide
        try:
            backbone = build(name, neck="split").eval()
        except ConfigError as error:
            said = error.message
        else:
            said = None
            maps = backbone.trunk(torch.empty(2, 3, 224, 224))
            features = backbone.neck(maps)
    if said:
        assert "model.neck = 'split'" in said
    else:
        assert isinstance(backbone.neck, Split)
        assert maps.ndim == 4
        assert features.shape == (2, backbone.neck.width)


@pytest.mark.parametrize("name", NAMES)
def test_pretrained_weights_out_of_reach_are_an_error_that_says_how_to_go_on(name, monkeypatch, tmp_path):
    def no_network(*args, **kwargs):
        raise URLError("name or service not known")

    monkeypatch.setattr(pretrained, "urlopen", no_network)
    monkeypatch.setattr(pretrained.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    # a network that has no ImageNet weights anywhere refuses the setting instead
    with pytest.raises((DownloadError, ConfigError)) as caught:
        build(name, pretrained=True)
    assert "--pretrained" in caught.value.hint
    if isinstance(caught.value, DownloadError):
        assert re.search(r"weights of .* from https://.*: name or service", caught.value.message)
        assert str(tmp_path) in caught.value.hint
