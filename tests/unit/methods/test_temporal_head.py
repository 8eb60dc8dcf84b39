import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch.nn.functional import pad

from elimctl.backbones import counts
from elimctl.methods.temporal_head import HeadOfFrames, TemporalConfig, TemporalHead

KINDS = pytest.mark.parametrize("kind", ["gru", "conv"])
CAUSAL = pytest.mark.parametrize("causal", [True, False])


def build(kind, d=5, *, network=TemporalHead, **settings):
    torch.manual_seed(0)
    return network(d, TemporalConfig(kind=kind, **{"hidden": 8, **settings}))


def clips(count=2, frames=12, d=5, seed=0):
    return torch.randn(count, frames, d, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("kind", "wanted"), [("gru", 50_050), ("conv", 28_994)])
def test_it_is_small(kind, wanted):
    assert counts.count(build(kind, 64, hidden=64)) == wanted


@KINDS
@CAUSAL
@pytest.mark.parametrize("moved", [0, 6, 11])
def test_a_causal_prediction_waits_for_no_later_frame(kind, causal, moved):
    # four layers of convolutions see 15 frames on either side, of 12
    model, features, mask = build(kind, layers=4, causal=causal), clips(), torch.ones(2, 12).bool()
    changed = features.clone()
    changed[0, moved] += 1
    differs = (model(changed, mask) - model(features, mask)).abs().amax(dim=2) > 0
    assert not differs[1].any()
    assert differs[0, moved:].all()
    assert differs[0, :moved].any() == (not causal and moved > 0)


@pytest.mark.parametrize(("layers", "reach"), [(1, 2), (2, 6), (3, 14)])
def test_causal_convolutions_look_back_as_far_as_they_say(layers, reach):
    model, features, mask = build("conv", layers=layers), clips(1, 20), torch.ones(1, 20).bool()
    features.requires_grad_()
    model.eval()(features, mask)[0, 19].sum().backward()
    oldest = int((features.grad[0].abs().sum(dim=1) > 0).nonzero()[0])
    assert oldest >= 19 - reach
    assert reach == 2 ** (layers + 1) - 2


@KINDS
@CAUSAL
@settings(max_examples=10)
@given(lengths=st.lists(st.integers(1, 12), min_size=1, max_size=4), seed=st.integers(0, 2**32 - 1))
def test_padding_and_other_clips_have_no_say(kind, causal, lengths, seed):
    model, features = build(kind, causal=causal), clips(len(lengths), seed=seed)
    mask = torch.arange(15) < torch.tensor(lengths).unsqueeze(1)
    found = model(pad(features, (0, 0, 0, 3), value=9.0), mask)
    assert found.shape == (len(lengths), 15, 2)
    for row, length in enumerate(lengths):
        alone = model(features[row : row + 1, :length], torch.ones(1, length).bool())
        # products of other shapes may add in another order
        torch.testing.assert_close(found[row : row + 1, :length], alone, rtol=1e-4, atol=1e-5)


@KINDS
@CAUSAL
def test_it_learns_what_no_single_frame_shows(kind, causal):
    features, mask = clips(16, 12, 2), torch.ones(16, 12).bool()
    target = pad(features[:, :-1], (0, 0, 1, 0))  # of each frame, what the one before it showed
    model = build(kind, 2, hidden=32, causal=causal)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(150):
        loss = (model(features, mask) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # who sees single frames alone cannot do better than the mean, whose error is the variance
    assert loss < 0.2 * target.var()


@KINDS
def test_every_parameter_gets_a_finite_gradient(kind):
    model = build(kind)
    model(clips(), torch.arange(12) < torch.tensor([[12], [3]]))[0].sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@KINDS
def test_it_computes_in_float32_under_autocast(kind):
    model, features, mask = build(kind), clips().bfloat16(), torch.ones(2, 12).bool()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model(features, mask)
    assert torch.equal(found, model(features.float(), mask))


def test_an_odd_number_of_units_is_refused():
    with pytest.raises(ValidationError):
        TemporalConfig(hidden=7)


@KINDS
def test_features_are_seen_as_they_lie_among_those_of_training(kind):
    features, mask = clips(), torch.ones(2, 12).bool()
    plain, moved = build(kind), build(kind)
    plain.standardise(features.flatten(0, 1))
    moved.standardise(features.flatten(0, 1) * 1000 + 50)
    # 50 +- 1000 in float32 carries seven digits
    torch.testing.assert_close(moved(features * 1000 + 50, mask), plain(features, mask), rtol=1e-3, atol=1e-4)


def test_features_that_never_vary_are_not_divided_by_zero():
    model = build("gru")
    model.standardise(torch.ones(7, 5))
    assert model(torch.ones(1, 3, 5), torch.ones(1, 3).bool()).isfinite().all()


@KINDS
@CAUSAL
def test_a_head_of_frames_is_the_same_network_that_sees_one_frame(kind, causal):
    features, mask = clips(), torch.arange(12) < torch.tensor([[12], [7]])
    head = build(kind, causal=causal)
    found = build(kind, causal=causal, network=HeadOfFrames)(features, mask)
    assert found.shape == (2, 12, 2)
    for row, frame in ((0, 0), (0, 11), (1, 6)):
        alone = head(features[row : row + 1, frame : frame + 1], torch.ones(1, 1).bool())
        # products of other shapes may add in another order
        torch.testing.assert_close(found[row, frame], alone[0, 0], rtol=1e-5, atol=1e-6)
