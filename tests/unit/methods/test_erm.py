import pytest
import torch
from torch import nn

from elimctl.methods import elim, erm


def test_it_is_the_network_of_elim_trained_without_matching(backbone, batch):
    baseline, rival = erm.build(erm.Config(), backbone()), elim.build(elim.Config(), backbone())
    rival.load_state_dict(baseline.state_dict())
    losses, wanted = baseline.losses(batch()), rival.losses(batch())
    for name in ("va", "pcc", "ccc"):
        assert torch.equal(losses[name], wanted[name])
    torch.testing.assert_close(wanted["total"] - wanted["main"], losses["total"])


def test_groups_do_not_matter(backbone, batch):
    model = erm.build(erm.Config(), backbone()).eval()
    assert torch.equal(model.losses(batch(seed=1))["total"], model.losses(batch(seed=2))["total"])


def test_without_batch_normalisation_the_projector_has_none(backbone):
    model = erm.build(erm.Config(projector_bn="none"), backbone())
    assert not any(isinstance(layer, nn.BatchNorm1d) for layer in model.projector.modules())


def test_the_head_of_fer_zoo_takes_the_place_of_neck_and_projector(backbone, batch):
    model = erm.build(erm.Config(head="rz"), backbone())
    widths = [
        (layer.in_features, layer.out_features) for layer in model.modules() if isinstance(layer, nn.Linear)
    ]
    assert widths == [(24, 64), (64, 512), (512, 2)]
    model.losses(batch())["total"].backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_a_dropout_that_is_no_probability_below_one_is_refused(dropout):
    with pytest.raises(ValueError, match="head_dropout"):
        erm.Config(head_dropout=dropout)
