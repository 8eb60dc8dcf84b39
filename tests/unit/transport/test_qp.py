import ot
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from elimctl.transport.convergence import ConvergenceMonitor, ConvergenceWarning
from elimctl.transport.qp import qp

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 9)


def problems(seed, count, n, m, *, zeros=False, dtype=torch.float64):
    """Weights of equal mass, some of them 0 on request, and costs in [0, 2], as cosine costs are."""
    generator = torch.Generator().manual_seed(seed)
    a, b, M = (
        torch.rand(count, *shape, generator=generator, dtype=torch.float64) for shape in ((n,), (m,), (n, m))
    )
    if zeros:
        a, b = (torch.where(side > 0.4, side, 0) for side in (a, b))
        a[:, 0] += 0.1
        b[:, -1] += 0.1
    return (a / a.sum(1, keepdim=True)).to(dtype), (b / b.sum(1, keepdim=True)).to(dtype), (2 * M).to(dtype)


@settings(max_examples=30)
@given(seed=seeds, n=sizes, m=sizes, zeros=st.booleans())
def test_with_little_penalty_it_costs_what_the_exact_plan_costs(seed, n, m, zeros):
    a, b, M = problems(seed, 4, n, m, zeros=zeros)
    plans = qp(a, b, M, gamma=1e-4)
    for i, plan in enumerate(plans):
        exact = ot.emd(a[i], b[i], M[i])
        # the penalty of a plan of unit mass is at most half of gamma; rounding is far below that
        assert -1e-10 <= (M[i] * (plan - exact)).sum() <= 5e-5


def test_with_little_penalty_it_is_the_exact_plan():
    a, b, M = problems(0, 20, 10, 10)
    exact = torch.stack([ot.emd(*problem) for problem in zip(a, b, M, strict=True)])
    # random costs have one best corner, by more than the penalty can outweigh
    torch.testing.assert_close(qp(a, b, M, gamma=1e-6), exact, rtol=0, atol=1e-8)


@pytest.mark.filterwarnings("ignore:scipy.optimize:DeprecationWarning")  # POT sets an option of old
@pytest.mark.parametrize(("n", "m"), [(6, 5), (4, 7), (5, 5)])
def test_with_more_penalty_it_agrees_with_the_dual_of_pot(n, m):
    a, b, M = problems(0, 4, n, m)
    plans = qp(a, b, M, gamma=0.1)
    for i, plan in enumerate(plans):
        arguments = (values[i].numpy() for values in (a, b, M))
        dual = ot.smooth.smooth_ot_dual(*arguments, 0.1, reg_type="l2", stopThr=1e-15, numItermax=3_000)
        # a quasi-Newton method on the dual, whose own marginals are off by up to 1e-7
        torch.testing.assert_close(plan, torch.from_numpy(dual), rtol=0, atol=1e-6)


@settings(max_examples=30)
@given(seed=seeds, n=sizes, m=sizes, gamma=st.sampled_from([1e-4, 0.1, 10.0]), zeros=st.booleans())
def test_plans_have_the_weights_as_marginals_and_no_negative_entry(seed, n, m, gamma, zeros):
    a, b, M = problems(seed, 3, n, m, zeros=zeros)
    plan = qp(a, b, M, gamma=gamma)
    assert (plan >= 0).all()
    torch.testing.assert_close(plan.sum(2), a, rtol=0, atol=1e-10)
    torch.testing.assert_close(plan.sum(1), b, rtol=0, atol=1e-10)
    assert (plan[a == 0] == 0).all()
    assert (plan.mT[b == 0] == 0).all()


@settings(max_examples=20)
@given(seed=seeds, n=sizes, m=sizes, pad_n=st.integers(0, 3), pad_m=st.integers(0, 3))
@pytest.mark.parametrize("form", ["balanced", "partial"])
def test_padding_changes_nothing(form, seed, n, m, pad_n, pad_m):
    a, b, M = problems(seed, 1, n, m)
    b = b * 1.5
    padded = [
        torch.nn.functional.pad(values, pad)
        for values, pad in ((a, (0, pad_n)), (b, (0, pad_m)), (M, (0, pad_m, 0, pad_n)))
    ]
    plan = qp(*padded, gamma=0.1, form=form)
    wanted = torch.nn.functional.pad(qp(a, b, M, gamma=0.1, form=form), (0, pad_m, 0, pad_n))
    # both are within 1e-12 of the optimum of a problem whose curvature is 0.1
    torch.testing.assert_close(plan, wanted, rtol=0, atol=1e-9)


def test_problems_that_are_solved_together_are_solved_as_if_alone():
    a, b, M = problems(0, 6, 8, 8)
    a[2] = b[2] = 1 / 8  # a degenerate one, which takes another number of iterations
    M[2] = M[2].round()
    alone = [qp(*(values[i : i + 1] for values in (a, b, M)), gamma=0.1) for i in range(6)]
    torch.testing.assert_close(qp(a, b, M, gamma=0.1), torch.cat(alone), rtol=0, atol=1e-12)


def test_the_balanced_plan_has_the_mass_of_the_targets_and_ignores_that_of_the_sources():
    a, b, M = problems(0, 3, 5, 4)
    plan = qp(a, b, M, gamma=0.1)
    torch.testing.assert_close(qp(7 * a, 3 * b, M, gamma=0.1), 3 * plan, rtol=0, atol=1e-12)


