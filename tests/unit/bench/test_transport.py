"""That all solve the same problem; how fast they are is for `elimctl bench`, not for tests."""

from dataclasses import asdict

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from elimctl.bench import transport
from elimctl.methods.elim import Config
from elimctl.methods.matching import entropic, problems

CPU = torch.device("cpu")
CONVERGED = 500  # iterations after which these problems change no more in float32
# sums of 16 products, or of 7 shares, in another order: a few roundings of float32, of values up to 4
ROUNDING = 1e-5


@pytest.fixture(params=[0, 1])
def features(request):
    """Features of four identities with seven samples each."""
    return torch.randn(4, 7, 16, generator=torch.Generator().manual_seed(request.param)).relu()


def test_the_plain_loop_does_what_training_does(features):
    made = transport.matchings(features, Config())
    torch.testing.assert_close(made["loop"](), made["ours"](), atol=ROUNDING, rtol=0)


@pytest.mark.parametrize("name", ["loop", "pot_loop", "pot_batch"])
def test_entropic_solvers_agree_where_all_have_converged(name, features):
    made = transport.matchings(features, Config(n_iter=CONVERGED))
    torch.testing.assert_close(made[name](), made["ours"](), atol=ROUNDING, rtol=0)


@pytest.mark.parametrize("name", ["pot_loop", "pot_batch"])
def test_solvers_of_pot_do_as_many_iterations_as_ours(name, features):
    few = transport.matchings(features, Config(n_iter=1, reg=0.06))
    many = transport.matchings(features, Config(n_iter=CONVERGED, reg=0.06))
    # their half-iterations come in another order, so they agree only in being far from the converged ones
    assert (few[name]() - many[name]()).abs().max() > 0.05


def _drawn_problems(features):
    mask = torch.ones(features.shape[:2], dtype=torch.bool)
    return problems(features[:1], features[1:], mask[:1], mask[1:])


def test_the_exact_solver_finds_the_cost_that_linear_programming_finds(features):
    a, b, M = _drawn_problems(features)
    plans = transport._exact(transport._pot().emd, a, b, M)
    sums = np.vstack([np.kron(np.eye(7), np.ones(7)), np.kron(np.ones(7), np.eye(7))])
    for *sides, cost, plan in zip(a, b, M, plans, strict=True):
        shares = [side.double().numpy() / side.double().numpy().sum() for side in sides]
        found = linprog(cost.double().numpy().flatten(), A_eq=sums, b_eq=np.concatenate(shares))
        # the plan is rounded to float32, which has 7 digits
        assert float((cost * plan).sum() / plan.sum()) == pytest.approx(found.fun, rel=1e-5)


def test_the_exact_solver_has_the_weights_as_marginals(features):
    a, b, M = _drawn_problems(features)
    plan = transport._exact(transport._pot().emd, a, b, M)
    torch.testing.assert_close(plan.sum(dim=2), a, atol=ROUNDING, rtol=0)
    torch.testing.assert_close(plan.sum(dim=1), b, atol=ROUNDING, rtol=0)


def test_the_exact_solver_is_the_limit_of_little_regularisation(features):
    a, b, M = _drawn_problems(features)
    exact = (M * transport._exact(transport._pot().emd, a, b, M)).sum(dim=(1, 2))
    mask, reg = torch.ones(a.shape, dtype=torch.bool), 0.01
    plan = entropic(a, b, M, mask, reg=reg, n_iter=500)
    excess = (M * plan).sum(dim=(1, 2)) - exact
    # the excess of cost is at most reg times the entropy, which is at most mass x log(49)
    assert (excess.abs() < reg * 7 * np.log(49)).all()


def test_the_quadratic_solver_comes_to_the_exact_one_as_its_penalty_falls(features):
    made = transport.matchings(features, Config(qp_gamma=1e-6))
    torch.testing.assert_close(made["qp"](), made["emd"](), atol=ROUNDING, rtol=0)


def test_the_quadratic_solver_is_the_one_that_training_can_have(features):
    made = transport.matchings(features, Config(solver="qp"))
    torch.testing.assert_close(made["qp"](), made["ours"](), atol=0, rtol=0)


def test_without_pot_ours_the_loop_and_the_quadratic_solver_are_left(features, monkeypatch):
    monkeypatch.setattr(transport, "_pot", lambda: None)
    there = {name for name, match in transport.matchings(features, Config()).items() if match is not None}
    assert there == {"ours", "loop", "qp"}
    monkeypatch.setattr(transport, "WINDOW_S", 0.0005)
    first, *_, cases = transport.measure(CPU, rounds=1, sizes=[(2, 2, 4)])
    assert "pip install 'POT" in first
    assert cases[0].seconds["pot_batch"] is None


def test_a_measurement_says_what_it_does_and_ends_with_a_case_of_each_size(monkeypatch):
    monkeypatch.setattr(transport, "WINDOW_S", 0.0005)
    threads, sizes = torch.get_num_threads(), [(3, 4, 8), (2, 5, 8)]
    *steps, cases = transport.measure(CPU, rounds=2, sizes=sizes)
    assert all(isinstance(step, str) for step in steps)
    assert [(case.identities, case.samples, case.dim) for case in cases] == sizes
    for case in cases:
        assert set(case.seconds) == {"ours", "loop", "pot_loop", "pot_batch", "emd", "qp"}
        assert all(taken > 0 for taken in case.seconds.values())
        assert set(case.backward_seconds) == {"detached", "differentiated"}
        assert min(case.backward_seconds.values()) > 0
        assert case.ours == asdict(case)["seconds"]["ours"]
    assert torch.get_num_threads() == threads


def test_what_is_slow_takes_part_in_one_round_alone(monkeypatch):
    monkeypatch.setattr(transport, "LONGEST_S", 1e-9)
    rounds = []
    monkeypatch.setattr(transport, "_seconds", lambda call, device: rounds.append(call) or 1.0)
    assert transport._fastest({"slow": lambda: None}, CPU, rounds=5) == {"slow": 1.0}
    assert len(rounds) == 1
