import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from elimctl.backbones.projector import Projector
from elimctl.loader.batch import Batch
from elimctl.methods import elim
from elimctl.methods.elim import Config
from elimctl.methods.matching import PADDING
from elimctl.transport.convergence import ConvergenceWarning

VECTORS = json.loads((Path(__file__).parents[2] / "vectors.json").read_text(encoding="utf-8"))


class Affine(nn.Module):
    """A projector with the weights of the vectors."""

    def __init__(self, dtype):
        super().__init__()
        case = VECTORS["projector_and_losses_case_A"]
        self.weight = nn.Parameter(torch.tensor(case["gamma"], dtype=dtype))
        self.bias = nn.Parameter(torch.tensor(case["beta"], dtype=dtype))

    def forward(self, features):
        return features @ self.weight + self.bias

    def groups(self, features, mask, *, per_group):
        return self(features)


def vector_features(dtype):
    """Features of case A: three of the reference, then four of the target."""
    case = VECTORS["elim"]["A_nonneg_n3_m4_d5"]
    return torch.tensor(case["Z_ref"] + case["Z_tgt"], dtype=dtype)


def vector_batch():
    """The batch of case A; the labels of the reference are not looked at."""
    labels = torch.tensor(VECTORS["projector_and_losses_case_A"]["Y"])
    return Batch(
        images=torch.zeros(7, 3, 1, 1, dtype=torch.uint8),
        target=torch.cat([torch.ones(3, 2), labels]),
        identity=torch.tensor([0, 0, 0, 1, 1, 1, 1]),
        index=torch.arange(7),
        groups=torch.tensor([[0, 1, 2, PADDING], [3, 4, 5, 6]]),
        seed=0,
        step=0,
    )


def build(backbone, **settings):
    return elim.build(Config(**settings), backbone())


def gradients(module):
    return {name: parameter.grad for name, parameter in module.named_parameters()}


# labels are float32 in a batch, so that float64 features cannot bring the nine digits of the parts
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-7), (torch.float32, 1e-5)], ids=str)
def test_main_loss_agrees_with_the_vectors(backbone, dtype, rtol):
    model = build(backbone, sampling="none", reference="first")
    model.projector = Affine(dtype)
    features = vector_features(dtype)
    main = model.matching_loss(features, model.project(features), vector_batch())
    wanted = VECTORS["projector_and_losses_case_A"]["L_main_mean_over_all_entries"]
    assert main.item() == pytest.approx(wanted, rel=rtol)


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({}, "shift/relevance/reg0.2_K=exp(-5C)/count/T5"),
        ({"weight_normalisation": "l2"}, "shift/relevance/reg0.2_K=exp(-5C)/l2/T5"),
        ({"weights": "self_side"}, "shift/selfside/reg0.2_K=exp(-5C)/count/T5"),
        ({"eta_form": "divide"}, "shift/relevance/reg5_K=exp(-C/5)/count/T5"),
        ({"eta": 0.2}, "shift/relevance/reg5_K=exp(-C/5)/count/T5"),
        ({"reg": 5.0}, "shift/relevance/reg5_K=exp(-C/5)/count/T5"),
        ({"log_domain": "always"}, "shift/relevance/reg0.2_K=exp(-5C)/count/T5"),
        ({"eps_everywhere": True}, "reference_code_variant"),
    ],
    ids=str,
)
@pytest.mark.parametrize("case", VECTORS["elim"])
def test_every_setting_of_the_shift_reaches_the_vectors(backbone, settings, path, case):
    vectors = VECTORS["elim"][case]
    group, _, key = path.partition("/")
    wanted = vectors[group][key] if key else vectors[group]
    n, m = len(vectors["Z_ref"]), len(vectors["Z_tgt"])
    z = torch.zeros(2, max(n, m), len(vectors["Z_ref"][0]), dtype=torch.float64)
    z[0, :n] = torch.tensor(vectors["Z_ref"], dtype=torch.float64)
    z[1, :m] = torch.tensor(vectors["Z_tgt"], dtype=torch.float64)
    mask = torch.arange(max(n, m)) < torch.tensor([[n], [m]])
    found = build(backbone, **settings).shifts(z, mask)[0, :m]
    torch.testing.assert_close(found, torch.tensor(wanted["mu"], dtype=torch.float64), rtol=1e-9, atol=0)


