"""How the images of a batch go through a network in training: in parts, compiled, on several ranks.

A loss of a whole batch, such as a correlation, is no mean over parts of it. So the features of all parts and
all ranks are brought together before any loss is computed, and every rank computes the losses of them all:
the gradient is that of the whole batch, however it was spread.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

Network = Callable[[Tensor], Tensor]


@dataclass
class Passes:
    """How images become features.

    Args:
        parts: parts that go through the network one by one, so that the activations of one of them are held
            at a time; each goes through it a second time for its gradient (Chen et al. 2016), and
            BatchNorm sees each by itself.
        compiled: whether the network is compiled by torch.
        rank: this process among those that share a batch.
        ranks: number of these.
        norms: layers whose running statistics the second time must leave alone.
    """

    parts: int = 1
    compiled: bool = False
    rank: int = 0
    ranks: int = 1
    norms: Sequence[_BatchNorm] = ()
    _compiled: dict[Network, Network] = field(default_factory=dict)

    def __call__(self, network: Network, images: Tensor, *, shares: Sequence[int]) -> Float[Tensor, "B ..."]:
        """Features of the images of all ranks.

        Args:
            network: images to features.
            images: this rank's share of the batch.
            shares: number of images that each rank has; of one rank it is not looked at.

        Returns:
            float32 where there are several ranks, in the order of the batch. Its gradient is meant to be
            averaged over the ranks.
        """
        if self.compiled:
            if network not in self._compiled:
                self._compiled[network] = torch.compile(network, dynamic=False)
            network = self._compiled[network]
        if self.ranks == 1:
            return self._in_parts(network, images)
        # what the network draws is not that of the other ranks; what is drawn later is
        seed = int(torch.randint(2**62, ()))
        with torch.random.fork_rng([images.device] if images.is_cuda else []):
            torch.manual_seed(seed + self.rank)
            own = self._in_parts(network, images)
        return _Gather.apply(own.float(), shares, self.rank)  # type: ignore[no-untyped-call]

    def _in_parts(self, network: Network, images: Tensor) -> Tensor:
        if self.parts == 1:
            return network(images)
        features = [
            checkpoint(network, part, use_reentrant=False, context_fn=self._contexts)
            for part in images.tensor_split(self.parts)
        ]
        return torch.cat(features)

    def _contexts(self) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        """Contexts of the first and of the second time."""
        return nullcontext(), _statistics_kept(self.norms)


@contextmanager
def _statistics_kept(norms: Sequence[_BatchNorm]) -> Iterator[None]:
    """Keep the running statistics of layers as they are.

    A momentum of 0 does it; layers that track nothing would save other tensors than those that do.
    """
    before = [(norm.momentum, norm.num_batches_tracked.clone()) for norm in norms]  # type: ignore[operator, union-attr]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, (momentum, batches) in zip(norms, before, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked.copy_(batches)  # type: ignore[operator, union-attr]


class _Gather(torch.autograd.Function):
    """The features of all ranks on every rank.

    Every rank computes the same losses of them, so the gradient of a rank's own features is there already;
    it is multiplied by the number of ranks, over which gradients are averaged.
    """

    @staticmethod
    def forward(ctx: Any, own: Tensor, shares: Sequence[int], rank: int) -> Tensor:
        start = sum(shares[:rank])
        ctx.own, ctx.ranks = slice(start, start + shares[rank]), len(shares)
        sent = own.new_zeros(max(shares), *own.shape[1:])
        sent[: len(own)] = own
        received = [torch.empty_like(sent) for _ in shares]
        distributed.all_gather(received, sent)
        return torch.cat([found[:size] for found, size in zip(received, shares, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return ctx.ranks * gradients[0][ctx.own], None, None


def norm_layers(network: nn.Module) -> list[_BatchNorm]:
    """The layers of a network that keep running statistics."""
    return [
        layer for layer in network.modules() if isinstance(layer, _BatchNorm) and layer.track_running_stats
    ]
