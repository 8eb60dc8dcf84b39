"""Cost, weights, plans and shifts against vectors of an independent NumPy implementation."""

import json
from pathlib import Path

import pytest
import torch

from elimctl.transport.cost import cosine
from elimctl.transport.gumbel import gumbel_score, gumbel_top_k
from elimctl.transport.qp import qp
from elimctl.transport.shift import identity_shift, remove_shift, share
from elimctl.transport.sinkhorn import SolverOptions, sinkhorn, sinkhorn_log
from elimctl.transport.weights import normalise, relevance

VECTORS = json.loads((Path(__file__).parents[2] / "vectors.json").read_text(encoding="utf-8"))
# the vectors have ten significant digits; float32 has seven, of which a cosine near 1 costs one
RTOL = {torch.float64: 1e-9, torch.float32: 1e-5}
SIDES = ("relevance", "selfside")
REG = {"reg0.2_K=exp(-5C)": 0.2, "reg5_K=exp(-C/5)": 5.0}
SOLVERS = (sinkhorn, sinkhorn_log)


@pytest.fixture(params=VECTORS["elim"])
def case(request):
    return VECTORS["elim"][request.param]


@pytest.fixture(params=RTOL, ids=str)
def dtype(request):
    return request.param


@pytest.fixture
def problem(case, dtype):
    """Features and masks of one problem, with a batch dimension of 1."""
    source, target = (torch.tensor([case[name]], dtype=dtype) for name in ("Z_ref", "Z_tgt"))
    masks = (torch.ones(1, len(case["Z_ref"])).bool(), torch.ones(1, len(case["Z_tgt"])).bool())
    return source, target, *masks


def agree(found, wanted, *, atol=0.0):
    torch.testing.assert_close(
        found[0], torch.tensor(wanted, dtype=found.dtype), rtol=RTOL[found.dtype], atol=atol
    )


def cost(problem):
    return cosine(products(problem), *norms(problem))


def products(problem):
    return problem[0] @ problem[1].mT


def norms(problem):
    return tuple(side.norm(dim=-1) for side in problem[:2])


def raw_weights(problem, side):
    if side == "selfside":
        return norms(problem)
    return relevance(products(problem), *problem[2:])


def scaled_weights(problem, side, norm, eps=0.0):
    a, b = raw_weights(problem, side)
    return normalise(a, problem[2], norm=norm, eps=eps), normalise(b, problem[3], norm=norm)


def test_cost(case, problem):
    agree(cost(problem), case["cost"])


@pytest.mark.parametrize("side", SIDES)
def test_raw_weights(case, problem, side):
    wanted = case[{"relevance": "relevance_raw", "selfside": "self_side_raw"}[side]]
    for found, name in zip(raw_weights(problem, side), "ab", strict=True):
        agree(found, wanted[name])


@pytest.mark.parametrize("norm", ["unit", "count", "l2"])
@pytest.mark.parametrize("side", SIDES)
def test_weights(case, problem, side, norm):
    wanted = case["weights"][f"{side}_{norm}"]
    for found, name in zip(scaled_weights(problem, side, norm), "ab", strict=True):
        agree(found, wanted[name])


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("reg", REG)
@pytest.mark.parametrize("side", SIDES)
def test_plans_after_five_iterations(case, problem, side, reg, solver):
    a, b = scaled_weights(problem, side, "unit")
    plan = solver(a, b, cost(problem), reg=REG[reg], n_iter=5)
    agree(plan, case["plans"][f"{side}/{reg}"]["X_T5"])


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("reg", REG)
@pytest.mark.parametrize("side", SIDES)
def test_plans_after_as_many_iterations_as_convergence_took(case, problem, side, reg, solver):
    wanted = case["plans"][f"{side}/{reg}"]
    a, b = scaled_weights(problem, side, "unit")
    M = cost(problem)
    agree(solver(a, b, M, reg=REG[reg], n_iter=wanted["iterations_to_rel_1e14"]), wanted["X_converged"])


