"""Adam with a parameter group each for backbone and projector, and their learning rates.

Source: Kim & Song 2022; docs/methods.md, A.9, A.10 rows 9 to 11, and E.4.
"""

import torch
from torch import nn

from elimctl.train.config import TrainConfig

FIRST_MILESTONE, MILESTONE_EVERY = 5_000, 20_000  # steps; A.9


def build(model: nn.Module, config: TrainConfig) -> torch.optim.Adam:
    """The optimiser of a run.

    Args:
        model: a method's module; its `parameter_groups()` names the groups.
        config: learning rates, betas, weight decay. Groups other than `projector` use the backbone's rate.
    """
    groups = [
        {"params": parameters, "name": name}
        for name, parameters in model.parameter_groups().items()  # type: ignore[operator]
        if parameters
    ]
    on_cuda = groups[0]["params"][0].is_cuda
    fused = on_cuda if config.fused is None else config.fused
    optimizer = torch.optim.Adam(
        groups, lr=config.lr_backbone, betas=config.betas, weight_decay=config.weight_decay, fused=fused
    )
    set_rates(optimizer, config, step=0, epoch=0)
    return optimizer


def set_rates(optimizer: torch.optim.Optimizer, config: TrainConfig, *, step: int, epoch: int) -> float:
    """Set the learning rates for a step of an epoch (both from 0), and return the backbone's."""
    backbone, projector = scheduled(config, step=step, epoch=epoch)
    for group in optimizer.param_groups:
        group["lr"] = projector if group["name"] == "projector" else backbone
    return backbone


def scheduled(config: TrainConfig, *, step: int, epoch: int) -> tuple[float, float]:
    """Learning rates of backbone and projector in a step; `config.rates` goes by epochs."""
    backbone, projector = config.lr_backbone, config.lr_projector
    if not config.rates:
        factor = config.lr_decay ** milestones_passed(step, config.milestones)
        return backbone * factor, projector * factor
    for change in config.rates:
        if change.epoch <= epoch:
            backbone, projector = change.backbone or backbone, change.projector or projector
    return backbone, projector


def milestones_passed(step: int, milestones: tuple[int, ...] | None = None) -> int:
    """Number of milestones at or before a step; None: milestones at 5,000 and every 20,000 steps after."""
    if milestones is not None:
        return sum(step >= milestone for milestone in milestones)
    return 0 if step < FIRST_MILESTONE else 1 + (step - FIRST_MILESTONE) // MILESTONE_EVERY
