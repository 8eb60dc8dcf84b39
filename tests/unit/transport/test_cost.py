import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from elimctl.transport.cost import cosine

seeds = st.integers(0, 2**32 - 1)


def features(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def distances(source, target):
    return cosine(source @ target.mT, source.norm(dim=-1), target.norm(dim=-1))


@given(seeds)
def test_it_agrees_with_scipy(seed):
    source, target = features(seed, 2, 4, 6), features(seed + 1, 2, 3, 6)
    for problem in range(2):
        wanted = torch.from_numpy(cdist(source[problem], target[problem], metric="cosine"))
        # both round norms and products of six terms
        torch.testing.assert_close(distances(source, target)[problem], wanted, rtol=1e-12, atol=1e-14)


@given(seeds)
def test_it_is_between_zero_and_two(seed):
    M = distances(features(seed, 1, 4, 3), features(seed + 1, 1, 5, 3))
    assert M.min() >= -1e-15  # rounding of the unit vectors
    assert M.max() <= 2 + 1e-15


@given(seeds, st.floats(1e-3, 1e3))
def test_the_length_of_features_does_not_matter(seed, scale):
    source, target = features(seed, 1, 4, 3), features(seed + 1, 1, 5, 3)
    torch.testing.assert_close(
        distances(source, target * scale), distances(source, target), rtol=0, atol=1e-14
    )


@given(seeds)
def test_one_set_of_sources_may_serve_all_problems(seed):
    source, target = features(seed, 1, 4, 6), features(seed + 1, 3, 5, 6)
    wanted = distances(source.repeat(3, 1, 1), target)
    # batched products may add in another order
    torch.testing.assert_close(distances(source, target), wanted, rtol=0, atol=1e-14)


def test_a_zero_vector_is_at_distance_one_and_has_a_finite_gradient():
    source, target = torch.zeros(1, 2, 3, requires_grad=True), torch.ones(1, 2, 3)
    M = distances(source, target)
    M.sum().backward()
    assert (M == 1).all()
    assert source.grad.isfinite().all()
