"""DMUE's losses against vectors of an independent NumPy implementation, and what they promise beside."""

import json
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from elimctl.methods import dmue_losses as parts

ALL = json.loads((Path(__file__).parents[2] / "vectors.json").read_text(encoding="utf-8"))
SP = ALL["dmue_similarity_preserving"]
SV = ALL["dmue_uncertainty_input"]
LATENT = ALL["dmue_latent_and_losses"]
RAMPS = ALL["dmue_ramps"]
LABELS = torch.tensor(SP["labels"])
COUNT = SP["num_classes"]
# the vectors have ten significant digits; float32 has seven
RTOL = {torch.float64: 1e-9, torch.float32: 1e-5}


@pytest.fixture(params=RTOL, ids=str)
def dtype(request):
    return request.param


def agree(found, wanted, *, atol=0.0):
    torch.testing.assert_close(
        found, torch.tensor(wanted, dtype=found.dtype), rtol=RTOL[found.dtype], atol=atol
    )


def rows_of_class(wanted, values):
    return values[wanted == LABELS]


def test_similarities_are_normalised_row_by_row(dtype):
    agree(parts.similarities(torch.tensor(SP["f_target"], dtype=dtype)), SP["A_target"])
    for features, wanted in zip(SP["f_aux"], SP["A_aux"], strict=True):
        agree(parts.similarities(torch.tensor(features, dtype=dtype)), wanted)


@pytest.mark.parametrize(
    ("form", "mean"),
    [("masked", "L_sp_masked_rows_normalised_over_all_N"), ("submatrix", "L_sp_submatrix_then_normalise")],
)
def test_similarity_preserving_loss_in_both_forms(dtype, form, mean):
    target, gaps = torch.tensor(SP["f_target"], dtype=dtype), []
    for number, features in enumerate(SP["f_aux"]):
        auxiliary = torch.tensor(features, dtype=dtype)
        known = (number != LABELS).nonzero().squeeze(1)
        assert len(known) == SP["N_i"][number]
        if form == "masked":
            gaps.append(parts.similarity_gap(target, auxiliary, known))
        else:
            gaps.append(parts.similarity_gap(target[known], auxiliary[known]))
    # a difference of numbers near 1, squared: the last digit of float32 counts a hundredfold
    atol = 1e-7 if dtype == torch.float32 else 1e-12
    agree(torch.stack(gaps), SP[f"per_branch_{form}"], atol=atol)
    agree(torch.stack(gaps).mean(), SP[mean], atol=atol)


@pytest.mark.parametrize(
    ("exclude", "wanted"), [(False, "SV_self_included"), (True, "SV_self_excluded_zero_if_alone")]
)
def test_mean_similarities_to_the_classes(dtype, exclude, wanted):
    features = torch.tensor(SP["f_target"], dtype=dtype)
    found = parts.mean_similarities(features, LABELS, count=COUNT, exclude_self=exclude)
    agree(found, SV[wanted], atol=1e-6 if dtype == torch.float32 else 1e-10)  # 1 - 1 where it is alone


def test_input_of_the_uncertainty_module(dtype):
    features = torch.tensor(SP["f_target"], dtype=dtype)
    agree(functional.normalize(features) @ functional.normalize(features).mT, SV["cosine"])
    found = parts.uncertainty_input(features, LABELS, count=COUNT)
    # a difference of similarities near 1
    agree(found, SV["module_input"], atol=1e-6 if dtype == torch.float32 else 1e-9)
    assert torch.equal(found[:, :COUNT].amax(dim=1), torch.ones(len(LABELS), dtype=dtype))
    assert torch.equal(found[:, :COUNT].amin(dim=1), torch.zeros(len(LABELS), dtype=dtype))


def test_a_row_of_equal_similarities_has_no_range_to_divide_by():
    features = torch.ones(4, 3, requires_grad=True)
    found = parts.uncertainty_input(features, LABELS, count=COUNT)
    found.sum().backward()
    assert found.isfinite().all()
    assert features.grad.isfinite().all()


def test_a_class_without_samples_is_similar_to_none():
    found = parts.mean_similarities(torch.rand(4, 3), torch.tensor([0, 0, 1, 1]), count=3)
    assert torch.equal(found[:, 2], torch.zeros(4))


def test_latent_distributions_of_each_class(dtype):
    logits = torch.tensor(LATENT["branch_logits"], dtype=dtype)
    for number in range(COUNT):
        found = parts.latent_distribution(
            rows_of_class(number, logits), number=number, temperature=LATENT["temperature"]
        )
        wanted = rows_of_class(number, torch.tensor(LATENT["latent_distribution"], dtype=torch.float64))
        agree(found, wanted.tolist())


def test_one_branch_that_knows_all_classes_says_what_the_one_without_the_class_says():
    """Without the annotated class a softmax is one over the others."""
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    classes = torch.full((6,), 2)
    found = parts.averaged_distribution(logits.unsqueeze(0), classes, temperature=1.2)
    wanted = parts.latent_distribution(logits[:, [0, 1, 3]], number=2, temperature=1.2)
    torch.testing.assert_close(found, wanted)


def test_branches_are_averaged_as_probabilities():
    logits = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    classes = torch.tensor([0, 1, 2, 3, 0])
    found = parts.averaged_distribution(logits, classes, temperature=1.2)
    average = logits.softmax(dim=2).mean(dim=0)
    average[torch.arange(5), classes] = 0
    sharpened = average ** (1 / 1.2)
    torch.testing.assert_close(found, sharpened / sharpened.sum(dim=1, keepdim=True))


@pytest.mark.parametrize(
    ("mean", "wanted"), [("entries", "L_soft_mean_over_N_and_C"), ("samples", "L_soft_mean_over_N")]
)
def test_soft_loss_with_both_means(dtype, mean, wanted):
    logits = torch.tensor(LATENT["target_logits"], dtype=dtype)
    latent = torch.tensor(LATENT["latent_distribution"], dtype=dtype)
    agree(parts.soft_loss(logits, latent, LABELS, mean=mean), LATENT[wanted])


def test_confidence_multiplies_the_logits(dtype):
    logits = torch.tensor(LATENT["target_logits"], dtype=dtype)
    confidence = torch.tensor(LATENT["confidence"], dtype=dtype)
    agree(parts.weighted_cross_entropy(logits, confidence, LABELS), LATENT["L_wce_logits_scaled"])
    certain = torch.ones_like(confidence)
    agree(parts.weighted_cross_entropy(logits, certain, LABELS), LATENT["L_ce_plain"])


def test_ramps():
    beta = RAMPS["beta"]
    for epoch, up, down in zip(RAMPS["epochs"], RAMPS["up"], RAMPS["down"], strict=True):
        assert parts.ramp_up(epoch, beta=beta, scale=5.0) == pytest.approx(up, rel=1e-9)
        assert parts.ramp_down(epoch, beta=beta) == pytest.approx(down, rel=1e-9)


def test_features_of_zero_have_a_finite_gradient():
    """A ReLU may leave a sample without any feature."""
    features = torch.zeros(3, 4, requires_grad=True)
    gap = parts.similarity_gap(features, torch.rand(3, 4))
    (gap + parts.uncertainty_input(features, torch.tensor([0, 1, 2]), count=3).sum()).backward()
    assert features.grad.isfinite().all()
