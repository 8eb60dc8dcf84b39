import pytest
import torch

from elimctl.transport.cost import cosine
from elimctl.transport.precision import full_precision
from elimctl.transport.shift import identity_shift, remove_shift
from elimctl.transport.sinkhorn import sinkhorn, sinkhorn_log
from elimctl.transport.weights import normalise, relevance, self_side


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


def test_transport_under_autocast_is_bit_identical_to_float32():
    generator = torch.Generator().manual_seed(0)
    source, target = (torch.rand(3, n, 16, generator=generator) for n in (5, 6))
    masks = (torch.ones(3, 5).bool(), torch.ones(3, 6).bool())

    def everything():
        M = cosine(source, target)
        results = [M]
        for raw in (relevance, self_side):
            a, b = raw(source, target, *masks)
            a, b = normalise(a, masks[0], norm="l2"), normalise(b, masks[1], norm="count")
            for solver in (sinkhorn, sinkhorn_log):
                plan = solver(a, b, M, reg=0.2, n_iter=5)
                results += [a, b, plan, remove_shift(target, identity_shift(M, plan))]
        return results

    plain = everything()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        reduced = everything()
    for wanted, found in zip(plain, reduced, strict=True):
        assert found.dtype == torch.float32
        assert torch.equal(found, wanted)
