"""Matching for figures."""

import numpy as np
import pytest
import torch

from elimctl.errors import ConfigError, DataError
from elimctl.figures.matching import IDENTITIES, REFERENCES, chosen_pairs, match, settings
from elimctl.methods import elim
from elimctl.methods.matching import problems
from elimctl.methods.shifts import shifts
from elimctl.train.config import RunConfig
from elimctl.transport.convergence import ConvergenceMonitor


@pytest.fixture
def split():
    rng = np.random.default_rng(0)
    identity = np.repeat(np.arange(7), [6, 6, 1, 6, 4, 6, 6])
    return rng.normal(0, 1, (len(identity), 8)), rng.uniform(-1, 1, (len(identity), 2)), identity


def test_plans_and_shifts_are_those_of_the_method(split):
    features, target, identity = split
    found = match(features, target, identity, elim.Config(samples_per_identity=4))
    assert len(found) == REFERENCES * (IDENTITIES - REFERENCES)
    for one in found:
        z = torch.from_numpy(features[np.stack([one.reference, one.target])]).float()
        wanted = shifts(z, torch.ones(2, 4, dtype=torch.bool), elim.Config(), monitor=ConvergenceMonitor())
        np.testing.assert_allclose(one.shift, wanted[0], rtol=1e-5)  # float32 in another order of summation
        # columns of Sinkhorn's plans sum to the weights of the targets exactly
        real = torch.ones(1, 4, dtype=torch.bool)
        _, b, _ = problems(z[:1], z[1:], real, real)
        np.testing.assert_allclose(one.plan.sum(axis=0), b[0], rtol=1e-5)


def test_samples_are_of_the_identities_and_never_padding(split):
    features, target, identity = split
    for config in (elim.Config(), elim.Config(sampling="none"), elim.Config(solver="qp")):
        for one in match(features, target, identity, config):
            assert len(set(identity[one.reference].tolist())) == len(set(identity[one.target].tolist())) == 1
            assert identity[one.reference[0]] != identity[one.target[0]]
            assert one.plan.shape == (len(one.reference), len(one.target))
            assert len(set(one.reference.tolist())) == len(one.reference) >= 2


def test_two_identities_make_one_pair_and_one_is_refused(split):
    features, target, identity = split
    own = identity < 2
    assert len(match(features[own], target[own], identity[own], elim.Config())) == 1
    with pytest.raises(DataError, match="1 identity in the split, at least two"):
        match(features[:6], target[:6], identity[:6], elim.Config())


def test_a_method_without_transport_is_matched_by_defaults_and_that_is_said():
    own, remark = settings(RunConfig(method={"name": "elim", "eta": 3.0}))
    assert (own.eta, remark) == (3.0, "")
    for name in ("erm", "elim-attention"):
        own, remark = settings(RunConfig(method={"name": name}))
        assert type(own) is elim.Config
        assert name in remark


def test_pairs_that_were_asked_for_are_matched_in_their_order(split):
    features, target, identity = split
    pairs = [(5, 1), (0, 5), (5, 4)]
    found = match(features, target, identity, elim.Config(sampling="none"), pairs=pairs)
    assert [(identity[one.reference[0]], identity[one.target[0]]) for one in found] == pairs
    for one, (reference, goal) in zip(found, pairs, strict=True):
        assert one.reference.tolist() == np.flatnonzero(identity == reference).tolist()
        assert one.target.tolist() == np.flatnonzero(identity == goal).tolist()
    [alone] = match(features, target, identity, elim.Config(sampling="none"), pairs=pairs[2:])
    np.testing.assert_allclose(found[2].plan, alone.plan, rtol=1e-5)  # float32, batched otherwise
    assert found[2].plan.shape == (6, 4)


def test_a_pair_with_an_identity_of_one_sample_is_refused(split):
    features, target, identity = split
    with pytest.raises(DataError, match="an identity of 1 pair has fewer than 2 samples"):
        match(features, target, identity, elim.Config(), pairs=[(0, 2)])


NAMES = ("Actor 01", "Actor 02", "show: a", "show: a: b", "b")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Actor 02:Actor 01", (1, 0)),
        ("show: a:Actor 01", (2, 0)),
        ("Actor 01:show: a: b", (0, 3)),
        ("show: a:show: a: b", (2, 3)),
    ],
)
def test_a_pair_is_two_names_whatever_colons_are_in_them(text, wanted):
    assert chosen_pairs([text], NAMES) == [wanted]


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("Actor 01", "is not REFERENCE:TARGET", "--pair REFERENCE:TARGET"),
        ("Actor 01:Acter 02", "no identity 'Acter 02' in the split, which has 5", "'Actor 02' or 'Actor 01'"),
        ("xyz:Actor 02", "no identity 'xyz'", "choose one such as 'Actor 01'"),
        ("b:b", "names one identity twice", "name two"),
    ],
)
def test_a_pair_that_is_none_is_refused_with_near_names(text, said, hint):
    with pytest.raises(ConfigError, match=said) as caught:
        chosen_pairs([text], NAMES)
    assert hint in caught.value.hint


def test_a_pair_that_may_be_several_is_refused():
    with pytest.raises(ConfigError, match="'a:b:c' may be 2 pairs"):
        chosen_pairs(["a:b:c"], ["a", "b:c", "a:b", "c"])
