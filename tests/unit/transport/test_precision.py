import pytest
import torch

from elimctl.transport.precision import full_precision
from elimctl.transport.shift import identity_shift, remove_shift
from elimctl.transport.sinkhorn import sinkhorn, sinkhorn_log


@full_precision
def product(left, right, *, scale):
    return (left @ right) * scale


@pytest.mark.parametrize("narrow", [torch.bfloat16, torch.float16])
def test_narrow_tensors_are_raised_to_float32(narrow):
    assert product(torch.ones(2, 2, dtype=narrow), torch.ones(2, 2), scale=1).dtype == torch.float32


def test_float64_stays():
    assert product(torch.eye(2).double(), torch.eye(2).double(), scale=1).dtype == torch.float64


def test_autocast_is_off_inside_and_on_again_after():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert product(torch.ones(2, 2), torch.ones(2, 2), scale=1).dtype == torch.float32
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16


@pytest.mark.parametrize("narrow", [torch.bfloat16, torch.float16])
def test_plans_and_shifts_under_autocast_are_bit_identical_to_those_without(narrow):
    generator = torch.Generator().manual_seed(0)
    a, b, M = (torch.rand(3, *shape, generator=generator) for shape in ((5,), (6,), (5, 6)))
    features = torch.rand(3, 6, 16, generator=generator)

    def everything():
        for solver in (sinkhorn, sinkhorn_log):
            plan = solver(a, b, M, reg=0.2, n_iter=5)
            shift = identity_shift(M, plan)
            yield from (plan, shift, remove_shift(features, shift))

    plain = list(everything())
    with torch.autocast("cpu", dtype=narrow):
        reduced = list(everything())
    for wanted, found in zip(plain, reduced, strict=True):
        assert found.dtype == torch.float32
        assert torch.equal(found, wanted)
