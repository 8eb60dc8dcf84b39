import math
import warnings

import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elimctl.transport.convergence import ConvergenceMonitor, ConvergenceWarning
from elimctl.transport.sinkhorn import SolverOptions, sinkhorn, sinkhorn_log

SOLVERS = pytest.mark.parametrize("solver", [sinkhorn, sinkhorn_log])
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 8)


def problems(seed, count, n, m, dtype=torch.float64):
    """Random weights of equal mass and costs in [0, 2], as cosine costs are."""
    generator = torch.Generator().manual_seed(seed)
    a, b, M = (
        torch.rand(count, *shape, generator=generator, dtype=torch.float64) for shape in ((n,), (m,), (n, m))
    )
    a, b = a + 0.05, b + 0.05
    return (a / a.sum(1, keepdim=True)).to(dtype), (b / b.sum(1, keepdim=True)).to(dtype), (2 * M).to(dtype)


@SOLVERS
@settings(max_examples=25)
@given(seed=seeds, n=sizes, m=sizes)
def test_batch_agrees_with_pot_one_by_one(solver, seed, n, m):
    a, b, M = problems(seed, 3, n, m)
    plans = solver(a, b, M, reg=0.5, n_iter=400)
    for i, plan in enumerate(plans):
        wanted = ot.sinkhorn(a[i], b[i], M[i], reg=0.5, numItermax=10_000, stopThr=1e-15, warn=False)
        # both have converged to rounding after that many iterations at this regularisation
        torch.testing.assert_close(plan, wanted, rtol=1e-9, atol=1e-13)


@SOLVERS
@given(seed=seeds, n=sizes, m=sizes, n_iter=st.integers(1, 7))
def test_columns_sum_to_b_after_any_number_of_iterations(solver, seed, n, m, n_iter):
    a, b, M = problems(seed, 2, n, m)
    torch.testing.assert_close(solver(a, b, M, reg=0.2, n_iter=n_iter).sum(1), b, rtol=1e-12, atol=0)


@SOLVERS
@given(seed=seeds, scale=st.floats(1e-3, 1e3))
def test_the_scale_of_a_does_not_matter_and_that_of_b_is_the_plans(solver, seed, scale):
    a, b, M = problems(seed, 2, 4, 5)
    plan = solver(a, b, M, reg=0.2, n_iter=5)
    torch.testing.assert_close(solver(a * scale, b, M, reg=0.2, n_iter=5), plan, rtol=1e-10, atol=0)
    torch.testing.assert_close(solver(a, b * scale, M, reg=0.2, n_iter=5), plan * scale, rtol=1e-10, atol=0)


@SOLVERS
def test_two_by_two_has_the_solution_worked_out_by_hand(solver):
    half = torch.full((1, 2), 0.5, dtype=torch.float64)
    M = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]], dtype=torch.float64)
    on, off = 0.5 / (1 + math.exp(-5)), 0.5 / (1 + math.exp(5))
    wanted = torch.tensor([[[on, off], [off, on]]], dtype=torch.float64)
    for n_iter in (1, 5):  # by symmetry the first iteration is already the last
        torch.testing.assert_close(solver(half, half, M, reg=0.2, n_iter=n_iter), wanted, rtol=1e-14, atol=0)


@SOLVERS
@given(seed=seeds, cost=st.floats(0, 2))
def test_a_constant_cost_gives_the_independent_plan(solver, seed, cost):
    a, b, M = problems(seed, 2, 4, 5)
    plan = solver(a, b, torch.full_like(M, cost), reg=0.2, n_iter=1)
    torch.testing.assert_close(plan, a.unsqueeze(2) * b.unsqueeze(1), rtol=1e-12, atol=0)


@SOLVERS
@settings(max_examples=40)
@given(seed=seeds, n=sizes, m=sizes, pad_n=st.integers(0, 3), pad_m=st.integers(0, 3))
def test_padding_changes_nothing(solver, seed, n, m, pad_n, pad_m):
    a, b, M = problems(seed, 1, n, m)
    # what stands at padding is finite and otherwise anything
    M_padded = torch.nn.functional.pad(M, (0, pad_m, 0, pad_n), value=0.3)
    a_padded, b_padded = torch.nn.functional.pad(a, (0, pad_n)), torch.nn.functional.pad(b, (0, pad_m))
    mask = torch.arange(n + pad_n).unsqueeze(0) < n
    plan = solver(a_padded, b_padded, M_padded, reg=0.2, n_iter=5, mask=mask)
    wanted = torch.nn.functional.pad(solver(a, b, M, reg=0.2, n_iter=5), (0, pad_m, 0, pad_n))
    torch.testing.assert_close(plan, wanted, rtol=1e-12, atol=0)


