import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from elimctl.backbones import counts
from elimctl.methods.attention_blocks import CrossAttention, ReferenceAttention, attend

VECTORS = json.loads((Path(__file__).parents[2] / "vectors.json").read_text(encoding="utf-8"))
BLOCKS = pytest.mark.parametrize("block", [CrossAttention, ReferenceAttention])


def groups(sizes, d=16, seed=0):
    """Features of groups, zeros at padding, and their mask."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.arange(max(sizes)) < torch.tensor(sizes).unsqueeze(1)
    return torch.randn(len(sizes), max(sizes), d, generator=generator) * mask.unsqueeze(2), mask


def made(block, d=16, *, heads=4):
    torch.manual_seed(0)
    return block(d, heads=heads)


@pytest.mark.parametrize(("block", "wanted"), [(CrossAttention, 33_601), (ReferenceAttention, 33_473)])
def test_it_has_as_many_parameters_as_the_paper_and_the_reference_code(block, wanted):
    assert counts.count(made(block, 64, heads=8)) == wanted


def test_attending_agrees_with_the_vectors():
    case, sides = VECTORS["cross_attention_case_A"], VECTORS["elim"]["A_nonneg_n3_m4_d5"]
    reference, target = (torch.tensor([sides[side]], dtype=torch.float64) for side in ("Z_ref", "Z_tgt"))
    plain = nn.MultiheadAttention(5, 1, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        plain.in_proj_weight.copy_(torch.eye(5).repeat(3, 1))
        plain.out_proj.weight.copy_(torch.eye(5))
    padded = torch.cat([reference, torch.ones(1, 2, 5)], dim=1)
    found = attend(plain, target, padded, torch.tensor([[True, True, True, False, False]]))
    wanted = torch.tensor([case["output"]], dtype=torch.float64)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=0)
    shift = found @ torch.tensor(case["fc_weight"], dtype=torch.float64) + case["fc_bias"]
    torch.testing.assert_close(shift[0], torch.tensor(case["shift"], dtype=torch.float64), rtol=1e-9, atol=0)


def test_it_is_two_attentions_each_with_residual_and_norm():
    block, (z, mask) = made(CrossAttention), groups((3, 4))
    reference, target = z[:1, :3], z[1:]
    own = [block.within_norm(side + block.within(side, side, side)[0]) for side in (reference, target)]
    matched = block.across_norm(own[1] + block.across(own[1], own[0], own[0])[0])
    # one batch of padded sequences adds in another order than two of plain ones
    torch.testing.assert_close(block(z, mask), block.output(matched).squeeze(2), rtol=1e-4, atol=1e-5)


def test_the_reference_form_scales_late_and_lets_the_reference_attend_to_itself():
    block, (z, mask) = made(ReferenceAttention, heads=1), groups((4, 4))

    def mixed(projection, output, queried, valued):
        queries, keys, _ = projection(queried).split(16, dim=1)
        values = projection(valued)[:, 32:]
        return block.norm(output((queries @ keys.T).softmax(dim=1) / 4 @ values))  # 4 is the root of 16

    own = [mixed(block.within, block.within_output, side, side) + side for side in z]
    wanted = block.output(mixed(block.across, block.across_output, *own) + own[1])
    torch.testing.assert_close(block(z, mask), wanted.T, rtol=1e-4, atol=1e-5)


@BLOCKS
@settings(max_examples=15)
@given(sizes=st.lists(st.integers(1, 5), min_size=2, max_size=4), seed=st.integers(0, 2**32 - 1))
def test_padding_has_no_say(block, sizes, seed):
    if block is ReferenceAttention:
        sizes = [sizes[0]] * len(sizes)  # where sizes differ it has no meaning that could be checked
    model, (z, mask) = made(block), groups(sizes, seed=seed)
    wider = nn.functional.pad(z, (0, 0, 0, 3), value=7.0)
    found = model(wider, nn.functional.pad(mask, (0, 3)))
    assert (found[:, z.shape[1] :] == 0).all()
    torch.testing.assert_close(found[:, : z.shape[1]], model(z, mask), rtol=1e-4, atol=1e-5)
    for row in range(1, len(sizes)):
        alone = model(z[[0, row]], mask[[0, row]])
        torch.testing.assert_close(found[row - 1, : z.shape[1]], alone[0], rtol=1e-4, atol=1e-5)


@BLOCKS
def test_samples_of_unequal_numbers_have_finite_shifts_and_gradients(block):
    model, (z, mask) = made(block), groups((2, 5, 1))
    z.requires_grad_()
    model(z, mask).sum().backward()
    assert z.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_order_within_the_target_goes_through_and_within_the_reference_does_not_matter():
    model, (z, mask) = made(CrossAttention), groups((4, 4))
    shuffled = torch.stack([z[0].flip(0), z[1].roll(1, 0)])
    torch.testing.assert_close(model(shuffled, mask), model(z, mask).roll(1, 1), rtol=1e-4, atol=1e-5)
