import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elimctl.methods.matching import PADDING, entropic, gather, needs_log_domain, problems, select
from elimctl.transport.sinkhorn import SolverOptions, sinkhorn_log

GROUPS = torch.tensor([[4, 0, 2, 7], [1, 3, PADDING, PADDING], [5, 6, 8, PADDING]])
seeds = st.integers(0, 2**32 - 1)


def matched(source, targets, source_mask, target_mask, *, reg, log_domain=None, **options):
    """Plans and costs from one reference after five iterations."""
    a, b, M = problems(source.unsqueeze(0), targets, source_mask.unsqueeze(0), target_mask, **options)
    everyone = source_mask.expand(len(M), -1)
    return entropic(a, b, M, everyone, reg=reg, n_iter=5, options=SolverOptions(log_domain=log_domain)), M


def labels(seed=0):
    return 2 * torch.rand(9, 2, generator=torch.Generator().manual_seed(seed)) - 1


def chosen(sampling, *, k=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return select(GROUPS, labels(), sampling=sampling, k=k, generator=generator)


@given(seeds, st.integers(2, 6))
def test_gumbel_keeps_k_of_each_group_or_all_it_has(seed, k):
    kept = chosen("gumbel", k=k, seed=seed)
    assert kept.shape == (3, min(k, 4))
    for row, group in zip(kept.tolist(), GROUPS.tolist(), strict=True):
        real = [position for position in row if position != PADDING]
        assert set(real) <= set(group) - {PADDING}
        assert len(set(real)) == len(real) == min(k, len(set(group) - {PADDING}))
        assert row == real + [PADDING] * (len(row) - len(real))


def test_none_keeps_every_sample():
    assert torch.equal(chosen("none"), GROUPS)


def test_max_filling_repeats_the_last_sample_of_shorter_groups():
    assert chosen("max-filling").tolist() == [[4, 0, 2, 7], [1, 3, 3, 3], [5, 6, 8, 8]]


def test_gathered_values_are_zero_at_padding_and_no_gradient_comes_back_from_there():
    values = labels().requires_grad_()
    picked = gather(values, GROUPS)
    assert torch.equal(picked[0], values[GROUPS[0]])
    assert (picked[1, 2:] == 0).all()
    real = (GROUPS != PADDING).unsqueeze(2).expand_as(picked)
    picked.backward(torch.where(real, 1.0, torch.nan))
    assert (values.grad == 1).all()


@pytest.mark.parametrize("weights", ["relevance", "self_side"])
@pytest.mark.parametrize("norm", ["count", "unit", "l2"])
@pytest.mark.parametrize("reg", [0.2, 1e-3])
@settings(max_examples=20)
@given(seed=seeds, counts=st.lists(st.integers(1, 6), min_size=2, max_size=4))
def test_padded_groups_are_matched_as_if_each_stood_alone(weights, norm, reg, seed, counts):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(len(counts), 6, 5, generator=generator, dtype=torch.float64)
    mask = torch.arange(6) < torch.tensor(counts).unsqueeze(1)
    features = features * mask.unsqueeze(2)
    options = {"reg": reg, "weights": weights, "norm": norm}
    plan, M = matched(features[0], features[1:], mask[0], mask[1:], **options)
    n = counts[0]
    for i, m in enumerate(counts[1:]):
        alone = features[i + 1 : i + 2, :m]
        everyone = torch.ones(1, m).bool()
        wanted_plan, wanted_M = matched(features[0, :n], alone, mask[0, :n], everyone, **options)
        torch.testing.assert_close(M[i, :n, :m], wanted_M[0])
        # exponents reach 2000 at the smaller reg, and lose three of float64's sixteen digits
        torch.testing.assert_close(plan[i, :n, :m], wanted_plan[0], rtol=1e-9, atol=1e-12)
        assert plan[i].sum() == pytest.approx(plan[i, :n, :m].sum().item(), rel=1e-12)


def test_small_regularisation_is_solved_in_the_log_domain_unless_told_otherwise():
    features = torch.randn(3, 4, 8, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(3, 4).bool()
    arguments = (features[0], features[1:], mask[0], mask[1:])
    plan, M = matched(*arguments, reg=1e-3)
    a, b, cost = problems(features[:1], features[1:], mask[:1], mask[1:])
    assert torch.equal(M, cost)
    assert torch.equal(plan, sinkhorn_log(a, b, M, reg=1e-3, n_iter=5))
    assert not matched(*arguments, reg=1e-3, log_domain=False)[0].isfinite().all()


@pytest.mark.parametrize("reg", [0.2, 0.05])
def test_where_plain_sinkhorn_is_chosen_it_is_right_even_for_the_widest_kernel(reg):
    assert not needs_log_domain(reg)
    # all but one sample of a side point the same way: costs of 0 and 2, and a plan that must use the 2s
    away = torch.tensor([1.0, 1, 1, -1]).view(4, 1)
    noise = 0.01 * torch.randn(2, 4, 16, generator=torch.Generator().manual_seed(0))
    source, target = noise[0] + away, (noise[1] - away).unsqueeze(0)
    mask = torch.ones(1, 4).bool()
    found, M = matched(source, target, mask[0], mask, reg=reg, log_domain=False)
    exact, _ = matched(source.double(), target.double(), mask[0], mask, reg=reg, log_domain=True)
    assert M.max() / reg > 0.99 * 2 / reg
    # costs are rounded to 1e-7, and 1 / reg of that is a relative error of the kernel
    torch.testing.assert_close(found.double(), exact, rtol=1e-4, atol=1e-7)


def test_the_log_domain_begins_where_the_kernel_spans_more_than_forty_powers_of_e():
    assert not needs_log_domain(0.05)
    assert needs_log_domain(0.049)


def test_rows_of_a_problem_do_not_mix_with_others():
    features = torch.randn(4, 5, 6, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(4, 5).bool()
    plan, _ = matched(features[0], features[1:], mask[0], mask[1:], reg=0.2)
    alone, _ = matched(features[0], features[2:3], mask[0], mask[2:3], reg=0.2)
    # batched matrix products may add in another order
    torch.testing.assert_close(plan[1], alone[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("weights", ["relevance", "self_side"])
def test_problems_of_several_references_are_those_of_each_alone(weights):
    features = torch.randn(5, 6, 7, generator=torch.Generator().manual_seed(0))
    mask = torch.arange(6) < torch.tensor([6, 3, 5, 2, 4]).unsqueeze(1)
    features = features * mask.unsqueeze(2)
    together = problems(features[:3], features, mask[:3], mask, weights=weights)
    alone = [
        problems(features[i : i + 1], features, mask[i : i + 1], mask, weights=weights) for i in range(3)
    ]
    for found, *wanted in zip(together, *alone, strict=True):
        # products of more rows may add in another order
        torch.testing.assert_close(found, torch.cat(wanted), rtol=1e-5, atol=1e-6)