@pytest.mark.parametrize("among", ["first", "mean"])
def test_sharing_the_shift_is_a_setting(backbone, among):
    z, mask = torch.rand(3, 4, 8), torch.ones(3, 4).bool()
    own = build(backbone).shifts(z, mask)
    wanted = {"first": own[:, :1], "mean": own.mean(dim=1, keepdim=True)}[among]
    torch.testing.assert_close(build(backbone, shift=among).shifts(z, mask), wanted.expand(-1, 4))


def test_leaving_the_spread_in_is_a_setting(backbone):
    z, kept = torch.rand(12, 8), torch.arange(12).view(3, 4)
    model = build(backbone, divide_spread=False)
    shift = model.shifts(z.view(3, 4, 8), torch.ones(3, 4).bool())
    torch.testing.assert_close(model.shift_free(z, kept), z[4:].view(2, 4, 8) - shift[..., None])


def test_the_number_of_iterations_is_a_setting(backbone):
    z, mask = torch.rand(2, 4, 8), torch.ones(2, 4).bool()
    shifts = [build(backbone, n_iter=n_iter).shifts(z, mask) for n_iter in (1, 5)]
    assert not torch.allclose(*shifts)


@pytest.mark.parametrize("references", [1, "all"])
def test_a_tolerance_that_is_not_reached_warns_once_a_run(backbone, batch, references):
    model = build(backbone, tol=1e-12, references=references)
    with pytest.warns(ConvergenceWarning):
        model.losses(batch(seed=0))
    model.losses(batch(seed=1))  # a second warning would be an error


@pytest.mark.parametrize("projector_bn", ["none", "shared", "per_identity"])
def test_gradient_of_the_main_loss_reaches_targets_only(backbone, batch, projector_bn):
    model = build(backbone, projector_bn=projector_bn, reference="first")
    features = torch.rand(24, 8, requires_grad=True)
    drawn = batch()
    model.matching_loss(features, model.project(features.detach()), drawn).backward()
    reference = drawn.groups[0]
    touched = features.grad.abs().sum(dim=1) > 0
    assert not touched[reference[reference != PADDING]].any()
    assert touched.any()


def test_the_gradient_passes_through_the_shift_only_on_request(backbone):
    z, mask = torch.rand(3, 4, 8, requires_grad=True), torch.ones(3, 4).bool()
    assert not build(backbone).shifts(z, mask).requires_grad
    build(backbone, differentiate_plan=True).shifts(z, mask).sum().backward()
    assert (z.grad.abs().sum(dim=(1, 2)) > 0).all()
    assert z.grad.isfinite().all()


@pytest.mark.parametrize("log_domain", ["never", "always"])
def test_gradients_through_clipped_weights_are_finite(backbone, log_domain):
    z = torch.randn(3, 4, 8, generator=torch.Generator().manual_seed(1)).requires_grad_()
    model = build(backbone, differentiate_plan=True, log_domain=log_domain)
    model.shifts(z, torch.ones(3, 4).bool()).sum().backward()
    assert z.grad.isfinite().all()


def test_only_whole_batches_update_the_running_statistics(backbone, batch):
    model, drawn = build(backbone), batch()
    hidden = []
    model.projector.hidden.register_forward_hook(lambda _, __, output: hidden.append(output.detach()))
    model.losses(drawn)
    norm = model.projector.norm
    assert norm.num_batches_tracked == 1
    assert len(hidden) == 2  # the batch, and its targets without their shift
    torch.testing.assert_close(norm.running_mean, 0.1 * hidden[0].mean(dim=0))


@pytest.mark.parametrize(("sampling", "kept"), [("gumbel", 2 * 3), ("none", 24 - 6), ("max-filling", 24 - 6)])
def test_only_samples_that_were_kept_count(backbone, batch, sampling, kept):
    model, drawn = build(backbone, samples_per_identity=2, sampling=sampling, reference="first"), batch()
    drawn = replace(drawn, groups=drawn.groups[drawn.identity[drawn.groups[:, 0]].argsort()])
    features = torch.rand(24, 8, requires_grad=True)
    model.matching_loss(features, torch.zeros(24, 2), drawn).backward()
    # the reference, here the identity with 6 samples, gets no gradient
    assert (features.grad.abs().sum(dim=1) > 0).sum() == kept


@pytest.mark.parametrize("projector_bn", ["none", "shared", "per_identity"])
def test_only_a_shared_normalisation_makes_targets_depend_on_each_other(backbone, batch, projector_bn):
    model = build(backbone, sampling="none", reference="first", projector_bn=projector_bn)
    features, drawn = torch.rand(24, 8), batch()
    together = model.matching_loss(features, torch.zeros(24, 2), drawn)
    alone = [
        model.matching_loss(features, torch.zeros(24, 2), replace(drawn, groups=drawn.groups[[0, row]]))
        for row in (1, 2, 3)
    ]
    assert torch.allclose(together, sum(alone)) == (projector_bn != "shared")