@pytest.mark.parametrize("norm", ["count", "l2"])
@pytest.mark.parametrize("reg", REG)
@pytest.mark.parametrize("side", SIDES)
def test_shifts_and_shift_free_features(case, problem, side, reg, norm):
    wanted = case["shift"][f"{side}/{reg}/{norm}/T5"]
    a, b = scaled_weights(problem, side, norm)
    M = cost(problem)
    plan = sinkhorn(a, b, M, reg=REG[reg], n_iter=5)
    shift = identity_shift(M, plan)
    shift_free = remove_shift(problem[1], shift)
    agree(plan, wanted["X"])
    agree(shift, wanted["mu"])
    # a feature close to its shift leaves the rounding of both: three units of float32 at 1
    agree(shift_free, wanted["Z_hat"], atol=4e-7 if shift_free.dtype == torch.float32 else 0.0)
    agree(shift_free.square().mean(dim=2).sqrt(), wanted["rms_of_rows"])


@pytest.mark.parametrize("key", ["qp_gamma0.1", "qp_gamma0.0001", "lp_exact"])
def test_plans_of_the_quadratic_program(case, problem, key):
    wanted = case["lp_qp_plans_unit_mass_relevance"][key]
    gamma = {"qp_gamma0.1": 0.1, "qp_gamma0.0001": 1e-4, "lp_exact": 1e-6}[key]
    M = cost(problem)
    plan = qp(*scaled_weights(problem, "relevance", "unit"), M, gamma=gamma)
    # zeros of the vectors are zeros; here they are what the solver, or rounding of the costs, leaves
    atol = 1e-10 if M.dtype == torch.float64 else 1e-6
    agree(plan, wanted["X"], atol=atol)
    agree((M * plan).sum(dim=(1, 2)), wanted["cost"], atol=atol)
    shift = identity_shift(M, qp(*scaled_weights(problem, "relevance", "count"), M, gamma=gamma))
    agree(shift, wanted["mu_count_mass"], atol=atol)


def test_the_partial_form_leaves_a_column_of_case_a_empty(dtype):
    case = VECTORS["elim"]["A_nonneg_n3_m4_d5"]
    a, b = (torch.tensor([case["weights"]["relevance_count"][side]], dtype=dtype) for side in "ab")
    plan = qp(a, b, torch.tensor([case["cost"]], dtype=dtype), gamma=1e-4, form="partial")[0]
    taken = plan.sum(dim=0)
    assert ((taken < 1e-6).sum(), (taken > 0.1).sum()) == (1, 3)
    torch.testing.assert_close(plan.sum(dim=1), a[0])  # the lighter side is transported whole


def test_the_reference_codes_variant(case, problem):
    wanted = case["reference_code_variant"]
    # the reference code has its epsilon in the sum of a, not in that of b
    a, b = scaled_weights(problem, "relevance", "count", eps=1e-6)
    M = cost(problem)
    plan = sinkhorn(a, b, M, reg=0.2, n_iter=5, options=SolverOptions(eps=1e-6))
    shift = identity_shift(M, plan)
    agree(plan, wanted["X"])
    agree(shift, wanted["mu"])
    agree(remove_shift(problem[1], shift), wanted["Z_hat"])
    first = share(shift, problem[3], among="first")
    agree(remove_shift(problem[1], first), wanted["Z_hat_if_only_first_mu_is_used"])


def test_gumbel_scores(dtype):
    wanted = VECTORS["gumbel"]
    found = gumbel_score(*gumbel_inputs(dtype))
    finite = [i for i, score in enumerate(wanted["score"]) if score is not None]
    agree(found[:, finite], [wanted["score"][i] for i in finite])
    # the vectors give a zero label minus infinity; here it is floored, and still never chosen
    assert found[0].argmin() == wanted["score"].index(None)


def test_gumbel_top_three(dtype):
    labels, uniform = gumbel_inputs(dtype)
    everyone = torch.ones(1, len(VECTORS["gumbel"]["labels"])).bool()
    kept = gumbel_top_k(labels, uniform, everyone, k=3)
    assert kept[0].tolist() == VECTORS["gumbel"]["top3"]
    without_noise = torch.full_like(uniform, torch.tensor(-1.0).exp().item())  # -log(-log(1/e)) = 0
    kept = gumbel_top_k(labels, without_noise, everyone, k=3)
    assert kept[0].tolist() == VECTORS["gumbel"]["top3_without_noise"]


def gumbel_inputs(dtype):
    return (torch.tensor([VECTORS["gumbel"][name]], dtype=dtype) for name in ("labels", "uniform"))
