"""What a backbone is built from."""

from typing import Literal

from pydantic import Field, model_validator

from elimctl.config import Config
from elimctl.errors import ConfigError


class BackboneConfig(Config):
    """Choice of a backbone; the table `[model]` of a recipe."""

    # a plug-in of elimctl/backbones; after a slash what the plug-in itself chooses from (timm/resnet50)
    name: str = Field("al", min_length=1)
    # width of the features; 64 is the only width that gives the printed 88K projector (decision A.10 row 6)
    d: int = Field(64, ge=1)
    # "fc": the released code's; "gap": al's small one, which makes a 2.6M model; "split": the network's own
    # last part, without a layer of width d, for methods that copy it (She et al. 2021, supplement)
    neck: Literal["fc", "gap", "split"] = "fc"
    # probability, before every linear layer of a neck that has dropout (Kim & Song 2022, released code)
    dropout: float = Field(0.5, ge=0, lt=1)
    # start from ImageNet weights; else from random ones (decision A.10 row 33)
    pretrained: bool = False
    # random weights: the library's own, or "normal" for the whole model (Kim & Song 2022, algorithm 1)
    init: Literal["library", "normal"] = "library"
    # side of the square images, px (Kim & Song 2022, appendix: 224)
    image_px: int = Field(224, ge=32)

    @model_validator(mode="after")
    def _one_start(self) -> "BackboneConfig":
        if self.pretrained and self.init == "normal":
            raise ValueError("pretrained weights would be overwritten by init = 'normal'")
        return self


def known_neck(config: BackboneConfig, *necks: str) -> None:
    """Refuse a choice of neck that a backbone does not have.

    Args:
        config: the choice.
        necks: those that it has, the default first.

    Raises:
        ConfigError: `config.neck` is none of them.
    """
    if config.neck in necks:
        return
    has = "one neck only" if len(necks) == 1 else f"the necks {' and '.join(necks)}"
    remedy = "choose the backbone al" if config.neck == "gap" else "choose another backbone, such as r18"
    raise ConfigError(
        f"model.neck = {config.neck!r} with backbone {config.name!r}, which has {has}",
        hint=f"set model.neck = {necks[0]!r}, or {remedy}",
    )


def one_neck(config: BackboneConfig) -> None:
    """Refuse a choice of neck for a backbone that has only one.

    Raises:
        ConfigError: `config.neck` is not the default.
    """
    known_neck(config, "fc")