def test_the_reference_is_added_on_request(backbone, batch):
    features, drawn = torch.rand(24, 8), batch()
    settings = {"sampling": "none", "reference": "first"}
    without = build(backbone, **settings)
    preds = without.project(features)
    main = without.matching_loss(features, preds, drawn)
    found = build(backbone, include_reference=True, **settings).matching_loss(features, preds, drawn)
    own = drawn.groups[0][drawn.groups[0] != PADDING]
    torch.testing.assert_close(found, main + (preds[own] - drawn.target[own]).square().mean())


def test_every_group_comes_up_as_random_reference(backbone, batch):
    model, features = build(backbone, sampling="none", projector_bn="none"), torch.rand(24, 8)
    losses = set()
    for seed in range(40):
        main = model.matching_loss(features, torch.zeros(24, 2), batch(seed=seed))
        losses.add(round(main.item(), 4))
    assert len(losses) == 4


@pytest.mark.parametrize("counts", [(5,), (5, 1), (1, 1, 1)])
def test_with_fewer_than_two_identities_there_is_nothing_to_match(backbone, batch, counts):
    model, drawn = build(backbone), batch(counts)
    losses = model.losses(drawn)
    assert losses["main"] == 0
    losses["total"].backward()
    assert build(backbone, update="alternate").updates(drawn) == 1


def test_joint_makes_one_update(backbone, batch):
    model, drawn = build(backbone), batch()
    assert model.updates(drawn) == 1
    assert set(model.losses(drawn)) == {"total", "main", "va", "pcc", "ccc"}


def test_alternate_makes_two_updates_and_encodes_anew_for_each(backbone, batch):
    model, drawn = build(backbone, update="alternate"), batch()
    encoded = []
    model.backbone.register_forward_hook(lambda _, __, output: encoded.append(output.detach()))
    assert model.updates(drawn) == 2
    first = model.losses(drawn, update=0)
    assert set(first) == {"total", "va", "pcc", "ccc"}
    first["total"].backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.1 * parameter.grad
    second = model.losses(drawn, update=1)
    assert set(second) == {"total", "main"}
    assert not torch.equal(*encoded)
    torch.testing.assert_close(second["total"], second["main"])


def test_losses_are_a_function_of_the_batch_seed(backbone, batch):
    model = build(backbone, samples_per_identity=3)
    same = [model.losses(batch(seed=1))["main"] for _ in range(2)]
    assert torch.equal(*same)
    assert not torch.equal(same[0], model.losses(batch(seed=2))["main"])


@pytest.mark.parametrize("sampling", ["gumbel", "none", "max-filling"])
@pytest.mark.parametrize(
    "settings",
    [
        {"include_reference": True},
        {"solver": "qp"},
        {"solver": "qp", "qp_form": "partial"},
        {"references": 2, "include_reference": True},
        {"references": "all"},
        {"references": "barycentre"},
    ],
    ids=str,
)
def test_matching_never_waits_for_the_device(backbone, batch, sampling, settings):
    # a tensor on meta has no values: whatever asks for one, on the way forward or back, fails
    model = build(backbone, sampling=sampling, projector_bn="per_identity", **settings).to("meta")
    features = torch.empty(24, 8, device="meta", requires_grad=True)
    model.matching_loss(features, model.project(features), batch().to("meta")).backward()
    assert features.grad.shape == features.shape


@pytest.mark.parametrize(("references", "targets"), [(1, 3), (2, 4), (9, 4), ("all", 4), ("barycentre", 4)])
def test_a_reference_that_does_not_stand_alone_is_a_target_too(backbone, batch, references, targets):
    model, drawn = (
        build(backbone, references=references, samples_per_identity=3, projector_bn="none"),
        batch(),
    )
    features = torch.rand(24, 8, requires_grad=True)
    kept = model.draw(drawn)
    assert len(model.shift_free(features, kept)) == targets
    model.matching_loss(features, torch.zeros(24, 2), drawn).backward()
    assert (features.grad.abs().sum(dim=1) > 0).sum() == 3 * targets


