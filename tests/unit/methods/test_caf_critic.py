import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elimctl.methods.caf_critic import adaptive_k, build, critic_loss, margins, mutual_information

CASE = json.loads((Path(__file__).parents[2] / "vectors.json").read_text(encoding="utf-8"))["caf_critic"]
CONSTANTS = {"variance": 0.2, "largest_information": 2.5, "confidence": CASE["A"], "rho": CASE["rho"]}


def tensor(name):
    return torch.tensor(CASE[name], dtype=torch.float64)


def drawn(n, seed=0, *, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(n, 16, generator=generator, dtype=dtype) for _ in range(2))


def test_the_neighbourhoods_agree_with_the_vectors():
    points = torch.cat([tensor("h_strong"), tensor("l_weak")])
    found = adaptive_k(points, torch.arange(8) < 4, confidence=CASE["A"])
    assert found.tolist() == CASE["adaptive_k"]
    assert [CASE["A"] / math.sqrt(q) for q in range(1, 8)] == pytest.approx(CASE["thresholds"], rel=1e-9)


def test_the_margins_agree_with_the_vectors():
    found = margins(tensor("h_strong"), tensor("l_weak"), confidence=CASE["A"])
    torch.testing.assert_close(found, tensor("margin"), rtol=1e-9, atol=0)


def test_the_information_agrees_with_the_vectors():
    found = mutual_information(tensor("h_strong"), tensor("l_weak").flip(0), variance=0.2).clamp(0, 2.5)
    torch.testing.assert_close(found, tensor("mutual_information"), rtol=1e-9, atol=1e-9)


def test_the_distances_agree_with_the_vectors():
    strong, weak = tensor("h_strong"), tensor("l_weak").flip(0)
    far = (strong - weak).square().sum(dim=1)
    lacking = (tensor("mutual_information") + tensor("margin") - far).relu()
    torch.testing.assert_close(lacking, tensor("d_an"), rtol=1e-9, atol=1e-9)
    near = (strong - strong.flip(0)).square().sum(dim=1)
    torch.testing.assert_close(near, tensor("d_ap"), rtol=1e-9, atol=0)
    means = [near.mean().item(), lacking.mean().item()]
    assert means == pytest.approx([CASE["mean_d_ap"], CASE["mean_d_an"]], rel=1e-9)


def test_loss_constraint_and_multiplier_agree_with_the_vectors():
    multiplier = tensor("lambda_before")
    loss, constraint = critic_loss(tensor("h_strong"), tensor("l_weak"), multiplier, **CONSTANTS)
    assert loss.item() == pytest.approx(CASE["critic_loss"], rel=1e-9)
    assert constraint.item() == pytest.approx(CASE["constraint"], rel=1e-9)
    assert multiplier + CASE["rho"] * constraint == pytest.approx(CASE["lambda_after"], rel=1e-9)


@given(
    seed=st.integers(0, 2**32 - 1), n=st.sampled_from([2, 4, 8]), confidence=st.sampled_from([0.6, 0.7, 1.2])
)
def test_neighbourhoods_agree_with_a_search_point_by_point(seed, n, confidence):
    points, labels = torch.cat(drawn(n, seed)), torch.arange(2 * n) < n
    wanted = []
    for i in range(2 * n):
        others = sorted((j for j in range(2 * n) if j != i), key=lambda j: math.dist(points[i], points[j]))
        k = 2 * n
        for q in range(1, 2 * n):
            agreeing = np.bincount([int(labels[j]) for j in others[:q]]).max()
            if agreeing / q > 0.5 + confidence / math.sqrt(q):
                k = q
                break
        wanted.append(k)
    assert adaptive_k(points, labels, confidence=confidence).tolist() == wanted


def test_of_two_classes_far_apart_small_neighbourhoods_settle_it():
    strong, weak = drawn(8)
    k = adaptive_k(torch.cat([strong + 100, weak]), torch.arange(16) < 8, confidence=0.7)
    assert (k == 2).all()


def test_information_stays_finite_where_the_densities_are_0_in_floating_point():
    # exp(-1e4 / 0.4) is 0, and its logarithm infinite
    x = torch.full((2, 16), 100.0, requires_grad=True)
    found = mutual_information(x, -x.detach(), variance=0.2)
    found.sum().backward()
    assert found.isfinite().all()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("n", [2, 6])
def test_the_gradient_is_finite_where_samples_coincide(n):
    strong = torch.zeros(n, 16, requires_grad=True)
    loss, _ = critic_loss(strong, torch.zeros(n, 16), torch.tensor(0.0), **CONSTANTS)
    loss.backward()
    assert strong.grad.isfinite().all()


def test_the_gradient_agrees_with_finite_differences():
    strong, weak = (side.requires_grad_() for side in drawn(4, 3))
    multiplier = torch.tensor(0.3, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda x, y: critic_loss(x, y, multiplier, **CONSTANTS | {"rho": 0.1})[0], (strong, weak)
    )


def test_it_never_waits_for_the_device():
    # a tensor on meta has no values: whatever asks for one fails
    strong, weak = (side.to("meta").requires_grad_() for side in drawn(4))
    critic_loss(strong, weak, torch.zeros((), device="meta"), **CONSTANTS)[0].backward()
    assert strong.grad.shape == strong.shape


def test_the_critic_gives_embeddings_of_sixteen_numbers():
    assert build(24)(torch.zeros(3, 24)).shape == (3, 16)
