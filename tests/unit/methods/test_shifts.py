import json
from pathlib import Path

import ot
import pytest
import torch

from elimctl import config
from elimctl.errors import ConfigError
from elimctl.methods.matching import problems
from elimctl.methods.shifts import ShiftConfig, shifts
from elimctl.transport.barycentre import barycentre
from elimctl.transport.convergence import ConvergenceMonitor

VECTORS = json.loads((Path(__file__).parents[2] / "vectors.json").read_text(encoding="utf-8"))
COUNTS = torch.tensor([6, 2, 5, 4])


@pytest.fixture
def identities():
    """Features of four identities with 2 to 6 samples each, zeros at padding, and their mask."""
    features = torch.randn(4, 6, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mask = torch.arange(6) < COUNTS.unsqueeze(1)
    return features * mask.unsqueeze(2), mask


def found(identities, **settings):
    return shifts(*identities, ShiftConfig(**settings), monitor=ConvergenceMonitor())


def alone(identities, reference, target, **settings):
    """Shifts of one identity from one other, without padding."""
    features, mask = identities
    pair = torch.tensor([reference, target])
    longest = int(COUNTS[pair].max())
    return found((features[pair, :longest], mask[pair, :longest]), **settings)[0, : COUNTS[target]]


@pytest.mark.parametrize("key", ["qp_gamma0.1", "qp_gamma0.0001"])
@pytest.mark.parametrize("case", VECTORS["elim"])
def test_the_quadratic_solver_reaches_the_vectors(case, key):
    vectors = VECTORS["elim"][case]
    n, m = len(vectors["Z_ref"]), len(vectors["Z_tgt"])
    z = torch.zeros(2, max(n, m), len(vectors["Z_ref"][0]), dtype=torch.float64)
    z[0, :n] = torch.tensor(vectors["Z_ref"], dtype=torch.float64)
    z[1, :m] = torch.tensor(vectors["Z_tgt"], dtype=torch.float64)
    mask = torch.arange(max(n, m)) < torch.tensor([[n], [m]])
    shift = found((z, mask), solver="qp", qp_gamma=float(key.removeprefix("qp_gamma")))[0, :m]
    wanted = vectors["lp_qp_plans_unit_mass_relevance"][key]["mu_count_mass"]
    # the vectors have ten digits, and zeros where the solver leaves 1e-12
    torch.testing.assert_close(shift, torch.tensor(wanted, dtype=torch.float64), rtol=1e-9, atol=1e-10)


def test_the_partial_form_moves_no_more_than_the_lighter_side_has(identities):
    features, mask = identities
    shift = found(identities, solver="qp", qp_form="partial", qp_gamma=1e-7)
    a, b, M = problems(features[:1], features[1:], mask[:1], mask[1:])
    for i in range(3):
        mass = min(a[i].sum(), b[i].sum()).item()
        plan = ot.partial.partial_wasserstein(*(side[i].numpy() for side in (a, b, M)), m=mass)
        cost = float((M[i] * torch.from_numpy(plan)).sum())
        # the penalty, here of masses up to 36, times half of gamma
        assert shift[i].sum().item() == pytest.approx(cost, abs=1e-5)


@pytest.mark.parametrize("by", ["cost", "inverse_cost", "equal"])
@pytest.mark.parametrize("references", [2, 3, "all"])
@pytest.mark.parametrize("solver", ["sinkhorn", "qp"])
def test_several_references_are_averaged_as_if_each_were_matched_alone(identities, solver, references, by):
    shift = found(identities, references=references, reference_weights=by, solver=solver)
    assert shift.shape == (4, 6)
    count = 4 if references == "all" else references
    for target in range(4):
        one_by_one = torch.stack(
            [alone(identities, source, target, solver=solver) for source in range(count) if source != target]
        )
        cost = one_by_one.sum(dim=1)
        weight = {"cost": cost, "inverse_cost": 1 / cost, "equal": torch.ones_like(cost)}[by]
        wanted = (weight.unsqueeze(1) * one_by_one).sum(dim=0) / weight.sum()
        # products of all and of two identities may add in another order; the quadratic plan is 1e-12 off
        torch.testing.assert_close(shift[target, : COUNTS[target]], wanted, rtol=1e-8, atol=1e-9)
        assert (shift[target, COUNTS[target] :].abs() < 1e-12).all()


def test_the_barycentre_stands_in_for_the_reference(identities):
    features, mask = identities
    samples, everyone = features[mask].unsqueeze(0), torch.ones(1, int(COUNTS.sum())).bool()
    _, b, M = problems(samples, features, everyone, mask)
    weights = barycentre(b, M, reg=0.2, n_iter=5)
    shift = found(identities, references="barycentre")
    for i, count in enumerate(COUNTS):
        plan = ot.sinkhorn(weights, b[i, :count] / count, M[i, :, :count], reg=0.2, numItermax=10_000)
        # ours stops after five iterations
        torch.testing.assert_close(
            shift[i, :count], count * (M[i, :, :count] * plan).sum(dim=0), rtol=0.02, atol=0.01
        )


@pytest.mark.parametrize("norm", ["count", "unit"])
def test_all_of_a_target_is_matched_to_the_barycentre_in_either_form(identities, norm):
    settings = {"references": "barycentre", "solver": "qp", "weight_normalisation": norm}
    partial, balanced = (found(identities, **settings, qp_form=form) for form in ("partial", "balanced"))
    assert (balanced.sum(dim=1) > 0).all()
    # two problems of one solution, each solved to 1e-12 of unit mass, times up to six
    torch.testing.assert_close(partial, balanced, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("references", [1, 2, "all", "barycentre"])
def test_the_gradient_passes_through_any_reference_on_request(identities, references):
    features, mask = identities
    leaf = features.clone().requires_grad_()
    assert not found((leaf, mask), references=references).requires_grad
    found((leaf, mask), references=references, differentiate_plan=True).sum().backward()
    assert leaf.grad.isfinite().all()
    assert (leaf.grad[mask].abs().sum(dim=1) > 0).all()


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "every"])
def test_references_that_there_cannot_be_are_refused_in_one_sentence(value):
    with pytest.raises(ConfigError, match=r"method\.references: .* >= 1, 'all' or 'barycentre', found"):
        config.validate(ShiftConfig, {"references": value}, where="method")


def test_a_quadratic_plan_is_not_differentiated():
    with pytest.raises(ConfigError, match=r"method\.differentiate_plan: .* no meaning with solver = 'qp'"):
        config.validate(ShiftConfig, {"solver": "qp", "differentiate_plan": True}, where="method")