def test_several_references_are_drawn_by_the_batch_seed(backbone, batch):
    model = build(backbone, references=2)
    drawn = {frozenset(model.draw(batch(seed=seed))[:2, 0].tolist()) for seed in range(60)}
    groups = {frozenset(row.tolist()) - {PADDING} for row in batch().groups}
    pairs = {
        frozenset(i for i, group in enumerate(groups) for place in two if place in group) for two in drawn
    }
    assert len(pairs) == 6  # of four identities, every two
    first = build(backbone, references=2, reference="first", sampling="none").draw(batch())
    assert torch.equal(first, batch().groups)


def test_errors_of_the_references_are_added_on_request(backbone, batch):
    drawn = batch()
    own, without = (
        build(backbone, references=2, include_reference=include, sampling="none", reference="first")
        for include in (True, False)
    )
    features, preds = torch.rand(24, 8), torch.rand(24, 2)
    extra = own.matching_loss(features, preds, drawn) - without.matching_loss(features, preds, drawn)
    wanted = sum(
        (preds[places] - drawn.target[places]).square().mean()
        for places in (row[row != PADDING] for row in drawn.groups[:2])
    )
    torch.testing.assert_close(extra, wanted)


def test_matching_leaves_the_global_random_state_alone(backbone, batch):
    model, drawn = build(backbone), batch()
    before = torch.random.get_rng_state()
    model.losses(drawn)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("step", "factor"), [(0, 0.0), (9, 0.0), (10, 0.05), (100, 0.5), (200, 1.0), (999, 1.0)]
)
def test_warmup_raises_the_weight_of_main(backbone, batch, step, factor):
    losses = build(backbone, warmup=(10, 200), lambda_main=2.0).losses(batch(step=step))
    wanted = 2 * factor * losses["main"] + losses["va"] + 0.5 * (losses["pcc"] + losses["ccc"])
    torch.testing.assert_close(losses["total"], wanted)


def test_weights_of_the_losses_are_settings(backbone, batch):
    losses = build(backbone, lambda_va=0.0, lambda_main=0.25, lambda_correlation=3.0).losses(batch())
    wanted = 0.25 * losses["main"] + 3 * (losses["pcc"] + losses["ccc"])
    torch.testing.assert_close(losses["total"], wanted)


@pytest.mark.parametrize("sampling", ["gumbel", "none", "max-filling"])
@pytest.mark.parametrize("shift", ["per_sample", "first", "mean"])
@pytest.mark.parametrize("solver", ["sinkhorn", "qp"])
@pytest.mark.parametrize("references", [1, 2, "all", "barycentre"])
def test_every_sampling_sharing_solver_and_reference_trains(
    backbone, batch, sampling, shift, solver, references
):
    model = build(backbone, sampling=sampling, shift=shift, solver=solver, references=references)
    model.losses(batch())["total"].backward()
    assert all(gradient.isfinite().all() for gradient in gradients(model).values())


def test_under_autocast_the_shift_is_that_of_the_rounded_features(backbone, batch):
    model, drawn = build(backbone), batch()
    seen = []
    original = model.shifts
    model.shifts = lambda z, mask: seen.append((z, mask, original(z, mask))) or seen[-1][-1]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = model.losses(drawn)
    z, mask, shift = seen[0]
    assert z.dtype == shift.dtype == torch.float32
    assert torch.equal(z, z.bfloat16().float())  # what the network made, and no more digits
    assert torch.equal(shift, original(z, mask))
    assert all(loss.dtype == torch.float32 for loss in losses.values())


@pytest.mark.parametrize(
    ("projector_bn", "norm"), [("none", None), ("shared", nn.BatchNorm1d), ("per_identity", nn.BatchNorm1d)]
)
def test_the_projector_is_as_wide_as_the_features(backbone, projector_bn, norm):
    projector = build(backbone, projector_bn=projector_bn).projector
    assert isinstance(projector, Projector)
    assert projector.hidden.in_features == 8
    assert isinstance(projector.norm, norm or type(None))


@pytest.mark.parametrize(
    "settings",
    [
        {"eps_everywhere": True, "log_domain": "always"},
        {"eps_everywhere": True, "solver": "qp"},
        {"differentiate_plan": True, "solver": "qp"},
        {"include_reference": True, "references": "barycentre"},
        {"references": 0},
        {"references": True},
        {"references": "most"},
        {"qp_gamma": 0.0},
        {"warmup": (20, 10)},
        {"warmup": (0, 0)},
        {"warmup": (-1, 10)},
        {"reg": 0.0},
        {"eta": -1.0},
        {"n_iter": 0},
        {"samples_per_identity": 1},
    ],
    ids=str,
)
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(ValidationError):
        Config(**settings)
