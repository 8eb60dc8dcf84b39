"""What matching costs: ours, plain loops, and the solvers of POT, on the same features in one run.

Each turns the features of N identities into the shift-free features of N - 1 of them. The loop does all of it
in the plainest way; the others differ from ours in the solver alone. All run in one thread, for the problems
are small, and what counts on the CPU is the time for which it ran, so that other work on the machine weighs
little; on a GPU it is the time until all is done.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from elimctl.backbones.backbone import Backbone
from elimctl.bench import machine
from elimctl.methods import elim
from elimctl.methods.elim import Config
from elimctl.methods.matching import problems
from elimctl.transport.qp import qp
from elimctl.transport.shift import SPREAD_EPS, identity_shift, remove_shift

SIZES = ((10, 10, 64), (10, 51, 64), (50, 20, 64), (10, 10, 512))  # identities, samples of each, width
WINDOW_S = 0.005  # how long a round repeats a call
LONGEST_S = 3.0  # what is slow takes part in no further round after so long
BACKWARD = ("detached", "differentiated")

Features = Float[Tensor, "N k d"]
Weights = Float[Tensor, "T k"]
Square = Float[Tensor, "T k k"]
Solver = Callable[[Weights, Weights, Square], Square]
Match = Callable[[], Features]


@dataclass(frozen=True, slots=True)
class Case:
    """What was measured with groups of one size.

    Args:
        identities: N, one of them the reference.
        samples: k, samples of each identity.
        dim: d, width of the features.
        seconds: of one matching, by who did it; None: who is not there.
        backward_seconds: of ours with its gradient; `detached` as in training by default, `differentiated`
            with the gradient through the plan.
    """

    identities: int
    samples: int
    dim: int
    seconds: dict[str, float | None]
    backward_seconds: dict[str, float]

    @property
    def ours(self) -> float:
        """Seconds of ours, which is always there."""
        seconds = self.seconds["ours"]
        assert seconds is not None
        return seconds


def measure(
    device: torch.device, *, rounds: int, sizes: Sequence[tuple[int, int, int]] = SIZES
) -> Iterator[str | list[Case]]:
    """Measure the matching of drawn features.

    Args:
        device: that the features are on.
        rounds: of everyone in turn, so that other work on the machine weighs on all; the fastest counts.
        sizes: identities, samples of each, and width of the features.

    Yields:
        What is being done, and last what was measured.
    """
    if _pot() is None:
        yield "POT is missing and is left out: pip install 'POT>=0.9.6'"
    cases = []
    for identities, samples, dim in sizes:
        yield f"{identities} identities, {samples} samples of each, {dim} features"
        drawn = torch.randn(identities, samples, dim, generator=torch.Generator().manual_seed(0))
        features = drawn.relu()  # as they are at the end of a neck
        cases.append(_measure(features.to(device), rounds=rounds))
    yield cases


def _measure(features: Features, *, rounds: int) -> Case:
    calls: dict[str, Callable[[], object]] = {}
    matches = matchings(features, Config())
    for name, match in matches.items():
        if match is not None:
            calls[name] = torch.no_grad()(match)
    for name in BACKWARD:
        leaf = features.detach().requires_grad_()
        match = _ours(leaf, Config(differentiate_plan=name == "differentiated"))
        calls[name] = partial(_with_gradient, match, leaf)
    with _one_thread():
        seconds = _fastest(calls, features.device, rounds=rounds)
    identities, samples, dim = features.shape
    return Case(
        identities=identities,
        samples=samples,
        dim=dim,
        seconds={name: seconds.get(name) for name in matches},
        backward_seconds={name: seconds[name] for name in BACKWARD},
    )


def matchings(features: Features, config: Config) -> dict[str, Match | None]:
    """Ways to get the shift-free features of all identities but the first.

    Args:
        features: of N identities with the same number of samples, not all clipped to 0.
        config: regularisation and iterations, the same for every Sinkhorn; penalty and form of `qp`.

    Returns:
        By name: `ours`, `loop`, `pot_loop`, `pot_batch`, `emd` (exact) and `qp`; None: POT is missing.
    """
    pot, reg, n_iter = _pot(), config.regularisation, config.n_iter
    found: dict[str, Match | None] = {
        "ours": _ours(features, config),
        "loop": partial(_loop, features, reg=reg, n_iter=n_iter),
    }
    found |= dict.fromkeys(("pot_loop", "pot_batch", "emd"))
    if pot is not None:
        sinkhorn = partial(pot.sinkhorn, reg=reg, numItermax=n_iter, stopThr=0.0, warn=False)
        batch = partial(pot.batch.solve_batch, reg=reg, max_iter=n_iter, tol=0.0, method="sinkhorn")
        solvers: dict[str, Solver] = {
            "pot_loop": lambda a, b, M: torch.stack(list(map(sinkhorn, a, b, M))),
            "pot_batch": lambda a, b, M: batch(M, a=a, b=b, grad="detach").plan,
            "emd": partial(_exact, pot.emd),
        }
        found |= {name: _solved_by(solver, features) for name, solver in solvers.items()}
    found["qp"] = _solved_by(partial(qp, gamma=config.qp_gamma, form=config.qp_form), features)
    return found


def _ours(features: Features, config: Config) -> Match:
    """What training does with the features that it selected."""
    model, mask = elim.build(config, Backbone(nn.Identity(), nn.Linear(1, 1))), _everyone(features)
    return lambda: remove_shift(features[1:], model.shifts(features, mask))


def _solved_by(solver: Solver, features: Features) -> Match:
    """What training does, with another solver."""
    mask = _everyone(features)

    def match() -> Tensor:
        a, b, M = problems(features[:1], features[1:], mask[:1], mask[1:])
        return remove_shift(features[1:], identity_shift(M, solver(a, b, M)))

    return match


def _exact(emd: Callable[..., Tensor], a: Weights, b: Weights, M: Square) -> Square:
    """Plans without regularisation; POT wants weights whose sums agree to six decimals."""
    mass = b.sum(dim=1)[:, None, None]
    a, b = (weights.double() / weights.double().sum(dim=1, keepdim=True) for weights in (a, b))
    return mass * torch.stack(list(map(emd, a, b, M.double()))).to(mass.dtype)


def _loop(features: Features, *, reg: float, n_iter: int) -> Features:
    """One target at a time, one cost at a time.

    Source: Kim & Song 2022, Eq. 2, 3, 4 and 8 and appendix algorithm 1, with decision A.10 row 4.
    """
    source, *targets = features
    shift_free = []
    for target in targets:
        M = source.new_empty(len(source), len(target))
        for i in range(len(source)):
            for j in range(len(target)):
                M[i, j] = 1 - cosine_similarity(source[i], target[j], dim=0)
        a, b = (source @ target.mean(dim=0)).clamp_min(0), (target @ source.mean(dim=0)).clamp_min(0)
        a, b = len(a) * a / a.sum(), len(b) * b / b.sum()
        K = torch.exp(-M / reg)
        u = torch.full_like(a, 1 / len(a))
        for _ in range(n_iter):
            u = a / (K @ (b / (K.T @ u)))
        plan = torch.diag(u) @ K @ torch.diag(b / (K.T @ u))
        centred = target - (M * plan).sum(dim=0).unsqueeze(1)
        shift_free.append(centred / (centred.square().mean(dim=1, keepdim=True).sqrt() + SPREAD_EPS))
    return torch.stack(shift_free)


def _with_gradient(match: Match, leaf: Features) -> Tensor:
    shift_free = match()
    return torch.autograd.grad(shift_free, leaf, torch.ones_like(shift_free))[0]


def _everyone(features: Features) -> Tensor:
    return torch.ones(features.shape[:2], dtype=torch.bool, device=features.device)


def _pot() -> Any:
    """POT with its batched solvers, or None."""
    try:
        import ot.batch  # of the dev extra
    except ImportError:
        return None
    return ot


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _fastest(
    calls: dict[str, Callable[[], object]], device: torch.device, *, rounds: int
) -> dict[str, float]:
    """Seconds of each call in its fastest round; the first call, which also loads and allocates, is none."""
    for call in calls.values():
        call()
    fastest, spent = dict.fromkeys(calls, inf), dict.fromkeys(calls, 0.0)
    for _ in range(rounds):
        for name in calls:
            if spent[name] < LONGEST_S:
                started = time.perf_counter()
                fastest[name] = min(fastest[name], _seconds(calls[name], device))
                spent[name] += time.perf_counter() - started
    return fastest


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    """Seconds of a call, on the average of a window: those that the thread ran, or that the GPU took."""
    clock = time.thread_time if device.type == "cpu" else time.perf_counter
    machine.wait(device)
    count, started = 0, clock()
    while clock() - started < WINDOW_S:
        call()
        count += 1
    machine.wait(device)
    return (clock() - started) / count