def by_slsqp(a, b, M, gamma):
    """DeepEMD's quadratic program as it is written, with SciPy."""
    n, m = M.shape
    constraints = [
        {"type": "eq", "fun": lambda x: x.sum() - min(a.sum(), b.sum())},
        {"type": "ineq", "fun": lambda x: a - x.reshape(n, m).sum(1)},
        {"type": "ineq", "fun": lambda x: b - x.reshape(n, m).sum(0)},
    ]
    start = torch.outer(torch.from_numpy(a), torch.from_numpy(b)).flatten().numpy() / max(a.sum(), b.sum())
    found = minimize(
        lambda x: M.flatten() @ x + gamma / 2 * x @ x,
        start,
        jac=lambda x: M.flatten() + gamma * x,
        bounds=[(0, None)] * (n * m),
        constraints=constraints,
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 500},
    )
    return torch.from_numpy(found.x.reshape(n, m))


@settings(max_examples=15, deadline=None)
@given(seed=seeds, n=st.integers(2, 4), m=st.integers(2, 4), mass=st.sampled_from([0.3, 1.0, 4.0]))
def test_the_partial_form_is_that_of_deep_emd(seed, n, m, mass):
    a, b, M = problems(seed, 1, n, m)
    b = b * mass
    plan = qp(a, b, M, gamma=5.0, form="partial")[0]
    # SLSQP stops near 1e-8 of the optimum
    torch.testing.assert_close(
        plan, by_slsqp(a[0].numpy(), b[0].numpy(), M[0].numpy(), 5.0), rtol=0, atol=1e-5
    )


@settings(max_examples=20)
@given(seed=seeds, n=sizes, m=sizes)
def test_forms_agree_where_masses_do(seed, n, m):
    a, b, M = problems(seed, 2, n, m)
    torch.testing.assert_close(
        qp(a, b, M, gamma=0.1, form="partial"), qp(a, b, M, gamma=0.1), rtol=0, atol=1e-9
    )


def test_float32_weights_whose_sums_differ_by_rounding_are_balanced():
    a, b, M = problems(0, 3, 30, 30, dtype=torch.float32)
    partial = qp(30 * a, 30 * b, M, gamma=1e-4, form="partial")
    assert partial.dtype == torch.float32
    torch.testing.assert_close(partial.sum(2), 30 * a)


@pytest.mark.parametrize("n", [10, 51])
def test_costs_that_are_all_equal_or_tied_and_equal_weights_are_no_obstacle(n):
    generator = torch.Generator().manual_seed(0)
    M = torch.cat([torch.ones(1, n, n), torch.randint(0, 3, (8, n, n), generator=generator)]).double()
    even = torch.full((9, n), 1 / n, dtype=torch.float64)
    plan = qp(even, even, M, gamma=1e-4)
    exact = torch.stack([ot.emd(even[0], even[0], cost) for cost in M])
    torch.testing.assert_close((M * plan).sum((1, 2)), (M * exact).sum((1, 2)), rtol=0, atol=1e-8)


@given(seed=seeds)
def test_weights_may_differ_by_orders_of_magnitude(seed):
    a, b, M = problems(seed, 3, 8, 8)
    a, b = (10 ** (-8 * side / side.amax(1, keepdim=True)) for side in (a, b))
    a, b = (side / side.sum(1, keepdim=True) for side in (a, b))
    plan = qp(a, b, M, gamma=1e-4, n_iter=25)
    # what is off is off by that much of the mass
    torch.testing.assert_close(plan.sum(2), a, rtol=0, atol=1e-7)


def test_it_warns_with_numbers_where_it_did_not_converge():
    wanted = r"qp did not converge in 3 iterations: 5 of 5 problems .* by up to \d\.\de[+-]\d\d, .* 1\.0e-06"
    with pytest.warns(ConvergenceWarning, match=wanted):
        qp(*problems(0, 5, 10, 10), gamma=1e-4, n_iter=3)


def test_with_a_watch_it_warns_once():
    monitor = ConvergenceMonitor()
    with pytest.warns(ConvergenceWarning):
        qp(*problems(0, 5, 10, 10), gamma=1e-4, n_iter=3, monitor=monitor)
    qp(*problems(0, 5, 10, 10), gamma=1e-4, n_iter=3, monitor=monitor)  # a second warning would be an error


class Listener(ConvergenceMonitor):
    """Keeps what it is told."""

    def __call__(self, error, **_):
        self.error = error


@pytest.mark.parametrize(("n", "n_iter"), [(10, 11), (51, 17)])
def test_it_needs_no_more_iterations_than_a_predictor_corrector_does(n, n_iter):
    listener = Listener()
    qp(*problems(0, 20, n, n), gamma=1e-4, n_iter=n_iter, monitor=listener)
    assert listener.error.max() < 1e-11


def test_it_never_waits_for_the_device():
    a, b, M = (values.to("meta") for values in problems(0, 3, 4, 5))
    for form in ("balanced", "partial"):
        assert qp(a, b, M, gamma=1e-4, form=form, monitor=ConvergenceMonitor()).shape == M.shape


def test_no_gradient_flows():
    a, b, M = problems(0, 2, 3, 4)
    assert not qp(a, b, M.requires_grad_(), gamma=0.1).requires_grad


@given(seeds, st.floats(1e-3, 1e3))
def test_the_unit_of_costs_does_not_matter(seed, scale):
    a, b, M = problems(seed, 2, 4, 5)
    assume(scale != 1)
    plan = qp(a, b, M, gamma=0.1)
    torch.testing.assert_close(qp(a, b, scale * M + 3, gamma=0.1 * scale), plan, rtol=0, atol=1e-8)
