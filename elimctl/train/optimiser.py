"""Adam with one group for the backbone and one for the projector, and the paper's schedule.

Source: Kim & Song 2022; docs/methods.md, A.9 and A.10 rows 9 to 11.
"""

import torch
from torch import nn

from elimctl.train.config import TrainConfig

FIRST_MILESTONE, MILESTONE_EVERY = 5_000, 20_000  # steps; A.9


def build(model: nn.Module, config: TrainConfig) -> torch.optim.Adam:
    """The optimiser of a run.

    Args:
        model: a method's module; its `parameter_groups()` names the groups.
        config: learning rates and betas. A group that is neither `backbone` nor `projector` learns
            at the backbone's rate.
    """
    rates = {"projector": config.lr_projector}
    groups = [
        {"params": parameters, "name": name, "base_lr": rates.get(name, config.lr_backbone)}
        for name, parameters in model.parameter_groups().items()  # type: ignore[operator]
        if parameters
    ]
    on_cuda = groups[0]["params"][0].is_cuda
    fused = on_cuda if config.fused is None else config.fused
    optimizer = torch.optim.Adam(groups, lr=config.lr_backbone, betas=config.betas, fused=fused)
    set_rates(optimizer, config, step=0)
    return optimizer


def set_rates(optimizer: torch.optim.Optimizer, config: TrainConfig, *, step: int) -> float:
    """Set every group's learning rate for a step.

    Returns:
        The backbone's learning rate.
    """
    factor = config.lr_decay ** milestones_passed(step, config.milestones)
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
    return config.lr_backbone * factor


def milestones_passed(step: int, milestones: tuple[int, ...] | None = None) -> int:
    """Milestones at or before a step.

    Args:
        step: steps done before this one, >= 0.
        milestones: steps at which the rate falls; None stands for 5,000 and every 20,000 after it.
    """
    if milestones is not None:
        return sum(step >= milestone for milestone in milestones)
    return 0 if step < FIRST_MILESTONE else 1 + (step - FIRST_MILESTONE) // MILESTONE_EVERY
