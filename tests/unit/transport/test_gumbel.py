import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from elimctl.transport.gumbel import gumbel_score, gumbel_top_k

seeds = st.integers(0, 2**32 - 1)


def draw(seed, groups, n):
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(groups, n, 2, generator=generator) - 1, torch.rand(groups, n, generator=generator)


@given(seeds, st.lists(st.integers(1, 7), min_size=1, max_size=4), st.integers(1, 9))
def test_it_keeps_k_different_real_samples_or_all_there_are(seed, counts, k):
    labels, uniform = draw(seed, len(counts), 7)
    mask = torch.arange(7) < torch.tensor(counts).unsqueeze(1)
    kept, real = gumbel_top_k(labels, uniform, mask, k=k)
    for positions, is_real, count in zip(kept, real, counts, strict=True):
        chosen = positions[is_real].tolist()
        assert len(chosen) == len(set(chosen)) == min(k, count)
        assert all(position < count for position in chosen)
        assert is_real.tolist() == sorted(is_real.tolist(), reverse=True)


@given(seeds, st.integers(1, 5))
def test_padding_changes_nothing(seed, k):
    labels, uniform = draw(seed, 1, 5)
    kept, _ = gumbel_top_k(labels, uniform, torch.ones(1, 5).bool(), k=k)
    padded_labels = torch.nn.functional.pad(labels, (0, 0, 0, 2), value=0.9)
    padded_uniform = torch.nn.functional.pad(uniform, (0, 2), value=0.999)
    padded, real = gumbel_top_k(padded_labels, padded_uniform, torch.arange(7).unsqueeze(0) < 5, k=k)
    assert padded[real].tolist() == kept[0].tolist()


def test_the_first_sample_is_drawn_in_proportion_to_label_norm():
    labels = torch.tensor([[[0.3, 0.4], [0.0, 0.2], [0.1, 0.0], [0.0, 0.0]]]).expand(40_000, -1, -1)
    uniform = torch.rand(40_000, 4, generator=torch.Generator().manual_seed(0))
    kept, _ = gumbel_top_k(labels, uniform, torch.ones(40_000, 4).bool(), k=1)
    drawn = kept.flatten().bincount(minlength=4)
    assert drawn[3] == 0
    # a fixed seed; a wrong distribution of this many draws has a p-value of 0 to any digit
    assert chisquare(drawn[:3], torch.tensor([5, 2, 1]) / 8 * 40_000).pvalue > 0.01


def test_labels_that_are_all_zero_are_drawn_evenly():
    uniform = torch.rand(20_000, 4, generator=torch.Generator().manual_seed(0))
    kept, _ = gumbel_top_k(torch.zeros(20_000, 4, 2), uniform, torch.ones(20_000, 4).bool(), k=1)
    assert chisquare(kept.flatten().bincount(minlength=4)).pvalue > 0.01


def test_scores_are_finite_at_the_ends_of_the_noise():
    noise = torch.tensor([[0.0, 1.0, 0.5]])
    assert gumbel_score(torch.zeros(1, 3, 2), noise).isfinite().all()
    assert gumbel_score(torch.zeros(1, 3, 2).double(), noise.double()).isfinite().all()


def test_no_gradient_flows():
    labels, uniform = draw(0, 1, 5)
    kept, real = gumbel_top_k(labels.requires_grad_(), uniform, torch.ones(1, 5).bool(), k=2)
    assert not kept.requires_grad
    assert not real.requires_grad
