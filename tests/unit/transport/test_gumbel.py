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
    kept = gumbel_top_k(labels, uniform, mask, k=k)
    assert kept.shape == (len(counts), min(k, 7))
    for positions, count in zip(kept.tolist(), counts, strict=True):
        assert len(set(positions)) == len(positions)
        assert all(position < count for position in positions[:count])


@given(seeds, st.integers(1, 5), st.booleans())
def test_padding_changes_nothing(seed, k, silent):
    labels, uniform = draw(seed, 1, 5)
    labels = labels * (not silent)  # labels of (0, 0) have the lowest scores there are
    kept = gumbel_top_k(labels, uniform, torch.ones(1, 5).bool(), k=k)
    # padding with the strongest label and the luckiest noise
    padded_labels = torch.nn.functional.pad(labels, (0, 0, 0, 2), value=1.0)
    padded_uniform = torch.nn.functional.pad(uniform, (0, 2), value=0.999)
    padded = gumbel_top_k(padded_labels, padded_uniform, torch.arange(7).unsqueeze(0) < 5, k=k)
    assert padded.tolist() == kept.tolist()


def test_the_first_sample_is_drawn_in_proportion_to_label_norm():
    labels = torch.tensor([[[0.3, 0.4], [0.0, 0.2], [0.1, 0.0], [0.0, 0.0]]]).expand(40_000, -1, -1)
    uniform = torch.rand(40_000, 4, generator=torch.Generator().manual_seed(0))
    kept = gumbel_top_k(labels, uniform, torch.ones(40_000, 4).bool(), k=1)
    drawn = kept.flatten().bincount(minlength=4)
    assert drawn[3] == 0
    # a fixed seed; a wrong distribution of this many draws has a p-value of 0 to any digit
    assert chisquare(drawn[:3], torch.tensor([5, 2, 1]) / 8 * 40_000).pvalue > 0.01


def test_labels_that_are_all_zero_are_drawn_evenly():
    uniform = torch.rand(20_000, 4, generator=torch.Generator().manual_seed(0))
    kept = gumbel_top_k(torch.zeros(20_000, 4, 2), uniform, torch.ones(20_000, 4).bool(), k=1)
    assert chisquare(kept.flatten().bincount(minlength=4)).pvalue > 0.01


def test_scores_are_finite_at_the_ends_of_the_noise():
    noise = torch.tensor([[0.0, 1.0, 0.5]])
    assert gumbel_score(torch.zeros(1, 3, 2), noise).isfinite().all()
    assert gumbel_score(torch.zeros(1, 3, 2).double(), noise.double()).isfinite().all()


def test_no_gradient_flows():
    labels, uniform = draw(0, 1, 5)
    assert not gumbel_top_k(labels.requires_grad_(), uniform, torch.ones(1, 5).bool(), k=2).requires_grad