def test_epsilons_leave_padding_at_zero():
    a, b, M = problems(0, 1, 3, 4)
    padded = [torch.nn.functional.pad(x, pad) for x, pad in ((a, (0, 2)), (b, (0, 1)), (M, (0, 1, 0, 2)))]
    mask = torch.tensor([[True, True, True, False, False]])
    plan = sinkhorn(*padded, reg=0.2, n_iter=5, mask=mask, options=SolverOptions(eps=1e-6))
    plain = sinkhorn(a, b, M, reg=0.2, n_iter=5, options=SolverOptions(eps=1e-6))
    wanted = torch.nn.functional.pad(plain, (0, 1, 0, 2))
    torch.testing.assert_close(plan, wanted, rtol=1e-12, atol=0)


@given(seed=seeds)
def test_log_domain_equals_plain(seed):
    a, b, M = problems(seed, 3, 6, 5)
    plan = sinkhorn(a, b, M, reg=0.2, n_iter=5)
    torch.testing.assert_close(sinkhorn_log(a, b, M, reg=0.2, n_iter=5), plan, rtol=1e-10, atol=0)


def test_log_domain_stays_finite_where_plain_does_not():
    a, b, M = problems(0, 20, 10, 10, torch.float32)
    assert not sinkhorn(a, b, M, reg=1e-3, n_iter=5).isfinite().all()
    plan = sinkhorn_log(a, b, M, reg=1e-3, n_iter=5)
    assert plan.isfinite().all()
    # float32 holds the exponents, up to 2000 here, to 1e-4
    torch.testing.assert_close(plan.sum(1), b, rtol=1e-3, atol=0)


@SOLVERS
def test_weights_of_zero_give_plans_and_gradients_without_nan(solver):
    a, b, M = problems(0, 1, 3, 4)
    a[0, 1], b[0, 2] = 0, 0
    for tensor in (a, b, M):
        tensor.requires_grad_()
    plan = solver(a, b, M, reg=0.2, n_iter=5)
    (plan * M).sum().backward()
    assert (plan[0, 1] == 0).all()
    assert (plan[0, :, 2] == 0).all()
    for tensor in (a, b, M):
        assert tensor.grad.isfinite().all()


@SOLVERS
def test_gradients_agree_with_finite_differences(solver):
    inputs = [tensor.requires_grad_() for tensor in problems(3, 2, 3, 4)]
    assert torch.autograd.gradcheck(lambda a, b, M: solver(a, b, M, reg=0.5, n_iter=5), inputs)


@SOLVERS
def test_without_tolerance_it_does_not_warn(solver):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solver(*problems(0, 2, 4, 5), reg=0.05, n_iter=1)


@SOLVERS
def test_a_tolerance_that_is_not_reached_is_reported_with_numbers(solver):
    wanted = r"sinkhorn .* in 2 iterations: [12] of 2 problems .* by up to \d\.\de[+-]\d\d, .* 1\.0e-09"
    with pytest.warns(ConvergenceWarning, match=wanted):
        solver(*problems(0, 2, 4, 5), reg=0.1, n_iter=2, options=SolverOptions(tol=1e-9))


@SOLVERS
def test_a_monitor_hears_of_a_tolerance_that_is_not_reached_and_warns_once(solver):
    options = SolverOptions(tol=1e-9, monitor=ConvergenceMonitor())
    with pytest.warns(ConvergenceWarning):
        solver(*problems(0, 2, 4, 5), reg=0.1, n_iter=2, options=options)
    solver(*problems(1, 2, 4, 5), reg=0.1, n_iter=2, options=options)  # another would be an error


@SOLVERS
def test_a_tolerance_stops_early_and_close_to_the_converged_plan(solver):
    a, b, M = problems(0, 3, 5, 4)
    stopped = solver(a, b, M, reg=0.2, n_iter=1_000, options=SolverOptions(tol=1e-9))
    converged = solver(a, b, M, reg=0.2, n_iter=1_000)
    # the last change is below 1e-9; at this regularisation the rest of the series is at most 100 times it
    torch.testing.assert_close(stopped, converged, rtol=1e-7, atol=0)
    assert not torch.equal(stopped, converged)
