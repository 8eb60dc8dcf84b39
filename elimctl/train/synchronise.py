"""BatchNorm with the statistics of the whole batch over all ranks."""

from typing import Any, cast

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def synchronise(network: nn.Module, device: torch.device) -> None:
    """Replace each BatchNorm of a network, in place, by one over all ranks; parameters and names stay.

    torch has such a layer only for CUDA; timm's conversion keeps activations.
    """
    if device.type == "cuda":
        from timm.layers.norm_act import convert_sync_batchnorm

        for name, child in list(network.named_children()):
            setattr(network, name, convert_sync_batchnorm(child))
        return
    for name, child in list(network.named_children()):
        if isinstance(child, NORMS):
            setattr(network, name, SynchronisedBatchNorm(child))
        else:
            synchronise(child, device)


class SynchronisedBatchNorm(_BatchNorm):
    """A BatchNorm with mean and variance over all ranks.

    Args:
        norm: the replaced layer; its parameters, statistics and activation (timm) are kept.

    Source: Ioffe & Szegedy 2015, with sums over all ranks.
    """

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        self._parameters, self._buffers, self.training = norm._parameters, norm._buffers, norm.training
        self.drop, self.act = (
            cast(nn.Module, getattr(norm, name, nn.Identity())) for name in ("drop", "act")
        )

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # collectives cannot be compiled
    def forward(self, values: Tensor) -> Tensor:
        """Normalise values of shape (B, C, ...); B may differ between ranks."""
        normed = self._standardised(values) if self.training else super().forward(values)
        return self.act(self.drop(normed))

    def _standardised(self, values: Tensor) -> Tensor:
        axes = (0, *range(2, values.dim()))
        shape = (1, -1, *(1 for _ in axes[1:]))
        wide = values.float() if values.dtype.itemsize < 4 else values
        local_count = wide.new_tensor([values.numel() / values.shape[1]])
        *sums, count = _AllSum.apply(torch.cat([wide.sum(axes), local_count])).split([values.shape[1], 1])  # type: ignore[no-untyped-call]
        mean = sums[0] / count
        centred = wide - mean.view(shape)
        variance = _AllSum.apply(centred.square().sum(axes)) / count  # type: ignore[no-untyped-call]
        if self.track_running_stats:
            self._track(mean.detach(), variance.detach() * count / (count - 1))
        normed = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            normed = normed * self.weight.view(shape) + self.bias.view(shape)
        return normed.to(values.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor) -> None:
        running_mean, running_var = cast(Tensor, self.running_mean), cast(Tensor, self.running_var)
        batches = cast(Tensor, self.num_batches_tracked).add_(1)
        weight = 1 / float(batches) if self.momentum is None else self.momentum
        running_mean.lerp_(mean.to(running_mean.dtype), weight)
        running_var.lerp_(variance.to(running_var.dtype), weight)

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002, torch's name
        """Accept any number of axes."""


class _AllSum(torch.autograd.Function):
    """The sum over all ranks; its gradient is the sum of theirs."""

    @staticmethod
    def forward(_ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        return total
