"""Matching for figures."""

import numpy as np
import pytest
import torch

from elimctl.errors import DataError
from elimctl.methods import elim
from elimctl.methods.matching import problems
from elimctl.methods.shifts import shifts
from elimctl.stages.figure_matching import IDENTITIES, REFERENCES, match, settings
from elimctl.train.config import RunConfig
from elimctl.transport.convergence import Watch


@pytest.fixture
def split():
    rng = np.random.default_rng(0)
    identity = np.repeat(np.arange(7), [6, 6, 1, 6, 4, 6, 6])
    return rng.normal(0, 1, (len(identity), 8)), rng.uniform(-1, 1, (len(identity), 2)), identity


def test_plans_and_shifts_are_those_of_the_method(split):
    features, target, identity = split
    found = match(features, target, identity, elim.Config(samples=4))
    assert len(found) == REFERENCES * (IDENTITIES - REFERENCES)
    for one in found:
        z = torch.from_numpy(features[np.stack([one.reference, one.target])]).float()
        wanted = shifts(z, torch.ones(2, 4, dtype=torch.bool), elim.Config(), watch=Watch())
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
    with pytest.raises(DataError, match="1 identities in the split, at least two"):
        match(features[:6], target[:6], identity[:6], elim.Config())


def test_a_method_without_transport_is_matched_by_defaults_and_that_is_said():
    own, remark = settings(RunConfig(method={"name": "elim", "eta": 3.0}))
    assert (own.eta, remark) == (3.0, "")
    for name in ("erm", "elim-attention"):
        own, remark = settings(RunConfig(method={"name": name}))
        assert type(own) is elim.Config
        assert name in remark
