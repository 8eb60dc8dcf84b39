"""How many parameters a model has, and how many the paper counts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from elimctl import plugins
from elimctl.backbones.config import BackboneConfig
from elimctl.backbones.projector import Projector


@dataclass(frozen=True, slots=True)
class Summary:
    """Parameters of a model, part by part.

    Args:
        backbone: its name, and what is not default in its configuration.
        trunk: parameters of the trunk.
        neck: parameters of the neck.
        projector: parameters of the projector.
        total: parameters of the whole model.
        paper: what the paper's table counts for this backbone, which is never the whole model; None for
            a backbone that is not in the paper.
    """

    backbone: str
    trunk: int
    neck: int
    projector: int
    total: int
    paper: int | None


def count(module: nn.Module) -> int:
    """Parameters of a module, shared ones once; buffers are none."""
    return sum(parameter.numel() for parameter in module.parameters())


def summary(config: BackboneConfig, *, projector_bn: bool = True) -> Summary:
    """Count a model's parameters without allocating or downloading any.

    Args:
        config: the backbone. Its file may state the parts that the paper counts, as `PAPER_COUNTS`.
        projector_bn: whether the projector has its BatchNorm.

    Raises:
        ConfigError: the backbone cannot be built.

    Source: Kim & Song 2022, Table 1, against the counts of the working models.
    """
    plugin = plugins.find("backbones", config.name)
    with torch.device("meta"):
        backbone = plugin.build(config.model_copy(update={"pretrained": False}))
        projector = Projector(config.d, bn=projector_bn)
    parts = {"trunk": count(backbone.trunk), "neck": count(backbone.neck), "projector": count(projector)}
    counted = getattr(plugin, "PAPER_COUNTS", ())
    return Summary(
        backbone=_label(config),
        **parts,
        total=sum(parts.values()),
        paper=sum(parts[part] for part in counted) if counted else None,
    )


def summaries() -> list[Summary]:
    """Every backbone with its projector, at the default width.

    A backbone's file may state `VARIANTS`, the settings to list; the default ones are listed otherwise.
    """
    listed: list[Summary] = []
    for name in plugins.names("backbones"):
        variants: Iterable[dict[str, Any]] = getattr(plugins.find("backbones", name), "VARIANTS", ({},))
        listed += [summary(BackboneConfig(name=name, **variant)) for variant in variants]
    return listed


def _label(config: BackboneConfig) -> str:
    changed = config.model_dump(exclude_defaults=True, exclude={"name", "pretrained"})
    return ", ".join([config.name, *(f"{key} {value}" for key, value in changed.items())])
