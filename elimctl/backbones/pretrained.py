"""Networks of timm and torchvision, with or without their ImageNet weights.

The libraries' own downloads retry for most of a minute where there is no network, timm's even for a file
that is already cached. So a cached file is used without asking the network, and a server is asked once
before anything is fetched from it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import huggingface_hub
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import AlexNet_Weights, alexnet

from elimctl.errors import ConfigError, DownloadError

WAIT_S = 5  # for a server's first answer

Result = TypeVar("Result")


def timm_model(name: str, *, num_classes: int, pretrained: bool) -> nn.Module:
    """Build a model of timm.

    Args:
        name: as timm knows it, with or without the tag of its weights.
        num_classes: width of the output layer; 0 leaves it out.
        pretrained: load the weights of the tag; else timm's random initialisation.

    Raises:
        ConfigError: timm has no weights for this model.
        DownloadError: the weights are neither cached nor within reach, or their file is damaged.
    """
    if not pretrained:
        return timm.create_model(name, num_classes=num_classes)
    weights = {"state_dict": _timm_weights(name)}
    model = timm.create_model(name, num_classes=num_classes, pretrained=True, pretrained_cfg_overlay=weights)
    model.pretrained_cfg.pop("state_dict")  # timm keeps a second copy of all the weights there
    return model


def alexnet_features(*, pretrained: bool) -> nn.Module:
    """Build the convolutions of AlexNet, which timm does not have.

    Args:
        pretrained: load torchvision's ImageNet weights; else torchvision's random initialisation.

    Raises:
        DownloadError: the weights are neither cached nor within reach, or their file is damaged.
    """
    model = alexnet(weights=None)
    if pretrained:
        model.load_state_dict(_alexnet_weights())
    features: nn.Module = model.features
    return features


def refuse(name: str, *, pretrained: bool) -> None:
    """Refuse to start a network from ImageNet weights that no library has.

    Raises:
        ConfigError: `pretrained` is set.
    """
    if pretrained:
        raise ConfigError(
            f"neither timm nor torchvision has pretrained weights for {name}", hint="leave out --pretrained"
        )


def _timm_weights(name: str) -> dict[str, Tensor]:
    """Weights of a timm model from the Hugging Face cache, fetched into it first if need be."""
    source = timm.get_pretrained_cfg(name)
    if source is None or not source.hf_hub_id:
        raise ConfigError(f"timm has no pretrained weights for {name}", hint="leave out --pretrained")
    repo, _, revision = source.hf_hub_id.partition("@")
    wanted = source.hf_hub_filename or ""
    file = wanted if wanted.endswith(".safetensors") else "model.safetensors"
    url = huggingface_hub.hf_hub_url(repo, file, revision=revision or None)
    hint = (
        f"leave out --pretrained, or run `hf download {repo} {file}` where there is a network "
        f"and copy the result to {constants.HF_HUB_CACHE}"
    )

    def load() -> dict[str, Tensor]:
        cached = huggingface_hub.try_to_load_from_cache(repo, file, revision=revision or None)
        if not isinstance(cached, str):
            _ask(url)
            cached = huggingface_hub.hf_hub_download(repo, file, revision=revision or None)
        return load_file(cached)

    return _or_download_error(load, what=f"the pretrained weights of {name}", url=url, hint=hint)


def _alexnet_weights() -> dict[str, Tensor]:
    """AlexNet's weights from torch's cache, fetched into it first if need be."""
    weights = AlexNet_Weights.IMAGENET1K_V1
    place = Path(torch.hub.get_dir(), "checkpoints", Path(weights.url).name)

    def load() -> dict[str, Tensor]:
        if not place.exists():
            _ask(weights.url)
        return weights.get_state_dict(progress=False, check_hash=True, weights_only=True)

    hint = f"leave out --pretrained, or put a sound copy of the file at {place}"
    return _or_download_error(load, what="the pretrained weights of AlexNet", url=weights.url, hint=hint)


def _ask(url: str) -> None:
    """Raise an OSError unless the server of `url` answers, be it with a refusal."""
    try:
        urlopen(Request(url, method="HEAD"), timeout=WAIT_S).close()
    except HTTPError as refusal:
        refusal.close()  # a refusal may be for want of a token, which the library has


def _or_download_error(load: Callable[[], Result], *, what: str, url: str, hint: str) -> Result:
    """Result of `load`, whatever it raises turned into a DownloadError."""
    try:
        return load()
    # urllib, requests, httpx, huggingface_hub, safetensors and torch each raise classes of their own for a
    # connection, a disk or a file that fails, without a common base
    except Exception as error:
        reason = str(getattr(error, "reason", error)).partition("\n")[0].rstrip(".") or type(error).__name__
        raise DownloadError(f"could not get {what} from {url}: {reason}", hint=hint) from error
