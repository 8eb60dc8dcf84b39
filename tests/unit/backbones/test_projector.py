import pytest
import torch
from torch import nn

from elimctl.backbones.projector import Projector


def inputs(groups=3, n=5, d=8):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(groups, n, d, generator=generator, dtype=torch.float64)


def projector(*, bn=True, d=8):
    torch.manual_seed(0)
    made = Projector(d, bn=bn).double()
    if made.norm is not None:  # an affine map other than identity, or its use would not show
        nn.init.normal_(made.norm.weight)
        nn.init.normal_(made.norm.bias)
    return made


def everyone(features):
    return torch.ones(features.shape[:2]).bool()


@pytest.mark.parametrize(("bn", "wanted"), [(True, 88_322), (False, 85_762)])
def test_it_has_the_printed_number_of_parameters(bn, wanted):
    assert sum(parameter.numel() for parameter in Projector(64, bn=bn).parameters()) == wanted


def test_groups_together_are_what_batch_normalisation_of_the_concatenation_gives():
    made, features = projector(), inputs()
    together = made.groups(features, everyone(features), per_group=False)
    torch.testing.assert_close(together.flatten(0, 1), made(features.flatten(0, 1)))


def test_groups_apart_are_what_batch_normalisation_of_each_gives():
    made, features = projector(), inputs()
    apart = made.groups(features, everyone(features), per_group=True)
    for group, wanted in enumerate(apart):
        torch.testing.assert_close(wanted, made(features[group]))


@pytest.mark.parametrize("per_group", [False, True])
@pytest.mark.parametrize("bn", [False, True])
def test_padding_enters_no_statistic(bn, per_group):
    made, features = projector(bn=bn), inputs()
    padded = nn.functional.pad(features, (0, 0, 0, 2), value=100.0)
    mask = (torch.arange(7) < 5).expand(3, -1)
    found = made.groups(padded, mask, per_group=per_group)
    torch.testing.assert_close(found[:, :5], made.groups(features, everyone(features), per_group=per_group))


@pytest.mark.parametrize("per_group", [False, True])
def test_only_raw_features_update_the_running_statistics(per_group):
    made, features = projector(), inputs()
    before = {name: value.clone() for name, value in made.norm.named_buffers()}
    made.groups(features, everyone(features), per_group=per_group)
    assert all(torch.equal(value, before[name]) for name, value in made.norm.named_buffers())
    made(features[0])
    assert not any(torch.equal(value, before[name]) for name, value in made.norm.named_buffers())


@pytest.mark.parametrize("per_group", [False, True])
def test_in_evaluation_groups_are_predicted_like_raw_features(per_group):
    made, features = projector().eval(), inputs()
    found = made.groups(features, everyone(features), per_group=per_group)
    torch.testing.assert_close(found.flatten(0, 1), made(features.flatten(0, 1)))
