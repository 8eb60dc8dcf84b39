import ot
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elimctl.transport.barycentre import barycentre

seeds = st.integers(0, 2**32 - 1)


def points(seed, count):
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def histograms(seed, measures, count):
    return torch.rand(measures, count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("reg", [0.1, 0.2, 5.0])
@pytest.mark.parametrize(("measures", "count"), [(2, 2), (3, 7), (5, 4)])
def test_it_agrees_with_pot(reg, measures, count):
    M = torch.cdist(points(0, count), points(0, count))
    b = histograms(1, measures, count) + 0.01
    b = b / b.sum(dim=1, keepdim=True)
    found = barycentre(b, M.expand(measures, -1, -1), reg=reg, n_iter=1_000)
    wanted = ot.bregman.barycenter(b.T.numpy(), M.numpy(), reg, numItermax=5_000, stopThr=1e-13, warn=False)
    # both change no more: POT by its tolerance, ours by rounding
    torch.testing.assert_close(found, torch.from_numpy(wanted / wanted.sum()), rtol=0, atol=1e-9)


def problem(seed):
    """Three measures with samples of their own, and a support of six points."""
    M = torch.stack([torch.cdist(points(seed, 6), points(seed + i, 4)) for i in (1, 2, 3)])
    return histograms(seed, 3, 4), M


@given(seeds, st.floats(1e-3, 1e3))
def test_the_scale_of_a_measure_does_not_matter(seed, scale):
    b, M = problem(seed)
    scaled = b * torch.tensor([[1.0], [scale], [2.0]])
    found = barycentre(scaled, M, reg=0.2, n_iter=5)
    torch.testing.assert_close(found, barycentre(b, M, reg=0.2, n_iter=5), rtol=1e-9, atol=0)
    torch.testing.assert_close(found.sum(), torch.tensor(1.0).double())


@given(seeds)
def test_padding_changes_nothing(seed):
    b, M = problem(seed)
    padded = torch.nn.functional.pad(M, (0, 2, 0, 3), value=0.1)
    mask = torch.arange(9) < 6
    found = barycentre(torch.nn.functional.pad(b, (0, 2)), padded, reg=0.1, n_iter=5, mask=mask)
    torch.testing.assert_close(found[:6], barycentre(b, M, reg=0.1, n_iter=5), rtol=1e-10, atol=0)
    assert (found[6:] == 0).all()


def test_between_two_points_it_is_the_middle():
    line = torch.linspace(0, 1, 11, dtype=torch.float64)
    ends = line[[0, -1]]
    M = (line.unsqueeze(1) - ends.view(2, 1, 1)) ** 2
    found = barycentre(torch.ones(2, 1).double(), M, reg=1e-3, n_iter=100)
    assert found.argmax() == 5
    assert found[5] > 0.99


def test_a_small_regularisation_and_weights_of_zero_have_finite_gradients():
    b, M = problem(0)
    b[0, 1] = 0
    b.requires_grad_()
    M.requires_grad_()
    (barycentre(b, M, reg=1e-3, n_iter=5, mask=torch.arange(6) < 5) * torch.arange(6)).sum().backward()
    assert b.grad.isfinite().all()
    assert M.grad.isfinite().all()
